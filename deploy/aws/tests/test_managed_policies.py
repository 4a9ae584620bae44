"""What roles may do: managed policies, none too long, and templates that hold together."""

import json
from typing import Any

from proof.assembly import Assembly

CDKS_OWN = "CustomResourceProviderRole"
"""CDK writes these itself, with what they need inside."""
CHARACTERS_MAX = 6_144
"""IAM's limit for a managed policy, white space left out."""


def test_no_role_has_an_inline_policy(full: Assembly, small: Assembly) -> None:
    """Neither as a resource of its own nor within the role."""
    for assembly in (full, small):
        assert not assembly.resources("AWS::IAM::Policy")
        for role in assembly.resources("AWS::IAM::Role"):
            assert "Policies" not in role.properties or CDKS_OWN in role.logical_id, role.path


def test_policies_fit(full: Assembly) -> None:
    """No document is longer than IAM takes, with room for what references become."""
    for policy in full.resources("AWS::IAM::ManagedPolicy"):
        text = json.dumps(policy.properties["PolicyDocument"], separators=(",", ":"))
        assert len(text) <= CHARACTERS_MAX, (policy.path, len(text))


def test_whatever_is_waited_for_is_there(full: Assembly) -> None:
    """Every DependsOn, Ref and GetAtt of every template names something in it."""
    for stack in full.stacks:
        resources: Any = stack.template.get("Resources", {})
        known = set(resources) | set(stack.template.get("Parameters", {}))  # type: ignore[arg-type]
        for logical, body in resources.items():
            waits = body.get("DependsOn", [])
            named = set(waits if isinstance(waits, list) else [waits]) | set(_referred(body))
            assert named <= known, (stack.name, logical, named - known)


def _referred(value: Any) -> list[str]:
    if isinstance(value, list):
        return [name for each in value for name in _referred(each)]
    if not isinstance(value, dict):
        return []
    if len(value) == 1:
        if "Ref" in value and not value["Ref"].startswith("AWS::"):
            return [value["Ref"]]
        if "Fn::GetAtt" in value:
            return [value["Fn::GetAtt"][0]]
    return [name for each in value.values() for name in _referred(each)]
