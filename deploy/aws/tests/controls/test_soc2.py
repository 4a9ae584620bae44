"""SOC 2 trust services criteria, by point of focus.

What the templates and the folder have to say for each.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

from proof import policy
from proof.assembly import MISSING

if TYPE_CHECKING:
    from pathlib import Path

    from proof.assembly import Assembly, Resource
    from proof.values import Values


def paths(found: list[Resource]) -> list[str]:
    """Return where the resources stand, for a failure that says it."""
    return [each.path for each in found]


def test_soc2_cc6_1_whoever_acts_is_known(full: Assembly) -> None:
    """Each method of an API asks who calls, but for health and the signed head, which is public.

    People sign in with two factors.
    """
    paths_of = {
        (each.stack, each.logical_id): str(each.get("PathPart"))
        for each in full.resources("AWS::ApiGateway::Resource")
    }
    open_methods = []
    for method in full.resources("AWS::ApiGateway::Method"):
        where = cast("dict[str, str]", method.get("ResourceId")).get("Ref", "")
        if method.get("AuthorizationType") == "NONE" and method.get("HttpMethod") != "OPTIONS":
            open_methods.append(paths_of.get((method.stack, where), "/"))
    assert set(open_methods) <= {
        *("healthz", "readyz", "checkpoint", "vkey"),
        *("inclusion", "consistency", "range"),
    }
    assert all(
        each.get("MfaConfiguration") == "ON" for each in full.resources("AWS::Cognito::UserPool")
    )


def test_soc2_cc6_2_rights_come_from_roles(full: Assembly, values: Values) -> None:
    """There are no users and no access keys; who deploys is not who runs."""
    assert full.resources("AWS::IAM::User") + full.resources("AWS::IAM::AccessKey") == []
    trusts = [
        str(values.of(each)["AssumeRolePolicyDocument"])
        for each in full.resources("AWS::IAM::Role")
    ]
    both = [
        each
        for each in trusts
        if "lambda.amazonaws.com" in each
        and re.search(r"cloudformation|codepipeline|codebuild", each)
    ]
    assert both == []


def test_soc2_cc6_3_elevated_rights_are_bounded(full: Assembly) -> None:
    """Every role stands under the boundary, and the boundary forbids taking it off."""
    assert (
        paths(
            [
                each
                for each in full.resources("AWS::IAM::Role")
                if "PermissionsBoundary" not in each.properties
            ]
        )
        == []
    )
    boundaries = [
        each
        for each in full.resources("AWS::IAM::ManagedPolicy")
        if "boundary" in str(each.get("ManagedPolicyName"))
    ]
    assert boundaries


def test_soc2_cc6_6_traffic_from_outside_is_inspected(full: Assembly) -> None:
    """A web firewall stands before every door, a network firewall before the way out.

    Flow records behind both.
    """
    assert full.resources("AWS::WAFv2::WebACLAssociation")
    firewalls = full.resources("AWS::NetworkFirewall::Firewall")
    assert {each.region for each in firewalls} >= {"eu-west-1"}
    stacks = {each.stack for each in firewalls}
    through = [
        each
        for each in full.resources("AWS::EC2::Route")
        if each.stack in stacks and "VpcEndpointId" in each.properties
    ]
    assert through, "no route leads through the network firewall"


def test_soc2_cc6_7_data_leaves_only_where_it_may(full: Assembly, values: Values) -> None:
    """The network firewall lets out to names that are listed; buckets refuse plain HTTP."""
    groups = [str(values.of(each)) for each in full.resources("AWS::NetworkFirewall::RuleGroup")]
    assert any("ALLOWLIST" in each or "pass tls" in each for each in groups)
    denied = [
        each
        for each in policy.statements(full, values, {"AWS::S3::BucketPolicy": ("PolicyDocument",)})
        if each.effect == "Deny" and "SecureTransport" in each.condition
    ]
    assert len(denied) >= len(full.resources("AWS::S3::BucketPolicy"))


def test_soc2_cc6_8_only_our_code_runs(full: Assembly) -> None:
    """Images cannot be overwritten and are scanned.

    Containers cannot write their own disk and are not privileged.
    """
    repositories = full.resources("AWS::ECR::Repository")
    assert repositories
    for each in repositories:
        assert str(each.get("ImageTagMutability")).startswith("IMMUTABLE"), each.path
        assert each.get("ImageScanningConfiguration.ScanOnPush") is True, each.path
    for task in full.resources("AWS::ECS::TaskDefinition"):
        for container in cast("list[dict[str, Any]]", task.properties["ContainerDefinitions"]):
            assert container.get("ReadonlyRootFilesystem") is True, task.path
            assert container.get("Privileged") is not True, task.path


def test_soc2_cc7_1_configuration_is_judged(full: Assembly) -> None:
    """The recorder notes everything, packs of rules judge it, the hub gathers what they find."""
    assert full.resources("AWS::Config::ConfigurationRecorder")
    assert len(full.resources("AWS::Config::ConformancePack")) >= 3
    assert full.resources("AWS::SecurityHub::Hub")
    assert len(full.resources("AWS::SecurityHub::Standard")) >= 2


def test_soc2_cc7_2_anomalies_are_looked_for(full: Assembly) -> None:
    """Detectors watch the account, and alarms watch changes of rights in its trail."""
    assert full.resources("AWS::GuardDuty::Detector")
    patterns = " ".join(
        str(each.get("FilterPattern")) for each in full.resources("AWS::Logs::MetricFilter")
    )
    for what in (
        "Root",
        "PutRolePolicy|AttachRolePolicy|CreatePolicy",
        "ScheduleKeyDeletion|DisableKey",
        "StopLogging|DeleteTrail",
    ):
        assert re.search(what, patterns), what


def test_soc2_cc7_3_findings_reach_people(full: Assembly) -> None:
    """What GuardDuty and the hub find becomes an event that a rule tells onwards."""
    patterns = " ".join(
        str(each.get("EventPattern")) for each in full.resources("AWS::Events::Rule")
    )
    assert "aws.guardduty" in patterns or "aws.securityhub" in patterns
    assert full.resources("AWS::SNS::Subscription")


def actions(full: Assembly, alarm: Resource) -> list[str]:
    """Return the types of what an alarm sets off; a scaling policy is a machine's matter."""
    named = str(alarm.properties.get("AlarmActions", ""))
    return [
        each.type for each in full.resources(stack=alarm.stack) if f"'{each.logical_id}'" in named
    ]


