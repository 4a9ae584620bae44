"""The state table: cursors, prices and idempotency records, replicated into the recovery region."""

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from stack.acknowledge import acknowledge
from stack.capabilities.keys import Keys
from stack.naming import STATE_TABLE, key_alias_arn
from stack.profile import Profile


class StateTable(Construct):
    """Everything in it can be rebuilt from the ledger; replicas spare the time that takes."""

    def __init__(self, scope: Construct, id_: str, *, profile: Profile, keys: Keys) -> None:
        super().__init__(scope, id_)
        recovery = profile.regions.recovery
        replicas = []
        replica_keys: dict[str, str] = {}
        recovery_specification = dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=True,
            recovery_period_in_days=profile.retention.point_in_time_days,
        )
        if profile.switches.recovery:
            replicas = [
                dynamodb.ReplicaTableProps(
                    region=recovery,
                    deletion_protection=True,
                    point_in_time_recovery_specification=recovery_specification,
                )
            ]
            replica_keys = {recovery: key_alias_arn(self, "ledger", region=recovery)}
        self.table = dynamodb.TableV2(
            self,
            "Table",
            table_name=STATE_TABLE,
            partition_key=dynamodb.Attribute(name="id", type=dynamodb.AttributeType.STRING),
            billing=dynamodb.Billing.on_demand(),
            time_to_live_attribute="expiration",
            encryption=dynamodb.TableEncryptionV2.customer_managed_key(keys.ledger, replica_keys),
            point_in_time_recovery_specification=recovery_specification,
            deletion_protection=True,
            removal_policy=cdk.RemovalPolicy.RETAIN,
            replicas=replicas,
        )
        acknowledge(
            self.table,
            "NIST.800.53.R5::NIST.800.53.R5-DynamoDBInBackupPlan",
            reason="The backup plan selects by tag (capabilities/backup.py); tests prove the tag.",
        )
