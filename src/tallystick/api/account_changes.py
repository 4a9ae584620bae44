"""What happened to an account since an entry: the cheap way to keep a copy of it up to date."""

from typing import Annotated

import msgspec
from msgspec import Meta

from tallystick.api.account_views import durable, position_views, prices_of
from tallystick.api.history import folded
from tallystick.api.ledger import Position
from tallystick.api.operation import Call, Operation
from tallystick.api.services import Services
from tallystick.errors import Refused
from tallystick.execution import Order, OrderDecided, OrderFilled, decode
from tallystick.execution.book import Account
from tallystick.execution.entries import (
    Entry,
    OrderActivated,
    OrderCancelled,
    OrderExpired,
    OrderTrailed,
    OrderTriggered,
    PositionRolled,
)
from tallystick.execution.margin import valuation
from tallystick.execution.margin.valuation import PositionView, Summary
from tallystick.execution.rows import TradeRow, trades_in
from tallystick.execution.search import Filter
from tallystick.limits import PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX


class ChangesQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What came after the entry at `since`, the `last_position` of an earlier answer.

    At most `limit` entries in one answer. `min_position`: wait for the entry at this position.
    """

    since: Position
    limit: Annotated[int, Meta(ge=1, le=PAGE_ITEMS_MAX)] = PAGE_ITEMS_DEFAULT
    min_position: Position | None = None


class Transaction(msgspec.Struct, frozen=True):
    """One entry about the account, whole."""

    position: int
    entry: msgspec.Raw


class Changes(msgspec.Struct, frozen=True):
    """What entries made of the account, each list in the order of the entries.

    Orders stand as each entry left them, so one may come several times. `orders_changed` were set
    off, trailed or woken; `trades` are fills; `positions` those that fills and rolls changed, as
    they are now. `transactions` are the entries themselves.
    """

    orders_created: list[Order]
    orders_filled: list[Order]
    orders_cancelled: list[Order]
    orders_rejected: list[Order]
    orders_changed: list[Order]
    trades: list[TradeRow]
    positions: list[PositionView]
    transactions: list[Transaction]


class State(msgspec.Struct, frozen=True):
    """What depends on prices, as it is now."""

    summary: Summary
    positions: list[PositionView]


class AccountChanges(msgspec.Struct, frozen=True):
    """All that happened after `since` up to `last_position`; ask again from there while `more`."""

    account: str
    since: int
    last_position: int
    more: bool
    changes: Changes
    state: State


async def get_changes(services: Services, call: Call) -> AccountChanges:
    """What came after an entry, and the account's figures now."""
    query: ChangesQuery = call.query
    name = call.path["id"]
    call.principal.require_account(name)
    services.desk.book.account(name)
    await folded(services, query.min_position)
    if query.since >= services.history.position:
        sentence = (
            f"The ledger has no entry {query.since}: begin again with GET /v1/accounts/{name}."
        )
        raise Refused("SINCE_OUT_OF_RANGE", sentence, field="since")
    wanted = Filter(account=name, start=query.since + 1)
    page = services.history.search.page(wanted, limit=query.limit)
    last = services.history.position - 1 if page.cursor is None else page.cursor - 1
    entries = [(position, row.entry, decode(row.entry)) for position, row in page.entries]
    moved = {pair for _position, _data, entry in entries for pair in _moved(entry)}

    def build(account: Account, _last: int) -> AccountChanges:
        prices = prices_of(services)
        state = State(valuation.summary(account, prices), position_views(account, prices))
        positions = [
            valuation.position_view(account, pair, prices)
            for pair in sorted(moved)
            if pair in account.positions
        ]
        changes = _changes(entries, positions)
        return AccountChanges(name, query.since, last, page.cursor is not None, changes, state)

    return await durable(services, name, build)


def _moved(entry: Entry) -> tuple[str, ...]:
    """The pairs whose position an entry changed."""
    if isinstance(entry, PositionRolled):
        return (entry.pair,)
    if isinstance(entry, OrderDecided | OrderFilled) and entry.fills:
        return (entry.order.pair,)
    return ()


def _changes(entries: list[tuple[int, bytes, Entry]], positions: list[PositionView]) -> Changes:
    changes = Changes([], [], [], [], [], [], positions, [])
    for position, data, entry in entries:
        if isinstance(entry, OrderDecided):
            rejected = entry.order.state == "rejected"
            (changes.orders_rejected if rejected else changes.orders_created).append(entry.order)
        if isinstance(entry, OrderDecided | OrderFilled) and entry.fills:
            changes.orders_filled.append(entry.order)
            changes.trades.extend(trades_in(position, entry))
        elif isinstance(entry, OrderCancelled | OrderExpired):
            changes.orders_cancelled.append(entry.order)
        elif isinstance(entry, OrderTriggered | OrderTrailed | OrderActivated):
            changes.orders_changed.append(entry.order)
        changes.transactions.append(Transaction(position, msgspec.Raw(data)))
    return changes


OPERATIONS = (
    Operation(
        "GET", "/v1/accounts/{id}/changes", "What happened to an account after an entry.",
        get_changes, AccountChanges, scope="read", query=ChangesQuery, tag="accounts",
        refusals=("UNKNOWN_ACCOUNT", "SINCE_OUT_OF_RANGE", "NOT_HERE_YET"),
    ),
)  # fmt: skip
