"""The best of several sources: never worse than one of them, never crossed, nobody too old."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.execution.quotes import BestOf, Level, Quote
from tallystick.execution.quotes.best import SOURCES_MAX, compose, uncross
from tallystick.execution.quotes.crossing import UNLIMITED
from tallystick.money import Price, Quantity

AGE = 60


def levels(*pairs: tuple[int, int]) -> tuple[Level, ...]:
    """Depth in points and minor units."""
    return tuple(Level(Price(price), Quantity(quantity)) for price, quantity in pairs)


def quote(source: str, bid: int, ask: int, at: int = 0, **depth: Any) -> Quote:
    """One source's EUR/USD."""
    return Quote("EUR/USD", Price(bid), Price(ask), at, source, **depth)


def best(*quotes: Quote, now: int = 0) -> Quote | None:
    """What they make together."""
    book = BestOf(lambda _pair, _source: AGE)
    made = book.take(quotes, now)
    return made[-1] if made else None


def test_the_best_of_each_side() -> None:
    """The highest bid and the lowest ask, and who says them."""
    found = best(quote("A", 100, 110, 1), quote("B", 103, 112, 2), quote("C", 99, 109, 3), now=3)

    assert found == Quote("EUR/USD", Price(103), Price(109), 3, "B (bid) + C (ask)")


def test_one_source_is_left_as_it_is() -> None:
    """Alone it is not touched; best on both sides it is named once."""
    alone = quote("A", 100, 110, bids=levels((100, 5)), asks=levels((110, 5)))

    assert best(alone) is alone
    both = best(alone, quote("B", 90, 120))
    assert both is not None
    assert both.source == "A"


def test_depth_is_merged_best_first() -> None:
    """Equal prices together; a source without levels has no end, and nobody stands behind it."""
    first = quote("A", 100, 110, bids=levels((100, 5), (98, 7)), asks=levels((110, 5)))
    second = quote("B", 100, 111, bids=levels((100, 1), (99, 2)), asks=levels((111, 4)))
    endless = quote("C", 99, 111)

    two, three = compose([first, second]), compose([first, second, endless])

    assert two.bids == levels((100, 6), (99, 2), (98, 7))
    assert two.asks == levels((110, 5), (111, 4))
    assert three.bids == levels((100, 6), (99, UNLIMITED))
    assert three.asks == levels((110, 5), (111, UNLIMITED))
    assert compose([first, quote("D", 101, 109)]).bids == ()


def test_a_newer_quote_takes_the_place_of_its_source_and_an_older_does_not() -> None:
    """Each source counts once, with its newest."""
    book = BestOf(lambda _pair, _source: AGE)
    book.take([quote("A", 100, 110, 5), quote("B", 90, 120, 5)], 5)

    (late,) = book.take([quote("A", 80, 130, 6)], 6)
    assert (late.bid, late.ask) == (90, 120)
    assert book.take([quote("A", 100, 110, 4)], 6) == []
    assert book.out_of_order == 1


def test_what_is_too_old_drops_out() -> None:
    """At the next update, or when it is looked after; the last of all stays, with its age."""
    book = BestOf(lambda _pair, source: {"A": 10, "B": 60}[source])
    book.take([quote("A", 100, 110, 0), quote("B", 90, 120, 0)], 0)

    assert book.expire(10) == []
    (left,) = book.expire(11)
    assert (left.bid, left.ask, left.source) == (90, 120, "B")
    assert book.expire(1_000) == []


def test_a_source_that_withdraws_is_gone_at_once() -> None:
    """Its pairs go to the others, or to nobody."""
    book = BestOf(lambda _pair, _source: AGE)
    pound = Quote("GBP/USD", Price(1), Price(2), 0, "A")
    book.take([quote("A", 100, 110), quote("B", 90, 120), pound], 0)

    composed, gone = book.withdraw("A", 0)

    assert [each.source for each in composed] == ["B"]
    assert gone == ["GBP/USD"]
    assert book.withdraw("A", 0) == ([], [])


def test_sources_that_meet_are_uncrossed_by_age() -> None:
    """A is late: its bid would be above B's ask. The newest stand, and it is counted."""
    book = BestOf(lambda _pair, _source: AGE)
    book.take([quote("A", 120, 130, 1), quote("C", 101, 111, 2)], 2)

    (found,) = book.take([quote("B", 100, 110, 3)], 3)

    assert (found.bid, found.ask, found.source) == (101, 110, "C (bid) + B (ask)")
    assert book.uncrossed["EUR/USD"] == 2  # A met C before, and met both now


def test_sources_are_bounded() -> None:
    """More sources of one pair than there is room for are not taken."""
    book = BestOf(lambda _pair, _source: AGE)
    made = book.take([quote(f"S{n}", 100 + n, 200 + n) for n in range(SOURCES_MAX + 3)], 0)

    assert len(made) == SOURCES_MAX
    assert made[-1].bid == 100 + SOURCES_MAX - 1


sources = st.lists(
    st.builds(
        lambda source, bid, spread, at, sizes: quote(
            source, bid, bid + spread, at,
            bids=levels(*((bid - n, size) for n, size in enumerate(sizes))),
            asks=levels(*((bid + spread + n, size) for n, size in enumerate(sizes))),
        ),
        st.sampled_from("ABCDE"), st.integers(50, 80), st.integers(1, 25), st.integers(0, 100),
        st.lists(st.integers(1, 9), max_size=4),
    ),
    min_size=1,
    max_size=12,
)  # fmt: skip


@given(quotes=sources)
def test_never_crossed_and_never_worse(quotes: list[Quote]) -> None:
    """Of those that are taken none is better on any side, and nothing meets; depth is in order."""
    book = BestOf(lambda _pair, _source: AGE)
    for each in quotes:
        now = max(100, each.at_ns)
        for found in book.take([each], now):
            standing = list(book._standing["EUR/USD"].values())
            kept = uncross(standing)
            crossed = max(q.bid for q in standing) >= min(q.ask for q in standing)
            counted = kept if crossed else standing
            assert found.bid < found.ask
            assert all(now - q.at_ns <= AGE for q in standing)
            assert found.bid == max(q.bid for q in counted)
            assert found.ask == min(q.ask for q in counted)
            assert max(standing, key=lambda q: q.at_ns).bid <= found.bid
            for side, sign in ((found.bids, -1), (found.asks, 1)):
                prices = [level.price * sign for level in side]
                assert prices == sorted(set(prices))
            if found.bids:
                assert found.bids[0].price == found.bid
            if found.asks:
                assert found.asks[0].price == found.ask


@given(quotes=sources)
def test_uncrossing_takes_whom_it_can(quotes: list[Quote]) -> None:
    """The newest stands; whoever is left out meets one that is at least as new."""
    kept = uncross(quotes)

    assert max(q.bid for q in kept) < min(q.ask for q in kept)
    assert max(q.at_ns for q in kept) == max(q.at_ns for q in quotes)
    for left in quotes:
        if not any(left is each for each in kept):
            assert any(
                each.at_ns >= left.at_ns and (left.bid >= each.ask or each.bid >= left.ask)
                for each in kept
            )


@pytest.mark.parametrize("size", [1, 4])
def test_each_quote_costs_its_sources_only(size: int) -> None:
    """One composed quote an update, whatever other pairs do."""
    book = BestOf(lambda _pair, _source: AGE)
    for n in range(size):
        assert len(book.take([quote(f"S{n}", 100, 110)], 0)) == 1
