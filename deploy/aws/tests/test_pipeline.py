"""Delivery: what stands between a commit and production."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from proof.assembly import Assembly
from proof.values import Values


@pytest.fixture(scope="module")
def pipeline(full: Assembly, values: Values) -> Any:
    """The one pipeline."""
    (found,) = full.resources("AWS::CodePipeline::Pipeline")
    assert found.stack == "delivery"
    return values.of(found)


def test_stages_stand_in_their_order(pipeline: Any) -> None:
    """Nothing reaches production but by tests, synthesis, gates, staging and a person."""
    assert pipeline["PipelineType"] == "V2"
    assert [stage["Name"] for stage in pipeline["Stages"]] == [
        "Source",
        "Tests",
        "Images",
        "Synthesis",
        "Gates",
        "Staging",
        "Approval",
        "Production",
    ]
    (approval,) = pipeline["Stages"][6]["Actions"]
    assert approval["ActionTypeId"]["Category"] == "Approval"
    assert approval["Configuration"]["NotificationArn"]


def test_smoke_follows_each_deployment_and_failure_goes_back(pipeline: Any) -> None:
    """Deploy, then ask; a stage that fails is rolled back."""
    for name in ("Staging", "Production"):
        (stage,) = [each for each in pipeline["Stages"] if each["Name"] == name]
        deploy, smoke = stage["Actions"]
        assert deploy["Configuration"]["ProjectName"] == f"tallystick-deploy-{name.lower()}"
        assert smoke["Configuration"]["ProjectName"] == "tallystick-smoke"
        assert (deploy["RunOrder"], smoke["RunOrder"]) == (1, 2)
        assert stage["OnFailure"] == {"Result": "ROLLBACK"}


def test_what_gates_saw_is_deployed(pipeline: Any) -> None:
    """The assembly is made once and handed to gates and both deployments."""
    made = [
        (action["Name"], [each["Name"] for each in action.get("OutputArtifacts", [])])
        for stage in pipeline["Stages"]
        for action in stage["Actions"]
    ]
    assert [name for name, outputs in made if "assembly" in outputs] == ["synthesis"]
    takers = {
        action["Name"]
        for stage in pipeline["Stages"]
        for action in stage["Actions"]
        if "assembly" in [each["Name"] for each in action.get("InputArtifacts", [])]
    }
    assert takers == {"gates", "deploy-staging", "deploy-production"}


def test_each_stage_is_asked_under_its_own_name(pipeline: Any, contained: Assembly) -> None:
    """The address that smoke asks is the one that the stage's own templates answer to."""
    asked = {}
    for name in ("Staging", "Production"):
        (stage,) = [each for each in pipeline["Stages"] if each["Name"] == name]
        listed = json.loads(stage["Actions"][1]["Configuration"]["EnvironmentVariables"])
        asked[name] = {each["name"]: each["value"] for each in listed}["URL"]
    assert asked == {
        "Staging": "https://api.staging.tallystick.example.com",
        "Production": "https://api.tallystick.example.com",
    }
    names = [each.get("DomainName") for each in contained.resources("AWS::ApiGateway::DomainName")]
    assert asked["Staging"].removeprefix("https://") in names
    assert "api.tallystick.example.com" not in str([each.template for each in contained.stacks])


def test_templates_name_the_images_that_were_built(pipeline: Any) -> None:
    """The digests of both images go from their build into the synthesis."""
    stages = {each["Name"]: each["Actions"][0] for each in pipeline["Stages"]}
    assert stages["Images"]["Namespace"] == "images"
    listed = json.loads(stages["Synthesis"]["Configuration"]["EnvironmentVariables"])
    assert {each["name"]: each["value"] for each in listed} == {
        "ORDER_IMAGE": "#{images.ORDER_IMAGE}",
        "DETECTOR_IMAGE": "#{images.DETECTOR_IMAGE}",
    }


