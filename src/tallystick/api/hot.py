"""`POST /v1/orders` as a plain ASGI endpoint: the hot path, without a framework in the way.

It does what `api.orders.place_order` does and answers the same bytes.
"""

import msgspec
from starlette.types import Receive, Scope, Send

from tallystick.api.calls import Calls, Fields
from tallystick.api.decoding import decode_body
from tallystick.api.orders import OrderAnswer
from tallystick.api.problems import known_error, problem_response
from tallystick.api.services import Services
from tallystick.errors import Refused
from tallystick.execution import Placed, PlaceOrder, check_key, parse_request
from tallystick.limits import BODY_BYTES_MAX

ROUTE = "/v1/orders"
_ENCODE = msgspec.json.Encoder().encode
_JSON = (b"content-type", b"application/json")
_REPLAYED = (b"idempotency-replayed", b"true")


class HotOrders:
    """The endpoint; one instance serves all connections of an event loop."""

    def __init__(self, services: Services, calls: Calls) -> None:
        self._services = services
        self._calls = calls
        self._decoder = msgspec.json.Decoder(PlaceOrder)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        start_ns = self._calls.start_ns()
        account: str | None = None
        try:
            authorization, key = _headers(scope)
            principal = self._services.tokens.principal(authorization)
            account = principal.account
            principal.require("trade")
            order = decode_body(self._decoder, await _read(receive))
            principal.require_account(order.account)
            placed = await self._services.desk.place(parse_request(order), key)
        except Exception as error:  # noqa: BLE001  outermost loop of a request
            response = problem_response(known_error(error))
            await response(scope, receive, send)
            code = error.code if isinstance(error, Refused) else type(error).__name__
            said: Fields = {"account": account, "error.type": code, "body": str(error)}
            self._calls.answered("POST", ROUTE, response.status_code, start_ns, said)
            return
        await _answer(placed, send)
        entry = placed.entry
        named: Fields = {
            "account": account,
            "order.id": entry.order.id,
            "order.state": entry.order.state,
            "ledger.position": placed.receipt.position,
        }
        self._calls.answered("POST", ROUTE, 201, start_ns, named)


def _headers(scope: Scope) -> tuple[str | None, str | None]:
    """(Authorization, Idempotency-Key) of the request."""
    authorization = key = None
    for name, value in scope["headers"]:
        if name == b"authorization":
            authorization = value.decode("latin-1")
        elif name == b"idempotency-key":
            key = value.decode("latin-1")
            check_key(key, "Idempotency-Key")
    return authorization, key


async def _read(receive: Receive) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body", False):
        if len(body) > BODY_BYTES_MAX:
            break
        message = await receive()
        body += message.get("body", b"")
    if len(body) > BODY_BYTES_MAX:
        raise Refused("BODY_TOO_LARGE", f"The body may have at most {BODY_BYTES_MAX} bytes.")
    return body


async def _answer(placed: Placed, send: Send) -> None:
    entry = placed.entry
    body = _ENCODE(OrderAnswer(entry.order, entry.fills, entry.rejection, placed.receipt))
    headers = [
        _JSON,
        (b"content-length", b"%d" % len(body)),
        (b"location", b"/v1/orders/" + entry.order.id.encode()),
    ]
    if placed.replayed:
        headers.append(_REPLAYED)
    await send({"type": "http.response.start", "status": 201, "headers": headers})
    await send({"type": "http.response.body", "body": body})
