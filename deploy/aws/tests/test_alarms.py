"""Alarms: each with somebody to tell and something to do; dashboards that show them."""

import json
import re
from pathlib import Path
from typing import Any

from proof.assembly import MISSING, Assembly
from proof.values import Values

LEADS = re.compile(r"Runbook: https://\S+/runbooks/README\.md#(\S+)$")


def _alarms(
    full: Assembly, values: Values, *, stacks: tuple[str, ...] = ("watch", "governance", "recovery")
) -> list[Any]:
    return [
        values.of(each)
        for kind in ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")
        for each in full.resources(kind)
        if each.stack in stacks
    ]


def test_every_alarm_leads_to_a_heading_that_exists(
    full: Assembly, values: Values, here: Path
) -> None:
    """The description ends with a link whose anchor is a heading of runbooks/README.md."""
    readme = (here / "runbooks/README.md").read_text()
    headings = set(re.findall(r"^### (\S+)$", readme, re.MULTILINE))
    led = set()
    for alarm in _alarms(full, values, stacks=("watch", "governance", "recovery", "edge")):
        found = LEADS.search(alarm["AlarmDescription"])
        assert found, alarm["AlarmDescription"]
        led.add(found[1])
    assert led <= headings
    assert headings <= led | {"a-replica-is-behind"}, "a heading nobody leads to is dead"


def test_every_alarm_tells_somebody_and_says_when_it_is_over(
    full: Assembly, values: Values
) -> None:
    """An action for trouble and one for its end."""
    alarms = _alarms(full, values)
    assert len(alarms) >= 50
    for alarm in alarms:
        assert alarm["AlarmActions"]
        assert alarm["OKActions"]


def test_the_pages_alarms_are_told_in_the_primary_region(full: Assembly, values: Values) -> None:
    """CloudFront counts in us-east-1: a rule there hands on what a rule here tells people."""
    edge = _alarms(full, values, stacks=("edge",))
    assert {alarm["MetricName"] for alarm in edge} == {"5xxErrorRate", "OriginLatency"}
    assert {alarm["Namespace"] for alarm in edge} == {"AWS/CloudFront"}
    monitoring: Any = values.of(full.one("AWS::CloudFront::MonitoringSubscription"))
    subscription = monitoring["MonitoringSubscription"]["RealtimeMetricsSubscriptionConfig"]
    assert subscription == {"RealtimeMetricsSubscriptionStatus": "Enabled"}
    pattern = {
        "source": ["aws.cloudwatch"],
        "detail-type": ["CloudWatch Alarm State Change"],
        "resources": [
            {"prefix": "arn:aws:cloudwatch:us-east-1:333333333333:alarm:tallystick-edge-"}
        ],
    }
    carried: Any = values.of(full.one("AWS::Events::Rule", stack="edge"))
    assert carried["EventPattern"] == pattern
    (target,) = carried["Targets"]
    assert target["Arn"] == "arn:aws:events:eu-west-1:333333333333:event-bus/default"
    (told,) = [
        each
        for each in full.resources("AWS::Events::Rule", stack="watch")
        if values.of(each)["EventPattern"] == pattern
    ]
    assert told.get("EventBusName") is MISSING
    assert "Warning" in str(told.properties["Targets"])


def test_the_detectors_alarms_name_its_variant(full: Assembly, values: Values) -> None:
    """An alarm on a variant that there is not would never ring."""
    shape: Any = values.of(full.resources("AWS::SageMaker::EndpointConfig", stack="stream")[0])
    (variant,) = shape["ProductionVariants"]
    named = {
        each["Value"]
        for alarm in _alarms(full, values)
        for each in alarm.get("Dimensions", [])
        if each["Name"] == "VariantName"
    }
    assert named == {variant["VariantName"]}


def test_what_the_product_counts_is_what_is_watched(
    full: Assembly, values: Values, here: Path
) -> None:
    """An alarm on a metric that no handler writes would never ring."""
    handlers = here.parents[1] / "src/tallystick/wiring/aws"
    written = set()
    for each in handlers.glob("*.py"):
        written |= set(re.findall(r'add_metric\(\s*"(\w+)"', each.read_text()))
    stacks = ("watch", "governance", "recovery", "service")
    ours = {
        alarm["MetricName"]
        for alarm in _alarms(full, values, stacks=stacks)
        if alarm.get("Namespace") == "Tallystick"
    }
    assert ours
    assert ours <= written


def test_silence_is_bad_where_something_must_be_heard(full: Assembly, values: Values) -> None:
    """The ledger's pulse, its nightly check, the relay, and the copy's lag: no data rings."""
    silent = {
        alarm["MetricName"]
        for alarm in _alarms(full, values)
        if alarm.get("TreatMissingData") == "breaching"
    }
    assert silent == {
        "EngineUptime",
        "Invocations",
        "AuroraGlobalDBReplicationLag",
        "LedgerVerified",
    }


def test_what_alarms_mean_together(full: Assembly, values: Values) -> None:
    """Four sentences that wake people, made of alarms; a grey failure is slow and not failing."""
    made = {
        str(values.of(each)["AlarmName"]).split("-")[-1]: str(values.of(each)["AlarmRule"])
        for each in full.resources("AWS::CloudWatch::CompositeAlarm")
    }
    assert set(made) == {
        "OrdersCannotBePlaced",
        "GreyFailure",
        "EntriesDoNotArrive",
        "NobodyIsTold",
    }
    assert "NOT (" in made["GreyFailure"]
    assert " OR " in made["OrdersCannotBePlaced"]


def test_thresholds_are_the_profiles(full: Assembly, values: Values) -> None:
    """Latency, error share and lag are read from the profile, not invented here."""
    by_metric: dict[str, list[float]] = {}
    for alarm in _alarms(full, values):
        by_metric.setdefault(str(alarm.get("MetricName")), []).append(alarm.get("Threshold"))
    assert by_metric["Latency"] == [250]
    assert by_metric["AuroraGlobalDBReplicationLag"] == [5_000]
    assert by_metric["ReplicationLatency"] == [5_000]


def test_every_function_and_queue_is_watched(full: Assembly, values: Values) -> None:
    """Errors and throttles of each of the five functions; nothing lies unseen in a queue."""
    watched = [(alarm.get("Namespace"), alarm.get("MetricName")) for alarm in _alarms(full, values)]
    assert watched.count(("AWS/Lambda", "Errors")) == 5
    assert watched.count(("AWS/Lambda", "Throttles")) == 5
    assert watched.count(("AWS/SQS", "ApproximateNumberOfMessagesVisible")) >= 2


def test_dashboards_show_every_alarm(full: Assembly, values: Values) -> None:
    """One of the trade, one of the parts; each alarm of the watch stack has its graph."""
    boards: dict[str, Any] = {
        str(values.of(each)["DashboardName"]): json.loads(str(values.of(each)["DashboardBody"]))
        for each in full.resources("AWS::CloudWatch::Dashboard")
    }
    assert set(boards) == {"tallystick-trade", "tallystick-parts"}
    graphs = [each for each in boards["tallystick-parts"]["widgets"] if each["type"] == "metric"]
    alarms = full.resources("AWS::CloudWatch::Alarm", stack="watch")
    assert len([each for each in graphs if each["properties"].get("title")]) == len(alarms)
    limited = [each for each in graphs if "annotations" in each["properties"]]
    assert len(limited) == len(alarms)