def test_who_builds_images_may_push_two_and_nothing_else(full: Assembly, values: Values) -> None:
    """Its role reaches the pipeline's own two repositories; it assumes no other."""
    (policy,) = [
        values.of(each)
        for each in full.resources("AWS::IAM::ManagedPolicy", stack="delivery")
        if each.logical_id.startswith("PipelineImages")
    ]
    document: Any = policy["PolicyDocument"]
    pushing = [each for each in document["Statement"] if "ecr:PutImage" in each["Action"]]
    assert [arn.rpartition("/")[2] for arn in pushing[0]["Resource"]] == [
        "tallystick",
        "tallystick-rcf",
    ]
    wide = [each for each in document["Statement"] if each["Resource"] == "*"]
    assert [each["Action"] for each in wide] == ["ecr:GetAuthorizationToken"]
    assert "sts:AssumeRole" not in str(document)


def test_each_stage_may_only_reach_its_own_account(full: Assembly, values: Values) -> None:
    """The role that deploys staging assumes roles of staging's account alone, and so on."""
    for stage, account in (("Staging", "222222222222"), ("Production", "333333333333")):
        (policy,) = [
            values.of(each)
            for each in full.resources("AWS::IAM::ManagedPolicy", stack="delivery")
            if f"Deploy{stage}" in each.logical_id
        ]
        document: Any = policy["PolicyDocument"]
        (assumed,) = [
            each["Resource"] for each in document["Statement"] if each["Action"] == "sts:AssumeRole"
        ]
        assert {arn.split(":")[4] for arn in assumed} == {account}
        others = [arn for arn in assumed if ":role/cdk-hnb659fds-" not in arn]
        assert others == [f"arn:aws:iam::{account}:role/tallystick-publish-page"]


def test_projects_run_what_lies_beside_the_code(full: Assembly, values: Values, here: Path) -> None:
    """Each project's commands are a file in delivery/; encrypted, logged, not privileged."""
    projects = full.resources("AWS::CodeBuild::Project")
    assert len(projects) == 7
    for each in projects:
        project: Any = values.of(each)
        spec = here.parents[1] / project["Source"]["BuildSpec"]
        assert "build" in yaml.safe_load(spec.read_text())["phases"]
        assert project["EncryptionKey"]
        builds_images = project["Name"] == "tallystick-images"
        assert project["Environment"]["PrivilegedMode"] is builds_images
        assert project["LogsConfig"]["CloudWatchLogs"]["Status"] == "ENABLED"
        assert project["TimeoutInMinutes"] == 60


def test_delivery_stands_in_an_account_of_its_own(full: Assembly) -> None:
    """Staging, production and delivery are three accounts."""
    (delivery,) = [each for each in full.stacks if each.name == "delivery"]
    assert delivery.account == "111111111111"
    assert {each.account for each in full.stacks if each.name != "delivery"} == {"333333333333"}


def test_people_hear_of_approvals_and_failures(full: Assembly, values: Values) -> None:
    """By mail, through a topic under our key."""
    (rule,) = full.resources("AWS::CodeStarNotifications::NotificationRule")
    events: Any = values.of(rule)["EventTypeIds"]
    assert any("manual-approval-needed" in each for each in events)
    assert any("execution-failed" in each for each in events)


def test_release_shifts_a_tenth_first_and_goes_back_on_alarms(
    full: Assembly, values: Values
) -> None:
    """CodeDeploy: ten percent for ten minutes, with alarms that take it back."""
    (config,) = [
        values.of(each)
        for each in full.resources("AWS::CodeDeploy::DeploymentConfig", stack="service")
    ]
    canary: Any = config["TrafficRoutingConfig"]
    assert canary["Type"] == "TimeBasedCanary"
    assert canary["TimeBasedCanary"] == {"CanaryInterval": 10, "CanaryPercentage": 10}
    group: Any = values.of(full.resources("AWS::CodeDeploy::DeploymentGroup", stack="service")[0])
    assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
    assert group["AlarmConfiguration"]["Enabled"] is True
    assert len(group["AlarmConfiguration"]["Alarms"]) >= 2
