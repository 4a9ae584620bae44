"""What is measured of each part of the architecture, and where its limits are.

One function a part; each takes plain names, so that it knows no construct. A heading of
`runbooks/README.md` stands behind every limit.
"""

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cw

from stack.capabilities.alarms import BELOW, IS_BAD, Section, Watched
from stack.profile import Limits

MINUTE = cdk.Duration.minutes(1)
FIVE = cdk.Duration.minutes(5)
OURS = "Tallystick"
"""Namespace of the product's own metrics."""
BUSY_PERCENT = 80
BEHIND_ENTRIES = 1_000
STREAM_AGE_MS = 60_000
DELIVERY_SECONDS = 900
REPLICA_LAG_MS = 1_000
MEMORY_BYTES_MIN = 512 * 1024**2
SCORE_MICROSECONDS = 200_000
P99 = "p99"
SUM = cw.Stats.SUM
AVERAGE = cw.Stats.AVERAGE
MAXIMUM = cw.Stats.MAXIMUM
MINIMUM = cw.Stats.MINIMUM


def _metric(
    namespace: str,
    name: str,
    dimensions: Mapping[str, str],
    statistic: str = SUM,
    period: cdk.Duration = MINUTE,
) -> cw.Metric:
    return cw.Metric(
        namespace=namespace,
        metric_name=name,
        dimensions_map=dict(dimensions),
        statistic=statistic,
        period=period,
    )


def _ours(name: str, service: str, statistic: str = SUM) -> cw.Metric:
    """A metric that a handler of the product writes."""
    return _metric(OURS, name, {"service": service}, statistic)


def _percent(part: cw.IMetric, whole: cw.IMetric, label: str) -> cw.MathExpression:
    """A share; none of nothing is nothing."""
    return cw.MathExpression(
        expression="IF(whole > 0, 100 * part / whole, 0)",
        using_metrics={"part": part, "whole": whole},
        label=label,
        period=MINUTE,
    )


def door(api: str, stage: str, limits: Limits) -> Section:
    """The API: does it answer, in time, without errors."""
    at = {"ApiName": api, "Stage": stage}
    count = _metric("AWS/ApiGateway", "Count", at)
    failed = _metric("AWS/ApiGateway", "5XXError", at)
    refused = _metric("AWS/ApiGateway", "4XXError", at)
    return Section(
        "Door",
        (
            Watched(
                "DoorFails",
                f"More than {limits.errors_percent} % of requests fail.",
                _percent(failed, count, "failed %"),
                limits.errors_percent,
                "orders-fail",
                "critical",
            ),
            Watched(
                "DoorSlow",
                f"One request in a hundred takes longer than {limits.latency_ms_p99} ms.",
                _metric("AWS/ApiGateway", "Latency", at, P99),
                limits.latency_ms_p99,
                "orders-are-slow",
                "critical",
                periods=5,
                datapoints=3,
            ),
            Watched(
                "DoorRefuses",
                "A third of all requests is refused.",
                _percent(refused, count, "refused %"),
                33,
                "requests-are-refused",
                periods=5,
                datapoints=3,
            ),
        ),
        (count,),
    )


def functions(named: Mapping[str, str], limits: Limits) -> Section:
    """The functions by what they do: errors, throttles, and the order function's time."""
    watched: list[Watched] = []
    for does, name in named.items():
        at = {"FunctionName": name}
        title = does.title()
        watched += [
            Watched(
                f"{title}Fails",
                f"The function that has to {does} fails.",
                _metric("AWS/Lambda", "Errors", at),
                0,
                "a-function-fails",
            ),
            Watched(
                f"{title}Throttled",
                f"The function that has to {does} is started more often than it may.",
                _metric("AWS/Lambda", "Throttles", at),
                0,
                "a-function-is-throttled",
                "critical" if does == "order" else "warning",
            ),
        ]
    if "order" in named:
        watched.append(
            Watched(
                "OrderSlow",
                "The order function takes long.",
                _metric("AWS/Lambda", "Duration", {"FunctionName": named["order"]}, P99),
                limits.latency_ms_p99,
                "orders-are-slow",
                periods=5,
                datapoints=3,
            )
        )
    if "relay" in named:
        watched.append(
            Watched(
                "RelayStill",
                "Nobody carries entries from the ledger to the stream.",
                _metric("AWS/Lambda", "Invocations", {"FunctionName": named["relay"]}),
                1,
                "the-stream-is-behind",
                "critical",
                BELOW,
                periods=5,
                datapoints=5,
                missing=IS_BAD,
            )
        )
    return Section("Functions", tuple(watched))


