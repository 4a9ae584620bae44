"""`/metrics` in Prometheus' text form, gathered when it is asked for: nothing is paid before."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from tallystick.api.calls import BUCKETS_SECONDS, Calls

US_PER_SECOND = 1_000_000


class Gauge(NamedTuple):
    """Something that has a value now; a name that ends in `_total` only grows."""

    name: str
    help: str
    value: float
    labels: Mapping[str, str] = {}
    """The same names for all of one name."""


Gauges = Callable[[], Iterable[Gauge]]
"""Gives everything that has a value now."""


class Metrics(Collector):
    """All metrics of the process."""

    def __init__(self, calls: Calls, gauges: Gauges) -> None:
        self._calls = calls
        self._gauges = gauges
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def text(self) -> bytes:
        """The exposition."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Calls by route and status with their latency, then what wiring knows."""
        histogram = HistogramMetricFamily(
            "http_server_request_duration_seconds",
            "Time to answer an API call.",
            labels=["http_request_method", "http_route", "http_response_status_code"],
        )
        for (method, route, status), count in self._calls.counts.items():
            seen, buckets = 0, []
            for bound, calls in zip((*BUCKETS_SECONDS, None), count.buckets, strict=True):
                seen += calls
                buckets.append(("+Inf" if bound is None else str(bound), float(seen)))
            labels = [method, route, str(status)]
            histogram.add_metric(labels, buckets, count.total_us / US_PER_SECOND)
        yield histogram
        families: dict[str, CounterMetricFamily | GaugeMetricFamily] = {}
        for gauge in self._gauges():
            family = families.get(gauge.name)
            if family is None:
                kind = CounterMetricFamily if gauge.name.endswith("_total") else GaugeMetricFamily
                family = families[gauge.name] = kind(gauge.name, gauge.help, labels=[*gauge.labels])
            family.add_metric([*gauge.labels.values()], gauge.value)
        yield from families.values()
