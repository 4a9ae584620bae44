"""`POST /v1/orders`, the hot path, without a framework in the way.

It does what `api.orders.place_order` does and answers the same bytes. It is a plain ASGI endpoint;
a server that has the whole request at hand may ask for the whole `answer` instead.
"""

from collections.abc import Sequence

import msgspec
from starlette.types import Receive, Scope, Send

from tallystick.api.calls import ORDERS_ROUTE, Calls, Fields
from tallystick.api.decoding import decode_body
from tallystick.api.order_answers import answer_of
from tallystick.api.problems import known_error, problem_response
from tallystick.api.services import Services
from tallystick.errors import Refused
from tallystick.execution import Placed, PlaceOrder, check_key, parse_request
from tallystick.limits import BODY_BYTES_MAX

ROUTE = ORDERS_ROUTE
Headers = Sequence[tuple[bytes, bytes]]
"""Names in lower case, as ASGI has them."""
Answer = tuple[int, Headers, bytes]
"""Status, headers (with the content-length) and body."""
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
        """Answer one request (ASGI 3)."""
        status, headers, body = await self.answer(scope["headers"], receive)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def answer(self, headers: Headers, body: bytes | Receive) -> Answer:
        """The answer to a request with these headers and this body, or where to get the body."""
        start_ns = self._calls.start_ns()
        account: str | None = None
        try:
            authorization, key = _headers(headers)
            principal = self._services.tokens.principal(authorization)
            account = principal.account
            principal.require("trade")
            data = body if isinstance(body, bytes) else await _read(body)
            order = decode_body(self._decoder, data)
            principal.require_account(order.account)
            placed = await self._services.desk.place(parse_request(order), key)
            answer = _answer(placed)
        except Exception as error:  # noqa: BLE001  outermost loop of a request
            response = problem_response(known_error(error))
            code = error.code if isinstance(error, Refused) else type(error).__name__
            said: Fields = {"account": account, "error.type": code, "body": str(error)}
            self._calls.answered("POST", ROUTE, response.status_code, start_ns, said)
            return response.status_code, response.raw_headers, bytes(response.body)
        entry = placed.entry
        order_id, state = entry.order.id, entry.order.state
        self._calls.placed(start_ns, account, order_id, state, placed.receipt.position)
        return answer


def _headers(headers: Headers) -> tuple[str | None, str | None]:
    """(Authorization, Idempotency-Key) of the request."""
    authorization = key = None
    for name, value in headers:
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


def _answer(placed: Placed) -> Answer:
    entry = placed.entry
    body = _ENCODE(answer_of(placed))
    headers = [
        _JSON,
        (b"content-length", b"%d" % len(body)),
        (b"location", b"/v1/orders/" + entry.order.id.encode()),
    ]
    if placed.replayed:
        headers.append(_REPLAYED)
    return 201, headers, body
