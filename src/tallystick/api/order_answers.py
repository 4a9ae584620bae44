"""What is answered to an order, and how a request names one."""

import msgspec
from msgspec import UNSET, UnsetType
from starlette.responses import Response

from tallystick.api.idempotency import answered
from tallystick.api.operation import Call
from tallystick.api.services import Services
from tallystick.errors import Refused
from tallystick.execution import Fill, Order, OrderDecided, Placed, Rejection
from tallystick.execution.entries import OrderState, OrderType, order_keys
from tallystick.ids import order_id
from tallystick.ledger import Receipt

OWN_NAME = "@"
"""Before a client_order_id where the id of an order is asked for."""


_BY_ID = "$response.body#/order/id"
LINKS = {
    name: {"operationId": operation, "parameters": {"path.id": _BY_ID}}
    for name, operation in (
        ("read", "get_v1_orders_id"),
        ("replace", "put_v1_orders_id"),
        ("cancel", "delete_v1_orders_id"),
    )
}
"""What can be done next with an order that was answered (OpenAPI links)."""


class LinkedAnswer(msgspec.Struct, frozen=True, gc=False):
    """An order that came with another one, as it was decided."""

    id: str
    client_order_id: str
    type: OrderType
    state: OrderState
    rejection: Rejection | None = None


class OrderAnswer(msgspec.Struct, frozen=True, gc=False):
    """An order, what became of it, and the receipt that proves it.

    `linked` are the orders that came with it; left out where none did.
    """

    order: Order
    fills: tuple[Fill, ...]
    rejection: Rejection | None
    receipt: Receipt
    linked: tuple[LinkedAnswer, ...] | UnsetType = UNSET


class OneOrderQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose client_order_id it is, where the order is named by `@` and that."""

    account: str | None = None


def answer_of(placed: Placed) -> OrderAnswer:
    """What is answered to an order: nothing that a retry would not be answered, too."""
    entry = placed.entry
    if not placed.linked:
        return OrderAnswer(entry.order, entry.fills, entry.rejection, placed.receipt)
    linked = tuple(linked_answer(each) for each in placed.linked)
    return OrderAnswer(entry.order, entry.fills, entry.rejection, placed.receipt, linked)


def placed_response(placed: Placed) -> Response:
    """The whole answer to an order."""
    location = f"/v1/orders/{placed.entry.order.id}"
    return answered(answer_of(placed), replayed=placed.replayed, status=201, location=location)


def named(services: Services, call: Call) -> str:
    """The id of the order that the path names: by its id, or by `@` and its client_order_id.

    Raises:
        Refused: `UNKNOWN_ORDER`; `FORBIDDEN`, the client_order_id is of another account.
    """
    name = call.path["id"]
    if not name:
        raise Refused("NOT_FOUND", "There is nothing at this path.")
    if not name.startswith(OWN_NAME):
        return name
    account = call.query.account or call.principal.account
    call.principal.require_account(account)
    key = order_keys(account, name.removeprefix(OWN_NAME), None)[0]
    position = services.ledger.find(key)
    if position is None or position >= services.ledger.size:
        raise Refused("UNKNOWN_ORDER", f"The account {account!r} has no order {name!r}.")
    return order_id(position)


def whose(call: Call) -> str | None:
    """Whose orders the token may see by id: its account's, or (None) anybody's."""
    return None if "operate" in call.principal.scopes else call.principal.account


def linked_answer(entry: OrderDecided) -> LinkedAnswer:
    """An order that came with another one, as its entry says."""
    order = entry.order
    return LinkedAnswer(order.id, order.client_order_id, order.type, order.state, entry.rejection)
