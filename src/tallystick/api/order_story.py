"""One order as it stands now, and how it came there: each of its entries."""

from collections.abc import Iterator

import msgspec
from msgspec import UNSET, UnsetType

from tallystick.api.operation import Call, Operation
from tallystick.api.order_answers import LinkedAnswer, OneOrderQuery, linked_answer, named, whose
from tallystick.api.services import Services
from tallystick.execution import Fill, Order, OrderDecided, Rejection, decode, entries
from tallystick.execution.entries import OrderState
from tallystick.ids import order_position
from tallystick.ledger import Receipt
from tallystick.limits import ORDER_STEPS_MAX

ROWS_A_LINKED = 4
"""Entries behind an order's own in which each of the orders that came with it is looked for."""


class OrderStep(msgspec.Struct, frozen=True):
    """One transition of an order: the entry at `position` brought it into `state`."""

    position: int
    kind: str
    at: str
    state: OrderState


class OrderStory(msgspec.Struct, frozen=True):
    """An order as it stands now, proved by the newest of its entries, and how it came there.

    `fills` are all of it, `linked` the orders that came with it as they stand now. `steps` are the
    oldest first; of an order with more than fit, `/v1/history/order/{id}` has the rest.
    """

    order: Order
    fills: tuple[Fill, ...]
    rejection: Rejection | None
    receipt: Receipt
    steps: list[OrderStep]
    linked: tuple[LinkedAnswer, ...] | UnsetType = UNSET


async def get_order(services: Services, call: Call) -> OrderStory:
    """One order as it stands now, proved by the newest of its entries, with its whole story."""
    found = named(services, call)
    story = services.history.order(found, whose(call))
    return OrderStory(
        order=story.order,
        fills=story.fills,
        rejection=story.decided.rejection,
        receipt=services.ledger.receipt(story.positions[-1]),
        steps=[_step(services, found, each) for each in story.positions[:ORDER_STEPS_MAX]],
        linked=tuple(_linked_now(services, story.decided)) or UNSET,
    )


def _step(services: Services, order_id: str, position: int) -> OrderStep:
    """What the entry at a position made of the order; another order's stands in its place."""
    entry = decode(services.ledger.rows(position, 1)[0].entry)
    assert isinstance(entry, entries.OrderStep)  # noqa: S101  history found no others
    state: OrderState = entry.order.state if entry.order.id == order_id else "replaced"
    return OrderStep(position, str(entry.__struct_config__.tag), entry.at, state)


def _linked_now(services: Services, first: OrderDecided) -> Iterator[LinkedAnswer]:
    """The orders that were decided with `first`: their entries follow its own."""
    if not first.order.linked:
        return
    start = order_position(first.order.id) + 1
    for row in services.ledger.rows(start, ROWS_A_LINKED * first.order.linked):
        entry = decode(row.entry)
        if isinstance(entry, OrderDecided) and entry.request == first.request:
            now = services.history.order(entry.order.id, None).order
            yield msgspec.structs.replace(linked_answer(entry), state=now.state)


OPERATIONS = (
    Operation(
        "GET", "/v1/orders/{id:path}", "One order as it stands now: its receipt and its story.",
        get_order, OrderStory, scope="read", query=OneOrderQuery, tag="orders",
        refusals=("UNKNOWN_ORDER",),
    ),
)  # fmt: skip
