"""The emergency role: used with a second factor, for an hour, and never unseen.

Two people of the account's operators may assume it when the pipeline cannot help. It may repair
what runs; what guards (trail, keys, locks, backups) is out of its reach as of everybody's. An alarm
rings whenever it is assumed (`audit_trail`, GlassBroken).
"""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from stack.acknowledge import acknowledge
from stack.naming import PRODUCT

ROLE = f"{PRODUCT}-break-glass"
HOURS = 1
FACTOR_SECONDS_MAX = 900
"""How old the second factor may be."""


class BreakGlass(Construct):
    """One role; `runbooks/break_glass.py` is how it is used and closed again."""

    def __init__(self, scope: Construct, id_: str) -> None:
        super().__init__(scope, id_)
        stack = cdk.Stack.of(self)
        here = f"{stack.region}:{stack.account}"
        self.role = iam.Role(
            self,
            "Role",
            role_name=ROLE,
            description="Emergencies: repairs what runs, with a second factor",
            max_session_duration=cdk.Duration.hours(HOURS),
            assumed_by=iam.AccountRootPrincipal().with_conditions(
                {
                    "Bool": {"aws:MultiFactorAuthPresent": "true"},
                    "NumericLessThan": {"aws:MultiFactorAuthAge": str(FACTOR_SECONDS_MAX)},
                }
            ),
        )
        functions = f"arn:aws:lambda:{here}:function:{PRODUCT}-*"
        clusters = f"arn:aws:rds:{here}:cluster:{PRODUCT}-*"
        for actions, resource in (
            (
                ("lambda:GetFunction", "lambda:PutFunctionConcurrency", "lambda:UpdateAlias"),
                functions,
            ),
            (("rds:FailoverDBCluster", "rds:DescribeDBClusters"), clusters),
            (
                ("events:DisableRule", "events:EnableRule", "events:DescribeRule"),
                f"arn:aws:events:{here}:rule/{PRODUCT}-*",
            ),
        ):
            self.role.add_to_policy(
                iam.PolicyStatement(actions=list(actions), resources=[resource])
            )
        acknowledge(
            self.role,
            f"AwsSolutions::AwsSolutions-IAM5[Resource::{functions}]",
            f"AwsSolutions::AwsSolutions-IAM5[Resource::{clusters}]",
            f"AwsSolutions::AwsSolutions-IAM5[Resource::arn:aws:events:{here}:rule/{PRODUCT}-*]",
            reason="What runs wears names that AWS ends with letters of its own; an emergency "
            "does not wait for their list.",
        )
