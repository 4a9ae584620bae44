"""Traces: an order's way through the rooms as OpenTelemetry spans."""

import random
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Protocol

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tallystick.clock import ManualClock
from tallystick.wiring.traces import Traces

CALLER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
ORDER = {
    "account": "demo",
    "pair": "EUR/USD",
    "side": "buy",
    "quantity": "10000",
    "type": "market",
    "client_order_id": "traced-1",
}


class Server(Protocol):
    """What `serve` starts."""

    def client(self) -> httpx.Client:
        """A client of it."""
        ...

    def stop(self) -> int:
        """End it."""
        ...


class Receiver(ThreadingHTTPServer):
    """Takes OTLP traces over HTTP."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/v1/traces"
        self.bodies: list[bytes] = []

    def spans(self) -> list[Span]:
        """All spans that came."""
        requests = [ExportTraceServiceRequest.FromString(body) for body in self.bodies]
        resources = [each for request in requests for each in request.resource_spans]
        return [span for each in resources for scope in each.scope_spans for span in scope.spans]


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        """Take a request."""
        self.server.bodies.append(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver of traces on loopback."""
    with Receiver() as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield server
        server.shutdown()
        serving.join()


def _traces(ratio: float) -> tuple[Traces, InMemorySpanExporter, ManualClock]:
    exporter, clock = InMemorySpanExporter(), ManualClock()
    return Traces(exporter, clock, ratio, random.Random(1)), exporter, clock  # noqa: S311


def test_stages_are_spans_beneath_the_request() -> None:
    """One trace, the caller's; times are those that were measured."""
    traces, exporter, clock = _traces(ratio=0)
    start_ns = clock.monotonic_ns()

    trace = traces.begin(CALLER, start_ns)
    assert trace is not None
    trace.stage("access.identify", start_ns + 10, start_ns + 20)
    trace.end("POST /v1/orders", start_ns + 100, 201, **{"order.id": "O-7"})
    traces.close()

    stage, request = exporter.get_finished_spans()
    assert trace.trace_id == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert {f"{span.context.trace_id:032x}" for span in (stage, request)} == {trace.trace_id}
    assert request.parent is not None
    assert f"{request.parent.span_id:016x}" == "00f067aa0ba902b7"
    assert stage.parent is not None
    assert stage.parent.span_id == request.context.span_id
    assert stage.end_time is not None
    assert request.start_time is not None
    assert stage.end_time - request.start_time == 20
    assert request.name == "POST /v1/orders"
    assert dict(request.attributes or {}) == {
        "http.request.method": "POST",
        "http.route": "/v1/orders",
        "http.response.status_code": 201,
        "order.id": "O-7",
    }


@pytest.mark.parametrize(
    ("traceparent", "ratio", "traced"),
    [
        (None, 0.0, False),
        (None, 1.0, True),
        (CALLER, 0.0, True),
        (CALLER[:-1] + "0", 1.0, False),
        ("nonsense", 0.0, False),
        ("nonsense", 1.0, True),
        (CALLER.replace("4bf92f3577b34da6a3ce929d0e0e4736", "0" * 32), 0.0, False),
    ],
)
def test_which_requests_are_traced(traceparent: str | None, ratio: float, traced: bool) -> None:
    """The caller's decision holds; the others are drawn; what cannot be read is no decision."""
    traces, _, _ = _traces(ratio)

    assert (traces.begin(traceparent, 0) is not None) is traced
    traces.close()


@pytest.mark.server
def test_an_order_is_followed_through_the_rooms(
    serve: Callable[..., Server], tmp_path: Path, receiver: Receiver
) -> None:
    """A real server exports over OTLP: access, api, execution and ledger, within the request."""
    server = serve(tmp_path / "data", traces=receiver.url, traces_ratio="0")
    with server.client() as client:
        headers = {"traceparent": CALLER}
        placed = client.post("/v1/orders", json=ORDER, headers=headers)
        assert placed.status_code == 201, placed.text
        logs = _line_of(client, placed.json()["order"]["id"])
    assert server.stop() == 0

    spans = {span.name: span for span in receiver.spans()}
    assert set(spans) == {
        "POST /v1/orders",
        "access.identify",
        "api.read",
        "execution.decide",
        "ledger.append",
    }
    request = spans.pop("POST /v1/orders")
    for span in spans.values():
        assert span.parent_span_id == request.span_id
        assert request.start_time_unix_nano <= span.start_time_unix_nano
        assert span.start_time_unix_nano < span.end_time_unix_nano <= request.end_time_unix_nano
    assert request.trace_id.hex() == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert logs["trace_id"] == request.trace_id.hex()


def _line_of(client: httpx.Client, order_id: str) -> dict[str, object]:
    for _ in range(400):
        found = client.get("/v1/logs", params={"q": f"order.id={order_id}"}).json()["logs"]
        if found:
            line: dict[str, object] = found[0]
            return line
    pytest.fail("the order's log line is not there")
