"""The desk and the model side by side: what one says is compared with what the other says."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis.stateful import RuleBasedStateMachine

from modelled.model import TRAILS, Model
from modelled.order import CLOSING_TYPES, MARKET_TYPES, Market, Order
from tallystick.clock import NS_PER_SECOND, ManualClock, rfc3339
from tallystick.errors import TemporaryError
from tallystick.execution import Book, Desk, Quote, QuoteBoard, decode
from tallystick.execution.book import Pending
from tallystick.execution.entries import OPEN_STATES
from tallystick.execution.quotes.quote import Level
from tallystick.keys import FileKeyring
from tallystick.ledger import Ledger
from tallystick.money import Price, Quantity

FULL_CHECK_STEPS = 25
TURNS_MAX = 10_000
"""Turns of the event loop within which every commit comes to its end."""
MODES = {"net": "netting", "fifo": "fifo", "hedge": "hedging"}
NEW_YORK = ZoneInfo("America/New_York")
TRANSITIONS: dict[str | None, set[str]] = {
    None: {"new", "partially_filled", "filled", "cancelled", "rejected", "suspended"},
    "suspended": {"new", "cancelled", "expired", "replaced"},
    "new": {"new", "partially_filled", "filled", "cancelled", "expired", "replaced"},
    "partially_filled": {"partially_filled", "filled", "cancelled", "expired", "replaced"},
}
"""FIX 4.4 OrdStatus: from one to the next; what is not here is the end (`cancelled` at once is an
IOC order that was filled in part, `new` after `new` one that was triggered or trailed)."""
EVENTS = {
    "order_triggered": "triggered",
    "order_trailed": "trailed",
    "order_activated": "activated",
}
TIMES = {"market": ["FOK", "IOC"], "limit": ["GTC", "GTD", "GFD", "IOC", "FOK"]}
WAITING_TIMES = ["GTC", "GTC", "GTD", "GFD"]
FILLS = ["default", "default", "default", "open_only", "reduce_first", "reduce_only"]
TRIGGERS = ["default", "default", "inverse", "bid", "ask", "mid"]


def text(points: int) -> str:
    """A price as it is sent."""
    return f"{points // 100_000}.{points % 100_000:05d}"


def end_of_day(now_ns: int) -> int:
    """The next 17:00 of a weekday in New York, hour by hour."""
    local = datetime.fromtimestamp(now_ns // NS_PER_SECOND, UTC).astimezone(NEW_YORK)
    end = local.replace(hour=17, minute=0, second=0, microsecond=0)
    while end <= local or end.isoweekday() > 5:  # Friday
        end = (end.replace(tzinfo=None) + timedelta(days=1)).replace(tzinfo=NEW_YORK)
    return int(end.timestamp()) * NS_PER_SECOND


def look(desk: Desk) -> None:
    """Fold what the other desk wrote."""
    desk.ledger.catch_up()
    desk.refresh()


class Sides(RuleBasedStateMachine):
    """Real desks on the left, the model on the right."""

    words: ClassVar[Any]
    counted: ClassVar[Any]

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.disk = self.words.Disk()
        self.disk.turns = 0
        self.clock = ManualClock(self.words.START_NS)
        self.desks: list[Any] = []
        self.model = Model(MODES)
        self.model.now = self.words.START_NS
        self.folded = Book()
        self.seen = self.names = self.steps = 0
        self.sound = False
        self.states: dict[str, str] = {}
        self.called: dict[str, str] = {}
        self.answered: list[tuple[Any, str | None, str | None, Any]] = []

    # --- the two sides -----------------------------------------------------------------------

    def run(self, act: Awaitable[Any]) -> Any:
        """Until it is answered."""
        return self.loop.run_until_complete(act)

    def begin(self, book: Book | None = None) -> Any:
        """A desk more, on the same ledger."""
        return self.run(self.begun(book))

    async def begun(self, book: Book | None) -> Any:
        """The same; made inside the event loop."""
        ledger = Ledger(self.disk, FileKeyring("tallystick.test/machine", bytes(32)))
        board = QuoteBoard()
        desk = Desk(ledger, book or Book(), board, self.clock)
        board.update([self.quoted(self.model.market)])
        return SimpleNamespace(desk=desk, board=board, task=self.loop.create_task(desk.run()))

    def quoted(self, market: Market) -> Quote:
        """The model's market as a quote."""
        bids = tuple(Level(Price(price), Quantity(100 * size)) for price, size in market.bids)
        asks = tuple(Level(Price(price), Quantity(100 * size)) for price, size in market.asks)
        bid, ask = Price(market.bid), Price(market.ask)
        return Quote("EUR/USD", bid, ask, self.clock.now_ns(), "machine", bids, asks)

    def act(self, desk: int, make: Callable[[Desk], Awaitable[Any]], *, looks: bool = True) -> Any:
        """Something that is answered; where the disk fails, once in vain and then again.

        A desk that does not look first learns from the append what the other one wrote.
        """
        asked = self.desks[desk % len(self.desks)].desk
        if looks:
            look(asked)
        if self.disk.failures:
            with pytest.raises(TemporaryError):
                self.run(make(asked))
            assert not self.disk.failures
            assert not self.disk.rows(self.seen, 1)
            self.check_books()
        return self.run(make(asked))

    async def settled(self) -> None:
        """Until nothing is on its way."""
        for _turn in range(TURNS_MAX):
            if not any(each.desk._waiting for each in self.desks):
                return
            await asyncio.sleep(0)
        pytest.fail("something waits for ever")

    def everywhere(self, tell: Callable[[Desk], object]) -> None:
        """Every desk hears it, at once; one whose disk fails hears it alone and in vain first."""
        for each in self.desks:
            look(each.desk)
        if self.disk.failures:
            tell(self.desks[0].desk)
            self.run(self.settled())
            assert not self.disk.rows(self.seen, 1)
            self.disk.failures.clear()
        for each in self.desks:
            tell(each.desk)
        self.run(self.settled())

    def compare(self) -> None:
        """The ledger says what the model says, and every state follows from the one before it."""
        said = []
        self.sound = False
        for row in self.disk.rows(self.seen, 10_000):
            self.seen += 1
            self.folded.apply(decode(row.entry))
            self.folded.cut()
            line = self.line_of(msgspec.json.decode(row.entry))
            if line is not None:
                said.append(line)
        assert said == self.model.said()
        self.step()
        if self.steps % FULL_CHECK_STEPS == 0:
            self.check()
        self.sound = True

    def step(self) -> None:
        """One step more was taken."""
        self.steps += 1
        self.counted.steps += 1

    def line_of(self, fact: dict[str, Any]) -> str | None:
        """An entry in the model's words."""
        order = fact.get("order")
        if order is None:
            return None
        self.follow(order["id"], order["state"])
        if fact["kind"] == "order_decided":
            self.called[order["id"]] = order["client_order_id"]
            if order["state"] != "rejected" and "replaces" in order:
                self.follow(order["replaces"], "replaced")
        words = [self.called[order["id"]], EVENTS.get(fact["kind"], order["state"])]
        for fill in fact.get("fills", ()):
            price = int(fill["price"].replace(".", ""))
            words.append(f"{fill['quantity'].removesuffix('.00')}@{price}")
        if fact.get("rejection"):
            words.append(fact["rejection"]["code"])
        words += [fact["code"]] if "code" in fact else []
        if order["type"] == "trailing_stop" and words[1] in TRAILS:
            words.append(f"stop={int(order['stop_price'].replace('.', ''))}")
        return " ".join(words)

    def follow(self, order_id: str, state: str) -> None:
        """One step of one order."""
        before = self.states.get(order_id)
        assert state in TRANSITIONS.get(before, set()), f"{order_id}: {before} -> {state}"
        self.states[order_id] = state

    def check(self) -> None:
        """All that a book holds is what the entries say, and what the model says."""
        self.check_books()
        book = self.folded
        totals = dict(book.house)
        for name, holding in self.model.holdings.items():
            account = book.accounts[name]
            for code, amount in account.balances.items():
                totals[code] += amount
            assert account.balances.get("EUR", 0) == 100 * holding.euros
            assert account.balances.get("USD", 0) == holding.cents
            held = account.positions.get("EUR/USD")
            sides = (0, 0) if held is None else (held.long, held.short)
            assert sides == (100 * holding.long, 100 * holding.short)
            mine = [(o.name, o.state, 100 * o.left) for o in holding.orders.values()]
            theirs = [
                (self.called[each], working.order.state, working.quantity)
                for each, working in account.open_orders.items()
            ]
            assert theirs == mine
            self.check_reserved(account, list(holding.orders.values()))
        assert not any(totals.values())
        said = {each for each, state in self.states.items() if state in OPEN_STATES}
        assert said == {each for one in book.accounts.values() for each in one.open_orders}

    def check_reserved(self, account: Any, orders: list[Order]) -> None:
        """What is reserved is the sum of what may add; each link leads to an open order."""
        adds = [o for o in orders if not o.reduces]
        reserved = Pending(
            sum(100 * o.left for o in adds if o.side == "buy"),
            sum(100 * o.left for o in adds if o.side == "sell"),
        )
        assert account.pending.get("EUR/USD", Pending()) == reserved
        assert account.closers == sum(o.reduces for o in orders)
        linked = [*account.groups.values(), *account.children.values()]
        assert all(each in account.open_orders for group in linked for each in group)

    def check_books(self) -> None:
        """Every desk's book is the fold of the entries; so is its index of what waits."""
        wanted = self.words.book_state(self.folded)
        for each in self.desks:
            look(each.desk)
            assert self.words.book_state(each.desk.book) == wanted

    # --- orders ------------------------------------------------------------------------------

    def order_of(self, spec: tuple[Any, ...], account: str, side: str | None = None) -> Order:
        """The order that was drawn, near the market."""
        kind, buys, quantity, first, second, rest = spec
        self.names += 1
        now = self.clock.now_ns()
        times = TIMES.get(kind, WAITING_TIMES)
        tif = times[rest % len(times)]
        ends = {"GTD": now + (1 + rest % 4) * NS_PER_SECOND, "GFD": end_of_day(now)}.get(tif)
        near = self.model.market.bid + first
        if kind in CLOSING_TYPES and side is None and rest % 4:  # most often there is something
            held = self.model.holdings[account]
            buys = held.short > held.long
        order = Order(
            f"n{self.names}", account, side or ("buy" if buys else "sell"), quantity, kind, tif,
            ends=ends,
        )  # fmt: skip
        if kind in {"limit", "stop_limit", "take_profit"}:
            order.price = near + (second if kind == "stop_limit" else 0)
        if kind in {"stop", "stop_limit", "market_if_touched", "stop_loss"}:
            order.stop = near
        if kind == "trailing_stop":
            order.distance = 5 + 2 * abs(first)
        if kind in MARKET_TYPES and rest % 3 == 0:
            order.bound = near + second
        if kind not in {"market", "limit"}:
            order.trigger = TRIGGERS[rest % len(TRIGGERS)]
        if kind not in CLOSING_TYPES:
            order.position_fill = FILLS[rest % len(FILLS)]
        return order

    def members(self, order: Order) -> dict[str, Any]:
        """What is sent."""
        points = {
            "price": order.price, "distance": order.distance, "price_bound": order.bound,
            "stop_price": None if order.type == "trailing_stop" else order.stop,
        }  # fmt: skip
        found: dict[str, Any] = {
            "client_order_id": order.name, "side": order.side, "quantity": str(order.quantity),
            "type": order.type, "time_in_force": order.tif,
        }  # fmt: skip
        found |= {name: text(value) for name, value in points.items() if value is not None}
        if order.tif == "GTD" and order.ends is not None:
            found["expires_at"] = rfc3339(order.ends)
        if order.trigger != "default":
            found["trigger"] = order.trigger
        if order.position_fill != "default":
            found["position_fill"] = order.position_fill
        return found

    def request(self, order: Order) -> Any:
        """The order with those that come with it, as the desk is asked."""
        more: dict[str, Any] = {"if_done": [self.members(child) for child in order.children]}
        if order.oco is not None:
            more["oco"] = self.members(order.oco)
        return self.words.request(account=order.account, **self.members(order), **more)

    def place(self, desk: int, order: Order) -> None:
        """On both sides."""
        request = self.request(order)
        key = f"k{self.names}" if self.names % 2 else None
        placed = self.act(desk, lambda one: one.place(request, key), looks=self.names % 3 > 0)
        self.model.place(order)
        assert not placed.replayed
        self.answered.append((request, key, None, placed))
        self.compare()

    def one_open(self, number: int) -> Order | None:
        """One of the open orders."""
        found = [o for each in self.model.holdings.values() for o in each.orders.values()]
        return found[number % len(found)] if found else None

    def id_of(self, order: Order) -> str:
        """The desk's name of an open order."""
        return next(
            each for each, name in self.called.items()
            if name == order.name and self.states[each] in OPEN_STATES
        )  # fmt: skip

    def teardown(self) -> None:
        """Everything once more; the whole book from the first entry, too."""
        try:
            if self.sound:
                self.check()
                again = Book()
                for row in self.disk.rows(0, self.seen):
                    again.apply(decode(row.entry))
                assert self.words.book_state(again) == self.words.book_state(self.folded)
        finally:
            for each in self.desks:
                each.desk.close()
                self.run(asyncio.gather(each.task, return_exceptions=True))
            self.loop.close()
