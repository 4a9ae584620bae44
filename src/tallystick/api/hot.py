"""`POST /v1/orders`, the hot path, without a framework in the way.

It does what `api.orders.place_order` does and answers the same bytes. It is a plain ASGI endpoint;
a server that has the whole request at hand may `place` it instead. An order needs no task and no
coroutine of its own: it is decided when it comes, and answered by a call when its batch is durable.
"""

import asyncio
from collections.abc import Callable, Sequence

import msgspec
from starlette.types import Receive, Scope, Send

from tallystick.api.calls import NOBODY, ORDERS_ROUTE, Calls, Fields, Who, network_of
from tallystick.api.decoding import decode_body
from tallystick.api.order_answers import answer_of
from tallystick.api.problems import known_error, problem_response
from tallystick.api.services import Services
from tallystick.errors import Refused, TallystickError
from tallystick.execution import (
    Desk,
    OrderRequest,
    Placed,
    PlaceOrder,
    check_key,
    parse_request,
)
from tallystick.execution.desk import Begun
from tallystick.ledger import Sealed
from tallystick.limits import BODY_BYTES_MAX
from tallystick.tracing import Trace

ROUTE = ORDERS_ROUTE
Headers = Sequence[tuple[bytes, bytes]]
"""Names in lower case, as ASGI has them."""
Answer = tuple[int, Headers, bytes]
"""Status, headers (with the content-length) and body."""
Say = Callable[[Answer], None]
"""Takes the answer, once; it may not raise."""
_ENCODE = msgspec.json.Encoder().encode
_JSON = (b"content-type", b"application/json")
_TRACED = f"POST {ROUTE}"
_REPLAYED = (b"idempotency-replayed", b"true")


