"""Documents and their versions: what each entry made of an order, a trade, an account, a limit.

A document is never stored. Its versions are the entries that changed it, each with the state
after it, so every version is proved by its entry's receipt; the state at any position or time is
the newest version before it.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, get_args

import msgspec

from tallystick.errors import Refused
from tallystick.execution.accounts import balances_text
from tallystick.execution.entries import (
    AccountOpened,
    Entry,
    Fill,
    KillSwitchSet,
    LimitsText,
    Order,
    OrderCancelled,
    OrderDecided,
    OrderFilled,
    Raw,
    Rejection,
    decode,
)
from tallystick.execution.projection import EVERYBODY, Projection
from tallystick.execution.rows import TradeRow, trades_in, trades_of
from tallystick.ids import order_position
from tallystick.money import parse_own

DocumentKind = Literal[
    "order", "trade", "account", "limit", "kill_switch", "keys", "reconciliation", "subject"
]
KINDS: tuple[DocumentKind, ...] = get_args(DocumentKind)

_ENDLESS = 2**62
_TRADE_PREFIX = "F-"
_ORDER = "SELECT position, settled FROM orders WHERE position = ?"
_OWNER = {
    "order": "SELECT account FROM orders WHERE position = ?",
    "trade": "SELECT account FROM trades WHERE position = ?",
}
_SOME = (
    "SELECT position FROM documents"
    " WHERE document = :document AND position >= :start AND position < :stop"
    " ORDER BY position LIMIT :limit"
)
_NEWEST = (
    "SELECT position FROM documents WHERE document = :document AND position < :stop"
    " ORDER BY position DESC LIMIT 1"
)
_TRADED = (
    "SELECT position FROM trades"
    " WHERE account = :account AND position >= :start AND position < :stop"
    " ORDER BY position LIMIT :limit"
)
_TRADED_LAST = (
    "SELECT position FROM trades WHERE account = :account AND position < :stop"
    " ORDER BY position DESC LIMIT 1"
)


class OrderState(msgspec.Struct, frozen=True):
    """An order after one of its entries: `fills` and `rejection` are that entry's own."""

    order: Order
    fills: tuple[Fill, ...] = ()
    rejection: Rejection | None = None


class AccountState(msgspec.Struct, frozen=True):
    """An account after an entry; `balances` are decimal strings by currency, none that are zero.

    `limits` is None while it has traded but was never opened, which the desk does not allow.
    `stopped` is its own kill switch; the one of all is the document `kill_switch/*`.
    """

    account: str
    limits: LimitsText | None
    stopped: bool
    balances: dict[str, str]


class KillSwitch(msgspec.Struct, frozen=True):
    """Whether trading is stopped, for one account or (`account` null) for all, and who says so."""

    account: str | None
    active: bool
    by: str
    reason: str


Wanted = dict[str, str | int]
"""Values of a statement, by name."""
State = OrderState | TradeRow | AccountState | LimitsText | KillSwitch | Entry


class Version(msgspec.Struct, frozen=True):
    """What the entry at `position` made of a document."""

    position: int
    entry: Entry
    state: State


class Versions(msgspec.Struct, frozen=True):
    """A page of versions, oldest first; `cursor` asks for the next page, None at the end."""

    versions: list[Version]
    cursor: int | None


