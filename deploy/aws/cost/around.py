"""What stands around the order's way costs: messages, network, keys, watching, delivery."""

from __future__ import annotations

import re

from cost.bill import Bill, Lines, items, members, number
from cost.lines import HOURS


def stream(bill: Bill) -> Lines:
    """A stream on demand or by shards, what is written and read, and how long it is kept."""
    gb = bill.usage.entry_gb
    hours = number(bill.own.get("RetentionPeriodHours"), 24)
    shards = number(bill.own.get("ShardCount"), 0)
    if members(bill.own.get("StreamModeDetails")).get("StreamMode") == "ON_DEMAND" or not shards:
        yield bill.fixed("kinesis.on-demand", HOURS)
        yield bill.load("kinesis.ingest", gb)
        yield bill.load("kinesis.read", gb * 2)
        yield bill.load("kinesis.storage", gb * max(0.0, hours - 24) / HOURS)
        return
    yield bill.fixed("kinesis.shard", shards * HOURS)
    yield bill.load("kinesis.put", bill.usage.trades * bill.usage["entries_per_trade"])
    if hours > 24:
        yield bill.fixed("kinesis.retention", shards * HOURS)


def delivery_stream(bill: Bill) -> Lines:
    """Log lines on their way to Splunk or to a bucket; metrics streams are small."""
    yield bill.load("firehose.transfer", bill.usage.log_gb)


def topic(bill: Bill) -> Lines:
    """Messages published."""
    yield bill.load("sns.publish", bill.usage["alerts"] / 3)


def subscription(bill: Bill) -> Lines:
    """Text messages; mail, HTTPS and queues cost next to nothing."""
    if bill.own.get("Protocol") == "sms":
        yield bill.load("sns.sms", bill.usage["text_messages"])


def queue(bill: Bill) -> Lines:
    """Requests to a queue, most of them polls."""
    yield bill.fixed("sqs.request", 130_000)


def bus(bill: Bill) -> Lines:
    """Events put on the bus."""
    yield bill.load("events.event", bill.usage["events_per_trade"] * bill.usage.trades)


def event_archive(bill: Bill) -> Lines:
    """Events kept."""
    yield bill.load(
        "events.archive", bill.usage["events_per_trade"] * bill.usage.trades * 1.5 / 1e6
    )


def nat(bill: Bill) -> Lines:
    """A NAT gateway's hours; what passes is shared among them."""
    yield bill.fixed("nat.hour", HOURS)
    yield bill.load("nat.transfer", bill.usage["nat_gb"] / 3)


def endpoint(bill: Bill) -> Lines:
    """An interface endpoint's hours in each zone; gateway endpoints cost nothing."""
    if bill.own.get("VpcEndpointType") == "Interface":
        yield bill.fixed(
            "endpoint.interface", max(1, len(items(bill.own.get("SubnetIds")))) * HOURS
        )
        yield bill.load("endpoint.transfer", bill.usage["endpoint_gb"] / 14)


def firewall(bill: Bill) -> Lines:
    """The network firewall's endpoints, one a zone."""
    yield bill.fixed("firewall.hour", len(items(bill.own.get("SubnetMappings"))) * HOURS)
    yield bill.load("firewall.transfer", bill.usage["firewall_gb"])


def network(bill: Bill) -> Lines:
    """What crosses zones and regions."""
    yield bill.load("transfer.zone", bill.usage["zone_gb"])
    yield bill.load(
        "transfer.region", bill.usage["region_gb_per_million_trades"] * bill.usage.trades / 1e6
    )


def address(bill: Bill) -> Lines:
    """A public address."""
    yield bill.fixed("public-address", HOURS)


def key(bill: Bill) -> Lines:
    """A key, one rotated version of it, and its share of the requests."""
    yield bill.fixed("kms.key", 2 if bill.own.get("EnableKeyRotation") is True else 1)
    yield bill.load("kms.request", bill.usage["kms_per_trade"] * bill.usage.trades / 6)


def secret(bill: Bill) -> Lines:
    """A secret."""
    yield bill.fixed("secret.month")


def log_group(bill: Bill) -> Lines:
    """A share of the log by what writes into the group.

    The trading path's much, all others little.
    """
    path = bill.resource.path.casefold()
    gb = 0.2
    if "flow" in path:
        gb = bill.usage["flow_log_gb"]
    elif re.search(r"/order[^/]*/|api/|access", path) and not bill.standing_by:
        gb = bill.usage.log_gb * 0.4
    elif re.search(r"firewall|waf", path):
        gb = bill.usage["flow_log_gb"] / 2
    quantity = 0.05 if bill.standing_by else gb
    yield bill.fixed("logs.ingest", quantity, low=quantity * 0.5, high=quantity * 2)
    kept = min(number(bill.own.get("RetentionInDays"), 3650) / 30, bill.usage["log_months_kept"])
    stored = quantity * kept * 0.15
    yield bill.fixed("logs.storage", stored, low=stored * 0.5, high=stored * 2)


