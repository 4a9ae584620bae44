"""The one way to answer a finding of cdk-nag: on the smallest construct, with a reason."""

import aws_cdk as cdk
from constructs import IConstruct

REASON_CHARACTERS_MIN = 30


def acknowledge(construct: IConstruct, *rules: str, reason: str) -> None:
    """Say why `rules` need not hold on this one construct.

    A rule is the pack and the rule, `AwsSolutions::AwsSolutions-IAM5[Resource::*]`: only this
    form shows among the report's suppressed violations. A stack or an app is never the smallest
    construct, and a reason is a sentence: both are refused with ValueError.
    """
    if cdk.Stack.is_stack(construct) or cdk.App.is_app(construct):
        raise ValueError(f"acknowledge on the smallest construct, not on {construct.node.path}")
    if len(reason) < REASON_CHARACTERS_MIN:
        raise ValueError(f"a reason is a sentence, not {reason!r}")
    for rule in rules:
        if "::" not in rule:
            raise ValueError(f"name the pack as well: PACK::{rule}")
        cdk.Validations.of(construct).acknowledge(cdk.Acknowledgment(id=rule, reason=reason))
