"""From observations to columns: what a micro-batch says, as arrays that kernels can walk over.

A row that cannot be read as numbers (not finite, not positive, no account) has the kind SKIP, and
no kernel looks at it. Names become slots; when all slots of a table are taken, the batch is cut
short there, so that what is known is judged before somebody is forgotten.
"""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol, get_type_hints
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.observation import (
    NUMBER_MAX,
    AccountSeen,
    Observation,
    OrderSeen,
    QuoteSeen,
)
from tallystick.watch.detect.orders.saving import Header
from tallystick.watch.detect.orders.slots import Slots

SKIP, DECIDED, FILLED, CANCELLED, EXPIRED, ACCOUNT, QUOTE = range(-1, 6)
"""Kinds of rows."""
OTHER_STATE, DONE, WAITING, REJECTED = range(4)
"""States of orders, as far as detectors care: filled, new (it waits in the book), rejected."""
OVERSIZE = frozenset({"QUANTITY_TOO_LARGE", "ORDER_VALUE_TOO_LARGE"})
"""Codes of rejections that say: this order is too large for this account."""
PAIRS_MAX = 1_024
"""Most pairs whose market is known; the least recently used goes first."""
CURRENCIES_MAX = 192
"""Currencies that are told apart; there are about 160. Further ones share the last number."""
DOLLAR = 0
"""The number of the US dollar."""
WEEK_HOURS = 168
_HOURS_KEPT_MAX = 4_096
_SECONDS_MAX = 2.0**33
_NEW_YORK = ZoneInfo("America/New_York")
_KINDS = {"decided": DECIDED, "filled": FILLED, "cancelled": CANCELLED, "expired": EXPIRED}
_STATES = {"filled": DONE, "new": WAITING, "rejected": REJECTED}
_SIDES = {"buy": 1, "sell": -1}


class Row(Protocol):
    """One observation as numbers; slots are -1 and numbers NaN where there are none.

    `hour` is the hour of the FX week: 0 begins on Sunday at 17:00 in New York, 120 (its close) is
    where the weekend begins. `oversize` is 1 where an order was rejected for its size. `base` and
    `quote` number the currencies of the pair. `limit_usd`, `equity` and `funds` are an account's
    (kind ACCOUNT).
    """

    kind: int
    at: float
    hour: int
    position: int
    account: int
    book: int
    pair: int
    order: int
    side: int
    state: int
    own: int
    oversize: int
    base: int
    quote: int
    quantity: float
    filled: float
    limit: float
    fill: float
    bid: float
    ask: float
    limit_usd: float
    equity: float
    funds: float


Columns = NDArray[np.void]
"""A micro-batch: `columns[row]` is a Row, `columns["at"]` everybody's."""
_DTYPE = np.dtype(
    [(name, np.int64 if kind is int else np.float64) for name, kind in get_type_hints(Row).items()]
)


