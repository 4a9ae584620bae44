"""Ledger entries as the page's live events."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec
from msgspec import UNSET

from tallystick.access import Scope
from tallystick.execution import OrderDecided, OrderFilled, decode
from tallystick.execution.entries import (
    Entry,
    KillSwitchSet,
    MarginChanged,
    OrderCancelled,
    OrderStep,
    ResumeAsked,
    TradingStateSet,
)
from tallystick.stream import Message
from tallystick.web import MarginRow, OrderRow, Orders, TradingStateRow
from tallystick.web.events import CancelRow, FillRow, RejectionRow


class Said(NamedTuple):
    """An event for the pages: what is said, and the audience of `LiveHub.publish`."""

    event: str
    data: Orders | TradingStateRow | MarginRow
    account: str | None = None
    scope: Scope | None = None


def live_events(messages: list[Message], rows_max: int) -> Iterator[Said]:
    """What pages hear of these messages: notices as they come, then each account's orders."""
    entries = [(message.position, decode(message.body)) for message in messages]
    for position, entry in entries:
        said = _notice(position, entry)
        if said is not None:
            yield said
    for account, orders in _orders(entries, rows_max):
        yield Said("order", orders, account=account)


def _orders(entries: Iterable[tuple[int, Entry]], rows_max: int) -> Iterator[tuple[str, Orders]]:
    """(account, its orders), oldest first; the newest `rows_max` of each."""
    rows: dict[str, list[OrderRow]] = {}
    for position, entry in entries:
        if isinstance(entry, OrderStep):
            rows.setdefault(entry.order.account, []).append(_row(entry, position))
    for account, found in rows.items():
        yield account, Orders(found[-rows_max:], omitted=max(0, len(found) - rows_max))


def _row(entry: OrderStep, position: int) -> OrderRow:
    """The order as its entry leaves it."""
    decided = entry if isinstance(entry, OrderDecided) else None
    rejection = None if decided is None else decided.rejection
    fills = entry.fills if isinstance(entry, OrderDecided | OrderFilled) else ()
    return OrderRow(
        at=entry.at,
        position=position,
        fills=[FillRow(**msgspec.structs.asdict(fill)) for fill in fills],
        rejection=None if rejection is None else RejectionRow(rejection.code, rejection.reason),
        by=UNSET if decided is None else decided.by,
        cancelled=CancelRow(entry.by, entry.reason, entry.code)
        if isinstance(entry, OrderCancelled)
        else UNSET,
        **msgspec.structs.asdict(entry.order),
    )


def _notice(position: int, entry: Entry) -> Said | None:
    """What stops or frees trading, and what becomes of an account's margin.

    A stop of a desk is told to operators alone: the hub does not know whose desk it is, and its
    accounts read it from the API.
    """
    if isinstance(entry, MarginChanged):
        row = MarginRow(entry.account, entry.event, entry.equity, entry.used, entry.at, position)
        return Said("margin", row, account=entry.account)
    if isinstance(entry, KillSwitchSet):
        scope = "all" if entry.account is None else "account"
        state = "halted" if entry.active else "active"
        name = entry.account
    elif isinstance(entry, TradingStateSet | ResumeAsked):
        scope, state, name = entry.scope, entry.state, entry.id
    else:
        return None
    told = TradingStateRow(
        scope, name, state, entry.by, entry.reason, entry.at, position,
        asked=isinstance(entry, ResumeAsked),
    )  # fmt: skip
    return Said(
        "trading_state",
        told,
        account=name if scope == "account" else None,
        scope="operate" if scope == "desk" else None,
    )
