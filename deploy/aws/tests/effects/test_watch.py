"""What watches.

Logs, alarms, trails, configuration, threats and money, with the templates' own properties.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import ClientError

from proof import calls

if TYPE_CHECKING:
    from proof.assembly import Assembly
    from proof.emulators import Clients
    from proof.values import Values


def test_every_log_group_forgets_in_time(
    ministack: Clients, full: Assembly, values: Values
) -> None:
    """Each log group of the templates takes its retention; none keeps for ever by omission."""
    logs = ministack("logs")
    groups = full.resources("AWS::Logs::LogGroup")
    for number, resource in enumerate(groups):
        own = values.of(resource)
        name = f"group-{number}"
        logs.create_log_group(logGroupName=name)
        assert "RetentionInDays" in own, resource.path
        logs.put_retention_policy(logGroupName=name, retentionInDays=int(own["RetentionInDays"]))
    kept = logs.describe_log_groups(logGroupNamePrefix="group-")["logGroups"]
    assert len(kept) == min(len(groups), 50)
    assert all(each["retentionInDays"] >= 1 for each in kept)


def test_log_line_becomes_a_number(ministack: Clients, full: Assembly, values: Values) -> None:
    """Metric filters of the templates are taken with their patterns and transformations."""
    logs = ministack("logs")
    filters = full.resources("AWS::Logs::MetricFilter")
    for number, resource in enumerate(filters):
        own = values.of(resource)
        logs.create_log_group(logGroupName=f"g{number}")
        calls.call(
            logs, "put_metric_filter", own, filterName=f"f{number}", logGroupName=f"g{number}"
        )
        kept = logs.describe_metric_filters(logGroupName=f"g{number}")["metricFilters"][0]
        assert kept["filterPattern"] == own["FilterPattern"]
        assert (
            kept["metricTransformations"][0]["metricName"]
            == own["MetricTransformations"][0]["MetricName"]
        )
    assert filters


def test_alarm_fires_and_tells(moto: Clients, full: Assembly, values: Values) -> None:
    """Every metric alarm of the templates is taken and has somebody to tell.

    One is put into ALARM and read back.
    """
    cloudwatch = moto("cloudwatch")
    alarms = full.resources("AWS::CloudWatch::Alarm")
    for number, resource in enumerate(alarms):
        own = values.of(resource)
        own.pop("Tags", None)
        calls.call(cloudwatch, "put_metric_alarm", own, AlarmName=f"alarm-{number}")
    kept = [
        each
        for page in cloudwatch.get_paginator("describe_alarms").paginate()
        for each in page["MetricAlarms"]
    ]
    assert len(kept) == len(alarms) > 0
    silent = [resource for resource in alarms if not resource.properties.get("AlarmActions")]
    releases = str(
        [
            each.properties["AlarmConfiguration"]
            for each in full.resources("AWS::CodeDeploy::DeploymentGroup")
        ]
    )
    # An alarm of the page is an event there, which a rule carries to where topics are.
    carried = {each.stack for each in full.resources("AWS::Events::Rule", stack="edge")}
    untold = [each for each in silent if each.stack not in carried]
    assert [each.path for each in untold if each.logical_id not in releases] == []
    told = next(
        f"alarm-{number}"
        for number, resource in enumerate(alarms)
        if resource.properties.get("AlarmActions")
    )
    cloudwatch.set_alarm_state(AlarmName=told, StateValue="ALARM", StateReason="drill")
    fired = cloudwatch.describe_alarms(StateValue="ALARM")["MetricAlarms"]
    assert [each["AlarmName"] for each in fired] == [told]
    assert fired[0]["AlarmActions"]


def test_composite_alarm_is_kept(ministack: Clients, full: Assembly, values: Values) -> None:
    """A composite alarm of the templates keeps its rule and its actions."""
    cloudwatch = ministack("cloudwatch")
    composite = full.one("AWS::CloudWatch::CompositeAlarm")
    for resource in full.resources("AWS::CloudWatch::Alarm", stack=composite.stack):
        alarm = {
            **values.of(resource),
            "AlarmName": resource.properties.get("AlarmName", resource.logical_id),
        }
        alarm.pop("Tags", None)
        calls.call(cloudwatch, "put_metric_alarm", alarm)
        kept = cloudwatch.describe_alarms(AlarmNames=[str(alarm["AlarmName"])])["MetricAlarms"][0]
        values.know(resource, str(alarm["AlarmName"]), Arn=kept["AlarmArn"])
    own = values.of(composite)
    own.pop("Tags", None)
    calls.call(cloudwatch, "put_composite_alarm", own, AlarmName="composite")
    kept = cloudwatch.describe_alarms(AlarmTypes=["CompositeAlarm"])["CompositeAlarms"][0]
    assert kept["AlarmRule"] == own["AlarmRule"]
    assert kept["AlarmActions"]


def test_dashboards_are_valid(ministack: Clients, full: Assembly, values: Values) -> None:
    """Each dashboard's body is JSON with widgets, and the service gives it back."""
    cloudwatch = ministack("cloudwatch")
    dashboards = full.resources("AWS::CloudWatch::Dashboard")
    for number, resource in enumerate(dashboards):
        body = str(values.of(resource)["DashboardBody"])
        cloudwatch.put_dashboard(DashboardName=f"board-{number}", DashboardBody=body)
        kept = json.loads(
            cloudwatch.get_dashboard(DashboardName=f"board-{number}")["DashboardBody"]
        )
        assert "widgets" in kept
    assert dashboards


