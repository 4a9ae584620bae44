"""No trade without a fresh price."""

from typing import Any

import pytest

from tallystick.execution.quotes.ages import max_age_ns
from tallystick.execution.rules import price_age

OLDEST_NS = max_age_ns("EUR/USD", "test floor")


def test_no_price_no_trade(words: Any) -> None:
    """A pair that nobody quotes."""
    rejection = price_age.check(words.case(words.request()))

    assert rejection is not None
    assert rejection.code == "NO_PRICE"


@pytest.mark.parametrize(
    ("age_ns", "stale"),
    [(0, False), (OLDEST_NS - 1, False), (OLDEST_NS, False), (OLDEST_NS + 1, True), (-1, False)],
)
def test_the_border_is_that_of_the_table(words: Any, age_ns: int, *, stale: bool) -> None:
    """At the border it still trades, one nanosecond later not; a quote may be a moment ahead."""
    quote = words.quote()

    rejection = price_age.check(
        words.case(words.request(), quote=quote, at_ns=quote.at_ns + age_ns)
    )

    assert (rejection is not None) == stale
    if rejection is not None:
        assert rejection.code == "STALE_PRICE"
        assert rejection.reason.endswith("It is 60 s old, 60 s allowed.")
