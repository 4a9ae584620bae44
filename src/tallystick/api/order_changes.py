"""What changes an order that works: replacing it, cancelling it, cancelling all."""

from collections.abc import Iterable, Iterator

import msgspec
from starlette.responses import Response

from tallystick.api.idempotency import answered, header_key, key_of
from tallystick.api.openapi import LOCATION_HEADER
from tallystick.api.operation import Call, Operation
from tallystick.api.order_answers import (
    LINKS,
    OneOrderQuery,
    OrderAnswer,
    named,
    placed_response,
    whose,
)
from tallystick.api.services import Services
from tallystick.errors import Refused
from tallystick.execution import PlaceOrder, decode, parse_request
from tallystick.execution.batch import Propose
from tallystick.execution.cancelling import NOTHING, cancel_working, cancelled_with
from tallystick.execution.desk import Key
from tallystick.execution.entries import Entry, OrderCancelled
from tallystick.fx import pair as pair_of
from tallystick.ledger import Receipt

ROWS = 256
"""Entries read at once."""


class CancelOrders(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose working orders to cancel: all of the account's, or those of one pair."""

    account: str
    pair: str | None = None


class CancelledOrder(msgspec.Struct, frozen=True):
    """An order that was cancelled by the entry at `position`."""

    id: str
    client_order_id: str
    pair: str
    position: int


class CancelledOrders(msgspec.Struct, frozen=True):
    """What was cancelled, oldest first, and the receipt of the first cancellation.

    `receipt` is null where no order was working: then nothing was written. Orders that only waited
    for one of these are cancelled with it and are not listed.
    """

    account: str
    orders: list[CancelledOrder]
    receipt: Receipt | None


async def replace_order(services: Services, call: Call) -> Response:
    """Put an order in the place of an open one, in one step."""
    body: PlaceOrder = call.body
    call.principal.require_account(body.account)
    replaced = named(services, call)
    request = parse_request(body)
    try:
        placed = await services.desk.replace(replaced, request, header_key(call))
    except Refused as refusal:
        if refusal.code == "ORDER_NOT_OPEN":
            _require_same(services.history.order(replaced, whose(call)).order.account, body)
        raise
    return placed_response(placed)


async def cancel_order(services: Services, call: Call) -> Response:
    """Take back a working order; the answer is the cancellation's entry."""
    order_id = named(services, call)
    account = _account_of(services, call, order_id)
    own = account == call.principal.account
    size = services.desk.book.size
    recorded = await services.desk.cancel(
        order_id,
        account,
        by=call.principal.name,
        reason="asked by the client" if own else "asked by an operator",
        code="CLIENT_REQUEST" if own else "OPERATOR_REQUEST",
        key=key_of(call),
    )
    entry = recorded.entry
    assert isinstance(entry, OrderCancelled)  # noqa: S101  what the desk's proposal says
    answer = OrderAnswer(entry.order, (), None, recorded.receipt)
    return answered(answer, replayed=recorded.receipt.position < size)


async def cancel_orders(services: Services, call: Call) -> Response:
    """Take back every working order of an account, or of a pair of it, in one commit."""
    body: CancelOrders = call.body
    call.principal.require_account(body.account)
    if body.pair is not None:
        pair_of(body.pair)  # a misspelt one is refused: nothing cancelled would be a lie
    services.desk.book.account(body.account)
    key = key_of(call)
    size = services.desk.book.size
    try:
        recorded = await services.desk.write(_cancelling(services, call, body, key), key)
    except Refused as refusal:
        if refusal.code != NOTHING:
            raise
        return answered(CancelledOrders(body.account, [], None), replayed=False)
    first, receipt = recorded.entry, recorded.receipt
    assert isinstance(first, OrderCancelled)  # noqa: S101  what the proposal says
    replayed = receipt.position < size
    behind = _behind(services, receipt.position) if replayed else recorded.more
    orders = [
        _item(entry, receipt.position + number) for number, entry in cancelled_with(first, behind)
    ]
    return answered(CancelledOrders(body.account, orders, receipt), replayed=replayed)


def _cancelling(services: Services, call: Call, body: CancelOrders, key: Key | None) -> Propose:
    def propose(_position: int, at_ns: int) -> Iterable[Entry]:
        return cancel_working(
            body.account,
            body.pair,
            book=services.desk.book,
            at_ns=at_ns,
            by=call.principal.name,
            key=None if key is None else key.text,
            request=None if key is None else key.digest,
        )

    return propose


def _behind(services: Services, position: int) -> Iterator[Entry]:
    """The durable entries behind one, read as they are asked for."""
    while rows := services.ledger.rows(position + 1, ROWS):
        yield from (decode(row.entry) for row in rows)
        position += len(rows)


def _item(entry: OrderCancelled, position: int) -> CancelledOrder:
    order = entry.order
    return CancelledOrder(order.id, order.client_order_id, order.pair, position)


def _account_of(services: Services, call: Call, order_id: str) -> str:
    """Whose order it is: from the book while it works, else from history.

    Raises:
        Refused: `UNKNOWN_ORDER`, also for orders of others.
    """
    book = services.desk.book
    own = book.accounts.get(call.principal.account)
    if own is not None and order_id in own.open_orders:
        return own.id
    return services.history.order(order_id, whose(call)).order.account


def _require_same(account: str, body: PlaceOrder) -> None:
    if account != body.account:
        sentence = f"A replacement has the account of the order: {account}."
        raise Refused("VALUE_NOT_ALLOWED", sentence, field="account")


OPERATIONS = (
    Operation(
        "POST", "/v1/orders/cancel", "Cancel all working orders of an account, or of a pair of it.",
        cancel_orders, CancelledOrders, scope="trade", body=CancelOrders, tag="orders", keyed=True,
        refusals=("UNKNOWN_ACCOUNT", "UNKNOWN_PAIR"),
    ),
    Operation(
        "PUT", "/v1/orders/{id:path}", "Put an order in the place of a working one, in one step.",
        replace_order, OrderAnswer, scope="trade", query=OneOrderQuery, body=PlaceOrder,
        status=201, tag="orders", keyed=True, headers=LOCATION_HEADER, links=LINKS,
        refusals=("UNKNOWN_ORDER", "ORDER_NOT_OPEN"),
    ),
    Operation(
        "DELETE", "/v1/orders/{id:path}", "Cancel a working order.",
        cancel_order, OrderAnswer, scope="trade", query=OneOrderQuery, tag="orders", keyed=True,
        refusals=("UNKNOWN_ORDER", "ORDER_NOT_OPEN"),
    ),
)  # fmt: skip
