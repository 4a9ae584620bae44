"""The head that was signed last, kept in the other region, in other hands than the ledger.

A database that is put back from an older backup is as consistent in itself as the real one; only a
memory of what was signed, kept apart, can tell. The product advances it by a conditional update
(a larger size of the same history, or nothing) and asks it before it signs. Nobody deletes an item:
the table's own policy says so, to administrators as well.
"""

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from stack.naming import GUARD_TABLE, key_alias
from stack.profile import Profile

PARTITION_KEY = "id"
DELETION_DAYS = 30


class HeadGuard(Construct):
    """One table: an item a log, with its size and root."""

    def __init__(self, scope: Construct, id_: str, *, profile: Profile) -> None:
        super().__init__(scope, id_)
        self.key = self._key()
        self.table = dynamodb.TableV2(
            self,
            "Table",
            table_name=GUARD_TABLE,
            partition_key=dynamodb.Attribute(
                name=PARTITION_KEY, type=dynamodb.AttributeType.STRING
            ),
            billing=dynamodb.Billing.on_demand(),
            encryption=dynamodb.TableEncryptionV2.customer_managed_key(self.key),
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True,
                recovery_period_in_days=profile.retention.point_in_time_days,
            ),
            deletion_protection=True,
            removal_policy=cdk.RemovalPolicy.RETAIN,
            resource_policy=_nobody_deletes(),
        )

    def _key(self) -> kms.Key:
        """A key of its own: who reads the ledger's database cannot read this."""
        return kms.Key(
            self,
            "Key",
            alias=key_alias("guard"),
            description="Tallystick: guard",
            enable_key_rotation=True,
            rotation_period=cdk.Duration.days(365),
            pending_window=cdk.Duration.days(DELETION_DAYS),
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )


def _nobody_deletes() -> iam.PolicyDocument:
    return iam.PolicyDocument(
        statements=[
            iam.PolicyStatement(
                sid="NobodyForgets",
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                actions=[
                    "dynamodb:BatchWriteItem",
                    "dynamodb:DeleteItem",
                    "dynamodb:PartiQLDelete",
                ],
                resources=["*"],  # in a table's own policy: the table
            )
        ]
    )
