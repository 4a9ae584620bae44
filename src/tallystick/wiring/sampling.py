"""What alarms sample: every metric of `/metrics` as a value, without its text."""

from collections.abc import Iterator
from typing import Literal

from tallystick.api.calls import BUCKETS_SECONDS, Calls
from tallystick.api.metrics import Gauges
from tallystick.watch.alarms.samples import Sample

CALLS = "http_server_request_duration_seconds"
_US_PER_SECOND = 1_000_000


def samples_of(calls: Calls, gauges: Gauges) -> Iterator[Sample]:
    """Calls by method, route and status with their latency, then everything that wiring knows."""
    for (method, route, status), count in calls.counts.items():
        labels = {
            "http_request_method": method,
            "http_route": route,
            "http_response_status_code": str(status),
        }
        seconds = count.total_us / _US_PER_SECOND
        counts = tuple(count.buckets)
        yield Sample(CALLS, labels, "histogram", seconds, BUCKETS_SECONDS, counts)
    for gauge in gauges():
        kind: Literal["counter", "gauge"] = "counter" if gauge.name.endswith("_total") else "gauge"
        yield Sample(gauge.name, gauge.labels, kind, float(gauge.value))
