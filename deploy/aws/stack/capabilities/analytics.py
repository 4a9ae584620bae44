"""Analytics: a warehouse that reads the stream itself, private, encrypted, TLS only."""

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_redshiftserverless as redshift
from constructs import Construct

from stack.acknowledge import acknowledge
from stack.capabilities.keys import Keys
from stack.capabilities.logging import log_group
from stack.capabilities.network import Network
from stack.naming import ENTRIES_STREAM, PRODUCT
from stack.profile import Profile

WAREHOUSE = f"{PRODUCT}-warehouse"
PORT = 5439
ADMINISTRATOR = "warehouse_owner"
LOGS = ("connectionlog", "useractivitylog", "userlog")
PARAMETERS = {
    "require_ssl": "true",
    "use_fips_ssl": "true",
    "enable_user_activity_logging": "true",
    "max_query_execution_time": "3600",
}


class Warehouse(Construct):
    """Redshift Serverless: paid while a query runs. It follows the stream by a materialised view.

    `analytics/` holds the statements that make the view and ask it, `runbooks/query_warehouse.py`
    sends them; the role below is all that the view needs.
    """

    def __init__(
        self, scope: Construct, id_: str, *, profile: Profile, keys: Keys, network: Network
    ) -> None:
        super().__init__(scope, id_)
        self.role = self._role(keys)
        self.group = ec2.SecurityGroup(
            self,
            "Reach",
            vpc=network.vpc,
            description="The warehouse: from inside the network",
            allow_all_outbound=False,
        )
        self.group.add_ingress_rule(
            ec2.Peer.security_group_id(network.workload_group.security_group_id),
            ec2.Port.tcp(PORT),
            "from workloads",
        )
        for kind in LOGS:
            log_group(
                self,
                kind.capitalize(),
                days=profile.retention.log_days,
                key=keys.logs,
                name=f"/aws/redshift/{WAREHOUSE}/{kind}",
            )
        self.namespace = redshift.CfnNamespace(
            self,
            "Namespace",
            namespace_name=WAREHOUSE,
            db_name=PRODUCT,
            admin_username=ADMINISTRATOR,
            manage_admin_password=True,
            admin_password_secret_kms_key_id=keys.secrets.key_id,
            kms_key_id=keys.ledger.key_arn,
            default_iam_role_arn=self.role.role_arn,
            iam_roles=[self.role.role_arn],
            log_exports=list(LOGS),
        )
        self.namespace.apply_removal_policy(cdk.RemovalPolicy.RETAIN)
        self.workgroup = redshift.CfnWorkgroup(
            self,
            "Workgroup",
            workgroup_name=WAREHOUSE,
            namespace_name=WAREHOUSE,
            base_capacity=profile.analytics.base_rpu,
            max_capacity=profile.analytics.max_rpu,
            enhanced_vpc_routing=True,
            publicly_accessible=False,
            port=PORT,
            subnet_ids=network.vpc.select_subnets(subnet_group_name="data").subnet_ids,
            security_group_ids=[self.group.security_group_id],
            config_parameters=[
                redshift.CfnWorkgroup.ConfigParameterProperty(
                    parameter_key=key, parameter_value=value
                )
                for key, value in PARAMETERS.items()
            ],
        )
        self.workgroup.add_resource_dependency(self.namespace)

    def _role(self, keys: Keys) -> iam.Role:
        """Read the stream of entries, and nothing else."""
        stack = cdk.Stack.of(self)
        here = f"{stack.region}:{stack.account}"
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal(
                "redshift.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": stack.account}},
            ),
            description="The warehouse reads the stream of entries",
        )
        role.add_to_policy(
            iam.PolicyStatement(
                actions=[
                    "kinesis:DescribeStreamSummary",
                    "kinesis:GetShardIterator",
                    "kinesis:GetRecords",
                    "kinesis:DescribeStream",
                    "kinesis:ListShards",
                ],
                resources=[f"arn:aws:kinesis:{here}:stream/{ENTRIES_STREAM}"],
            )
        )
        role.add_to_policy(iam.PolicyStatement(actions=["kinesis:ListStreams"], resources=["*"]))
        role.add_to_policy(
            iam.PolicyStatement(actions=["kms:Decrypt"], resources=[keys.messages.key_arn])
        )
        acknowledge(
            role,
            "AwsSolutions::AwsSolutions-IAM5[Resource::*]",
            reason="kinesis:ListStreams takes no resource; everything else is by ARN.",
        )
        return role
