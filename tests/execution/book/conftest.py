"""A seeded flow of every kind of entry, each decided on the book as it stands."""

import random
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.execution import Book, Quote, QuoteBoard
from tallystick.execution.book import Account
from tallystick.execution.decide import Market
from tallystick.execution.entries import (
    AccountOpened,
    Entry,
    FundsMoved,
    KillSwitchSet,
    Leg,
    LimitOverridden,
    LimitsSet,
    MarginChanged,
    PositionRolled,
    Posting,
    QuoteGiven,
    QuoteSeen,
    ResumeAsked,
    ScopedLimits,
    TradingStateSet,
)
from tallystick.execution.placing import place_all, replace_with
from tallystick.execution.quotes.quote import Level
from tallystick.execution.worked import cancel, expire, follow_ups, meet
from tallystick.money import Price, Quantity, format_decimal

MODES = {"demo": "netting", "other": "hedging", "third": "fifo"}
PAIRS = {"EUR/USD": 108_250, "USD/JPY": 150_120, "EUR/GBP": 85_200, "GBP/USD": 127_000}
QUANTITIES = ["1", "0.01", "250000", "1234567.89", "20000000"]
CLOSES = ["stop_loss", "take_profit", "trailing_stop"]
WAITS = ["limit", "stop", "stop_limit", "market_if_touched", *CLOSES]


