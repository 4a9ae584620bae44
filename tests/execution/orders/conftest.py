"""The blotter: orders and prices in the words of a dealing room, on a real desk and ledger.

A line is what happens, and behind `=>` all that the ledger then says about orders:

    1.08249 1.08251                              # a quote; with depth: 1.08249x1m,1.08248x2m
    A: buy 1m stop stop_price=1.08300            => A new
    B: buy 1m limit price=1.08 + S: stop_loss stop_price=1.07 + oco O: stop stop_price=1.09
    1.08299 1.08300                              => A filled 1m@1.08300
    replace B by C: buy 2m limit price=1.08000   => C new
    cancel C | cancel all | halt | reduce | resume
    at 2026-11-24T22:00:00Z                      # the clock, and the ends that have come
    position                                     => +1m -0
    restart                                      # from a snapshot; prices come anew

An order behind `+` is done if the first one is, behind `+ oco` the other leg.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tallystick.clock import NS_PER_SECOND, parse_rfc3339, rfc3339
from tallystick.execution import Quote
from tallystick.execution.book import restore, snapshot
from tallystick.execution.entries import TradingStateSet
from tallystick.execution.quotes.quote import Level
from tallystick.money import Price, Quantity, parse_decimal

STATES = {"halt": "halted", "reduce": "reducing", "resume": "active"}
EVENTS = {
    "order_cancelled": "cancelled", "order_expired": "expired", "order_triggered": "triggered",
    "order_trailed": "trailed", "order_activated": "activated",
}  # fmt: skip
SCALES = {"m": 10**6, "k": 10**3}


def units(text: str) -> str:
    """`1m` and `250k` in full."""
    scale = SCALES.get(text[-1])
    return text if scale is None else str(int(text[:-1]) * scale)


def short(quantity: str) -> str:
    """The other way round."""
    whole = quantity.removesuffix(".00")
    for sign, zeros in (("m", "000000"), ("k", "000")):
        if whole.endswith(zeros) and whole != "0":
            return whole[: -len(zeros)] + sign
    return whole


def members_of(text: str) -> dict[str, Any]:
    """`NAME: side quantity type name=value ...`; linked orders may leave out side and quantity."""
    name, _, rest = text.partition(": ")
    words = [word for word in rest.split() if "=" not in word]
    members: dict[str, Any] = {"client_order_id": name.strip(), "type": words[-1]}
    for word in words[:-1]:
        if word in {"buy", "sell"}:
            members["side"] = word
        else:
            members["quantity"] = units(word)
    return members | dict(word.split("=") for word in rest.split() if "=" in word)


def said(fact: dict[str, Any], names: dict[str, str]) -> str | None:
    """What an entry says of an order, in one line."""
    order = fact.get("order")
    if order is None:
        return None
    name = names[order["id"]]
    event = EVENTS.get(fact["kind"], order["state"])
    words = [name, event]
    words += [f"{short(fill['quantity'])}@{fill['price']}" for fill in fact.get("fills", ())]
    if fact.get("rejection"):
        words.append(fact["rejection"]["code"])
    words += [fact["code"]] if "code" in fact else []
    if order["type"] == "trailing_stop" and event in {"new", "trailed", "activated", "suspended"}:
        words.append(order["stop_price"])
    return " ".join(words)


class Blotter:
    """A floor that is moved by lines."""

    def __init__(self, words: Any, floor: Any) -> None:
        self.words = words
        self.floor = floor
        self.account = "demo"
        self.seen = floor.ledger.size

    async def do(self, line: str) -> None:
        """One line: it happens, and the ledger says what is expected, and no more."""
        what, _, expected = line.partition("=>")
        found = await self._happen(what.strip())
        await self.floor.settle()
        if found is None:
            found = "; ".join(self._said())
        assert found == expected.strip(), line
        self.floor.require_truth()

    async def _happen(self, what: str) -> str | None:
        first, _, rest = what.partition(" ")
        if first.endswith(":"):
            await self.floor.desk.place(self._request(what))
        elif first == "replace":
            old, _, new = rest.partition(" by ")
            await self.floor.desk.replace(self._id(old), self._request(new))
        elif first == "cancel":
            await self._cancel(rest)
        elif first in STATES:
            await self._set_state(STATES[first])
        elif first == "at":
            self._at(parse_rfc3339(rest))
        elif first == "position":
            return self._position()
        elif first == "restart":
            await self._restart()
        else:
            self._quote(first, rest.strip())
        return None

    def _request(self, text: str) -> Any:
        first, *more = text.split(" + ")
        members = members_of(first)
        for each in more:
            if each.startswith("oco "):
                members["oco"] = members_of(each.removeprefix("oco "))
            else:
                members.setdefault("if_done", []).append(members_of(each))
        return self.words.request(account=self.account, **members)

    async def _cancel(self, name: str) -> None:
        desk = self.floor.desk
        if name == "all":
            await self.floor.cancel_all(self.account)
        else:
            await desk.cancel(self._id(name), self.account, by="x", reason="y")

    async def _set_state(self, state: Any) -> None:
        await self.floor.desk.say(
            lambda _position, at_ns: (
                TradingStateSet(rfc3339(at_ns), "all", None, state, "risk", "a test"),
            )
        )

    def _at(self, at_ns: int) -> None:
        clock = self.floor.clock
        clock.advance((at_ns - clock.now_ns()) / NS_PER_SECOND)
        self.floor.desk.expire_due()

    def _position(self) -> str:
        held = self.floor.desk.book.account(self.account).positions.get("EUR/USD")
        if held is None:
            return "flat"
        return f"+{short(str(held.long // 100))} -{short(str(held.short // 100))}"

    async def _restart(self) -> None:
        floor = self.floor
        book = restore(snapshot(floor.desk.book))
        floor.desk.close()
        await asyncio.wait_for(floor.task, timeout=60)
        again = self.words.Floor(floor.store, floor.clock, book)
        again.start()
        self.floor = again

    def _quote(self, bids: str, asks: str) -> None:
        bid_levels, ask_levels = _levels(bids), _levels(asks)
        quote = Quote(
            "EUR/USD", bid_levels[0].price, ask_levels[0].price, self.floor.clock.now_ns(), "floor"
        )
        if "x" in bids:
            quote = msgspec.structs.replace(quote, bids=bid_levels, asks=ask_levels)
        self.floor.board.update([quote])

    def _said(self) -> list[str]:
        facts = self.floor.facts()
        names = {
            fact["order"]["id"]: fact["order"]["client_order_id"]
            for fact in facts if fact["kind"] == "order_decided"
        }  # fmt: skip
        fresh, self.seen = facts[self.seen :], len(facts)
        return [line for fact in fresh if (line := said(fact, names)) is not None]

    def _id(self, name: str) -> str:
        account = self.floor.desk.book.account(self.account)
        for order_id, working in account.open_orders.items():
            if working.order.client_order_id == name:
                return str(order_id)
        return "O-999"


def _levels(text: str) -> tuple[Level, ...]:
    found = []
    for each in text.split(","):
        price, _, quantity = each.partition("x")
        size = int(units(quantity)) * 100 if quantity else 0
        found.append(Level(Price(parse_decimal(price, 5)), Quantity(size)))
    return tuple(found)


@pytest.fixture(scope="session")
def play(words: Any) -> Callable[..., None]:
    """`play(text, mode=...)` does a blotter's lines, one after another."""

    async def main(text: str, mode: str, configuration: dict[str, str]) -> None:
        async with words.Floor() as floor:
            configuration["mode"] = mode
            await floor.desk.open_account("demo", words.LIMITS, **configuration)
            blotter = Blotter(words, floor)
            for line in text.strip().splitlines():
                text_of_line = line.partition("#")[0].strip()
                if text_of_line:
                    await blotter.do(text_of_line)
            if blotter.floor is not floor:
                await blotter.floor.__aexit__()

    def run(text: str, mode: str = "netting", **configuration: str) -> None:
        asyncio.run(main(text, mode, configuration))

    return run