def ledger(cluster: str, proxy: str | None, limits: Limits) -> Section:
    """The ledger's database, and what the product says about its ledger."""
    at = {"DBClusterIdentifier": cluster}
    name = "AWS/RDS"
    watched = [
        Watched(
            "LedgerBusy",
            "The ledger's database is nearly at its limit.",
            _metric(name, "CPUUtilization", at, AVERAGE),
            BUSY_PERCENT,
            "the-ledger-is-busy",
            periods=10,
            datapoints=8,
        ),
        Watched(
            "LedgerMemoryLow",
            "The ledger's database has little memory left.",
            _metric(name, "FreeableMemory", at, MINIMUM),
            MEMORY_BYTES_MIN,
            "the-ledger-is-busy",
            comparison=BELOW,
            periods=10,
            datapoints=8,
        ),
        Watched(
            "LedgerReaderBehind",
            "A reader of the ledger lags behind its writer.",
            _metric(name, "AuroraReplicaLagMaximum", at, MAXIMUM),
            REPLICA_LAG_MS,
            "a-replica-is-behind",
        ),
        Watched(
            "LedgerAway",
            "The ledger's database does not say that it is there.",
            _metric(name, "EngineUptime", at, MINIMUM),
            1,
            "the-ledger-is-away",
            "critical",
            BELOW,
            missing=IS_BAD,
        ),
        Watched(
            "LedgerContended",
            "Writers keep finding that the head has moved.",
            _ours("HeadMoved", "order"),
            100,
            "the-ledger-is-busy",
            periods=5,
            datapoints=4,
        ),
        Watched(
            "StreamBehind",
            f"The stream is more than {BEHIND_ENTRIES} entries behind the ledger.",
            _ours("StreamBehind", "relay", MAXIMUM),
            BEHIND_ENTRIES,
            "the-stream-is-behind",
        ),
    ]
    if proxy is not None:
        watched.append(
            Watched(
                "ProxySlow",
                "The proxy waits long for a connection to the ledger.",
                _metric(name, "DatabaseConnectionsBorrowLatency", {"ProxyName": proxy}, AVERAGE),
                limits.latency_ms_p99 * 1_000,
                "the-ledger-is-busy",
            )
        )
    also = (
        _ours("OrdersPlaced", "order"),
        _ours("OrdersRefused", "order"),
        _ours("LedgerSize", "relay", MAXIMUM),
        _metric(name, "CommitLatency", at, P99),
    )
    return Section("Ledger", tuple(watched), also)


def stream(name: str, dead_letters: str) -> Section:
    """Kinesis: readers in time, writers not turned away, nothing given up."""
    at = {"StreamName": name}
    return Section(
        "Stream",
        (
            Watched(
                "StreamReadersLate",
                "What is on the stream waits longer than a minute for its readers.",
                _metric("AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds", at, MAXIMUM),
                STREAM_AGE_MS,
                "the-stream-is-behind",
            ),
            Watched(
                "StreamFull",
                "The stream turns writers away.",
                _metric("AWS/Kinesis", "WriteProvisionedThroughputExceeded", at),
                0,
                "the-stream-is-behind",
            ),
            queue_empty("StreamGivenUp", "Messages were given up.", dead_letters),
        ),
        (_metric("AWS/Kinesis", "IncomingRecords", at),),
    )


def queue_empty(alarm: str, what: str, queue: str) -> Watched:
    """A queue in which nothing should ever lie."""
    return Watched(
        alarm,
        what,
        _metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", {"QueueName": queue}, MAXIMUM),
        0,
        "something-was-given-up",
        periods=1,
        datapoints=1,
    )


def log_delivery(firehose: str, *, splunk: bool) -> Section:
    """What the log stream still owes its destinations."""
    at = {"DeliveryStreamName": firehose}
    kinds = {"S3": "DeliveryToS3.DataFreshness"}
    if splunk:
        kinds["Splunk"] = "DeliveryToSplunk.DataFreshness"
    watched = tuple(
        Watched(
            f"LogsLateFor{where}",
            f"Log lines wait longer than {DELIVERY_SECONDS // 60} minutes for {where}.",
            _metric("AWS/Firehose", metric, at, MAXIMUM, FIVE),
            DELIVERY_SECONDS,
            "logs-are-late",
        )
        for where, metric in kinds.items()
    )
    return Section("Logs", watched)


def detector(endpoint: str | None, variant: str) -> Section:
    """Whether odd orders are still looked for."""
    watched: list[Watched] = []
    if endpoint is not None:
        at = {"EndpointName": endpoint, "VariantName": variant}
        watched = [
            Watched(
                "DetectorFails",
                "The detector's endpoint fails.",
                _metric("AWS/SageMaker", "Invocation5XXErrors", at),
                0,
                "the-detector-fails",
            ),
            Watched(
                "DetectorSlow",
                "The detector takes long to score an order.",
                _metric("AWS/SageMaker", "ModelLatency", at, P99),
                SCORE_MICROSECONDS,
                "the-detector-fails",
            ),
        ]
    return Section("Detector", tuple(watched), (_ours("AnomaliesFound", "consume"),))


def table(name: str) -> Section:
    """Cursors, prices and idempotency."""
    at = {"TableName": name}
    return Section(
        "State",
        tuple(
            Watched(
                f"State{operation}Throttled",
                f"{operation} on the state table is turned away.",
                _metric("AWS/DynamoDB", "ThrottledRequests", {**at, "Operation": operation}),
                0,
                "the-state-table-is-throttled",
            )
            for operation in ("GetItem", "PutItem", "UpdateItem")
        ),
    )