class Flow:
    """What may come next, by chance; the book folds each entry as it comes."""

    def __init__(self, words: Any, seed: int) -> None:
        self.words = words
        self.chance = random.Random(seed)  # noqa: S311  a seeded flow
        self.at_ns = words.START_NS
        self.number = 0
        self.board = QuoteBoard()
        self.move()

    @property
    def at(self) -> str:
        """The time of the next entry."""
        return rfc3339(self.at_ns)

    def move(self) -> None:
        """Fresh quotes, with depth or without; a tenth of a second later."""
        self.at_ns += NS_PER_SECOND // 10
        for symbol, mid in PAIRS.items():
            bid = mid + self.chance.randint(-40, 40)
            ask = bid + self.chance.randint(1, 5)
            quote = Quote(symbol, Price(bid), Price(ask), self.at_ns, "flow")
            if self.chance.random() < 0.3:
                quote = msgspec.structs.replace(
                    quote, bids=self._levels(bid, -1), asks=self._levels(ask, 1)
                )
            self.board.update([quote])

    def entries_for(self, book: Book, count: int) -> list[Entry]:
        """So many entries, or a few more; applied to the book as they come."""
        found: list[Entry] = []
        while len(found) < count:
            self.move()
            self._say(book, self._next(book), found)
        return found

    def _say(self, book: Book, entries: Iterable[Entry], found: list[Entry]) -> None:
        for entry in entries:
            book.apply(entry)
            found.append(entry)
            self._say(book, follow_ups(entry, book=book, at_ns=self.at_ns), found)

    def _next(self, book: Book) -> Iterable[Entry]:
        act = self.chance.random()
        if not book.accounts or act < 0.03:
            return [self._opened()]
        account = book.accounts[self.chance.choice(sorted(book.accounts))]
        if act < 0.15:
            return [self._note(account, book)]
        working = list(account.open_orders.values())
        if working and act < 0.22:
            return [cancel(self.chance.choice(working), at_ns=self.at_ns, by="demo",
                           code="CLIENT_REQUEST")]  # fmt: skip
        if act < 0.6:
            return self._moved(book)
        if working and act < 0.66:
            return self._replaced(account, book)
        return self._order(account, book)

    def _moved(self, book: Book) -> Iterable[Entry]:
        """A quote comes, and ends that have come."""
        quote = self.board.get(self.chance.choice(sorted(PAIRS)))
        assert quote is not None
        for working in book.working.due(quote):
            known = book.accounts[working.order.account].open_orders.get(working.order.id)
            if known == working:
                yield from meet(
                    working, quote, book=book, at_ns=self.at_ns, market=self._market(quote.pair)
                )
        for working in book.working.ended(self.at_ns):
            if working.order.id in book.accounts[working.order.account].open_orders:
                yield expire(working, at_ns=self.at_ns)

    def _market(self, symbol: str) -> Market:
        return Market(self.board.get(symbol), self.board.usd, self.board.rate)

    def _levels(self, price: int, sign: int) -> tuple[Level, ...]:
        steps = range(self.chance.randint(1, 3))
        return tuple(
            Level(Price(price + sign * step), Quantity(self.chance.choice([7, 10**5, 10**8])))
            for step in steps
        )

    def _opened(self) -> AccountOpened:
        limits = msgspec.structs.replace(
            self.words.LIMITS,
            order_quantity_max="30000000",
            duplicate_window_ms=self.chance.choice([200, 1_000]),
        )
        account = self.chance.choice(sorted(MODES))
        mode: Any = MODES[account]
        return AccountOpened(self.at, account, limits, 2, home="EUR", mode=mode)

    def _note(self, account: Account, book: Book) -> Entry:
        """Something that an operator, a clock or a client who asks says."""
        chance, at = self.chance, self.at
        scope = chance.choice([("all", None), ("account", account.id), ("pair", "EUR/USD")])
        state = chance.choice(["active", "active", "active", "reducing", "halted"])
        cents = format_decimal(chance.randint(-(10**6), 10**7), 2)
        against = cents[1:] if cents.startswith("-") else f"-{cents}"
        later = rfc3339(self.at_ns + NS_PER_SECOND)
        postings = (Posting(account.id, "USD", cents), Posting("house", "USD", against))
        seen = QuoteSeen("1.08249", "1.08251", at, "flow")
        leg = Leg("2026-11-27", "1.08249", "1.08251", "0.0", "0.0")
        return chance.choice([
            KillSwitchSet(at, chance.choice([None, account.id]), chance.random() < 0.2, "x", "y"),
            TradingStateSet(at, *scope, state, "risk", "a test"),
            ResumeAsked(at, *scope, "active", "risk", "a test"),
            LimitsSet(at, *scope, ScopedLimits(
                messages_per_second=50, executions_max=90, execution_window_ms=500), "x", "y"),
            LimitOverridden(
                at, *scope, "collar_bps", "200", later, "a test", "the approver", "risk", "note"),
            FundsMoved(at, account.id, postings, "cashier", "a transfer"),
            MarginChanged(at, account.id, chance.choice(["call_entered", "call_exited"]), "1", "2"),
            PositionRolled(at, account.id, "EUR/USD", "1.00", "2026-11-25", "2026-11-26", 1,
                           "1.08250", "200", "400", cents, postings, seen, home_rate="0.9238"),
            QuoteGiven(at, f"Q-{book.size}", account.id, "EUR/USD", "outright", "1000.00", (leg,),
                       "1.08249", "1.08251", later, "flow", "ab" * 32),
        ])  # fmt: skip

    def _replaced(self, account: Account, book: Book) -> Iterable[Entry]:
        working = self.chance.choice(list(account.open_orders.values()))
        old = working.order
        members = self._members(WAITS, old.pair) | {"side": old.side}
        request = self.words.request(account=account.id, pair=old.pair, **members)
        return replace_with(
            request, old.id, None, self.at_ns, book=book, market=self._market(old.pair)
        )

    def _order(self, account: Account, book: Book) -> Iterable[Entry]:
        symbol = self.chance.choice(sorted(PAIRS))
        members = self._members(["market", *WAITS], symbol)
        if self.chance.random() < 0.2:
            children = [self._linked(CLOSES, symbol) for _ in range(self.chance.randint(1, 2))]
            members["if_done"] = children
        if members["type"] != "market" and self.chance.random() < 0.2:
            members["oco"] = self._linked(WAITS, symbol)
        request = self.words.request(account=account.id, pair=symbol, **members)
        return place_all(request, None, self.at_ns, book=book, market=self._market(symbol))

    def _members(self, types: list[str], symbol: str) -> dict[str, Any]:
        """An order of one of the types."""
        self.number += 1
        kind = self.chance.choice(types)
        members: dict[str, Any] = {
            "client_order_id": f"c-{self.number}", "type": kind,
            "side": self.chance.choice(["buy", "sell"]),
            "quantity": self.chance.choice(QUANTITIES),
        }  # fmt: skip
        if kind in {"limit", "stop_limit", "take_profit"}:
            members["price"] = self._price(symbol)
        if kind in {"stop", "stop_limit", "market_if_touched", "stop_loss"}:
            members["stop_price"] = self._price(symbol)
        if kind == "trailing_stop":
            members["distance"] = self._text(symbol, self.chance.randint(5, 40))
        if kind not in CLOSES:
            members["position_fill"] = self.chance.choice(
                [None, None, "open_only", "reduce_first", "reduce_only"]
            )
        if kind != "market" and self.chance.random() < 0.3:
            members["time_in_force"] = "GTD"
            members["expires_at"] = rfc3339(self.at_ns + self.chance.randint(1, 20) * 10**8)
        return members

    def _linked(self, types: list[str], symbol: str) -> dict[str, Any]:
        members = self._members(types, symbol)
        return {name: value for name, value in members.items() if name != "client_order_id"}

    def _price(self, symbol: str) -> str:
        return self._text(symbol, PAIRS[symbol] + self.chance.randint(-50, 50))

    def _text(self, symbol: str, points: int) -> str:
        return format_decimal(points, 3 if symbol.endswith("JPY") else 5)


@pytest.fixture(scope="session")
def flows() -> type[Flow]:
    """`flows(words, seed)` is one."""
    return Flow
