"""What is measured around the order's way: alerts, network, cache, containers, copies."""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cw

from stack.capabilities.alarms import BELOW, IS_BAD, Section, Watched
from stack.capabilities.watched import (
    AVERAGE,
    BUSY_PERCENT,
    MAXIMUM,
    MINIMUM,
    MINUTE,
    OURS,
    SUM,
    queue_empty,
)
from stack.profile import Limits

FIVE = cdk.Duration.minutes(5)
HOUR = cdk.Duration.hours(1)
DAY = cdk.Duration.days(1)
CHECK_HOURS = 26
"""A night, and two hours for a fleet that has to wait for a spare machine."""
EXPIRY_DAYS = 30
INBOX_SECONDS = 300
BLOCKED_MAX = 1_000
ORIGIN_MS = 1_000
"""How long the bucket of the page may take, for nine requests of ten."""
FULL_PERCENT = 85


def _metric(
    namespace: str, name: str, at: dict[str, str], statistic: str, period: cdk.Duration = FIVE
) -> cw.Metric:
    return cw.Metric(
        namespace=namespace,
        metric_name=name,
        dimensions_map=at,
        statistic=statistic,
        period=period,
    )


def ledger_check() -> Section:
    """The nightly check of the whole ledger: what it found, and that it was there at all.

    A finding stays until another check is clean. Who cannot tell says nothing, which is heard too.
    """
    at = {"service": "verify"}
    return Section(
        "Proof",
        (
            Watched(
                "LedgerTampered",
                "The nightly check found a ledger that is not what was signed.",
                _metric(OURS, "LedgerVerified", at, MINIMUM, HOUR),
                1,
                "the-ledger-is-not-what-was-signed",
                "critical",
                BELOW,
                periods=1,
                datapoints=1,
                missing=cw.TreatMissingData.IGNORE,
            ),
            Watched(
                "LedgerUnchecked",
                f"No check of the whole ledger was clean for {CHECK_HOURS} hours.",
                _metric(OURS, "LedgerVerified", at, SUM, HOUR),
                1,
                "the-ledger-is-not-what-was-signed",
                "critical",
                BELOW,
                periods=CHECK_HOURS,
                datapoints=CHECK_HOURS,
                missing=IS_BAD,
            ),
        ),
        (_metric(OURS, "LedgerVerifiedSize", at, MAXIMUM, HOUR),),
    )


def telling(undelivered: str, inbox: str, topics: Sequence[str]) -> Section:
    """Whether people still hear of trouble."""
    failed = tuple(
        Watched(
            f"NotTold{place}",
            "A listener of a topic does not accept what it is told.",
            _metric("AWS/SNS", "NumberOfNotificationsFailed", {"TopicName": topic}, SUM),
            0,
            "somebody-was-not-told",
            periods=1,
            datapoints=1,
        )
        for place, topic in enumerate(topics)
    )
    waiting = Watched(
        "InboxWaits",
        "Nobody takes alerts from the inbox.",
        _metric("AWS/SQS", "ApproximateAgeOfOldestMessage", {"QueueName": inbox}, MAXIMUM),
        INBOX_SECONDS,
        "somebody-was-not-told",
    )
    lost = queue_empty("Undelivered", "Alerts were not delivered.", undelivered)
    return Section("Telling", (*failed, waiting, lost))


def network(firewall: str | None, web_acls: Sequence[str], region: str) -> Section:
    """What the two firewalls turned away."""
    watched = [
        Watched(
            f"Knocking{place}",
            "The web firewall turns away unusually many requests.",
            _metric(
                "AWS/WAFV2",
                "BlockedRequests",
                {"WebACL": acl, "Region": region, "Rule": "ALL"},
                SUM,
            ),
            BLOCKED_MAX,
            "many-requests-are-turned-away",
        )
        for place, acl in enumerate(web_acls)
    ]
    if firewall is not None:
        watched.append(
            Watched(
                "TrafficDropped",
                "Something inside tries to reach what it may not.",
                _metric(
                    "AWS/NetworkFirewall",
                    "DroppedPackets",
                    {"FirewallName": firewall, "Engine": "Stateful"},
                    SUM,
                ),
                BLOCKED_MAX,
                "something-tries-to-leave",
            )
        )
    return Section("Network", tuple(watched))