class HotOrders:
    """The endpoint; one instance serves all connections of an event loop."""

    def __init__(self, services: Services, calls: Calls) -> None:
        self._services = services
        self._traced = services.traced
        self._clock = services.clock
        self._calls = calls
        self._decoder = msgspec.json.Decoder(PlaceOrder)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI 3)."""
        status, headers, body = await self._answer(scope, receive)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def place(self, headers: Headers, body: bytes, say: Say, network: str | None = None) -> None:
        """Place the order in a request from this network; `say` gets its answer, now or later."""
        start_ns = self._calls.start_ns()
        who = NOBODY
        trace: Trace | None = None
        try:
            authorization, key, traceparent = _headers(headers)
            trace = self._traced(traceparent, start_ns)
            principal = self._services.tokens.principal(authorization)
            who = Who(principal.account, principal.key, network)
            principal.require("trade")
            if trace is not None:
                known_ns = self._clock.monotonic_ns()
                trace.stage("access.identify", start_ns, known_ns)
            order = decode_body(self._decoder, body)
            principal.require_account(order.account)
            request = parse_request(order)
            if trace is not None:
                trace.stage("api.read", known_ns, self._clock.monotonic_ns())
        except Exception as error:  # noqa: BLE001  outermost loop of a request
            say(self.refused(error, who, start_ns, trace))
            return
        _Order(self._services.desk, self, say, request, key, who, start_ns, trace).begin()

    def decide(
        self, desk: Desk, request: OrderRequest, key: str | None, trace: Trace
    ) -> Begun | Placed:
        """Decide a traced order."""
        begun_ns = self._clock.monotonic_ns()
        begun = desk.begin(request, key)
        trace.stage("execution.decide", begun_ns, self._clock.monotonic_ns())
        return begun

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        """The same, of a body that is still to come."""
        start_ns = self._calls.start_ns()
        headers, network = scope["headers"], network_of(scope.get("client"))
        who = NOBODY
        try:
            principal = self._services.tokens.principal(_headers(headers)[0])
            who = Who(principal.account, principal.key, network)
            principal.require("trade")  # before anything of the body is read
            body = await _read(receive)
        except Refused as refusal:
            return self.refused(refusal, who, start_ns)
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def say(answer: Answer) -> None:
            if not answered.done():  # whoever asked may be gone
                answered.set_result(answer)

        self.place(headers, body, say, network)
        return await answered

    def refused(
        self, error: Exception, who: Who, start_ns: int, trace: Trace | None = None
    ) -> Answer:
        """The answer to a request that became no order, and its log line."""
        response = problem_response(known_error(error))
        code = error.code if isinstance(error, Refused) else type(error).__name__
        said: Fields = {
            "account": who.account,
            "auth.key": who.key,
            "client.address": who.network,
            "error.type": code,
            "body": str(error),
        }
        if trace is not None:
            said["trace_id"] = trace.trace_id
        end_ns = self._calls.answered("POST", ROUTE, response.status_code, start_ns, said)
        if trace is not None:
            trace.end(_TRACED, end_ns, response.status_code, **{"error.type": code})
        return response.status_code, response.raw_headers, bytes(response.body)

    def placed(self, placed: Placed, who: Who, start_ns: int, trace: Trace | None = None) -> Answer:
        """The answer to an order, and its log line."""
        answer = _answer(placed)
        order = placed.entry.order
        position = placed.receipt.position
        self._calls.placed(start_ns, who, order.id, order.state, position, trace)
        if trace is not None:
            end_ns = self._clock.monotonic_ns()
            names: dict[str, str | int] = {"order.id": order.id, "ledger.position": position}
            trace.end(_TRACED, end_ns, 201, **names)
        return answer


class _Order:
    """An order between its request and its answer."""

    __slots__ = (
        "_begun", "_desk", "_hot", "_key", "_request", "_say", "_start_ns", "_trace", "_who",
    )  # fmt: skip

    def __init__(
        self,
        desk: Desk,
        hot: HotOrders,
        say: Say,
        request: OrderRequest,
        key: str | None,
        who: Who,
        start_ns: int,
        trace: Trace | None,
    ) -> None:
        self._desk = desk
        self._hot = hot
        self._say = say
        self._request = request
        self._key = key
        self._who = who
        self._start_ns = start_ns
        self._trace = trace
        self._begun: Begun | None = None

    def begin(self) -> None:
        """Decide it; it is answered now, or by `_settled`."""
        try:
            if self._trace is None:
                begun = self._desk.begin(self._request, self._key)
            else:
                begun = self._hot.decide(self._desk, self._request, self._key, self._trace)
            if not isinstance(begun, Placed):
                self._begun = begun
                begun[0].batch.waiting.append(self._settled)
                return
            answer = self._hot.placed(begun, self._who, self._start_ns, self._trace)
        except Exception as error:  # noqa: BLE001  outermost loop of a request
            answer = self._hot.refused(error, self._who, self._start_ns, self._trace)
        self._say(answer)

    def _settled(self, outcome: Sealed | TallystickError) -> None:
        """Its batch is durable, or lost."""
        begun = self._begun
        assert begun is not None, "it waits for a batch"  # noqa: S101
        if self._trace is not None:
            self._trace.stage("ledger.append", *begun[0].batch.append_ns)
        try:
            placed = self._desk.end(begun, self._request, self._key, outcome)
            if placed is None:
                self.begin()
                return
            answer = self._hot.placed(placed, self._who, self._start_ns, self._trace)
        except Exception as error:  # noqa: BLE001  outermost loop of a request
            answer = self._hot.refused(error, self._who, self._start_ns, self._trace)
        self._say(answer)


def _headers(headers: Headers) -> tuple[str | None, str | None, str | None]:
    """(Authorization, Idempotency-Key, traceparent) of the request."""
    authorization = key = traceparent = None
    for name, value in headers:
        if name == b"authorization":
            authorization = value.decode("latin-1")
        elif name == b"idempotency-key":
            key = value.decode("latin-1")
            check_key(key, "Idempotency-Key")
        elif name == b"traceparent":
            traceparent = value.decode("latin-1")
    return authorization, key, traceparent


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
