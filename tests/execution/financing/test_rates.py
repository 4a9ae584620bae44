"""The table of rates: whole, merged with a desk's own, refused in one sentence."""

import pytest

from tallystick.errors import Misconfigured
from tallystick.execution.financing import SHIPPED, parse_rates
from tallystick.fx import PAIRS


def test_every_currency_that_is_traded_has_a_rate() -> None:
    """No pair can be met at 17:00 that the table does not know."""
    traded = {code for pair in PAIRS.values() for code in (pair.base, pair.quote)}
    assert traded <= SHIPPED.yearly.keys()


def test_the_markup_is_against_the_client_on_either_side() -> None:
    """EUR 2.00 %, USD 3.75 %, markup 1 %: long earns 1.00 % on its euro, short pays 3.00 %."""
    assert SHIPPED.of("EUR/USD", 1) == (10_000, 37_500)
    assert SHIPPED.of("EUR/USD", -1) == (30_000, 37_500)


def test_an_own_file_stands_before_the_shipped_one_line_by_line() -> None:
    """What it does not say is as it was shipped."""
    text = 'as_of = 2026-11-20\nsource = "treasury"\n[rates]\nEUR = "-0.5"\n'
    rates = parse_rates(text, SHIPPED)
    assert rates.yearly["EUR"] == -5_000
    assert (rates.yearly["USD"], rates.markup) == (SHIPPED.yearly["USD"], SHIPPED.markup)
    assert rates.source == "treasury"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("as_of = ", "Invalid"),
        ('as_of = 2026-11-20\nsource = ""\n[rates]\n', "there is none for"),
        ('as_of = 2026-11-20\nsource = ""\n[rates]\nXXY = "1"\n', "'XXY' is no currency"),
        ('as_of = 2026-11-20\nsource = ""\n[rates]\nEUR = "1.234"\n', "too precise"),
        ('as_of = 2026-11-20\nsource = ""\n[rates]\nEUR = "1001"\n', "above 1000 percent"),
        ('as_of = 2026-11-20\nsource = ""\nmarkup = 1\n[rates]\n', "unknown field"),
    ],
    ids=["no toml", "not whole", "no currency", "too precise", "too much", "unknown"],
)
def test_a_file_that_cannot_be_used_is_refused_in_one_sentence(text: str, said: str) -> None:
    """Wiring says it at the start."""
    with pytest.raises(Misconfigured, match=said):
        parse_rates(text)
