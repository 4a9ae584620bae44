"""What a run found."""

from typing import Literal

import msgspec

from tallystick.wiring.load.check import Check

Ended = Literal["time", "requests", "lost"]


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What came back after the warm-up.

    Latencies are milliseconds from a request's intended beginning to its whole answer: with a rate
    from the moment of the schedule, without one from sending it. `sent_late_ms_p99` is how far
    behind the schedule requests went out, because no connection was free or we were slow.

    `requests` were answered. Of the orders (and cancellations) in them `good` were accepted,
    `rejected` by a rule, `pushed_back` were to come again later (429, 503), and `wrong` had an
    answer that is none. `missing` requests were never answered, `unsent` never sent. `codes` are
    those of rejections and refusals. `cpu_us` is what this process used a request.
    """

    requests: int
    orders: int
    seconds: float
    requests_per_second: float
    orders_per_second: float
    rate: float | None
    latency_ms_mean: float
    latency_ms_p50: float
    latency_ms_p90: float
    latency_ms_p99: float
    latency_ms_p999: float
    latency_ms_max: float
    sent_late_ms_p99: float
    statuses: dict[str, int]
    codes: dict[str, int]
    kinds: dict[str, int]
    good: int
    rejected: int
    pushed_back: int
    wrong: int
    missing: int
    unsent: int
    dropped: int
    retried: int
    request_bytes: float
    answer_bytes: float
    cpu_us: float
    ended: Ended
    latency_us_counts: dict[int, int]
    complaint: str | None = None
    check: Check | None = None

    @property
    def failures(self) -> list[str]:
        """Why this run must not count; empty when every answer came and is right."""
        found = [
            (self.wrong, f"{self.wrong:,} answers were wrong: {self.complaint}"),
            (self.missing, f"{self.missing:,} requests were never answered"),
            (not self.requests, "nothing was answered"),
        ]
        said = [sentence for failed, sentence in found if failed]
        return said + (self.check.failures if self.check else [])