def test_trail_sees_all_regions_and_proves_itself(
    moto: Clients, full: Assembly, values: Values
) -> None:
    """The trail covers every region, validates its files, and is logging."""
    s3, trails = moto("s3"), moto("cloudtrail")
    s3.create_bucket(Bucket="trail", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    own = {**values.of(full.one("AWS::CloudTrail::Trail"))}
    for name in ("Tags", "SnsTopicName", "EventSelectors", "InsightSelectors"):
        own.pop(name, None)
    calls.call(trails, "create_trail", own, {"Name": "TrailName"}, Name="all", S3BucketName="trail")
    kept = trails.get_trail(Name="all")["Trail"]
    assert kept["IsMultiRegionTrail"] is True
    assert kept["LogFileValidationEnabled"] is True
    assert kept["IncludeGlobalServiceEvents"] is True
    trails.start_logging(Name="all")
    assert trails.get_trail_status(Name="all")["IsLogging"] is True
    assert own["IsLogging"] is True


def test_configuration_is_recorded_and_judged(
    moto: Clients, full: Assembly, values: Values
) -> None:
    """The recorder records all resources and the managed rules of the templates are taken."""
    s3, config = moto("s3"), moto("config")
    s3.create_bucket(Bucket="config", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    own = values.of(full.one("AWS::Config::ConfigurationRecorder"))
    group = calls.parameters(config, "put_configuration_recorder", {"ConfigurationRecorder": own})[
        "ConfigurationRecorder"
    ]
    recorder = {**group, "name": "default"}
    config.put_configuration_recorder(ConfigurationRecorder=recorder)
    config.put_delivery_channel(DeliveryChannel={"name": "default", "s3BucketName": "config"})
    config.start_configuration_recorder(ConfigurationRecorderName="default")
    assert (
        config.describe_configuration_recorder_status()["ConfigurationRecordersStatus"][0][
            "recording"
        ]
        is True
    )
    kept = config.describe_configuration_recorders()["ConfigurationRecorders"][0]
    assert kept["recordingGroup"]["allSupported"] is True
    unknown, taken = [], 0
    for rule in rules_of_packs(full, values):
        rule["ConfigRuleName"] = f"rule-{taken + len(unknown)}"
        try:
            calls.call(config, "put_config_rule", {"ConfigRule": rule})
            taken += 1
        except ClientError as error:
            unknown.append(f"{rule['Source']}: {error}")
    kept_rules = [
        each
        for page in config.get_paginator("describe_config_rules").paginate()
        for each in page["ConfigRules"]
    ]
    assert taken == len(kept_rules)
    assert taken > 3 * len(unknown), unknown


def rules_of_packs(full: Assembly, values: Values) -> list[dict[str, Any]]:
    """Return the managed rules of the templates and of their conformance packs, each once."""
    found: dict[str, dict[str, Any]] = {}
    rules = [values.of(each) for each in full.resources("AWS::Config::ConfigRule")]
    for pack in full.resources("AWS::Config::ConformancePack"):
        body = json.loads(str(values.of(pack)["TemplateBody"]))
        rules += [each["Properties"] for each in body["Resources"].values()]
    for rule in rules:
        source = cast("dict[str, Any]", rule["Source"])
        if source["Owner"] == "AWS":
            wanted = {name: each for name, each in rule.items() if name != "Tags"}
            found[source["SourceIdentifier"]] = cast("dict[str, Any]", wanted)
    return list(found.values())


def test_threats_are_looked_for(moto: Clients, full: Assembly, values: Values) -> None:
    """The detector is on and publishes findings every quarter of an hour."""
    guardduty = moto("guardduty")
    own = {**values.of(full.one("AWS::GuardDuty::Detector"))}
    own.pop("Tags", None)
    made = calls.call(guardduty, "create_detector", own)["DetectorId"]
    kept = guardduty.get_detector(DetectorId=made)
    assert kept["Status"] == "ENABLED"
    assert (
        kept["FindingPublishingFrequency"] == own["FindingPublishingFrequency"] == "FIFTEEN_MINUTES"
    )
    with pytest.raises(ClientError):
        guardduty.get_detector(DetectorId="another")


def test_findings_come_together_in_the_hub(moto: Clients, full: Assembly, values: Values) -> None:
    """Security Hub is on and gathers a finding that is put into it.

    The template enables new controls by itself, and names the standards.
    """
    hub = moto("securityhub")
    own = values.of(full.one("AWS::SecurityHub::Hub"))
    hub.enable_security_hub(EnableDefaultStandards=False)
    kept = hub.describe_hub()
    assert kept["HubArn"]
    assert own.get("AutoEnableControls", True) is True
    standards = [
        str(values.of(each)["StandardsArn"])
        for each in full.resources("AWS::SecurityHub::Standard")
    ]
    assert any("aws-foundational-security-best-practices" in each for each in standards)
    hub.batch_import_findings(Findings=[FINDING])
    found = hub.get_findings()["Findings"]
    assert [each["Title"] for each in found] == ["Head moved backwards"]


FINDING = {
    "SchemaVersion": "2018-10-08",
    "Id": "1",
    "ProductArn": "arn:aws:securityhub:eu-west-1:111111111111:product/111111111111/default",
    "GeneratorId": "tallystick",
    "AwsAccountId": "111111111111",
    "Types": ["Unusual Behaviors/Data"],
    "CreatedAt": "2026-01-01T00:00:00Z",
    "UpdatedAt": "2026-01-01T00:00:00Z",
    "Severity": {"Label": "HIGH"},
    "Title": "Head moved backwards",
    "Description": "drill",
    "Resources": [{"Type": "Other", "Id": "ledger"}],
}


def test_buckets_are_searched_for_personal_data(
    moto: Clients, full: Assembly, values: Values
) -> None:
    """Macie is on with the frequency of the template."""
    macie = moto("macie2")
    own = values.of(full.one("AWS::Macie::Session"))
    macie.enable_macie(
        findingPublishingFrequency=own["FindingPublishingFrequency"],
        status=own.get("Status", "ENABLED"),
    )
    kept = macie.get_macie_session()
    assert kept["status"] == "ENABLED"
    assert kept["findingPublishingFrequency"] == own["FindingPublishingFrequency"]


def test_budget_warns_before_it_is_spent(moto: Clients, full: Assembly, values: Values) -> None:
    """The monthly budget keeps its limit and tells somebody before all of it is spent."""
    budgets = moto("budgets", "us-east-1")
    own = values.of(
        next(
            each
            for each in full.resources("AWS::Budgets::Budget")
            if each.get("Budget.BudgetType") == "COST"
        )
    )
    budget = calls.parameters(budgets, "create_budget", {"Budget": own["Budget"]})["Budget"]
    told = calls.parameters(
        budgets,
        "create_budget",
        {"NotificationsWithSubscribers": own["NotificationsWithSubscribers"]},
    )
    name = str(budget.setdefault("BudgetName", "monthly"))
    budgets.create_budget(AccountId="111111111111", Budget=budget)
    for each in told["NotificationsWithSubscribers"]:
        budgets.create_notification(AccountId="111111111111", BudgetName=name, **each)
    kept = budgets.describe_budget(AccountId="111111111111", BudgetName=name)["Budget"]
    assert float(kept["BudgetLimit"]["Amount"]) == float(budget["BudgetLimit"]["Amount"]) > 0
    notifications = budgets.describe_notifications_for_budget(
        AccountId="111111111111", BudgetName=name
    )["Notifications"]
    assert min(each["Threshold"] for each in notifications) < 100
