"""The book: balances, resting orders, limits and switches, folded from ledger entries.

The book is what the entries say and nothing else: the same fold runs when an order was just
decided, when the process starts, and in every check. A decision that never became durable is
taken back (`rewind`), so the book may run ahead of the disk by the batches on their way.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from tallystick.clock import parse_own_stamp
from tallystick.errors import Refused
from tallystick.execution.entries import (
    AccountOpened,
    Entry,
    KillSwitchSet,
    LimitsText,
    Order,
    OrderCancelled,
    OrderDecided,
    OrderFilled,
    Posting,
)
from tallystick.fx import currency
from tallystick.ids import order_position
from tallystick.money import Price, Quantity, format_decimal, parse_decimal, parse_own

HOUSE = "house"
"""The other side of every fill: the desk's own account."""
USD_DIGITS = 2
UNITS_DIGITS = 0
REPEATS_KEPT_MAX = 1_024
"""Different orders remembered per account for the duplicate window; the oldest goes first."""

K = TypeVar("K")
V = TypeVar("V")
_ABSENT: Any = object()
Economics = tuple[str, str, int, str, int | None]
Change = tuple[dict[Any, Any], Any, Any]
"""(mapping, key, what it held before)."""


class Limits(msgspec.Struct, frozen=True):
    """What an account may do.

    `order_quantity_max` whole units of base currency, `position_usd_max` US cents of net open
    position, `collar_bps` hundredths of a percent from the mid, `duplicates_max` equal orders
    within `duplicate_window_ms` milliseconds.
    """

    order_quantity_max: int
    position_usd_max: int
    collar_bps: int
    duplicate_window_ms: int
    duplicates_max: int

    @classmethod
    def of(cls, text: LimitsText) -> "Limits":
        """The limits in an entry's words.

        Raises:
            Refused: a number is malformed or too precise.
        """
        return cls(
            order_quantity_max=parse_decimal(text.order_quantity_max, UNITS_DIGITS),
            position_usd_max=parse_decimal(text.position_usd_max, USD_DIGITS),
            collar_bps=text.collar_bps,
            duplicate_window_ms=text.duplicate_window_ms,
            duplicates_max=text.duplicates_max,
        )


class Resting(msgspec.Struct, frozen=True):
    """A limit order that waits for its price, with its numbers parsed."""

    order: Order
    quantity: Quantity
    price: Price

    @property
    def position(self) -> int:
        """Of the entry that decided it: its place in the line."""
        return order_position(self.order.id)


class Repeat(msgspec.Struct, frozen=True, gc=False):
    """How often one and the same order came since `start_ns`, when entry `position` was first."""

    start_ns: int
    count: int
    position: int


class Undo(msgspec.Struct, frozen=True, gc=False):
    """What `entries` applied entries changed, in order."""

    entries: int
    changes: list[Change]


class Account:
    """One account's share of the book. Owned by the book; others only read."""

    __slots__ = ("balances", "id", "limits", "open_orders", "repeats")

    def __init__(self, account: str, limits: Limits) -> None:
        self.id = account
        self.limits = limits
        self.balances: dict[str, int] = {}
        self.open_orders: dict[str, Resting] = {}
        self.repeats: OrderedDict[Economics, Repeat] = OrderedDict()