class Documents:
    """Documents by kind and id; the projection must have folded what they ask about."""

    def __init__(self, projection: Projection) -> None:
        self._projection = projection

    def account_of(self, kind: DocumentKind, name: str) -> str | None:
        """Whose document it is; None where it is no account's.

        Raises:
            Refused: `UNKNOWN_DOCUMENT`.
        """
        if kind in {"account", "limit", "kill_switch"}:
            return None if (kind, name) == ("kill_switch", EVERYBODY) else name
        if kind in _OWNER:
            position = _position_in(kind, name)
            found = self._projection.connection.execute(_OWNER[kind], (position,)).get
            if position is None or found is None:
                raise unknown(kind, name)
            return str(found)
        return None

    def versions(self, kind: DocumentKind, name: str, *, limit: int, start: int = 0) -> Versions:
        """At most `limit` versions from position `start` on.

        Raises:
            Refused: `UNKNOWN_DOCUMENT`, there is not one version of it.
        """
        found = self._positions(kind, name, start, limit + 1)
        if not found and (start == 0 or not self._positions(kind, name, 0, 1)):
            raise unknown(kind, name)
        page = self._read(kind, name, found[:limit])
        return Versions(page, found[limit] if len(found) > limit else None)

    def in_force(self, kind: DocumentKind, name: str, before: int) -> Version | None:
        """The newest version among the entries before a position; None: it did not exist yet.

        Raises:
            Refused: `UNKNOWN_DOCUMENT`, there is not one version of it even now.
        """
        version = self._newest_version(kind, name, before)
        if version is None and not self._positions(kind, name, 0, 1):
            raise unknown(kind, name)
        return version

    def balances(self, account: str, before: int) -> dict[str, int]:
        """Minor units by currency, after the entries before a position.

        They were kept with the fold; only what came after that is read from the ledger.
        """
        start, balances = self._projection.balances(account, before)
        wanted: Wanted = {
            "account": account, "start": start, "stop": before, "limit": _ENDLESS,
        }  # fmt: skip
        for position in self._all(_TRADED, wanted):
            post(self._entry(position), account, balances)
        return balances

    def _positions(self, kind: DocumentKind, name: str, start: int, limit: int) -> list[int]:
        """Positions of versions from `start` on, oldest first."""
        if kind in _OWNER:
            found = [each for each in self._single(kind, name) if each >= start]
            return found[:limit]
        wanted: Wanted = {"start": start, "stop": _ENDLESS, "limit": limit}
        found = self._all(_SOME, {"document": f"{kind}/{name}", **wanted})
        if kind == "account":
            found = sorted(found + self._all(_TRADED, {"account": name, **wanted}))
        return found[:limit]

    def _newest(self, kind: DocumentKind, name: str, before: int) -> int | None:
        if kind in _OWNER:
            found = [each for each in self._single(kind, name) if each < before]
        else:
            found = self._all(_NEWEST, {"document": f"{kind}/{name}", "stop": before})
            if kind == "account":
                found += self._all(_TRADED_LAST, {"account": name, "stop": before})
        return max(found, default=None)

    def _newest_version(self, kind: DocumentKind, name: str, before: int) -> Version | None:
        position = self._newest(kind, name, before)
        return None if position is None else self._read(kind, name, [position])[0]

    def _single(self, kind: DocumentKind, name: str) -> list[int]:
        """The few positions of an order or a trade, whose ids hold the first of them."""
        position = _position_in(kind, name)
        if position is None or position >= self._projection.position:
            return []
        if kind == "trade":
            fills = trades_of(position, self._row(position))
            return [position] if any(fill.id == name for fill in fills) else []
        found = self._projection.connection.execute(_ORDER, (position,)).fetchall()
        return [int(str(each)) for row in found for each in row if each is not None]

    def _read(self, kind: DocumentKind, name: str, positions: Sequence[int]) -> list[Version]:
        if not positions:
            return []
        states = self._accounts if kind == "account" else _STATES[kind]
        entries = [(position, self._entry(position)) for position in positions]
        made = states(name, entries)
        return [Version(p, e, state) for (p, e), state in zip(entries, made, strict=True)]

    def _accounts(self, name: str, entries: Sequence[tuple[int, Entry]]) -> Iterator[State]:
        """An account after each entry: as it was before the first of them, folded on."""
        first = entries[0][0]
        limits = stopped = None
        before = self._newest_version("limit", name, first)
        if before is not None and isinstance(before.state, LimitsText):
            limits = before.state
        before = self._newest_version("kill_switch", name, first)
        if before is not None and isinstance(before.state, KillSwitch):
            stopped = before.state.active
        balances = self.balances(name, first)
        for _position, entry in entries:
            if isinstance(entry, AccountOpened):
                limits = entry.limits
            elif isinstance(entry, KillSwitchSet):
                stopped = entry.active
            else:
                post(entry, name, balances)
            yield AccountState(name, limits, bool(stopped), balances_text(balances))

    def _entry(self, position: int) -> Entry:
        return decode(self._row(position))

    def _row(self, position: int) -> bytes:
        return self._projection.ledger.rows(position, 1)[0].entry

    def _all(self, query: str, wanted: Wanted) -> list[int]:
        rows = self._projection.connection.execute(query, wanted).fetchall()
        return [int(str(position)) for (position,) in rows]


def unknown(kind: str, name: str) -> Refused:
    """There is no such document."""
    return Refused("UNKNOWN_DOCUMENT", f"There is no {kind} {name!r} in the ledger.")


def post(entry: Entry, account: str, balances: dict[str, int]) -> None:
    """Add what the entry posts to the account."""
    if isinstance(entry, OrderDecided | OrderFilled):
        for posting in entry.postings:
            if posting.account == account:
                held = balances.get(posting.currency, 0)
                balances[posting.currency] = held + parse_own(posting.amount)


def _position_in(kind: DocumentKind, name: str) -> int | None:
    """The position inside the id of an order (`O-7`) or a trade (`F-7-1`)."""
    if kind == "trade":
        digits, _, _number = name.removeprefix(_TRADE_PREFIX).rpartition("-")
        name = f"O-{digits}" if name.startswith(_TRADE_PREFIX) else ""
    try:
        return order_position(name)
    except Refused:
        return None


def _orders(_name: str, entries: Sequence[tuple[int, Entry]]) -> Iterator[State]:
    for _position, entry in entries:
        if isinstance(entry, OrderDecided):
            yield OrderState(entry.order, entry.fills, entry.rejection)
        elif isinstance(entry, OrderFilled):
            yield OrderState(entry.order, entry.fills)
        elif isinstance(entry, OrderCancelled):
            yield OrderState(entry.order)


def _trades(name: str, entries: Sequence[tuple[int, Entry]]) -> Iterator[State]:
    for position, entry in entries:
        yield from (row for row in trades_in(position, entry) if row.id == name)


def _limits(_name: str, entries: Sequence[tuple[int, Entry]]) -> Iterator[State]:
    for _position, entry in entries:
        if isinstance(entry, AccountOpened):
            yield entry.limits


def _kill_switches(_name: str, entries: Sequence[tuple[int, Entry]]) -> Iterator[State]:
    for _position, entry in entries:
        if isinstance(entry, KillSwitchSet):
            yield KillSwitch(entry.account, entry.active, entry.by, entry.reason)


def _themselves(_name: str, entries: Sequence[tuple[int, Entry]]) -> Iterator[State]:
    """Where an entry says the whole document, it is the state."""
    for _position, entry in entries:
        assert not isinstance(entry, Raw)  # noqa: S101  the projection put no such into a document
        yield entry


_STATES: dict[DocumentKind, Callable[[str, Sequence[tuple[int, Entry]]], Iterator[State]]] = {
    "order": _orders,
    "trade": _trades,
    "limit": _limits,
    "kill_switch": _kill_switches,
    "keys": _themselves,
    "reconciliation": _themselves,
    "subject": _themselves,
}
