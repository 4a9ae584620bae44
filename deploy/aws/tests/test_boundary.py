"""The permissions boundary: on every role, above every grant, below everything dangerous."""

from typing import Any

from proof.assembly import Assembly
from proof.policy import IDENTITY, statements
from proof.values import Values

CHARACTERS_MAX = 6144
"""What AWS takes in one managed policy, without spaces."""


def bounds(assembly: Assembly) -> list[Any]:
    """The statements of the boundary."""
    own: Any = assembly.one(
        "AWS::IAM::ManagedPolicy", ManagedPolicyName="tallystick-boundary"
    ).properties
    return list(own["PolicyDocument"]["Statement"])


def test_every_role_is_bounded(full: Assembly, small: Assembly) -> None:
    """CDK's own helpers as well; the boundary is the one of the account."""
    for assembly in (full, small):
        for role in assembly.resources("AWS::IAM::Role"):
            bound = str(role.get("PermissionsBoundary"))
            assert bound.endswith(":policy/tallystick-boundary"), role.path


def test_what_a_role_is_granted_lies_within(full: Assembly, values: Values) -> None:
    """A grant outside the boundary would be a permission that does not work."""
    allowed, enrol, _ = bounds(full)
    within = set(allowed["Action"])
    for statement in statements(full, values, IDENTITY):
        name = statement.resource.properties.get("ManagedPolicyName")
        if statement.effect == "Allow" and name != "tallystick-boundary":
            own = set(enrol["Action"]) if set(statement.targets) == _enrolled(enrol) else set()
            assert set(statement.actions) <= within | own, statement.resource.path


def _enrolled(enrol: Any) -> set[str]:
    """The one role, in the account of the templates."""
    return {str(enrol["Resource"]).replace("::*:", "::333333333333:")}


def test_the_boundary_names_each_action_and_the_regions(full: Assembly) -> None:
    """No wildcard, no identity, no region but the profile's; it fits into one policy."""
    allowed, enrol, denied = bounds(full)
    assert not any("*" in action for action in allowed["Action"])
    services = {action.split(":")[0] for action in allowed["Action"]}
    assert not services & {"iam", "organizations", "account", "sso"}
    assert set(allowed["Condition"]["StringEquals"]["aws:RequestedRegion"]) == {
        "eu-west-1", "eu-central-1", "us-east-1",
    }  # fmt: skip
    assert enrol["Resource"].endswith("amazonaws.com/AWSServiceRoleForComputeOptimizer")
    assert denied["Effect"] == "Deny"
    assert {"kms:ScheduleKeyDeletion", "cloudtrail:StopLogging"} <= set(denied["Action"])
    assert not set(denied["Action"]) & set(allowed["Action"])
    assert len(str(bounds(full)).replace(" ", "")) < CHARACTERS_MAX