def test_soc2_cc7_4_every_alarm_leads_to_what_to_do(full: Assembly, here: Path) -> None:
    """An alarm's description names its runbook; the runbooks are there and can be rehearsed."""
    alarms = full.resources("AWS::CloudWatch::Alarm") + full.resources(
        "AWS::CloudWatch::CompositeAlarm"
    )
    machines = str(
        [
            each.properties["AlarmConfiguration"]
            for each in full.resources("AWS::CodeDeploy::DeploymentGroup")
        ]
    )
    people = [
        each
        for each in alarms
        if each.logical_id not in machines and "ScalingPolicy" not in str(actions(full, each))
    ]
    without = [
        each for each in people if "runbook" not in str(each.get("AlarmDescription")).casefold()
    ]
    assert paths(without) == []
    assert len(list((here / "runbooks").glob("*.py"))) >= 5


def test_soc2_cc8_1_changes_wait_for_a_person(full: Assembly) -> None:
    """The way to production has a manual approval.

    A release turns back on an alarm.
    """
    pipelines = full.resources("AWS::CodePipeline::Pipeline")
    assert pipelines
    text = str([each.properties for each in pipelines])
    assert "'Category': 'Approval'" in text
    groups = full.resources("AWS::CodeDeploy::DeploymentGroup")
    assert groups
    for each in groups:
        assert each.get("AutoRollbackConfiguration.Enabled") is True, each.path
        assert each.get("AlarmConfiguration") is not MISSING, each.path


def test_soc2_a1_2_there_is_a_second_region(full: Assembly) -> None:
    """The ledger has a cluster in the other region, the archive and the table a replica.

    Names fail over.
    """
    assert {each.region for each in full.resources("AWS::RDS::DBCluster")} == {
        "eu-west-1",
        "eu-central-1",
    }
    tables = [
        each
        for each in full.resources("AWS::DynamoDB::GlobalTable")
        if "eu-central-1" in str(each.get("Replicas"))
    ]
    assert tables
    assert [
        each
        for each in full.resources("AWS::S3::Bucket")
        if "ReplicationConfiguration" in each.properties
    ]
    assert {str(each.get("Failover")) for each in full.resources("AWS::Route53::RecordSet")} >= {
        "PRIMARY",
        "SECONDARY",
    }


def test_soc2_a1_1_capacity_follows_the_load(full: Assembly) -> None:
    """Containers scale by what they do; the stream and the tables take what comes."""
    assert full.resources("AWS::ApplicationAutoScaling::ScalingPolicy")
    modes = {
        str(each.get("StreamModeDetails.StreamMode"))
        for each in full.resources("AWS::Kinesis::Stream")
    }
    assert "ON_DEMAND" in modes
    assert {each.get("BillingMode") for each in full.resources("AWS::DynamoDB::GlobalTable")} == {
        "PAY_PER_REQUEST"
    }


def test_soc2_pi1_the_ledger_is_verified(full: Assembly, values: Values) -> None:
    """A check that fails is told at once; a function that refuses to go on (a fork) is an alarm.

    The head lies elsewhere.
    """
    patterns = [str(each.get("EventPattern")) for each in full.resources("AWS::Events::Rule")]
    assert [each for each in patterns if "Ledger Check Failed" in each]
    alarms = [values.of(each) for each in full.resources("AWS::CloudWatch::Alarm")]
    assert [
        each
        for each in alarms
        if each.get("Namespace") == "AWS/Lambda" and each.get("MetricName") == "Errors"
    ]
    guard = [
        each
        for each in full.resources("AWS::DynamoDB::GlobalTable")
        if "guard" in str(each.get("TableName"))
    ]
    assert {each.region for each in guard} >= {"eu-central-1"}
