"""The whole: what holds for every stack, and how the app is built."""

from typing import Any

import pytest

from proof.assembly import Assembly
from proof.values import Values

TAGS = {"Product", "Stage", "Owner", "DataClass", "CostCentre", "Tier"}
DATA = {
    "AWS::RDS::DBCluster", "AWS::RDS::GlobalCluster", "AWS::DynamoDB::GlobalTable",
    "AWS::S3::Bucket", "AWS::Kinesis::Stream", "AWS::KMS::Key", "AWS::Logs::LogGroup",
    "AWS::ECR::Repository", "AWS::RedshiftServerless::Namespace",
}  # fmt: skip


def test_data_stays_in_two_regions_of_the_union(full: Assembly) -> None:
    """Nothing that keeps data stands in the edge region but log groups of CloudFront's side."""
    for stack in full.stacks:
        assert stack.region in {"eu-west-1", "eu-central-1", "us-east-1"}
        if stack.region == "us-east-1":
            assert stack.name == "edge"
            held = {each.type for each in stack.resources()} & DATA
            assert held <= {"AWS::Logs::LogGroup", "AWS::KMS::Key"}


def test_what_holds_data_outlives_its_stack(full: Assembly, small: Assembly) -> None:
    """Deleting a stack, or replacing a resource, deletes no data."""
    for assembly in (full, small):
        for resource in assembly.resources():
            if resource.type in DATA:
                assert str(resource.body.get("DeletionPolicy")).startswith("Retain"), resource.path
                assert resource.body.get("UpdateReplacePolicy") == "Retain", resource.path


def test_every_stack_is_protected_from_deletion(full: Assembly) -> None:
    """CloudFormation refuses to delete one by mistake."""
    assert all(stack.termination_protection for stack in full.stacks)


def test_tags_are_complete(full: Assembly) -> None:
    """Whatever can wear tags says whose it is, how secret, how soon it is needed back."""
    worn = 0
    for resource in full.resources():
        tags: Any = resource.properties.get("Tags")
        if resource.type == "AWS::EC2::LaunchTemplate" or not tags:
            continue
        keys = set(tags) if isinstance(tags, dict) else {each["Key"] for each in tags}
        assert keys >= TAGS, resource.path
        worn += 1
    assert worn > 200


def test_every_log_group_has_an_end_and_our_key(full: Assembly, values: Values) -> None:
    """At least a year, for the card industry's sake."""
    for group in full.resources("AWS::Logs::LogGroup"):
        assert int(str(group.properties["RetentionInDays"])) >= 365, group.path
        assert values.of(group).get("KmsKeyId"), group.path


def test_a_stage_is_an_account_and_nothing_else(contained: Assembly) -> None:
    """Staging is the same app in another account; a release is tried there first."""
    assert {stack.account for stack in contained.stacks} == {"222222222222"}
    assert "333333333333" not in str([stack.template for stack in contained.stacks])


def test_an_acknowledgement_needs_a_small_construct_a_pack_and_a_sentence() -> None:
    """Nothing is acknowledged for a stack, without its pack, or in two words."""
    import aws_cdk as cdk  # noqa: PLC0415  loads the CDK

    from stack.acknowledge import acknowledge  # noqa: PLC0415

    stack = cdk.Stack(cdk.App(), "stack")
    part = cdk.CfnOutput(stack, "part", value="1")
    reason = "A sentence that says why the rule need not hold here."
    with pytest.raises(ValueError, match="smallest construct"):
        acknowledge(stack, "AwsSolutions::AwsSolutions-S1", reason=reason)
    with pytest.raises(ValueError, match="a reason is a sentence"):
        acknowledge(part, "AwsSolutions::AwsSolutions-S1", reason="not needed")
    with pytest.raises(ValueError, match="name the pack"):
        acknowledge(part, "AwsSolutions-S1", reason=reason)


def test_functions_that_were_not_built_are_named() -> None:
    """A synthesis from a fresh clone works, and says that it must not be deployed."""
    from stack.capabilities import product_code  # noqa: PLC0415  loads the CDK

    assert (product_code.STAND_IN / "README.md").is_file()
    assert "make aws-package" in product_code.MISSING
