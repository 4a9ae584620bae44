"""Turns every inline policy into a managed one: it can be listed, versioned and compared.

CDK writes what a role may do as `AWS::IAM::Policy`, which lies inside the role. In its place stands
an `AWS::IAM::ManagedPolicy` of the same statements on the same roles; whatever waited for the
one waits for the other, for both are the child of the same policy construct.
"""

import aws_cdk as cdk
import jsii
from aws_cdk import aws_iam as iam
from constructs import IConstruct

STANDS_AS = "Managed"


@jsii.implements(cdk.IAspect)
class ManagedPolicies:
    """An aspect for the whole app."""

    def visit(self, node: IConstruct) -> None:
        """Replace one inline policy; one that is empty stays, for CDK leaves it out itself."""
        if not isinstance(node, iam.CfnPolicy):
            return
        around = node.node.scope
        if not isinstance(around, iam.Policy) or around.document.is_empty:
            return
        around.node.try_remove_child(node.node.id)
        iam.CfnManagedPolicy(
            around,
            STANDS_AS,
            policy_document=around.document,
            roles=node.roles,
            users=node.users,
            groups=node.groups,
        )
