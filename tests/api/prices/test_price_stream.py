"""The hub: one update a pair waits for each follower, and whoever resumes misses nothing newest."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tallystick.api.price_items import Snapshot
from tallystick.api.price_stream import PriceStream
from tallystick.clock import NS_PER_SECOND, ManualClock
from tallystick.errors import Overloaded, Refused, ShuttingDown
from tallystick.execution import Quote, QuoteBoard
from tallystick.fx import PAIRS, Session
from tallystick.money import Price

QUOTED = ("EUR/USD", "GBP/USD", "USD/JPY")
CROSS = "EUR/JPY"
KEPT_MAX = 20


class Hub:
    """A stream on a board that is moved by hand."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.board = QuoteBoard()
        self.stream = PriceStream(
            self.board, self.clock, self.session, kept_max=KEPT_MAX, followers_max=3
        )

    def session(self, at_ns: int) -> Session:
        """Always open."""
        return Session(open=True, changes_ns=at_ns + NS_PER_SECOND)

    def price(self, pair: str, bid: int) -> None:
        """A fresh quote."""
        now = self.clock.now_ns()
        self.board.update([Quote(pair, Price(bid), Price(bid + 5), now, "test")])


def bids(taken: Any) -> list[tuple[str, int, int]]:
    """(pair, bid, missed) of what a follower takes."""
    return [(update.quote.pair, update.quote.bid, missed) for update, missed in taken]


def test_the_newest_waits_in_the_order_of_numbers() -> None:
    """A pair that moves again goes to the end; what it replaced is counted."""
    hub = Hub()
    with hub.stream.place() as follower:
        hub.stream.subscribe(follower, QUOTED)
        for pair, bid in (("EUR/USD", 1), ("GBP/USD", 2), ("EUR/USD", 3), ("EUR/USD", 4)):
            hub.price(pair, bid)

        assert bids(follower.take()) == [("GBP/USD", 2, 0), ("EUR/USD", 4, 2)]
        assert follower.take() == []
        hub.price("EUR/USD", 5)
        assert bids(follower.take()) == [("EUR/USD", 5, 0)]


def test_without_names_it_is_all_that_is_quoted_and_no_cross() -> None:
    """A cross is for those who name it; a pair that begins to be quoted comes by itself."""
    hub = Hub()
    hub.price("EUR/USD", 108_000)
    hub.price("USD/JPY", 150_000)
    with hub.stream.place() as all_of_them, hub.stream.place() as namer:
        first = hub.stream.subscribe(all_of_them, None)
        assert [each.pair for each in first.prices] == ["EUR/USD", "USD/JPY"]
        assert not hub.board._wanted
        hub.price("GBP/USD", 127_000)
        assert bids(all_of_them.take()) == [("GBP/USD", 127_000, 0)]
        assert hub.stream.heartbeat(all_of_them).untradeable == {}

        named = hub.stream.subscribe(namer, [CROSS, "AUD/USD"])
        assert [each.pair for each in named.prices] == [CROSS]
        assert named.unpriced == ("AUD/USD",)
        assert hub.stream.heartbeat(namer).untradeable == {"AUD/USD": "NO_PRICE"}
    assert not hub.board._wanted
    assert not any(hub.stream._by_pair.values())


def test_subscribing_twice_is_subscribing_once() -> None:
    """Wants are counted once a follower; unsubscribing twice is no error."""
    hub = Hub()
    with hub.stream.place() as follower:
        hub.stream.subscribe(follower, [CROSS])
        hub.stream.subscribe(follower, [CROSS, "EUR/USD"])
        hub.stream.subscribe(follower, None)
        assert hub.board._wanted == {CROSS: 1, "EUR/USD": 1}
        assert follower.pairs.keys() == PAIRS.keys()
        hub.stream.unsubscribe(follower, [CROSS, CROSS])
        hub.stream.unsubscribe(follower, [CROSS])
        assert hub.board._wanted == {"EUR/USD": 1}


