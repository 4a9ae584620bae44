"""The application: routes, and one place where errors become answers and calls become lines."""

from collections.abc import Sequence
from functools import partial

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route, Router
from starlette.types import Message, Receive, Scope, Send

from tallystick.api import (
    accounts,
    alarms,
    alertmanager,
    archive,
    delivery,
    detection,
    follow,
    fx,
    hec,
    history,
    incidents,
    ingest,
    ledger,
    log_export,
    log_saved,
    log_tail,
    logs,
    models,
    oncall,
    orders,
    otlp,
    postmortem,
    prices,
    quotes,
    risk,
    rules,
    stops,
    subjects,
    system,
    tiles,
    unmask,
    watching,
)
from tallystick.api.calls import NS_PER_US, Calls, Fields, network_of
from tallystick.api.hot import ROUTE as HOT_ROUTE
from tallystick.api.hot import HotOrders
from tallystick.api.metrics import Metrics
from tallystick.api.openapi import STYLE, openapi, reference_page
from tallystick.api.operation import Operation, route
from tallystick.api.problems import known_error, problem_response
from tallystick.api.services import Services
from tallystick.errors import Refused, TallystickError
from tallystick.tracing import current

_UNKNOWN_ROUTE = "unknown"
_STREAM = b"text/event-stream"

OPERATIONS: tuple[Operation, ...] = (
    *orders.OPERATIONS,
    *accounts.OPERATIONS,
    *risk.OPERATIONS,
    *stops.OPERATIONS,
    *prices.OPERATIONS,
    *quotes.OPERATIONS,
    *fx.OPERATIONS,
    *ledger.OPERATIONS,
    *tiles.OPERATIONS,
    *history.OPERATIONS,
    *follow.OPERATIONS,
    *detection.OPERATIONS,
    *models.OPERATIONS,
    *watching.OPERATIONS,
    *alarms.OPERATIONS,
    *incidents.OPERATIONS,
    *postmortem.OPERATIONS,
    *alertmanager.OPERATIONS,
    *oncall.OPERATIONS,
    *delivery.OPERATIONS,
    *subjects.OPERATIONS,
    *logs.OPERATIONS,
    *log_saved.OPERATIONS,
    *log_export.OPERATIONS,
    *log_tail.OPERATIONS,
    *unmask.OPERATIONS,
    *archive.OPERATIONS,
    *rules.OPERATIONS,
    *hec.OPERATIONS,
    *otlp.OPERATIONS,
    *ingest.OPERATIONS,
    *system.OPERATIONS,
)
"""Every operation that is described in OpenAPI."""