class Book:
    """All accounts, folded from the entries before position `size`."""

    def __init__(self) -> None:
        self.size = 0
        self.accounts: dict[str, Account] = {}
        self.house: dict[str, int] = {}
        self.stopped: dict[str | None, bool] = {}
        self.open_by_pair: dict[str, dict[str, Resting]] = {}
        self._changes: list[Change] = []
        self._cut_size = 0
        self._fold: dict[type[Any], Callable[[Any], None]] = {
            OrderDecided: self._order_decided,
            OrderFilled: self._order_filled,
            OrderCancelled: self._order_cancelled,
            AccountOpened: self._account_opened,
            KillSwitchSet: self._kill_switch_set,
        }

    def account(self, account: str) -> Account:
        """The account of this name.

        Raises:
            Refused: `UNKNOWN_ACCOUNT`.
        """
        found = self.accounts.get(account)
        if found is None:
            raise Refused("UNKNOWN_ACCOUNT", f"There is no account {account!r}.", field="account")
        return found

    def is_stopped(self, account: str) -> bool:
        """Whether a kill switch, the account's or the one of all, is active."""
        return self.stopped.get(None, False) or self.stopped.get(account, False)

    def apply(self, entry: Entry) -> None:
        """Fold the entry at position `size` into the book."""
        fold = self._fold.get(type(entry))
        if fold is not None:  # what is about the ledger itself moves no balance
            fold(entry)
        self.size += 1

    def cut(self) -> Undo:
        """What takes back everything applied since the last cut; hand it to `rewind`."""
        undo = Undo(self.size - self._cut_size, self._changes)
        self._changes, self._cut_size = [], self.size
        return undo

    def rewind(self, undo: Undo) -> None:
        """Take back the newest cut, so that the book is again what it was before it."""
        returned: dict[int, dict[Any, Any]] = {}
        for mapping, key, old in reversed(undo.changes):
            if old is _ABSENT:
                del mapping[key]
                continue
            if key not in mapping:
                returned[id(mapping)] = mapping
            mapping[key] = old
        for mapping in returned.values():  # what comes back stands in its old place in the line
            ordered = sorted(mapping.items(), key=_position)
            mapping.clear()
            mapping.update(ordered)
        self.size -= undo.entries
        self._cut_size = self.size

    def _set(self, mapping: dict[K, V], key: K, value: V) -> None:
        self._changes.append((mapping, key, mapping.get(key, _ABSENT)))
        mapping[key] = value

    def _remove(self, mapping: dict[K, V], key: K) -> None:
        self._changes.append((mapping, key, mapping.pop(key)))

    def _order_decided(self, entry: OrderDecided) -> None:
        order = entry.order
        account = self.account(order.account)
        quantity = Quantity(parse_own(order.quantity))
        price = None if order.price is None else parse_own(order.price)
        self._repeat(
            account,
            (order.pair, order.side, quantity, order.type, price),
            parse_own_stamp(entry.at),
        )
        self._post(entry.postings)
        if order.state == "new" and price is not None:
            resting = Resting(order, quantity, Price(price))
            self._set(account.open_orders, order.id, resting)
            self._set(self.open_by_pair.setdefault(order.pair, {}), order.id, resting)

    def _repeat(self, account: Account, economics: Economics, at_ns: int) -> None:
        known = account.repeats.get(economics)
        window_ns = account.limits.duplicate_window_ms * 1_000_000
        if known is not None and at_ns - known.start_ns >= window_ns:
            self._remove(account.repeats, economics)
            known = None
        if known is None:
            known = Repeat(at_ns, 0, self.size)
        counted = Repeat(known.start_ns, known.count + 1, known.position)
        self._set(account.repeats, economics, counted)
        if len(account.repeats) > REPEATS_KEPT_MAX:
            self._remove(account.repeats, next(iter(account.repeats)))

    def _order_filled(self, entry: OrderFilled) -> None:
        self._post(entry.postings)
        self._close(entry.order)

    def _order_cancelled(self, entry: OrderCancelled) -> None:
        self._close(entry.order)

    def _close(self, order: Order) -> None:
        self._remove(self.account(order.account).open_orders, order.id)
        self._remove(self.open_by_pair[order.pair], order.id)

    def _post(self, postings: tuple[Posting, ...]) -> None:
        for posting in postings:
            code = posting.currency
            amount = parse_own(posting.amount)
            house = posting.account == HOUSE
            balances = self.house if house else self.account(posting.account).balances
            self._set(balances, code, balances.get(code, 0) + amount)

    def _account_opened(self, entry: AccountOpened) -> None:
        account = Account(entry.account, Limits.of(entry.limits))
        known = self.accounts.get(entry.account)
        if known is not None:  # new limits; what it holds stays
            account.balances = known.balances
            account.open_orders = known.open_orders
            account.repeats = known.repeats
        self._set(self.accounts, entry.account, account)

    def _kill_switch_set(self, entry: KillSwitchSet) -> None:
        self._set(self.stopped, entry.account, entry.active)


def _position(item: tuple[Any, Resting | Repeat]) -> int:
    return item[1].position


class AccountState(msgspec.Struct, frozen=True):
    """One account inside a snapshot."""

    id: str
    limits: Limits
    balances: dict[str, int]
    open_orders: list[Resting]
    repeats: list[tuple[Economics, Repeat]]


class BookState(msgspec.Struct, frozen=True):
    """A whole book inside a snapshot: what a start folds on from."""

    size: int
    accounts: list[AccountState]
    house: dict[str, int]
    stopped: list[tuple[str | None, bool]]


def snapshot(book: Book) -> bytes:
    """The book as bytes."""
    accounts = [
        AccountState(
            account.id,
            account.limits,
            account.balances,
            list(account.open_orders.values()),
            list(account.repeats.items()),
        )
        for account in book.accounts.values()
    ]
    state = BookState(book.size, accounts, book.house, list(book.stopped.items()))
    return msgspec.json.encode(state)


def restore(data: bytes) -> Book:
    """The book in a snapshot.

    Raises:
        msgspec.DecodeError: the bytes are no snapshot of this version.
    """
    state = msgspec.json.decode(data, type=BookState)
    book = Book()
    book.size = state.size
    book.cut()
    book.house = state.house
    book.stopped = dict(state.stopped)
    for kept in state.accounts:
        account = Account(kept.id, kept.limits)
        account.balances = kept.balances
        account.repeats = OrderedDict(kept.repeats)
        account.open_orders = {resting.order.id: resting for resting in kept.open_orders}
        book.accounts[kept.id] = account
    every = (
        resting for account in book.accounts.values() for resting in account.open_orders.values()
    )
    for resting in sorted(every, key=lambda each: each.position):
        book.open_by_pair.setdefault(resting.order.pair, {})[resting.order.id] = resting
    return book


def balances_text(balances: dict[str, int]) -> dict[str, str]:
    """Balances as decimal strings with each currency's digits; zero balances are left out."""
    return {
        code: format_decimal(amount, currency(code).minor_digits)
        for code, amount in sorted(balances.items())
        if amount
    }
