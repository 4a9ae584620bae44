"""`POST /v1/orders/batch`: up to a thousand orders, each answered on its own and in order."""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from starlette.responses import Response

from tallystick.access import Principal
from tallystick.api.decoding import decode_body
from tallystick.api.idempotency import answered, header_key
from tallystick.api.operation import Call, Operation
from tallystick.api.order_answers import OrderAnswer, answer_of
from tallystick.api.problems import Problem, known_error, problem_of
from tallystick.api.services import Services
from tallystick.errors import Refused, TallystickError, TemporaryError
from tallystick.execution import OrderRequest, Placed, PlaceOrder, parse_request
from tallystick.limits import BATCH_BODY_BYTES_MAX, BATCH_ORDERS_MAX

_SIZE = Meta(min_length=1, max_length=BATCH_ORDERS_MAX)
_ORDER = Meta(
    description="An order; what is none is answered with a problem in its place.",
    extra_json_schema={"anyOf": [{"$ref": "#/components/schemas/PlaceOrder"}, {}]},
)
_EITHER = Meta(
    extra_json_schema={
        "oneOf": [
            {"$ref": "#/components/schemas/OrderAnswer"},
            {"$ref": "#/components/schemas/Problem"},
        ]
    }
)


class PlaceOrders(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/orders/batch`: orders as `POST /v1/orders` takes them.

    They are read one by one: what is wrong with one stops no other.
    """

    orders: Annotated[list[Annotated[msgspec.Raw, _ORDER]], _SIZE]


class PlacedOrders(msgspec.Struct, frozen=True):
    """The answer to each order, in their order: what `POST /v1/orders` answers, or a problem."""

    answers: list[Annotated[Any, _EITHER]]


Request = tuple[OrderRequest, str | None]
_decoder = msgspec.json.Decoder(PlaceOrder)


async def place_orders(services: Services, call: Call) -> Response:
    """Place orders one after another, in one commit where they fit.

    Under an Idempotency-Key K the n-th order, counted from 0, has the key `K#n`.

    Raises:
        TemporaryError: nothing was done; try again with the same batch.
    """
    bodies: PlaceOrders = call.body
    key = header_key(call)
    read = [
        _read(call.principal, raw, None if key is None else f"{key}#{number}")
        for number, raw in enumerate(bodies.orders)
    ]
    wanted = [each for each in read if isinstance(each, tuple)]
    placed = iter(await services.desk.place_many(wanted))
    outcomes = [next(placed) if isinstance(each, tuple) else each for each in read]
    later = [each for each in outcomes if isinstance(each, TemporaryError)]
    if len(later) == len(outcomes):  # nothing was done: the whole batch is to come back
        raise later[0]
    answers = [_answer(outcome) for outcome in outcomes]
    return answered(PlacedOrders(answers), replayed=_is_replay(outcomes))


def _read(principal: Principal, raw: msgspec.Raw, key: str | None) -> Request | TallystickError:
    """One order of the batch, or why it cannot become one."""
    try:
        order = decode_body(_decoder, raw)
        principal.require_account(order.account)
        return parse_request(order), key
    except Refused as refusal:
        return refusal


def _answer(outcome: Placed | TallystickError) -> OrderAnswer | Problem:
    if isinstance(outcome, Placed):
        return answer_of(outcome)
    return problem_of(known_error(outcome))


def _is_replay(outcomes: Sequence[Placed | TallystickError]) -> bool:
    """Whether something was placed by an earlier request, and nothing by this one."""
    placed = [each for each in outcomes if isinstance(each, Placed)]
    return bool(placed) and all(each.replayed for each in placed)


OPERATIONS = (
    Operation(
        "POST", "/v1/orders/batch", "Place up to 1,000 orders, each answered on its own.",
        place_orders, PlacedOrders, scope="trade", body=PlaceOrders,
        body_bytes_max=BATCH_BODY_BYTES_MAX, tag="orders", keyed=True,
    ),
)  # fmt: skip