def page_metrics(bill: Bill) -> Lines:
    """CloudFront's eight further metrics of a distribution."""
    yield bill.fixed("cloudwatch.metric", 8)


def metric_filter(bill: Bill) -> Lines:
    """A metric made from log lines."""
    yield bill.fixed("cloudwatch.metric", len(items(bill.own.get("MetricTransformations"))))


def alarm(bill: Bill) -> Lines:
    """An alarm, by the metrics that it looks at."""
    looked = [each for each in items(bill.own.get("Metrics")) if "MetricStat" in members(each)]
    yield bill.fixed("cloudwatch.alarm", max(1, len(looked)))


def composite(bill: Bill) -> Lines:
    """An alarm over alarms."""
    yield bill.fixed("cloudwatch.composite")


def dashboard(bill: Bill) -> Lines:
    """A dashboard, and on the first the metrics that the product itself publishes."""
    yield bill.fixed("cloudwatch.dashboard")
    yield bill.fixed("cloudwatch.metric", bill.usage["custom_metrics"] / 3)


def trail(bill: Bill) -> Lines:
    """The first copy of management events is free; data events are not."""
    if items(bill.own.get("AdvancedEventSelectors")) or items(bill.own.get("EventSelectors")):
        yield bill.load(
            "cloudtrail.data-event", bill.usage["data_events_per_trade"] * bill.usage.trades
        )
    if items(bill.own.get("InsightSelectors")):
        yield bill.fixed("cloudtrail.insight", bill.usage["api_events"])


def recorder(bill: Bill) -> Lines:
    """Changes that AWS Config records."""
    yield bill.fixed("config.item", bill.usage["config_items"])


def config_rule(bill: Bill) -> Lines:
    """Evaluations of one rule."""
    yield bill.fixed("config.evaluation", bill.usage["config_evaluations_per_rule"])


def pack(bill: Bill) -> Lines:
    """Evaluations of a pack's rules: as many as its text has resources."""
    rules = max(1, str(bill.own.get("TemplateBody", "")).count("AWS::Config::ConfigRule"))
    yield bill.fixed("config.evaluation", rules * bill.usage["config_evaluations_per_rule"])


def detector(bill: Bill) -> Lines:
    """Events, flow records and database processors that GuardDuty looks at."""
    share = 0.1 if bill.standing_by else 1.0
    yield bill.fixed("guardduty.api-event", bill.usage["api_events"] * share)
    yield bill.fixed("guardduty.network", bill.usage["flow_log_gb"] * share)
    yield bill.load("guardduty.data-event", bill.usage["data_events_per_trade"] * bill.usage.trades)
    yield bill.fixed("guardduty.database", bill.usage["database_vcpu"])


def standard(bill: Bill) -> Lines:
    """Checks of one standard."""
    share = 0.3 if bill.standing_by else 1.0
    yield bill.fixed("securityhub.check", bill.usage["security_checks_per_standard"] * share)


def macie(bill: Bill) -> Lines:
    """Buckets watched and gigabytes searched."""
    yield bill.fixed("macie.bucket", 12)
    yield bill.fixed("macie.scan", bill.usage["macie_gb"])


def vault(bill: Bill) -> Lines:
    """What a vault holds."""
    gb = bill.usage["backup_gb"]
    yield bill.fixed("backup.storage", gb, low=gb * 0.5, high=gb * 2)


def plan(bill: Bill) -> Lines:
    """Copies on their way to the other region."""
    if "CopyActions" in str(bill.own):
        yield bill.fixed("transfer.region", bill.usage["backup_gb"])


def budget(bill: Bill) -> Lines:
    """A budget; the first two would be free."""
    yield bill.fixed("budget.extra")


def repository(bill: Bill) -> Lines:
    """Images kept."""
    yield bill.fixed("ecr.storage", bill.usage["images_gb"])


def pipeline(bill: Bill) -> Lines:
    """Minutes in which the pipeline acts."""
    yield bill.fixed("codepipeline.minute", bill.usage["builds"] * bill.usage["build_minutes"])


def build(bill: Bill) -> Lines:
    """Minutes in which a project builds."""
    environment = members(bill.own.get("Environment"))
    small = "SMALL" in str(environment.get("ComputeType", "SMALL"))
    arm = "ARM" in str(environment.get("Type", ""))
    price = (
        "codebuild.arm-small"
        if arm and small
        else "codebuild.general-small"
        if small
        else "codebuild.general-medium"
    )
    yield bill.fixed(price, bill.usage["builds"] * bill.usage["build_minutes"] / 3)


def drill(bill: Bill) -> Lines:
    """Minutes of a game day's actions, one a month."""
    yield bill.fixed("fis.minute", bill.usage["drill_minutes"])


def states(bill: Bill) -> Lines:
    """A drill's transitions."""
    yield bill.fixed("states.transition", 200)


def canary(bill: Bill) -> Lines:
    """A canary's runs, one every five minutes."""
    yield bill.fixed("cloudwatch.canary", HOURS * 12)