def certificate(arn: str) -> Watched:
    """When the door's certificate runs out."""
    return Watched(
        "CertificateEnds",
        f"The certificate of the API ends within {EXPIRY_DAYS} days.",
        _metric("AWS/CertificateManager", "DaysToExpiry", {"CertificateArn": arn}, MINIMUM, DAY),
        EXPIRY_DAYS,
        "a-certificate-ends",
        comparison=BELOW,
        periods=1,
        datapoints=1,
    )


def page(distribution: str, limits: Limits) -> Section:
    """Whether CloudFront answers for the page, and its bucket in time; counted in us-east-1."""
    at = {"DistributionId": distribution, "Region": "Global"}
    return Section(
        "Page",
        (
            Watched(
                "PageFails",
                f"CloudFront answers more than {limits.errors_percent} % with an error of ours.",
                _metric("AWS/CloudFront", "5xxErrorRate", at, AVERAGE),
                limits.errors_percent,
                "the-page-fails",
            ),
            Watched(
                "PageSlow",
                f"One request in ten waits longer than {ORIGIN_MS} ms for the page's bucket.",
                _metric("AWS/CloudFront", "OriginLatency", at, "p90"),
                ORIGIN_MS,
                "the-page-fails",
            ),
        ),
    )


def standby(cluster: str, limits: Limits) -> Section:
    """How far the second region's ledger is behind; seen there."""
    return Section(
        "Standby",
        (
            Watched(
                "LedgerCopyBehind",
                f"The ledger's copy is more than {limits.rpo_seconds} seconds behind.",
                _metric(
                    "AWS/RDS",
                    "AuroraGlobalDBReplicationLag",
                    {"DBClusterIdentifier": cluster},
                    MAXIMUM,
                ),
                limits.rpo_seconds * 1_000,
                "the-standby-is-behind",
                "critical",
                missing=IS_BAD,
            ),
        ),
    )


def copies(table: str, region: str, limits: Limits) -> Section:
    """How far the second region's table is behind; seen where it is written."""
    return Section(
        "Copies",
        (
            Watched(
                "StateCopyBehind",
                f"The state table's copy is more than {limits.rpo_seconds} seconds behind.",
                _metric(
                    "AWS/DynamoDB",
                    "ReplicationLatency",
                    {"TableName": table, "ReceivingRegion": region},
                    "Average",
                ),
                limits.rpo_seconds * 1_000,
                "the-standby-is-behind",
            ),
        ),
    )


def cache(group: str) -> Section:
    """Valkey's first node."""
    at = {"CacheClusterId": f"{group}-001", "CacheNodeId": "0001"}
    return Section(
        "Cache",
        (
            Watched(
                "CacheBusy",
                "The cache is nearly at its limit.",
                _metric("AWS/ElastiCache", "EngineCPUUtilization", at, AVERAGE, MINUTE),
                BUSY_PERCENT,
                "the-cache-is-full",
            ),
            Watched(
                "CacheFull",
                "The cache has little memory left.",
                _metric("AWS/ElastiCache", "DatabaseMemoryUsagePercentage", at, AVERAGE, MINUTE),
                FULL_PERCENT,
                "the-cache-is-full",
            ),
        ),
    )


def containers(cluster: str, service: str, balancer: str, targets: str) -> Section:
    """The containers behind the load balancer."""
    at = {"ClusterName": cluster, "ServiceName": service}
    behind = {"LoadBalancer": balancer, "TargetGroup": targets}
    return Section(
        "Containers",
        (
            Watched(
                "ContainersBusy",
                "The containers are nearly at their limit.",
                _metric("AWS/ECS", "CPUUtilization", at, AVERAGE, MINUTE),
                BUSY_PERCENT,
                "containers-fail",
                periods=10,
                datapoints=8,
            ),
            Watched(
                "ContainersUnwell",
                "A container does not answer its health check.",
                _health(balancer, targets),
                0,
                "containers-fail",
            ),
            Watched(
                "ContainersFail",
                "Containers answer with errors.",
                _balanced("HTTPCode_Target_5XX_Count", behind),
                0,
                "containers-fail",
            ),
        ),
    )


def _health(balancer: str, targets: str) -> cw.Metric:
    return _balanced(
        "UnHealthyHostCount", {"LoadBalancer": balancer, "TargetGroup": targets}, MAXIMUM
    )


def _balanced(name: str, at: dict[str, str], statistic: str = SUM) -> cw.Metric:
    return _metric("AWS/ApplicationELB", name, at, statistic, MINUTE)
