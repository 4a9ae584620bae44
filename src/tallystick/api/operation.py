"""One operation of the API: what it takes and gives, from which routes and OpenAPI are made."""

from collections.abc import Awaitable, Callable
from typing import Any, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tallystick.access import Principal, Scope
from tallystick.api.decoding import decode_body, decode_query
from tallystick.api.services import Services
from tallystick.errors import Refused
from tallystick.limits import BODY_BYTES_MAX, HEC_BODY_BYTES_MAX
from tallystick.tracing import current

Method = Literal["GET", "POST", "PUT", "DELETE", "OPTIONS"]
JSON = "application/json"
ANYBODY = Principal("anybody", "", frozenset())


class Call(msgspec.Struct, frozen=True):
    """One request, parsed: who asks, and for what."""

    principal: Principal
    path: dict[str, str]
    query: Any
    body: Any
    headers: dict[str, str]
    params: dict[str, str]
    """The query string as it came, for operations without a query type."""
    target: str = ""
    """Method, path and query as asked, such as `DELETE /v1/orders/O-7`."""


Handler = Callable[[Services, Call], Awaitable[Any]]
"""Gives the answer: a value of the operation's `answer` type, or a `Response`."""


class Operation(msgspec.Struct, frozen=True):
    """A method on a path.

    `scope` None: no token needed. "ledger" (entries) and "tiles" (checkpoint and hashes): none
    either where they are public; else entries want a token that audits or operates, hashes any.
    """

    method: Method
    path: str
    summary: str
    handler: Handler
    answer: Any
    """Type of the answer; `bytes` for text that is not JSON, None where there is no body."""
    scope: Scope | Literal["ledger", "entries", "tiles", "hec"] | None = None
    query: type[Any] | None = None
    body: type[Any] | None = None
    """Type of the JSON body; `bytes` for a body that is not one JSON value."""
    status: int = 200
    media_type: str = JSON
    also: tuple[str, ...] = ()
    """Further media types of the answer, as text, which the client may ask for."""
    refusals: tuple[str, ...] = ()
    """Codes with statuses of their own that this operation may answer with."""
    own_refusals: tuple[int, ...] = ()
    """Statuses beside the usual one that are told as an `answer`, not as a problem."""
    tag: str = "system"
    keyed: bool = False
    """Whether it takes an Idempotency-Key: the same request under the same key happens once."""
    body_bytes_max: int = BODY_BYTES_MAX
    """Largest JSON body."""
    headers: dict[str, Any] = {}
    """Headers of the answer beside the usual, as OpenAPI describes them."""
    links: dict[str, Any] = {}
    """OpenAPI links from the answer to other operations."""
    raw: bool = False
    """Whether the handler reads everything itself, also who asks: `Call.body` is the request."""
    switch: Callable[[Services], bool] | None = None
    """Whether it is there at all, where a setting decides that; a 404 while it is not."""

    @property
    def id(self) -> str:
        """The operationId: `get_v1_orders_id`."""
        words = self.path.replace("{", "").replace("}", "").replace(":path", "")
        return f"{self.method.lower()}_{words.strip('/').replace('/', '_').replace('.', '_')}"


_ENCODE = msgspec.json.Encoder().encode


def route(operation: Operation, services: Services) -> BaseRoute:
    """The Starlette route of an operation."""
    decode = _body_decoder(operation)

    async def endpoint(request: Request) -> Response:
        if operation.switch is not None and not operation.switch(services):
            raise Refused("NOT_FOUND", "There is nothing at this path.")
        trace = current.get()
        asked_ns = services.clock.monotonic_ns() if trace else 0
        principal = _authenticate(operation, services, request)
        known_ns = services.clock.monotonic_ns() if trace else 0
        params = _params_of(request)
        query = None
        if operation.query is not None:
            query = decode_query(params, operation.query)
        body = await decode(request)
        call = Call(
            principal, dict(request.path_params), query, body, dict(request.headers),
            params, _target(request),
        )  # fmt: skip
        read_ns = services.clock.monotonic_ns() if trace else 0
        answer = await operation.handler(services, call)
        if trace is not None:
            trace.stage("access.identify", asked_ns, known_ns)
            trace.stage("api.read", known_ns, read_ns)
            trace.stage("api.handle", read_ns, services.clock.monotonic_ns())
        if isinstance(answer, Response):
            return answer
        return Response(_ENCODE(answer), operation.status, media_type=operation.media_type)

    return Route(operation.path, endpoint, methods=[operation.method])


def _target(request: Request) -> str:
    query = request.url.query
    path = f"{request.method} {request.url.path}"
    return f"{path}?{query}" if query else path


def _params_of(request: Request) -> dict[str, str]:
    """The query string, each parameter once.

    Raises:
        Refused: `BAD_REQUEST`.
    """
    given = request.query_params.multi_items()
    params = dict(given)
    if len(params) < len(given):
        raise Refused("BAD_REQUEST", "A parameter of the query is given more than once.")
    return params


def _authenticate(operation: Operation, services: Services, request: Request) -> Principal:
    scope = operation.scope
    if (
        operation.raw
        or scope is None
        or scope == "hec"
        or (scope in {"ledger", "entries"} and services.ledger_public)
        or (scope == "tiles" and services.ledger_tiles_public)
    ):
        return ANYBODY
    principal = services.tokens.principal(request.headers.get("authorization"))
    # Before it is refused: a row of refusals is what tells somebody who tries what he may do.
    request.state.account, request.state.key = principal.account, principal.key
    if scope == "ledger":
        principal.require_any("audit", "operate")
    elif scope == "entries":
        principal.require_any("read", "audit", "operate")
    elif scope != "tiles":
        # Whoever stops and limits others sees what they do.
        principal.require_any(*(("read", "operate") if scope == "read" else (scope,)))
    return principal


def _body_decoder(operation: Operation) -> Callable[[Request], Awaitable[Any]]:
    """How an operation's body is read: not at all, as raw bytes, or as JSON of a type."""
    kind = operation.body
    decoder = None if kind in {None, bytes} else msgspec.json.Decoder(kind)

    async def decode(request: Request) -> Any:
        if operation.raw:
            return request
        if decoder is not None:
            return decode_body(decoder, await read_body(request, operation.body_bytes_max))
        return None if kind is None else await read_body(request, HEC_BODY_BYTES_MAX)

    return decode


async def read_body(request: Request, bytes_max: int = BODY_BYTES_MAX) -> bytes:
    """The whole body, never more than `bytes_max` bytes of it in memory.

    Raises:
        Refused: `BODY_TOO_LARGE`.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > bytes_max:
            raise Refused("BODY_TOO_LARGE", f"The body may have at most {bytes_max} bytes.")
    return bytes(body)
