"""The audit trail: complete, sealed, locked, listened to."""

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_cloudtrail as cloudtrail

from proof.assembly import Assembly
from proof.values import Values
from stack.capabilities.alarms import Alarms
from stack.capabilities.alerts import Alerts
from stack.capabilities.audit_trail import AuditTrail
from stack.capabilities.keys import Keys
from stack.profile import load


def test_trail_is_complete_and_sealed(full: Assembly, values: Values) -> None:
    """Every region, global events, digests of files, our key, a copy in a log group."""
    (trail,) = full.resources("AWS::CloudTrail::Trail")
    said: Any = values.of(trail)
    assert said["IsMultiRegionTrail"] is True
    assert said["IncludeGlobalServiceEvents"] is True
    assert said["EnableLogFileValidation"] is True
    assert said["IsLogging"] is True
    assert ":kms:" in said["KMSKeyId"]
    assert said["CloudWatchLogsLogGroupArn"]
    assert {each["InsightType"] for each in said["InsightSelectors"]} == {
        "ApiCallRateInsight",
        "ApiErrorRateInsight",
    }
    data = [one["Type"] for each in said["EventSelectors"] for one in each.get("DataResources", [])]
    assert set(data) == {"AWS::S3::Object", "AWS::Lambda::Function"}


def test_trail_lies_under_lock_for_seven_years(full: Assembly, values: Values) -> None:
    """Object Lock in compliance mode, in both regions; the copy keeps the lock."""
    for stack in ("governance", "recovery"):
        (bucket,) = [
            values.of(each)
            for each in full.resources("AWS::S3::Bucket", stack=stack)
            if str(values.of(each)["BucketName"]).startswith("tallystick-audit-")
        ]
        lock: Any = bucket["ObjectLockConfiguration"]
        assert lock["Rule"]["DefaultRetention"] == {"Days": 2557, "Mode": "COMPLIANCE"}
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    (source,) = [
        each
        for each in full.resources("AWS::S3::Bucket", stack="governance")
        if str(values.of(each)["BucketName"]).startswith("tallystick-audit-")
    ]
    rule: Any = values.of(source)["ReplicationConfiguration"]["Rules"][0]  # type: ignore[index,call-overload]
    assert rule["Destination"]["Bucket"].endswith("-eu-central-1")
    assert rule["Status"] == "Enabled"


def test_every_offence_has_its_filter_and_alarm(full: Assembly, values: Values) -> None:
    """Root, IAM, keys, the trail itself and twelve more: a filter each, and its alarm."""
    filters = [values.of(each) for each in full.resources("AWS::Logs::MetricFilter")]
    alarms = {
        values.of(each)["MetricName"]: values.of(each)
        for each in full.resources("AWS::CloudWatch::Alarm", stack="governance")
    }
    names = {each["MetricTransformations"][0]["MetricName"] for each in filters}  # type: ignore[index,call-overload]
    assert names == set(alarms)
    assert {
        "RootUsed",
        "IamChanged",
        "KeyEndangered",
        "TrailChanged",
        "RecorderChanged",
        "BackupEndangered",
        "DetectionStopped",
        "SignInWithoutMfa",
        "GlassBroken",
    } <= names
    for alarm in alarms.values():
        assert alarm["AlarmActions"]
        assert alarm["TreatMissingData"] == "notBreaching"


def test_key_deletion_and_root_wake_somebody(full: Assembly, values: Values) -> None:
    """Their alarms go to the critical topic."""
    for each in full.resources("AWS::CloudWatch::Alarm", stack="governance"):
        alarm: Any = values.of(each)
        if alarm["MetricName"] in {"RootUsed", "KeyEndangered", "TrailChanged", "GlassBroken"}:
            assert "Critical" in str(alarm["AlarmActions"])


def test_patterns_name_what_they_look_for(full: Assembly, values: Values) -> None:
    """Patterns are within CloudWatch's 1,024 characters and in balance."""
    for each in full.resources("AWS::Logs::MetricFilter"):
        pattern = str(values.of(each)["FilterPattern"])
        assert len(pattern) <= 1024, (each.logical_id, len(pattern))
        assert pattern.count("(") == pattern.count(")")
        assert pattern.startswith("{")
        assert pattern.endswith("}")


def test_trail_can_be_the_organisations() -> None:
    """In a management account one argument makes it the trail of every account."""
    profile = load("full")
    stack = cdk.Stack(
        cdk.App(), "audit", env=cdk.Environment(account="333333333333", region="eu-west-1")
    )
    keys = Keys(stack, "Keys")
    alerts = Alerts(stack, "Alerts", profile=profile, key=keys.messages)
    alarms = Alarms(stack, "Alarms", alerts=alerts, runbooks_url="https://example.com")
    made = AuditTrail(
        stack,
        "Trail",
        profile=profile,
        keys=keys,
        alarms=alarms,
        organisation="o-1234567890",
    )
    bare = made.trail.node.default_child
    assert isinstance(bare, cloudtrail.CfnTrail)
    assert bare.is_organization_trail is True
