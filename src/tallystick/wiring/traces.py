"""Traces as OpenTelemetry spans, exported over OTLP (the extra `otel`).

Which requests are traced: those whose caller traces them (`traceparent` with the sampled flag, W3C
Trace Context), and a share of the others drawn by chance.
"""

import random
import re
from typing import TYPE_CHECKING

from tallystick import __version__
from tallystick.clock import Clock
from tallystick.errors import Misconfigured
from tallystick.tracing import Begin, untraced
from tallystick.wiring.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})")
_SAMPLED = 1
QUEUE_SPANS_MAX = 8_192
"""Most spans waiting for export; further ones are dropped, orders never wait."""


class SpanTrace:
    """One request as a span and, beneath it, a span for each stage."""

    def __init__(self, traces: "Traces", traceparent: str | None, start_ns: int) -> None:
        self._traces = traces
        self._root = traces.root(traceparent, start_ns)
        self.trace_id = f"{self._root.get_span_context().trace_id:032x}"

    def stage(self, name: str, start_ns: int, end_ns: int) -> None:
        """A span of its own."""
        self._traces.child(self._root, name, start_ns, end_ns)

    def end(self, name: str, end_ns: int, status: int, **names: str | int) -> None:
        """Name and end the request's own span."""
        self._traces.end(self._root, name, end_ns, status, names)


class Traces:
    """Makes spans; `begin` is what the API asks for each request."""

    def __init__(
        self, exporter: "SpanExporter", clock: Clock, ratio: float, chance: random.Random
    ) -> None:
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415  an extra
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415  an extra
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415  an extra

        resource = Resource({"service.name": "tallystick", "service.version": __version__})
        self._provider = TracerProvider(resource=resource)
        self._provider.add_span_processor(
            BatchSpanProcessor(exporter, max_queue_size=QUEUE_SPANS_MAX)
        )
        self._tracer = self._provider.get_tracer("tallystick", __version__)
        self._ratio = ratio
        self._chance = chance
        self._ahead_ns = clock.now_ns() - clock.monotonic_ns()
        """What makes wall-clock time of monotonic time; spans of one process never overlap."""

    def begin(self, traceparent: str | None, start_ns: int) -> SpanTrace | None:
        """The trace of a request, where there is to be one."""
        said = None if traceparent is None else _TRACEPARENT.match(traceparent)
        if said is None:
            wanted, traceparent = self._chance.random() < self._ratio, None
        else:
            wanted = bool(int(said[1], 16) & _SAMPLED)
        return SpanTrace(self, traceparent, start_ns) if wanted else None

    def root(self, traceparent: str | None, start_ns: int) -> "Span":
        """A request's own span; it gets its name at its end."""
        from opentelemetry.trace import SpanKind  # noqa: PLC0415  an extra
        from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415  an extra
            TraceContextTextMapPropagator,
        )

        carrier = {} if traceparent is None else {"traceparent": traceparent}
        context = TraceContextTextMapPropagator().extract(carrier)
        return self._tracer.start_span(
            "request", context, SpanKind.SERVER, start_time=start_ns + self._ahead_ns
        )

    def child(self, root: "Span", name: str, start_ns: int, end_ns: int) -> None:
        """A span beneath a request's own."""
        from opentelemetry.trace import set_span_in_context  # noqa: PLC0415  an extra

        span = self._tracer.start_span(
            name, set_span_in_context(root), start_time=start_ns + self._ahead_ns
        )
        span.end(end_ns + self._ahead_ns)

    def end(
        self, root: "Span", name: str, end_ns: int, status: int, names: dict[str, str | int]
    ) -> None:
        """A request's own span with the names of the semantic conventions for HTTP servers."""
        from opentelemetry.trace import Status, StatusCode  # noqa: PLC0415  an extra

        method, _, route = name.partition(" ")
        root.update_name(name)
        root.set_attributes(
            {
                "http.request.method": method,
                "http.route": route,
                "http.response.status_code": status,
                **names,
            }
        )
        if status >= 500:
            root.set_status(Status(StatusCode.ERROR))
        root.end(end_ns + self._ahead_ns)

    def close(self) -> None:
        """Export what waits, for some seconds at most."""
        self._provider.shutdown()


def traces_of(settings: Settings, clock: Clock, chance: random.Random) -> Traces | None:
    """The traces that the settings ask for.

    Raises:
        Misconfigured: the extra is not installed.
    """
    if settings.traces is None:
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
            OTLPSpanExporter,
        )
    except ImportError as error:
        raise Misconfigured("Traces need the extra: pip install 'tallystick[otel]'.") from error
    return Traces(OTLPSpanExporter(settings.traces), clock, settings.traces_ratio, chance)


def begin_of(traces: Traces | None) -> Begin:
    """What the API asks."""
    return untraced if traces is None else traces.begin
