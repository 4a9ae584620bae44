"""What alarms sample of the process."""

from tallystick.api.calls import BUCKETS_SECONDS, Calls
from tallystick.api.metrics import Gauge, Metrics
from tallystick.clock import ManualClock
from tallystick.wiring.sampling import CALLS, samples_of


def test_every_metric_of_the_exposition_is_sampled() -> None:
    """Under the same names, with the same labels; `_total` says that it only grows."""
    clock = ManualClock()
    calls = Calls(clock)
    start = calls.start_ns()
    clock.advance(0.02)
    calls.answered("GET", "/v1/quotes", 200, start, {})
    told = [
        Gauge("lag_entries", "Lag.", 3, {"part": "stream"}),
        Gauge("entries_total", "Entries.", 7),
    ]
    latency, lag, entries = samples_of(calls, lambda: told)
    assert latency.name == CALLS
    assert latency.labels == {
        "http_request_method": "GET",
        "http_route": "/v1/quotes",
        "http_response_status_code": "200",
    }
    assert sum(latency.counts) == 1
    assert len(latency.counts) == len(BUCKETS_SECONDS) + 1
    assert latency.value == 0.02
    assert (lag.kind, lag.value, lag.labels) == ("gauge", 3.0, {"part": "stream"})
    assert (entries.name, entries.kind) == ("entries_total", "counter")
    text = Metrics(calls, lambda: told).text().decode()
    assert all(each.name in text for each in (latency, lag, entries))
