"""/metrics, read by Prometheus' own parser."""

from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tallystick.api import Calls, Metrics
from tallystick.api.metrics import Gauge
from tallystick.clock import ManualClock

DURATION = "http_server_request_duration_seconds"


@pytest.mark.server
def test_the_exposition_parses_and_counts(product: Any) -> None:
    """Calls are counted by route and status; what wiring knows is there with its help."""
    product.place()
    before = families(product)
    product.place()
    product.stranger.get("/healthz")
    after = families(product)

    order = {"http_request_method": "POST", "http_route": "/v1/orders"} | {
        "http_response_status_code": "201"
    }
    assert count(after, order) == count(before, order) + 1
    entries = [each["tallystick_ledger_entries"].samples[0].value for each in (before, after)]
    assert entries[1] >= entries[0] + 1
    assert all(family.documentation for family in after.values())
    assert {"tallystick_stream_lag_entries", "tallystick_live_followers"} <= after.keys()


def families(product: Any) -> dict[str, Any]:
    """The metric families by name."""
    response = product.stranger.get("/metrics")
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return {family.name: family for family in text_string_to_metric_families(response.text)}


def count(found: dict[str, Any], labels: dict[str, str]) -> float:
    """How many calls with these labels the histogram has seen."""
    return sum(
        float(sample.value)
        for sample in found[DURATION].samples
        if sample.name.endswith("_count") and sample.labels == labels
    )


def test_the_histogram_is_cumulative() -> None:
    """Each bucket holds all that was faster; the last one holds all."""
    clock = ManualClock()
    calls = Calls(clock)
    for seconds in (0.0005, 0.002, 0.002, 0.3, 60.0):
        start_ns = calls.start_ns()
        clock.advance(seconds)
        calls.answered("GET", "/x", 200, start_ns, {})
    text = Metrics(calls, lambda: [Gauge("lag", "So far behind.", 3)]).text().decode()
    found = {family.name: family for family in text_string_to_metric_families(text)}
    buckets = {
        sample.labels["le"]: sample.value
        for sample in found[DURATION].samples
        if sample.name.endswith("_bucket")
    }

    assert [buckets[bound] for bound in ("0.001", "0.0025", "0.25", "0.5", "5.0", "+Inf")] == [
        1, 3, 3, 4, 4, 5,
    ]  # fmt: skip
    assert found["lag"].samples[0].value == 3


def test_gauges_of_one_name_differ_by_their_labels() -> None:
    """One family with a sample each, as the text form wants it."""
    gauges = [Gauge("lag", "So far behind.", n, {"destination": f"d{n}"}) for n in (1, 2)]
    text = Metrics(Calls(ManualClock()), lambda: gauges).text().decode()

    family = {each.name: each for each in text_string_to_metric_families(text)}["lag"]

    assert [(s.labels["destination"], s.value) for s in family.samples] == [("d1", 1), ("d2", 2)]
