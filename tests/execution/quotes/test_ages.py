"""How old a price may be: the most particular line of a table holds."""

import pytest

from tallystick.clock import NS_PER_SECOND
from tallystick.errors import Misconfigured
from tallystick.execution.quotes.ages import MAX_AGES, MaxAges, max_age_ns, read_max_ages
from tallystick.fx import PAIRS

TABLE = """pair,source,seconds
*,*,60
EUR/USD,*,10
*,LP1,5
USD/AED,*,300
EUR/USD,LP2,2
"""


def seconds(ages: MaxAges, pair: str, source: str) -> int:
    """What the table says."""
    return ages.of(pair, source) // NS_PER_SECOND


@pytest.mark.parametrize(
    ("pair", "source", "expected"),
    [
        ("GBP/USD", "somebody", 60),
        ("EUR/USD", "somebody", 10),
        ("GBP/USD", "LP1", 5),
        ("EUR/USD", "LP1", 10),
        ("EUR/USD", "LP2", 2),
        ("GBP/USD", "LP2", 60),
        ("USD/AED", "somebody", 300),
        ("GBP/USD", "LP1 (bid) + LP2 (ask)", 5),
        ("EUR/USD", "LP1 (bid) + LP2 (ask)", 2),
        ("GBP/JPY", "cross via USD (LP1; other)", 5),
        ("GBP/USD", "LP10", 60),
    ],
)
def test_the_most_particular_line_holds(pair: str, source: str, expected: int) -> None:
    """Pair and source, pair, source, all; of several sources the shortest age."""
    assert seconds(read_max_ages(TABLE), pair, source) == expected


def test_the_table_that_ships() -> None:
    """A minute for every pair, as documented."""
    assert {max_age_ns(pair, "anybody") for pair in PAIRS} == {60 * NS_PER_SECOND}
    assert MAX_AGES.of("EUR/USD", "x") == 60 * NS_PER_SECOND


@pytest.mark.parametrize(
    "text",
    [
        "pair,source,seconds\nEUR/USD,*,60\n",
        "pair,source,seconds\n*,*,0\n",
        "pair,source,seconds\n*,*,-3\n",
        "pair,source,seconds\n*,*,soon\n",
        "pair,source,seconds\n*,*,60\nEUR/XXX,*,60\n",
        "pair,seconds\n*,60\n",
        "",
    ],
)
def test_a_table_that_cannot_work_is_refused(text: str) -> None:
    """At start, with a sentence."""
    with pytest.raises(Misconfigured, match="Greatest age of a price"):
        read_max_ages(text)