def test_an_old_price_is_said_to_be_so() -> None:
    """The heartbeat names what cannot be dealt, which no update would say."""
    hub = Hub()
    hub.price("EUR/USD", 108_000)
    with hub.stream.place() as follower:
        hub.stream.subscribe(follower, ["EUR/USD"])
        hub.clock.advance(60)
        assert hub.stream.heartbeat(follower).untradeable == {}
        hub.clock.advance(1)
        assert hub.stream.heartbeat(follower).untradeable == {"EUR/USD": "STALE_PRICE"}
        hub.board.withdraw("EUR/USD")
        assert hub.stream.heartbeat(follower).untradeable == {"EUR/USD": "NO_PRICE"}
        again = hub.stream.subscribe(follower, ["EUR/USD"])
        assert (again.prices, again.unpriced) == ((), ("EUR/USD",))


def test_places_are_bounded_and_end() -> None:
    """One too many is told to come back; after the end nobody begins."""
    hub = Hub()
    with hub.stream.place(), hub.stream.place(), hub.stream.place() as follower:
        with pytest.raises(Overloaded), hub.stream.place():
            pass
        hub.stream.close()
        assert follower.woken.is_set()
        with pytest.raises(ShuttingDown), hub.stream.place():
            pass
    assert hub.stream.count == 0


@pytest.mark.parametrize("bad", ["", "1", "1.2", "1.x.3", ".1.2", "1.2.", "é.1.2", "1." * 40])
def test_what_is_no_id_changes_nothing(bad: str) -> None:
    """Refused before anything is subscribed."""
    hub = Hub()
    with hub.stream.place() as follower:
        with pytest.raises(Refused, match="not the id"):
            hub.stream.subscribe(follower, QUOTED, bad)
        assert follower.pairs == {}


moves = st.lists(
    st.one_of(
        st.tuples(st.just("price"), st.sampled_from(QUOTED)),
        st.tuples(st.just("take"), st.integers(0, 9)),
        st.tuples(st.just("break"), st.just(0)),
    ),
    max_size=120,
)


class Client:
    """Follows four pairs, one sitting after another; knows what it was told, and its last id."""

    def __init__(self) -> None:
        self.hub = Hub()
        self.hub.price("EUR/USD", 100_000)
        self.hub.price("USD/JPY", 100_000)
        self.seen: dict[str, str] = {}
        self._last: str | None = None
        self._bid = 100_000

    def sit(self, steps: list[tuple[str, Any]]) -> None:
        """Connect, live through the steps, and be cut off."""
        with self.hub.stream.place() as follower:
            snapshot = self.hub.stream.subscribe(follower, (*QUOTED, CROSS), self._last)
            self._check(snapshot)
            self.seen.update({each.pair: each.bid for each in snapshot.prices})
            self._last = snapshot.id
            for step, what in steps:
                if step == "price":
                    self._bid += 1
                    self.hub.price(what, self._bid)
                    continue
                for update, _missed in follower.take()[:what]:
                    self.seen[update.quote.pair] = str(update.quote.bid)
                    self._last = follower.token(update.number)
                if what < len(QUOTED) + 1:  # it broke in the middle: the rest never arrived
                    return

    def _check(self, snapshot: Snapshot) -> None:
        if self._last is None:
            assert (snapshot.resumed, snapshot.gap, snapshot.missed) == (False, False, 0)
            return
        assert snapshot.resumed
        assert snapshot.missed is None or snapshot.missed >= 0
        assert snapshot.gap == (snapshot.missed != 0)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(moves=moves)
def test_whoever_resumes_misses_nothing_newest(moves: list[tuple[str, Any]]) -> None:
    """However often and wherever it is cut off, it ends with the newest of every pair."""
    client = Client()
    part: list[tuple[str, Any]] = []
    for move in [*moves, ("break", 0)]:
        if move[0] == "break":
            client.sit(part)
            part = []
        else:
            part.append(move)
    client.sit([])

    for pair in (*QUOTED, CROSS):
        quote = client.hub.board.get(pair)
        if quote is not None:
            assert client.seen[pair].replace(".", "").lstrip("0") == str(quote.bid)