class Tables:
    """Who has which slot: accounts, books (an account in a pair), pairs, waiting orders."""

    def __init__(self, entities_max: int) -> None:
        self.accounts: Slots[str] = Slots(entities_max)
        self.books: Slots[tuple[str, str]] = Slots(3 * entities_max)
        self.pairs: Slots[str] = Slots(min(PAIRS_MAX, 3 * entities_max))
        self.orders: Slots[str] = Slots(entities_max)
        self.currencies = {"USD": DOLLAR}
        self.moment = 0
        self._hours: dict[int, int] = {}
        self._legs_known: dict[str, tuple[int, int]] = {}

    def each(self) -> dict[str, Slots[str] | Slots[tuple[str, str]]]:
        """The tables by the names by which looks know what their state is about."""
        return {
            "account": self.accounts,
            "book": self.books,
            "pair": self.pairs,
            "order": self.orders,
        }

    def restore(self, header: Header) -> None:
        """Know again who had which slot.

        Raises:
            ValueError: the header does not fit these tables, or contradicts itself.
        """
        tables = self.each()
        if header.tables.keys() != tables.keys():
            raise ValueError("these tables belong to another detector")
        for name, table in (
            ("account", self.accounts), ("pair", self.pairs), ("order", self.orders),
        ):  # fmt: skip
            saved = header.tables[name]
            table.restore([each for each in saved.names if isinstance(each, str)], saved)
        books = header.tables["book"]
        self.books.restore([each for each in books.names if isinstance(each, tuple)], books)
        if not all(0 <= number < CURRENCIES_MAX for number in header.currencies.values()):
            raise ValueError("a currency has an impossible number")
        if not 0 <= header.moment < 2**62:
            raise ValueError("the moment is impossible")
        self.currencies = header.currencies
        self.moment = header.moment

    def full(self, seen: Observation) -> str | None:
        """The table in which this observation would find no slot; None: it finds them all."""
        if type(seen) is QuoteSeen:
            return None if self.pairs.knows(seen.pair) else "pair"
        if not (type(seen) is OrderSeen or type(seen) is AccountSeen):
            return None
        free = {"account": self.accounts.knows(seen.account)}
        if type(seen) is OrderSeen:
            waits = seen.event == "decided" and seen.state == "new"
            free["book"] = self.books.knows((seen.account, seen.pair))
            free["pair"] = self.pairs.knows(seen.pair)
            free["order"] = not waits or self.orders.knows(seen.order_id)
        return next((table for table, there in free.items() if not there), None)

    def meet(self, seen: Observation) -> None:
        """Give its names their slots; there is room (`full`)."""
        if type(seen) is QuoteSeen:
            self.pairs.of(seen.pair)
        elif type(seen) is OrderSeen or type(seen) is AccountSeen:
            self.accounts.of(seen.account)
            if type(seen) is OrderSeen:
                self.books.of((seen.account, seen.pair))
                self.pairs.of(seen.pair)
                if seen.event == "decided" and seen.state == "new":
                    self.orders.of(seen.order_id)

    def roomy(self, rows: int) -> bool:
        """Whether so many strangers would find a slot in every table."""
        return all(table.room >= rows for table in self.each().values())

    def columns(self, batch: Sequence[Observation]) -> Columns:
        """The batch as columns; the tables know its names afterwards."""
        columns = _empty(len(batch))
        orders = [seen for seen in batch if type(seen) is OrderSeen]
        if orders:
            rows = [row for row, seen in enumerate(batch) if type(seen) is OrderSeen]
            self._orders(columns, orders, rows)
        if len(orders) < len(batch):
            quotes = [seen for seen in batch if type(seen) is QuoteSeen]
            if quotes:
                rows = [row for row, seen in enumerate(batch) if type(seen) is QuoteSeen]
                self._quotes(columns, quotes, rows)
            for row, seen in enumerate(batch):
                if type(seen) is AccountSeen:
                    self._account(columns, row, seen)
        self._finish(columns)
        return columns

    def _orders(self, columns: Columns, seen: Sequence[OrderSeen], rows: list[int]) -> None:
        at = np.array(rows)
        columns["kind"][at] = [_KINDS.get(each.event, SKIP) for each in seen]
        columns["at"][at] = [each.at_seconds for each in seen]
        columns["position"][at] = [each.position for each in seen]
        accounts, books, pairs = self.accounts.of, self.books.of, self.pairs.of
        columns["account"][at] = [accounts(each.account) for each in seen]
        columns["book"][at] = [books((each.account, each.pair)) for each in seen]
        columns["pair"][at] = [pairs(each.pair) for each in seen]
        columns["order"][at] = [self._waiting(each) for each in seen]
        columns["side"][at] = [_SIDES.get(each.side, 0) for each in seen]
        columns["state"][at] = [_STATES.get(each.state, OTHER_STATE) for each in seen]
        columns["own"][at] = [each.own for each in seen]
        columns["oversize"][at] = [each.code in OVERSIZE for each in seen]
        columns["quantity"][at] = [each.quantity for each in seen]
        columns["filled"][at] = [each.filled for each in seen]
        columns["limit"][at] = [_or_nan(each.limit_price) for each in seen]
        columns["fill"][at] = [_or_nan(each.fill_price) for each in seen]
        columns["bid"][at] = [_or_nan(each.mid if each.bid is None else each.bid) for each in seen]
        columns["ask"][at] = [_or_nan(each.mid if each.ask is None else each.ask) for each in seen]
        legs = [self._legs(each.pair) for each in seen]
        columns["base"][at] = [leg[0] for leg in legs]
        columns["quote"][at] = [leg[1] for leg in legs]

    def _waiting(self, seen: OrderSeen) -> int:
        if seen.event == "decided":
            return self.orders.of(seen.order_id) if seen.state == "new" else -1
        if seen.state == "partially_filled":
            return self.orders.names.get(seen.order_id, -1)
        return self.orders.release(seen.order_id)

    def _account(self, columns: Columns, row: int, seen: AccountSeen) -> None:
        columns["kind"][row] = ACCOUNT
        columns["at"][row] = seen.at_seconds
        columns["position"][row] = seen.position
        columns["account"][row] = self.accounts.of(seen.account)
        columns["limit_usd"][row] = _or_nan(seen.position_usd_max)
        columns["equity"][row] = _or_nan(seen.equity_usd)
        columns["funds"][row] = _or_nan(seen.funds_usd)

    def _quotes(self, columns: Columns, seen: Sequence[QuoteSeen], rows: list[int]) -> None:
        at = np.array(rows)
        good = [0 < each.bid <= each.ask < math.inf for each in seen]
        columns["kind"][at] = np.where(good, QUOTE, SKIP)
        columns["at"][at] = [each.at_seconds for each in seen]
        pairs = self.pairs.of
        columns["pair"][at] = [pairs(each.pair) for each in seen]
        legs = [self._legs(each.pair) for each in seen]
        columns["base"][at] = [leg[0] for leg in legs]
        columns["quote"][at] = [leg[1] for leg in legs]
        columns["bid"][at] = [each.bid for each in seen]
        columns["ask"][at] = [each.ask for each in seen]

    def _finish(self, columns: Columns) -> None:
        """Moments of use, hours of the week, and what is no number taken out."""
        moments = np.arange(self.moment, self.moment + len(columns["kind"]))
        self.moment += len(columns["kind"])
        for name, table in self.each().items():
            slots: NDArray[np.int64] = columns[name]
            there = slots >= 0
            table.touch(slots[there], moments[there])
        is_order = (columns["kind"] >= DECIDED) & (columns["kind"] <= EXPIRED)
        usable = np.abs(columns["at"]) < _SECONDS_MAX
        quantity, filled = columns["quantity"], columns["filled"]
        whole = (quantity > 0) & (quantity <= NUMBER_MAX) & (filled >= 0) & (filled <= NUMBER_MAX)
        usable &= ~is_order | whole
        columns["kind"][~usable] = SKIP
        columns["at"][~usable] = 0.0
        for name in ("limit", "fill", "bid", "ask"):
            prices = columns[name]
            prices[~((prices >= 1 / NUMBER_MAX) & (prices <= NUMBER_MAX))] = math.nan
        for name in ("limit_usd", "equity", "funds"):
            dollars = columns[name]
            dollars[~(np.abs(dollars) <= NUMBER_MAX)] = math.nan
        hours, inverse = np.unique(columns["at"] // 3_600, return_inverse=True)
        columns["hour"][:] = np.array([self._hour(int(hour)) for hour in hours])[inverse]

    def _hour(self, hour: int) -> int:
        """The hour of the FX week of an hour since the epoch."""
        known = self._hours.get(hour)
        if known is None:
            moment = datetime.fromtimestamp(max(hour, 0) * 3_600, UTC).astimezone(_NEW_YORK)
            # Monday is 0: Sunday 17:00 begins the week.
            known = ((moment.weekday() + 1) * 24 + moment.hour - 17) % WEEK_HOURS
            if len(self._hours) >= _HOURS_KEPT_MAX:
                self._hours.clear()
            self._hours[hour] = known
        return known

    def _legs(self, pair: str) -> tuple[int, int]:
        known = self._legs_known.get(pair)
        if known is None:
            base, _, quote = pair.partition("/")
            known = (self._currency(base), self._currency(quote))
            if len(self._legs_known) >= PAIRS_MAX:
                self._legs_known.clear()
            self._legs_known[pair] = known
        return known

    def _currency(self, code: str) -> int:
        number = self.currencies.get(code)
        if number is None:
            number = min(len(self.currencies), CURRENCIES_MAX - 1)
            if number < CURRENCIES_MAX - 1:
                self.currencies[code] = number
        return number


def _or_nan(number: float | None) -> float:
    return math.nan if number is None else number


def _empty(rows: int) -> Columns:
    columns = np.zeros(rows, _DTYPE)
    for name in ("kind", "position", "account", "book", "pair", "order"):
        columns[name] = -1
    for name in ("quantity", "limit", "fill", "bid", "ask", "limit_usd", "equity", "funds"):
        columns[name] = math.nan
    return columns
