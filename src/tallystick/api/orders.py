"""Orders, trades and positions."""

from typing import Annotated

import msgspec
from msgspec import Meta

from tallystick.api.operation import Call, Operation
from tallystick.api.services import Services
from tallystick.execution import (
    Fill,
    Order,
    OrderRow,
    PlaceOrder,
    Rejection,
    TradeRow,
    balances_text,
    check_key,
    parse_request,
)
from tallystick.execution.entries import OrderState
from tallystick.fx import pair as pair_of
from tallystick.ledger import Receipt
from tallystick.limits import PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX

Limit = Annotated[int, Meta(ge=1, le=PAGE_ITEMS_MAX, description="Most items in the answer.")]
Before = Annotated[int, Meta(ge=1, lt=2**53, description="Only items before this position.")]


class OrderAnswer(msgspec.Struct, frozen=True, gc=False):
    """An order, what became of it, and the receipt that proves it."""

    order: Order
    fills: tuple[Fill, ...]
    rejection: Rejection | None
    receipt: Receipt


class OrdersQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which orders; `account` is the token's own where it is not given."""

    account: str | None = None
    state: OrderState | None = None
    limit: Limit = PAGE_ITEMS_DEFAULT
    before: Before | None = None


class OrderItem(msgspec.Struct, frozen=True):
    """An order in a list."""

    id: str
    account: str
    client_order_id: str
    pair: str
    side: str
    quantity: str
    type: str
    time_in_force: str
    price: str | None
    state: OrderState
    at: str
    position: int
    fills: tuple[Fill, ...]
    rejection_code: str | None


class OrderList(msgspec.Struct, frozen=True):
    """Orders, newest first; `next_before` asks for the next page, null at the end."""

    orders: list[OrderItem]
    next_before: int | None


class TradesQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which trades; `account` is the token's own where it is not given."""

    account: str | None = None
    pair: str | None = None
    limit: Limit = PAGE_ITEMS_DEFAULT
    before: Before | None = None


class TradeList(msgspec.Struct, frozen=True):
    """Trades, newest first; `next_before` asks for the next page, null at the end."""

    trades: list[TradeRow]
    next_before: int | None


class AccountQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose; the token's own account where it is not given."""

    account: str | None = None


class Balance(msgspec.Struct, frozen=True):
    """What an account holds of one currency, signed, in its minor unit's digits."""

    currency: str
    amount: str


class Positions(msgspec.Struct, frozen=True):
    """An account's currency positions, folded from the entries before `position`."""

    account: str
    position: int
    balances: list[Balance]


async def place_order(services: Services, call: Call) -> OrderAnswer:
    """What `POST /v1/orders` means; `api.hot` does the same for the hot path."""
    order: PlaceOrder = call.body
    call.principal.require_account(order.account)
    key = call.headers.get("idempotency-key")
    if key is not None:
        check_key(key, "Idempotency-Key")
    placed = await services.desk.place(parse_request(order), key)
    entry = placed.entry
    return OrderAnswer(entry.order, entry.fills, entry.rejection, placed.receipt)


async def list_orders(services: Services, call: Call) -> OrderList:
    """The account's orders, newest first."""
    query: OrdersQuery = call.query
    rows = services.history.orders(
        _account(services, call), state=query.state, limit=query.limit, before=query.before
    )
    full = len(rows) == query.limit
    return OrderList([item_of(row) for row in rows], rows[-1].position if full else None)


async def get_order(services: Services, call: Call) -> OrderAnswer:
    """One order as it stands now, proved by the newest of its entries."""
    story = services.history.order(call.path["id"], _whose(call))
    receipt = services.ledger.receipt(story.positions[-1])
    return OrderAnswer(story.order, story.fills, story.decided.rejection, receipt)


async def cancel_order(services: Services, call: Call) -> OrderAnswer:
    """Take back a resting order; the answer is the cancellation's entry."""
    order_id = call.path["id"]
    story = services.history.order(order_id, _whose(call))
    recorded = await services.desk.cancel(
        order_id, story.order.account, by=call.principal.name, reason="asked by the client"
    )
    order = msgspec.structs.replace(story.order, state="cancelled")
    return OrderAnswer(order, (), None, recorded.receipt)


async def list_trades(services: Services, call: Call) -> TradeList:
    """The account's trades, newest first."""
    query: TradesQuery = call.query
    if query.pair is not None:
        pair_of(query.pair)  # a misspelt one is refused: no trades would be a lie
    rows = services.history.trades(
        _account(services, call), pair=query.pair, limit=query.limit, before=query.before
    )
    full = len(rows) >= query.limit
    return TradeList(rows, rows[-1].position if full else None)


async def get_positions(services: Services, call: Call) -> Positions:
    """The account's currency positions."""
    account = _account(services, call)
    size, balances = services.desk.balances(account)
    return Positions(account, size, [Balance(*item) for item in balances_text(balances).items()])


def item_of(row: OrderRow) -> OrderItem:
    """An order's row as the list shows it."""
    order = row.order
    return OrderItem(
        order.id, order.account, order.client_order_id, order.pair, order.side, order.quantity,
        order.type, order.time_in_force, order.price, order.state,
        row.at, row.position, row.fills, row.rejection_code,
    )  # fmt: skip


def _account(services: Services, call: Call) -> str:
    account: str = call.query.account or call.principal.account
    call.principal.require_account(account)
    return services.desk.book.account(account).id


def _whose(call: Call) -> str | None:
    """Whose orders the token may see by id: its account's, or (None) anybody's."""
    return None if "operate" in call.principal.scopes else call.principal.account


OPERATIONS = (
    Operation(
        "POST", "/v1/orders", "Place an order; the answer proves what became of it.",
        place_order, OrderAnswer, scope="trade", body=PlaceOrder, status=201, tag="orders",
        refusals=("BAD_JSON", "IDEMPOTENCY_CONFLICT", "BODY_TOO_LARGE"),
    ),
    Operation(
        "GET", "/v1/orders", "List orders, newest first.",
        list_orders, OrderList, scope="read", query=OrdersQuery, tag="orders",
    ),
    Operation(
        "GET", "/v1/orders/{id}", "One order as it stands now, with its receipt.",
        get_order, OrderAnswer, scope="read", tag="orders", refusals=("UNKNOWN_ORDER",),
    ),
    Operation(
        "DELETE", "/v1/orders/{id}", "Cancel a resting order.",
        cancel_order, OrderAnswer, scope="trade", tag="orders",
        refusals=("UNKNOWN_ORDER", "ORDER_NOT_OPEN"),
    ),
    Operation(
        "GET", "/v1/trades", "List trades, newest first.",
        list_trades, TradeList, scope="read", query=TradesQuery, tag="orders",
    ),
    Operation(
        "GET", "/v1/positions", "Currency positions of an account.",
        get_positions, Positions, scope="read", query=AccountQuery, tag="orders",
    ),
)  # fmt: skip
