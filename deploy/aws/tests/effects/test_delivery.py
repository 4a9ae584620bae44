"""How a change gets there: pipeline, build, canary and stacks that do not go by accident."""

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

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "codepipeline.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}


def test_pipeline_waits_for_a_person(moto: Clients, full: Assembly, values: Values) -> None:
    """The pipeline keeps its stages in order, and a manual approval stands before production."""
    iam, pipelines = moto("iam"), moto("codepipeline", "us-east-1")
    role = iam.create_role(RoleName="pipeline", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"][
        "Arn"
    ]
    own = {**values.of(full.one("AWS::CodePipeline::Pipeline"))}
    own.pop("Tags", None)
    shaped = calls.parameters(pipelines, "create_pipeline", {"pipeline": own})["pipeline"]
    shaped.update(name="deliver", roleArn=role, version=1)
    shaped.pop("artifactStores", None)
    shaped["artifactStore"] = {"type": "S3", "location": "artifacts"}
    source = cast("list[dict[str, Any]]", own["Stages"])
    for stage, written in zip(shaped["stages"], source, strict=True):
        for action, each in zip(stage["actions"], written["Actions"], strict=True):
            action["name"] = each["Name"]
    pipelines.create_pipeline(pipeline=shaped)
    kept = pipelines.get_pipeline(name="deliver")["pipeline"]["stages"]
    assert [each["name"] for each in kept] == [each["Name"] for each in source]
    approvals = [
        number
        for number, stage in enumerate(kept)
        if any(action["actionTypeId"]["category"] == "Approval" for action in stage["actions"])
    ]
    assert approvals
    assert approvals[-1] > 0


def test_build_runs_unprivileged_and_sealed(
    ministack: Clients, full: Assembly, values: Values
) -> None:
    """The build project is created with our key and without privileged mode."""
    builds = ministack("codebuild")
    own = {**values.of(full.one("AWS::CodeBuild::Project"))}
    for name in ("Tags", "VpcConfig", "Triggers", "Cache", "LogsConfig"):
        own.pop(name, None)
    made = calls.call(builds, "create_project", own, name="synth")["project"]["name"]
    kept = builds.batch_get_projects(names=[made])["projects"][0]
    assert kept["environment"].get("privilegedMode", False) is False
    assert kept["encryptionKey"] == own["EncryptionKey"]


def test_canary_turns_back_on_alarm(moto: Clients, full: Assembly, values: Values) -> None:
    """A new version of the order function gets a part of the traffic first.

    An alarm turns it back.
    """
    deploy = moto("codedeploy")
    application = values.of(full.one("AWS::CodeDeploy::Application"))
    deploy.create_application(
        applicationName="orders", computePlatform=application["ComputePlatform"]
    )
    resource = next(
        each
        for each in full.resources("AWS::CodeDeploy::DeploymentGroup")
        if each.get("AlarmConfiguration.Enabled") is True or "AlarmConfiguration" in each.properties
    )
    own = {**values.of(resource)}
    own.pop("Tags", None)
    calls.call(
        deploy,
        "create_deployment_group",
        own,
        applicationName="orders",
        deploymentGroupName="orders",
    )
    kept = deploy.get_deployment_group(applicationName="orders", deploymentGroupName="orders")[
        "deploymentGroupInfo"
    ]
    assert kept["autoRollbackConfiguration"]["enabled"] is True
    assert "DEPLOYMENT_STOP_ON_ALARM" in kept["autoRollbackConfiguration"]["events"]
    sent = cast("dict[str, Any]", own["AlarmConfiguration"])
    assert sent["Alarms"], "moto takes the alarms and does not give them back"
    assert kept["deploymentConfigName"] != "CodeDeployDefault.LambdaAllAtOnce"


def test_stack_does_not_go_by_accident(ministack: Clients, full: Assembly) -> None:
    """A stack under termination protection refuses to be deleted.

    Every stack of the templates stands under it.
    """
    assert all(each.termination_protection for each in full.stacks), (
        "a stack lacks termination protection"
    )
    clouds = ministack("cloudformation")
    template = json.dumps({"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}})
    clouds.create_stack(StackName="kept", TemplateBody=template, EnableTerminationProtection=True)
    clouds.get_waiter("stack_create_complete").wait(
        StackName="kept", WaiterConfig={"Delay": 1, "MaxAttempts": 20}
    )
    with pytest.raises(ClientError, match=r"[Pp]rotect"):
        clouds.delete_stack(StackName="kept")
    assert (
        clouds.describe_stacks(StackName="kept")["Stacks"][0]["EnableTerminationProtection"] is True
    )
