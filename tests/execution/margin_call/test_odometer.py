"""The odometer bounds what prices did, whatever they did."""

from fractions import Fraction
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tallystick.execution.margin_call.odometer import BAND_PPB, PPB, Odometer, bearable, recovers
from tallystick.execution.quotes import QuoteBoard

moves = st.lists(
    st.tuples(st.sampled_from(["EUR/USD", "GBP/USD", "AUD/USD"]), st.integers(90_000, 130_000)),
    min_size=2,
    max_size=60,
)


@given(moves=moves, gentle=st.booleans())
def test_no_worth_moved_further_than_the_reading_says(
    words: Any, moves: list[tuple[str, int]], gentle: bool
) -> None:
    """Between two moments each worth changed by at most e^S - 1, S from the first one's base."""
    board = QuoteBoard()
    odometer = Odometer(board.usd)
    seen: list[tuple[int, int, dict[str, int]]] = []
    for number, (pair, level) in enumerate(moves):
        mid = 110_000 + (level - 110_000) // 100 if gentle else level
        bid = f"{(mid - 1) / 100_000:.5f}"
        ask = f"{(mid + 1) / 100_000:.5f}"
        quote = words.quote(pair, bid, ask, words.START_NS + number)
        board.update([quote])
        odometer.move([quote])
        worths = {}
        for code in ("EUR", "GBP", "AUD"):
            worth = board.usd(code, 10**15)
            if worth is not None:
                worths[code] = int(worth)
        seen.append((odometer.base, odometer.reading, worths))
    for number, (base, _reading, then) in enumerate(seen):
        for _base, reading, now in seen[number:]:
            bound = _exp(Fraction(reading - base, PPB))
            for code in then:
                assert Fraction(1) / bound <= Fraction(now[code], then[code]) <= bound
    assert all(one[1] <= other[1] for one, other in pairwise(seen)), "it only ever goes up"


def test_noise_inside_a_band_adds_nothing(words: Any) -> None:
    """To and fro between two prices, a thousand times: the reading is that of the first way."""
    board = QuoteBoard()
    odometer = Odometer(board.usd)
    readings = set()
    for number in range(1_000):
        bid, ask = ("1.08249", "1.08251") if number % 2 else ("1.08279", "1.08281")
        quote = words.quote(bid=bid, ask=ask, at_ns=words.START_NS + number)
        board.update([quote])
        odometer.move([quote])
        readings.add(odometer.reading)
    assert len(readings) == 2
    assert max(readings) <= BAND_PPB


@given(
    equity=st.integers(0, 10**9), level=st.integers(1, 10**9), gross=st.integers(0, 10**11),
)  # fmt: skip
def test_what_can_be_borne_is_never_too_much(equity: int, level: int, gross: int) -> None:
    """After the worst that a reading allows, the equity is still where it was, or just so."""
    s = bearable(equity, level, gross)
    assert (s > 0) <= (equity > level)
    x = _exp(Fraction(s, PPB)) - 1
    if s:
        assert equity - x * gross >= level * (1 + x)
    up = recovers(equity, level, gross)
    x = _exp(Fraction(up, PPB)) - 1
    if up:
        assert equity + x * gross <= level * (1 - x)


def _exp(value: Fraction) -> Fraction:
    """A little more than e to the power of a small value."""
    total = term = Fraction(1)
    for number in range(1, 24):
        term = Fraction(int(term * value / number * 10**40) + 1, 10**40)
        total += term
    return total
