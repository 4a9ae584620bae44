"""What an alarm is: values as they stand in a file, in the API, and in the store."""

from typing import Literal

import msgspec

from tallystick.watch.notify.alert import Severity

State = Literal["OK", "ALARM", "INSUFFICIENT_DATA"]
"""CloudWatch's words."""
Missing = Literal["missing", "notBreaching", "breaching", "ignore"]
"""What a period without data counts as (CloudWatch's TreatMissingData)."""
Comparison = Literal[">=", ">", "<", "<=", "outside", "above", "below"]
"""Against `threshold`; the last three against the anomaly band."""
Statistic = Literal[
    "average", "sum", "minimum", "maximum", "count", "last", "rate", "increase", "p50", "p90",
    "p95", "p99", "p99.9",
]  # fmt: skip
"""Over one period. `rate` (per second) and `increase` are for counters, resets allowed for;
percentiles of a histogram are interpolated within its bucket, of a gauge taken from its samples."""


class MetricSource(msgspec.Struct, frozen=True, tag="metric", forbid_unknown_fields=True):
    """A metric of `/metrics`, by its name, and the labels it must have.

    With `by`, each combination of these labels is a series of its own, with a state of its own.
    `over` divides it by another metric (an error rate): both by the same statistic.
    """

    name: str
    labels: dict[str, str] = {}
    by: tuple[str, ...] = ()
    over: str | None = None
    over_labels: dict[str, str] = {}


class LogSource(msgspec.Struct, frozen=True, tag="logs", forbid_unknown_fields=True):
    """A log query that ends in one number a row, or in rows to be counted (`count`).

    `field` is the number's column; `by` columns name series.
    """

    query: str
    field: str = ""
    by: tuple[str, ...] = ()


class EventSource(msgspec.Struct, frozen=True, tag="events", forbid_unknown_fields=True):
    """Events of the stream that match a pattern (EventBridge's syntax), counted.

    `by` are paths into the event (`$.account`) that name series.
    """

    pattern: str
    by: tuple[str, ...] = ()


class DetectorSource(msgspec.Struct, frozen=True, tag="detector", forbid_unknown_fields=True):
    """Anomalies of a detector (empty: of any), counted."""

    name: str = ""
    family: str = ""
    by: tuple[str, ...] = ()


Source = MetricSource | LogSource | EventSource | DetectorSource


class Band(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Instead of a threshold: what the metric detector expects, `width` of its spreads wide."""

    width: float = 3.0


class Suppressor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Another alarm that keeps this one quiet while it is in ALARM.

    `wait_seconds`: how long this one waits for it to fire; `extension_seconds`: how long it still
    counts after it went back (CloudWatch's WaitPeriod and ExtensionPeriod).
    """

    alarm: str
    wait_seconds: int = 0
    extension_seconds: int = 0


class Alarm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rule. Either `source` with what it is held against, or `rule` over other alarms.

    `datapoints` of the last `periods` periods of `period_seconds` must breach (M of N). `rule` is
    `ALARM("a") AND NOT OK("b")`. `labels` go into the alert, beside `alarm` and the series' own.
    `runbook` is what to do, in Markdown. Disabled ones are evaluated and traced; they tell nobody.
    """

    name: str
    description: str
    severity: Severity = "warning"
    source: Source | None = None
    statistic: Statistic = "average"
    comparison: Comparison = ">="
    threshold: float | None = None
    band: Band | None = None
    period_seconds: int = 60
    periods: int = 1
    datapoints: int = 1
    missing: Missing = "missing"
    rule: str | None = None
    suppressor: Suppressor | None = None
    labels: dict[str, str] = {}
    unit: str = ""
    runbook: str = ""
    enabled: bool = True


class Datapoint(msgspec.Struct, frozen=True):
    """One period of one series: what it came to (None: no data), and whether that breached."""

    at_ns: int
    value: float | None
    low: float | None
    high: float | None
    breaching: bool | None


class Trace(msgspec.Struct, frozen=True):
    """Why an alarm is in its state: the datapoints looked at, and a sentence."""

    at_ns: int
    state: State
    before: State
    sentence: str
    datapoints: tuple[Datapoint, ...] = ()
    suppressed_by: str = ""
