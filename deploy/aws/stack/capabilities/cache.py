"""The cache: Valkey over the zones, TLS only, users known to IAM; it holds copies alone."""

from aws_cdk import aws_elasticache as elasticache
from constructs import Construct

from stack.acknowledge import acknowledge
from stack.capabilities.keys import Keys
from stack.capabilities.logging import log_group
from stack.capabilities.network import CACHE, Network
from stack.naming import PRODUCT
from stack.profile import Profile

SNAPSHOT_DAYS = 15
VERSION = "8.0"


class Cache(Construct):
    """A replication group with automatic failover; `endpoint` is where writes go."""

    def __init__(
        self, scope: Construct, id_: str, *, profile: Profile, keys: Keys, network: Network
    ) -> None:
        super().__init__(scope, id_)
        subnets = elasticache.CfnSubnetGroup(
            self,
            "Subnets",
            description="The data subnets",
            subnet_ids=network.vpc.select_subnets(subnet_group_name="data").subnet_ids,
        )
        self.user = elasticache.CfnUser(
            self,
            "User",
            engine="valkey",
            user_id=PRODUCT,
            user_name=PRODUCT,
            access_string="on ~* +@all -@dangerous",
            authentication_mode={"Type": "iam"},
        )
        users = elasticache.CfnUserGroup(
            self, "Users", engine="valkey", user_group_id=PRODUCT, user_ids=[self.user.ref]
        )
        logs = log_group(self, "LogGroup", days=profile.retention.log_days, key=keys.logs)
        self.group = elasticache.CfnReplicationGroup(
            self,
            "Group",
            replication_group_description="Tallystick: quotes and sessions",
            engine="valkey",
            engine_version=VERSION,
            cache_node_type=profile.cache.node,
            num_node_groups=1,
            replicas_per_node_group=profile.cache.replicas,
            automatic_failover_enabled=True,
            multi_az_enabled=True,
            at_rest_encryption_enabled=True,
            kms_key_id=keys.ledger.key_arn,
            transit_encryption_enabled=True,
            transit_encryption_mode="required",
            user_group_ids=[users.ref],
            port=CACHE,
            cache_subnet_group_name=subnets.ref,
            security_group_ids=[network.cache_group.security_group_id],
            snapshot_retention_limit=SNAPSHOT_DAYS,
            snapshot_window="02:00-03:00",
            auto_minor_version_upgrade=True,
            log_delivery_configurations=[
                elasticache.CfnReplicationGroup.LogDeliveryConfigurationRequestProperty(
                    destination_type="cloudwatch-logs",
                    destination_details={
                        "CloudWatchLogsDetails": {"LogGroup": logs.log_group_name}
                    },
                    log_format="json",
                    log_type=kind,
                )
                for kind in ("slow-log", "engine-log")
            ],
        )
        acknowledge(
            self.group,
            "AwsSolutions::AwsSolutions-AEC6",
            reason="Users come in by IAM (see the user group), which is more than a shared token.",
        )
        self.endpoint = self.group.attr_primary_end_point_address
