"""Orders, trades and positions: placing an order, and what is read back."""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.responses import Response

from tallystick.api import batch, order_changes, order_story, precheck
from tallystick.api.idempotency import header_key
from tallystick.api.openapi import LOCATION_HEADER
from tallystick.api.operation import Call, Operation
from tallystick.api.order_answers import LINKS, OrderAnswer, placed_response
from tallystick.api.services import Services
from tallystick.execution import (
    Fill,
    Order,
    OrderRow,
    PlaceOrder,
    TradeRow,
    balances_text,
    parse_request,
)
from tallystick.execution.entries import (
    OrderState,
    OrderType,
    PositionFill,
    Trigger,
)
from tallystick.fx import pair as pair_of
from tallystick.limits import PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX

Limit = Annotated[int, Meta(ge=1, le=PAGE_ITEMS_MAX, description="Most items in the answer.")]
Before = Annotated[int, Meta(ge=1, lt=2**53, description="Only items before this position.")]


class OrdersQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which orders; `account` is the token's own where it is not given.

    The state `open` is every state from which an order can still go on.
    """

    account: str | None = None
    state: OrderState | Literal["open"] | None = None
    pair: str | None = None
    type: OrderType | None = None
    limit: Limit = PAGE_ITEMS_DEFAULT
    before: Before | None = None


class OrderItem(msgspec.Struct, frozen=True):
    """An order in a list; what stands behind `rejection_code` is there where it applies."""

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
    filled: str | UnsetType = UNSET
    stop_price: str | UnsetType = UNSET
    distance: str | UnsetType = UNSET
    trigger: Trigger | UnsetType = UNSET
    triggered: bool | UnsetType = UNSET
    expires_at: str | UnsetType = UNSET
    price_bound: str | UnsetType = UNSET
    position_fill: PositionFill | UnsetType = UNSET
    parent: str | UnsetType = UNSET
    oco: str | UnsetType = UNSET
    linked: int | UnsetType = UNSET
    replaces: str | UnsetType = UNSET
    trade: str | UnsetType = UNSET
    quote: str | UnsetType = UNSET


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


async def place_order(services: Services, call: Call) -> Response:
    """What `POST /v1/orders` means; `api.hot` does the same for the hot path."""
    order: PlaceOrder = call.body
    call.principal.require_account(order.account)
    return placed_response(await services.desk.place(parse_request(order), header_key(call)))


async def list_orders(services: Services, call: Call) -> OrderList:
    """The account's orders, newest first."""
    query: OrdersQuery = call.query
    if query.pair is not None:
        pair_of(query.pair)  # a misspelt one is refused: no orders would be a lie
    rows = services.history.orders(
        _account(services, call), state=query.state, limit=query.limit, before=query.before,
        pair=query.pair, order_type=query.type,
    )  # fmt: skip
    full = len(rows) == query.limit
    return OrderList([item_of(row) for row in rows], rows[-1].position if full else None)


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
    said = {name: getattr(row.order, name) for name in Order.__struct_fields__}
    return OrderItem(
        at=row.at, position=row.position, fills=row.fills, rejection_code=row.rejection_code, **said
    )


def _account(services: Services, call: Call) -> str:
    account: str = call.query.account or call.principal.account
    call.principal.require_account(account)
    return services.desk.book.account(account).id


OPERATIONS = (
    Operation(
        "POST", "/v1/orders", "Place an order; the answer proves what became of it.",
        place_order, OrderAnswer, scope="trade", body=PlaceOrder, status=201, tag="orders",
        refusals=("BAD_JSON", "IDEMPOTENCY_CONFLICT", "BODY_TOO_LARGE"),
        keyed=True, headers=LOCATION_HEADER, links=LINKS,
    ),
    *batch.OPERATIONS,
    *precheck.OPERATIONS,
    Operation(
        "GET", "/v1/orders", "List orders, newest first.",
        list_orders, OrderList, scope="read", query=OrdersQuery, tag="orders",
    ),
    *order_changes.OPERATIONS,
    *order_story.OPERATIONS,
    Operation(
        "GET", "/v1/trades", "List trades, newest first.",
        list_trades, TradeList, scope="read", query=TradesQuery, tag="orders",
    ),
    Operation(
        "GET", "/v1/positions", "Currency positions of an account.",
        get_positions, Positions, scope="read", query=AccountQuery, tag="orders",
    ),
)  # fmt: skip
