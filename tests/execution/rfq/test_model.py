"""Whatever is asked, taken, moved and retried: a quote is dealt at its price, once, in time."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.clock import parse_rfc3339
from tallystick.errors import Refused, TemporaryError

QUOTES = st.sampled_from(
    [
        {},
        {"side": "sell"},
        {"type": "outright", "tenor": "1M"},
        {"type": "outright", "value_date": "2026-11-25"},
        {"type": "swap", "tenor": "ON"},
        {"type": "swap", "tenor": "1W", "side": "buy"},
        {"type": "swap", "near_tenor": "1W", "far_tenor": "2M"},
        {"account": "other", "type": "swap", "tenor": "TN"},
        {"pair": "USD/CAD", "type": "outright", "tenor": "6M"},
        {"quantity": "0.01"},
        {"quantity": "9999999.99"},
    ]
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), QUOTES),
        st.tuples(st.just("take"), st.integers(0, 30), st.sampled_from(["buy", "sell", None])),
        st.tuples(st.just("retry"), st.integers(0, 30)),
        st.tuples(st.just("steal"), st.integers(0, 30)),
        st.tuples(st.just("wait"), st.sampled_from([0.5, 4, 9.999999, 10, 61])),
        st.tuples(st.just("move"), st.integers(-300, 300)),
        st.tuples(st.just("fail")),
    ),
    max_size=40,
)


def require_as_promised(facts: list[dict[str, Any]]) -> None:
    """Read from the bytes alone: each quote was dealt at most once, at its prices, before its end.

    By its account, for its quantity; both legs of a swap, on opposite sides.
    """
    quotes = {fact["id"]: fact for fact in facts if fact["kind"] == "quote_given"}
    taken: dict[str, str] = {}
    for fact in facts:
        if fact["kind"] != "order_decided" or not fact["fills"]:
            continue
        order = fact["order"]
        quote = quotes[order["quote"]]
        assert taken.setdefault(quote["id"], order["id"]) == order["id"]
        assert quote["at"] <= fact["at"] < quote["valid_until"]
        assert parse_rfc3339(quote["valid_until"]) - parse_rfc3339(quote["at"]) == 10 * 10**9
        assert (quote["account"], quote["pair"]) == (order["account"], order["pair"])
        assert len(fact["fills"]) == len(quote["legs"])
        sides = [fill.get("side", order["side"]) for fill in fact["fills"]]
        assert len(set(sides)) == len(sides)
        assert sides[-1] == order["side"] == quote.get("side", order["side"])
        for fill, leg, side in zip(fact["fills"], quote["legs"], sides, strict=True):
            assert fill["price"] == leg["ask" if side == "buy" else "bid"]
            assert fill["quantity"] == quote["quantity"]
            assert fill["value_date"] == leg["value_date"]


class Client:
    """Does the steps of a run and remembers what it was answered."""

    def __init__(self, floor: Any, rfq: Any) -> None:
        """`floor` has the accounts `demo` and `other`."""
        self.floor = floor
        self.rfq = rfq
        self.given: list[Any] = []
        self.placed: list[tuple[Any, dict[str, Any], Any]] = []

    async def do(self, number: int, what: str, *values: Any) -> None:
        """One step; what is refused or fails is nothing done."""
        floor = self.floor
        if what == "wait":
            floor.clock.advance(values[0])
        elif what == "move":
            floor.price(bid=f"1.0{8000 + values[0]}", ask=f"1.0{8002 + values[0]}")
        elif what == "fail":
            floor.store.failures = [TemporaryError("the disk is away")]
        elif what == "ask":
            with suppress(Refused, TemporaryError):
                self.given.append(await self.rfq.ask(floor, **values[0]))
        elif what == "retry":
            await self.retry(*values)
        else:
            await self.take(number, *values, steals=what == "steal")

    async def take(self, number: int, which: int, side: str | None = None, *, steals: bool) -> None:
        """Take one of the quotes, or try to for another account."""
        if not self.given:
            return
        quote = self.given[which % len(self.given)]
        members = {"client_order_id": f"m-{number}"}
        if steals:
            members["account"] = "other" if quote.account == "demo" else "demo"
        if side is not None:
            members["side"] = side
        with suppress(TemporaryError):
            answer = await self.rfq.take(self.floor, quote, **members)
            assert not steals or answer.entry.rejection.code == "UNKNOWN_QUOTE"
            self.placed.append((quote, members, answer))

    async def retry(self, which: int) -> None:
        """The same order again is answered the same, for ever."""
        if self.placed:
            quote, members, answer = self.placed[which % len(self.placed)]
            again = await self.rfq.take(self.floor, quote, **members)
            assert (again.receipt, again.replayed) == (answer.receipt, True)


@settings(max_examples=60)
@given(steps=STEPS)
def test_a_quote_is_dealt_at_its_price_once_and_in_time(
    words: Any, rfq: Any, steps: list[tuple[Any, ...]]
) -> None:
    """And the book is balanced, and what the entries say, at the end."""

    async def work() -> None:
        async with words.Floor() as floor:
            await floor.open("demo", "other")
            floor.price("USD/CAD", "1.40000", "1.40010")
            client = Client(floor, rfq)
            for number, (what, *values) in enumerate(steps):
                await client.do(number, what, *values)
            floor.store.failures = []
            require_as_promised(floor.facts())
            rfq.require_balanced(floor)
            assert words.book_state(floor.desk.book) == words.book_state(floor.refold())

    asyncio.run(work())


def test_the_check_would_see_it(words: Any, rfq: Any) -> None:
    """Another price, a late or a second deal: the bytes would be found out."""

    async def facts() -> list[dict[str, Any]]:
        async with words.Floor() as floor:
            await floor.open("demo")
            await rfq.take(floor, await rfq.ask(floor))
            found: list[dict[str, Any]] = floor.facts()
            return found

    def with_fault(change: Any) -> list[dict[str, Any]]:
        found = asyncio.run(facts())
        change(found)
        return found

    require_as_promised(with_fault(lambda _facts: None))
    for fault in (
        lambda found: found[2]["fills"][0].update(price="1.08250"),
        lambda found: found[2].update(at=found[1]["valid_until"]),
        lambda found: found.append({**found[2], "order": {**found[2]["order"], "id": "O-3"}}),
    ):
        with pytest.raises(AssertionError):
            require_as_promised(with_fault(fault))