class Api:
    """The ASGI application: the hot route by itself, everything else through a router."""

    def __init__(
        self,
        services: Services,
        calls: Calls,
        metrics: Metrics,
        more: Sequence[BaseRoute] = (),
        operations: Sequence[Operation] = OPERATIONS,
    ) -> None:
        """`more`: routes of other rooms, such as the page's.

        `operations`: those that are there, where a process has not got all the rooms.
        """
        self._calls = calls
        self._traced = services.traced
        self.hot = HotOrders(services, calls)
        described = [*operations, *_documents(metrics)]
        routes = [route(operation, services) for operation in described]
        self._router = Router([*routes, *more, *hec.UNKNOWN_ROUTES], redirect_slashes=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; lifespan scopes are not ours."""
        if scope["type"] == "websocket":
            await self._router(scope, receive, send)  # an unknown one gets a 403
            return
        if scope["type"] != "http":
            return
        if scope["path"] == HOT_ROUTE and scope["method"] == "POST":
            await self.hot(scope, receive, send)
        else:
            await self._routed(scope, receive, send)

    async def _routed(self, scope: Scope, receive: Receive, send: Send) -> None:
        start_ns = self._calls.start_ns()
        status, streams_ns = 0, 0
        fields: Fields = {"url.path": scope["path"]}

        async def sending(message: Message) -> None:
            nonlocal status, streams_ns
            if message["type"] == "http.response.start":
                status = message["status"]
                if _is_stream(message["headers"]):
                    streams_ns = self._calls.start_ns()
            await send(message)

        trace = self._traced(_traceparent(scope["headers"]), start_ns)
        if trace is not None:
            fields["trace_id"] = trace.trace_id
            current.set(trace)  # this task serves this request alone
        scope.setdefault("state", {})
        scope["app"] = self  # the router then raises HTTPException instead of plain text
        try:
            await self._router(scope, receive, sending)
        except ClientDisconnect:
            fields["error.type"] = "client_disconnected"
        except Exception as error:  # noqa: BLE001  outermost loop of a request
            refused = _explained(error)
            fields["error.type"] = (
                refused.code if isinstance(refused, Refused) else (type(error).__name__)
            )
            fields["body"] = str(error)
            if status == 0:
                await self._respond(refused, scope, receive, sending)
        fields["account"] = scope["state"].get("account")
        fields["auth.key"] = scope["state"].get("key")
        fields["client.address"] = network_of(scope.get("client"))
        method, path = scope["method"], _route_of(scope)
        if streams_ns:  # it was answered when it began; how long somebody listens is no latency
            fields["stream.duration_us"] = (self._calls.start_ns() - streams_ns) // NS_PER_US
        end_ns = self._calls.answered(method, path, status, start_ns, fields, streams_ns or None)
        if trace is not None:
            current.set(None)
            trace.end(f"{method} {path}", end_ns, status)

    async def _respond(
        self, error: TallystickError, scope: Scope, receive: Receive, send: Send
    ) -> None:
        response = problem_response(error)
        if response.status_code == 405:
            response.headers["Allow"] = self._allowed(scope)
        await response(scope, receive, send)

    def _allowed(self, scope: Scope) -> str:
        """The methods that this path knows (RFC 9110 section 15.5.6)."""
        known: set[str] = set()
        for each in self._router.routes:
            if isinstance(each, Route) and each.matches(scope)[0] is not Match.NONE:
                known |= each.methods or set()
        return ", ".join(sorted(known))


def _is_stream(headers: Sequence[tuple[bytes, bytes]]) -> bool:
    """Whether the answer goes on for as long as somebody listens."""
    return any(name == b"content-type" and value.startswith(_STREAM) for name, value in headers)


def _traceparent(headers: Sequence[tuple[bytes, bytes]]) -> str | None:
    """W3C Trace Context: the caller's trace, where it has one."""
    for name, value in headers:
        if name == b"traceparent":
            return value.decode("latin-1")
    return None


def _route_of(scope: Scope) -> str:
    matched = scope.get("route")
    path: str = getattr(matched, "path", _UNKNOWN_ROUTE)
    return path.replace(":path}", "}")


def _explained(error: Exception) -> TallystickError:
    """Any exception as one of ours."""
    if isinstance(error, HTTPException):
        if error.status_code == 405:
            return Refused("METHOD_NOT_ALLOWED", "This path does not know this method.")
        return Refused("NOT_FOUND", "There is nothing at this path.")
    return known_error(error)


def _documents(metrics: Metrics) -> tuple[Operation, ...]:
    """What describes the service itself; not part of what OpenAPI describes."""

    async def exposition(_services: Services, _call: object) -> Response:
        return Response(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    style = partial(system.document, STYLE.encode(), "text/css")
    described = partial(system.document, openapi(OPERATIONS), "application/json")
    headers = {"Content-Security-Policy": "default-src 'none'; style-src 'self'"}
    page = partial(system.page, reference_page(OPERATIONS), headers)
    return (
        Operation("GET", "/metrics", "Metrics for Prometheus.", exposition, bytes),
        Operation("GET", "/openapi.json", "This API, described.", described, bytes),
        Operation("GET", "/docs", "This API, to read.", page, bytes),
        Operation("GET", "/docs.css", "The style of the reference.", style, bytes),
    )
