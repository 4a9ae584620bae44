"""What a provider says becomes a quote exactly, or is dropped with its reason."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.execution.quotes import Level, Quote
from tallystick.execution.quotes.arrival import LEVELS_MAX, Dropped, QuoteMessage, quote_of
from tallystick.execution.quotes.source import DROP_REASONS
from tallystick.fx import PAIRS
from tallystick.money import Price, Quantity, format_decimal

NOW = 1_795_514_400_000_000_000
MINUTE = 60 * NS_PER_SECOND


def message(**changes: Any) -> QuoteMessage:
    """A good message of two levels a side, but for what is said."""
    body = {
        "type": "quote",
        "pair": "EUR/USD",
        "bids": [["1.08249", "1000000"], ["1.08240", "3000000"]],
        "asks": [["1.08251", "1000000"], ["1.08260", "2500000.50"]],
    }
    return msgspec.convert({**body, **changes}, QuoteMessage)


def arrive(**changes: Any) -> Quote:
    """What becomes of it."""
    return quote_of(message(**changes), "LP1", NOW, MINUTE)


def test_a_good_quote_is_exact() -> None:
    """Prices in points, quantities in minor units, the best level first."""
    quote = arrive(at=rfc3339(NOW - NS_PER_SECOND))

    assert (quote.pair, quote.bid, quote.ask, quote.source) == ("EUR/USD", 108_249, 108_251, "LP1")
    assert quote.bids == ((108_249, 100_000_000), (108_240, 300_000_000))
    assert quote.asks[1] == Level(Price(108_260), Quantity(250_000_050))
    assert quote.at_ns == NOW - NS_PER_SECOND


def test_one_price_a_side_is_for_any_quantity() -> None:
    """No levels, no limit; a quote without a time was made now, one of the near future too."""
    flat: dict[str, Any] = {"bids": [], "asks": [], "bid": "1.1", "ask": "1.10002"}

    quote = arrive(**flat)

    assert (quote.bid, quote.ask, quote.bids, quote.asks) == (110_000, 110_002, (), ())
    assert quote.at_ns == NOW
    assert arrive(at=rfc3339(NOW + NS_PER_SECOND // 2)).at_ns == NOW


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"pair": "EUR/XXX"}, "unknown_pair"),
        ({"pair": "USD/EUR"}, "unknown_pair"),
        ({"bids": [["1.082491", "1"]]}, "over_precise"),
        ({"bids": [["1.08249", "1.001"]]}, "over_precise"),
        ({"bids": [["1e0", "1"]]}, "malformed"),
        ({"bids": [["NaN", "1"]]}, "malformed"),
        ({"bids": [["", "1"]]}, "malformed"),
        ({"bids": [["9999999999999.9", "1"]]}, "malformed"),
        ({"bids": [["1.08249", "99999999999999999"]]}, "malformed"),
        ({"bids": [["-1.08249", "1"]]}, "not_positive"),
        ({"bids": [["1.08249", "0"]]}, "not_positive"),
        ({"bids": [["1.08251", "1"]]}, "crossed"),
        ({"bids": [["1.09", "1"]]}, "crossed"),
        ({"bids": [["1.08", "1"], ["1.08", "1"]]}, "bad_depth"),
        ({"bids": [["1.08", "1"], ["1.081", "1"]]}, "bad_depth"),
        ({"asks": [["1.09", "1"], ["1.0899", "1"]]}, "bad_depth"),
        ({"bids": [[f"1.0{n}", "1"] for n in range(70, 70 - LEVELS_MAX - 1, -1)]}, "bad_depth"),
        ({"bids": []}, "malformed"),
        ({"bids": [], "asks": []}, "malformed"),
        ({"bids": [], "asks": [], "bid": "1.08"}, "malformed"),
        ({"at": "yesterday"}, "malformed"),
        ({"at": rfc3339(NOW + 2 * NS_PER_SECOND)}, "future"),
        ({"at": rfc3339(NOW - MINUTE - NS_PER_SECOND)}, "old"),
    ],
)
def test_a_bad_quote_has_its_reason(changes: Any, reason: str) -> None:
    """Nothing is rounded, turned or repaired."""
    with pytest.raises(Dropped) as dropped:
        arrive(**changes)

    assert dropped.value.reason == reason
    assert reason in DROP_REASONS


@given(
    pair=st.sampled_from(list(PAIRS.values())),
    bid=st.integers(1, 10**9),
    spread=st.integers(1, 10**4),
    quantity=st.integers(1, 10**15),
)
def test_numbers_travel_exactly(pair: Any, bid: int, spread: int, quantity: int) -> None:
    """Whatever the pair's digits, what was written is what is read."""
    sides = [
        [[format_decimal(price, pair.price_digits), format_decimal(quantity, pair.base_digits)]]
        for price in (bid, bid + spread)
    ]

    quote = arrive(pair=pair.symbol, bids=sides[0], asks=sides[1])

    assert quote.bids == ((bid, quantity),)
    assert quote.asks == ((bid + spread, quantity),)
