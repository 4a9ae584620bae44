"""What taking a quote comes to: fills, postings, movements, all of one mind."""

from collections import Counter

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from tallystick.execution.entries import Leg, QuoteGiven, QuoteKind, Side
from tallystick.execution.rfq.dealt import dealt_of, fills_of, movements_of
from tallystick.fx import PAIRS, Pair
from tallystick.money import format_decimal, parse_own

DATES = ("2026-11-27", "2026-12-28")
SIDES = st.sampled_from(["buy", "sell"])


@st.composite
def quotes(draw: st.DrawFn) -> tuple[QuoteGiven, Pair]:
    """Any quote of any pair, with one leg or two."""
    traded = PAIRS[draw(st.sampled_from(sorted(PAIRS)))]
    prices = st.integers(1, 10**8).map(lambda points: format_decimal(points, traded.price_digits))
    legs = tuple(
        Leg(day, draw(prices), draw(prices), "0.0", "0.0")
        for day in DATES[: draw(st.integers(1, 2))]
    )
    quantity = format_decimal(draw(st.integers(1, 10**12)), traded.base_digits)
    kind: QuoteKind = "swap" if len(legs) > 1 else "outright"
    return QuoteGiven(
        "at", "Q-1", "demo", traded.symbol, kind, quantity, legs, "1", "1", "then", "test", "ab"
    ), traded  # fmt: skip


@given(quote=quotes(), side=SIDES)
def test_every_posting_is_balanced(quote: tuple[QuoteGiven, Pair], side: Side) -> None:
    """By currency and value date; a swap's base comes to nothing over both; prices are the quote's.

    The client's postings are what the settlement rule is told.
    """
    quoted, traded = quote
    dealt = dealt_of(quoted, side, traded)
    fills, postings = fills_of(dealt, "demo", traded, 7)
    total: Counter[tuple[str, str]] = Counter()
    own: Counter[tuple[str, str]] = Counter()
    for posting in postings:
        place = posting.currency, posting.value_date or fills[0].value_date
        total[place] += parse_own(posting.amount)
        if posting.account == "demo":
            own[place] += parse_own(posting.amount)

    assert not any(total.values())
    moved: Counter[tuple[str, str]] = Counter()
    for each in movements_of(dealt, traded):
        moved[each.currency, each.value_date] += each.amount
    assert own == moved
    assert len(fills) == len(quoted.legs)
    sides = [fill.side or side for fill in fills]
    assert sides[-1] == side
    for fill, leg, dealt_side in zip(fills, quoted.legs, sides, strict=True):
        assert fill.price == (leg.ask if dealt_side == "buy" else leg.bid)
        assert (fill.quantity, fill.value_date) == (quoted.quantity, leg.value_date)
    if len(fills) > 1:
        assert sides[0] != sides[1]
        assert sum(units for (code, _date), units in own.items() if code == traded.base) == 0


@given(quote=quotes(), side=SIDES)
def test_a_side_that_was_not_quoted_is_not_dealt(
    quote: tuple[QuoteGiven, Pair], side: Side
) -> None:
    """Neither where the quote says the other one, nor where a price is missing."""
    quoted, traded = quote
    other: Side = "sell" if side == "buy" else "buy"
    legs = tuple(msgspec.structs.replace(leg, bid=UNSET) for leg in quoted.legs)

    assert dealt_of(msgspec.structs.replace(quoted, side=other), side, traded) == ()
    without = msgspec.structs.replace(quoted, legs=legs)
    bought = dealt_of(without, "buy", traded)
    assert bool(bought) == (len(legs) == 1)
    assert dealt_of(without, "sell", traded) == ()
