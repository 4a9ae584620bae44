"""Documents and their versions: what each entry made of an order, a trade, an account, a limit.

A document is never stored. Its versions are the entries that changed it, each with the state
after it, so every version is proved by its entry's receipt; the state at any position or time is
the newest version before it.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, get_args

import msgspec

from tallystick.errors import Refused
from tallystick.execution.book import balances_text
from tallystick.execution.entries import (
    AccountOpened,
    Entry,
    Fill,
    KillSwitchSet,
    LimitsSet,
    LimitsText,
    Order,
    OrderDecided,
    OrderFilled,
    OrderStep,
    Raw,
    Rejection,
    Scope,
    ScopedLimits,
    TradingState,
    TradingStateSet,
    decode,
)
from tallystick.execution.projection import EVERYBODY, Projection
from tallystick.execution.rows import TradeRow, trades_in, trades_of
from tallystick.ids import order_position
from tallystick.money import parse_own

DocumentKind = Literal[
    "order",
    "trade",
    "account",
    "limit",
    "override",
    "kill_switch",
    "resume",
    "margin",
    "quote",
    "keys",
    "reconciliation",
    "subject",
]
KINDS: tuple[DocumentKind, ...] = get_args(DocumentKind)

_ENDLESS = 2**62
_TRADE_PREFIX = "F-"
_ORDER = (
    "SELECT position FROM orders WHERE position = :decided"
    " UNION ALL SELECT position FROM steps WHERE decided = :decided ORDER BY position"
)
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
    """Whether trading is stopped, for a scope or (`account` null) for all, and who says so.

    `active`: nothing may be traded; `state` says it in three words.
    """

    account: str | None
    active: bool
    by: str
    reason: str
    state: TradingState = "halted"
    scope: Scope = "account"


Wanted = dict[str, str | int]
"""Values of a statement, by name."""
State = OrderState | TradeRow | AccountState | LimitsText | ScopedLimits | KillSwitch | Entry


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
        if kind in {"account", "limit", "override", "kill_switch", "resume", "margin"}:
            return None if name == EVERYBODY or ":" in name else name
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
        moved = self._all(_TRADED, wanted)
        moved += self._all(_SOME, {"document": f"account/{account}", **wanted})
        for position in sorted(moved):
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
        return self._all(_ORDER, {"decided": position})

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
            elif isinstance(entry, TradingStateSet):
                stopped = entry.state == "halted"
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
    for posting in getattr(entry, "postings", ()):
        if posting.account == account:
            held = balances.get(posting.currency, 0)
            balances[posting.currency] = held + parse_own(posting.amount)


def state_after(entry: OrderStep, order_id: str, before: Order) -> Order:
    """An order after an entry about it: its own, or the one of the order in its place."""
    if entry.order.id == order_id:
        return entry.order
    return msgspec.structs.replace(before, state="replaced")


def _position_in(kind: DocumentKind, name: str) -> int | None:
    """The position inside the id of an order (`O-7`) or a trade (`F-7-1`)."""
    if kind == "trade":
        digits, _, _number = name.removeprefix(_TRADE_PREFIX).rpartition("-")
        name = f"O-{digits}" if name.startswith(_TRADE_PREFIX) else ""
    try:
        return order_position(name)
    except Refused:
        return None


def _orders(name: str, entries: Sequence[tuple[int, Entry]]) -> Iterator[State]:
    order: Order | None = None
    for _position, entry in entries:
        if not isinstance(entry, OrderStep):
            continue
        if entry.order.id != name:  # the order that stands in its place
            before = entry.order if order is None else order
            order = msgspec.structs.replace(before, state="replaced")
            yield OrderState(order)
            continue
        order = entry.order
        fills = entry.fills if isinstance(entry, OrderDecided | OrderFilled) else ()
        yield OrderState(order, fills, entry.rejection if isinstance(entry, OrderDecided) else None)


def _trades(name: str, entries: Sequence[tuple[int, Entry]]) -> Iterator[State]:
    for position, entry in entries:
        yield from (row for row in trades_in(position, entry) if row.id == name)


def _limits(_name: str, entries: Sequence[tuple[int, Entry]]) -> Iterator[State]:
    for _position, entry in entries:
        if isinstance(entry, AccountOpened | LimitsSet):
            yield entry.limits


def _kill_switches(_name: str, entries: Sequence[tuple[int, Entry]]) -> Iterator[State]:
    for _position, entry in entries:
        if isinstance(entry, KillSwitchSet):
            state: TradingState = "halted" if entry.active else "active"
            scope: Scope = "all" if entry.account is None else "account"
            yield KillSwitch(entry.account, entry.active, entry.by, entry.reason, state, scope)
        elif isinstance(entry, TradingStateSet):
            yield KillSwitch(
                entry.id, entry.state == "halted", entry.by, entry.reason, entry.state, entry.scope
            )


def _themselves(_name: str, entries: Sequence[tuple[int, Entry]]) -> Iterator[State]:
    """Where an entry says the whole document, it is the state."""
    for _position, entry in entries:
        assert not isinstance(entry, Raw)  # noqa: S101  the projection put no such into a document
        yield entry


_STATES: dict[DocumentKind, Callable[[str, Sequence[tuple[int, Entry]]], Iterator[State]]] = {
    "order": _orders,
    "trade": _trades,
    "limit": _limits,
    "override": _themselves,
    "kill_switch": _kill_switches,
    "resume": _themselves,
    "margin": _themselves,
    "quote": _themselves,
    "keys": _themselves,
    "reconciliation": _themselves,
    "subject": _themselves,
}
