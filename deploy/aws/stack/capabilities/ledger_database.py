"""The ledger's database: Aurora PostgreSQL, its proxy, its copy in the other region."""

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_rds as rds
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from stack.acknowledge import acknowledge
from stack.capabilities.keys import Keys
from stack.capabilities.logging import log_group
from stack.capabilities.network import DATABASE, PROXY, Network, as_it_is
from stack.naming import (
    DATABASE_NAME,
    DATABASE_OWNER,
    DATABASE_READER,
    DATABASE_ROLE,
    GLOBAL_LEDGER,
)
from stack.profile import Profile

ROTATION_DAYS = 30
MONITORING_SECONDS = 15
LOGS = ("postgresql", "iam-db-auth-error")
PARAMETERS = {
    # Nobody speaks to the ledger in the clear, or in an old dialect.
    "rds.force_ssl": "1",
    "ssl_min_protocol_version": "TLSv1.2",
    "password_encryption": "scram-sha-256",
    # What is acknowledged is durable.
    "synchronous_commit": "on",
    # Who came, and what changed the schema.
    "shared_preload_libraries": "pg_stat_statements,pgaudit",
    "pgaudit.log": "ddl,role",
    "log_connections": "1",
    "log_disconnections": "1",
    "log_statement": "ddl",
    # Waiting is bounded: a function gives up sooner than its caller.
    "idle_in_transaction_session_timeout": "10000",
}


class LedgerDatabase(Construct):
    """The one writer, its readers in other zones, and a proxy that only knows IAM.

    In the primary region it is the first member of a global cluster; in the other, a secondary
    that follows within a second and takes no writes until it is promoted (`runbooks/`).
    """

    def __init__(
        self, scope: Construct, id_: str, *, profile: Profile, keys: Keys, network: Network
    ) -> None:
        super().__init__(scope, id_)
        region = cdk.Stack.of(self).region
        self.primary = region == profile.regions.primary
        self.database = DATABASE_NAME
        self.engine = rds.DatabaseClusterEngine.aurora_postgres(
            version=rds.AuroraPostgresEngineVersion.of(
                profile.ledger.version, profile.ledger.version.partition(".")[0]
            )
        )
        self.log_group, self.refused_log_group = (
            log_group(
                self,
                kind.replace("-", "").capitalize(),
                days=profile.retention.log_days,
                key=keys.logs,
                name=f"/aws/rds/cluster/{GLOBAL_LEDGER}/{kind}",
            )
            for kind in LOGS
        )
        self.cluster = self._cluster(profile, keys, network)
        # RDS makes a log group itself, without an end, where it finds none.
        self.cluster.node.add_dependency(self.log_group, self.refused_log_group)
        self.secret = self.cluster.secret
        self._join_global(profile)
        if self.primary:
            self._rotate(network)
        self.proxy: rds.DatabaseProxy | None = None
        if profile.ledger.proxy:
            log_group(
                self,
                "ProxyLog",
                days=profile.retention.log_days,
                key=keys.logs,
                name=f"/aws/rds/proxy/{GLOBAL_LEDGER}",
            )
            self.proxy = self._proxy(network)
        self.host = self.proxy.endpoint if self.proxy else self.cluster.cluster_endpoint.hostname
        self.port = PROXY if self.proxy else DATABASE

    def _cluster(self, profile: Profile, keys: Keys, network: Network) -> rds.DatabaseCluster:
        ledger = profile.ledger
        size = ec2.InstanceType(ledger.instance if self.primary else ledger.recovery_instance)
        monitoring = iam.Role(
            self,
            "MonitoringRole",
            assumed_by=iam.ServicePrincipal("monitoring.rds.amazonaws.com"),
        )
        groups = f"arn:aws:logs:{cdk.Stack.of(self).region}:{cdk.Stack.of(self).account}"
        monitoring.add_to_policy(
            iam.PolicyStatement(
                actions=[
                    "logs:CreateLogStream",
                    "logs:PutLogEvents",
                    "logs:DescribeLogStreams",
                    "logs:CreateLogGroup",
                    "logs:PutRetentionPolicy",
                ],
                resources=[
                    f"{groups}:log-group:RDSOSMetrics",
                    f"{groups}:log-group:RDSOSMetrics:*",
                ],
            )
        )
        acknowledge(
            monitoring,
            f"AwsSolutions::AwsSolutions-IAM5[Resource::{groups}:log-group:RDSOSMetrics:*]",
            reason="RDS names the streams of its one monitoring group by the database's own id.",
        )

        def instance(name: str, tier: int) -> rds.IClusterInstance:
            return rds.ClusterInstance.provisioned(
                name,
                instance_type=size,
                publicly_accessible=False,
                auto_minor_version_upgrade=True,
                promotion_tier=tier,
                ca_certificate=rds.CaCertificate.RDS_CA_RSA2048_G1,
            )

        cluster = rds.DatabaseCluster(
            self,
            "Cluster",
            engine=self.engine,
            cluster_identifier=GLOBAL_LEDGER,
            credentials=rds.Credentials.from_generated_secret(
                DATABASE_OWNER, encryption_key=keys.secrets
            ),
            default_database_name=self.database if self.primary else None,
            writer=instance("Writer", 0),
            readers=[instance(f"Reader{number}", 1) for number in range(ledger.readers)]
            if self.primary
            else [],
            vpc=network.vpc,
            vpc_subnets=network.data,
            security_groups=[as_it_is(self, "LedgerGroup", network.ledger_group)],
            port=DATABASE,
            parameters=PARAMETERS,
            storage_encrypted=True,
            storage_encryption_key=keys.ledger,
            iam_authentication=True,
            deletion_protection=True,
            removal_policy=cdk.RemovalPolicy.RETAIN,
            copy_tags_to_snapshot=True,
            backup=rds.BackupProps(
                retention=cdk.Duration.days(ledger.backup_days), preferred_window="01:00-02:00"
            ),
            preferred_maintenance_window="sat:03:00-sat:04:00",
            cloudwatch_logs_exports=list(LOGS),
            monitoring_interval=cdk.Duration.seconds(MONITORING_SECONDS),
            monitoring_role=monitoring,
            enable_performance_insights=True,
            performance_insight_encryption_key=keys.ledger,
            performance_insight_retention=insights(ledger.insights_days),
            auto_minor_version_upgrade=True,
        )
        acknowledge(
            cluster,
            "NIST.800.53.R5::NIST.800.53.R5-RDSInBackupPlan",
            reason="The backup plan selects by tag (capabilities/backup.py); tests prove the tag.",
        )
        return cluster

    def _join_global(self, profile: Profile) -> None:
        """Make the cluster the first, or the second, member of the global one."""
        if not profile.switches.recovery:
            return
        bare = self.cluster.node.default_child
        if not isinstance(bare, rds.CfnDBCluster):
            raise TypeError("a cluster of our own is expected")
        bare.global_cluster_identifier = GLOBAL_LEDGER
        if self.primary:
            whole = rds.CfnGlobalCluster(
                self,
                "Global",
                global_cluster_identifier=GLOBAL_LEDGER,
                engine="aurora-postgresql",
                engine_version=profile.ledger.version,
                storage_encrypted=True,
                deletion_protection=True,
            )
            whole.apply_removal_policy(cdk.RemovalPolicy.RETAIN)
            bare.add_resource_dependency(whole)
        else:
            # A secondary takes its users from the first member: it may not name its own.
            bare.add_property_deletion_override("MasterUsername")
            bare.add_property_deletion_override("MasterUserPassword")
            self.cluster.node.try_remove_child("Secret")
            bare.source_region = profile.regions.primary

    def _rotate(self, network: Network) -> None:
        """Give the owner's password a life of thirty days; functions never know one."""
        if self.secret is None:
            raise TypeError("a cluster with a secret of its own is expected")
        self.secret.add_rotation_schedule(
            "Rotation",
            automatically_after=cdk.Duration.days(ROTATION_DAYS),
            hosted_rotation=secretsmanager.HostedRotation.postgre_sql_single_user(
                vpc=network.vpc,
                vpc_subnets=network.private,
                security_groups=[as_it_is(self, "RotationGroup", network.rotation_group)],
                exclude_characters=" %+~`#$&*()|[]{}:;<>?!'/@\"\\",
            ),
        )

    def _proxy(self, network: Network) -> rds.DatabaseProxy:
        """Connections of a thousand functions become few; each end proves itself by IAM."""
        role = iam.Role(self, "ProxyRole", assumed_by=iam.ServicePrincipal("rds.amazonaws.com"))
        stack = cdk.Stack.of(self)
        users = f"arn:aws:rds-db:{stack.region}:{stack.account}:dbuser"
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["rds-db:connect"],
                resources=[f"{users}:{self.cluster.cluster_resource_identifier}/{DATABASE_ROLE}"],
            )
        )
        proxy = rds.DatabaseProxy(
            self,
            "Proxy",
            db_proxy_name=GLOBAL_LEDGER,
            proxy_target=rds.ProxyTarget.from_cluster(self.cluster),
            default_auth_scheme=rds.DefaultAuthScheme.IAM_AUTH,
            require_tls=True,
            role=role,
            vpc=network.vpc,
            vpc_subnets=network.data,
            security_groups=[as_it_is(self, "ProxyGroup", network.proxy_group)],
            idle_client_timeout=cdk.Duration.minutes(5),
            borrow_timeout=cdk.Duration.seconds(5),
            max_connections_percent=90,
        )
        acknowledge(
            proxy.node.find_child("ProxyTargetGroup"),
            "CloudFormation-Validate::F3002",
            reason="CDK's validator is older than the type: cfn-lint 1.58 knows its tags.",
        )
        return proxy

    @property
    def user_arn(self) -> str:
        """What a role must be allowed to connect to, to come in as the functions' database role."""
        stack = cdk.Stack.of(self)
        resource = self.cluster.cluster_resource_identifier
        if self.proxy is not None:
            resource = cdk.Fn.select(6, cdk.Fn.split(":", self.proxy.db_proxy_arn))
        return f"arn:aws:rds-db:{stack.region}:{stack.account}:dbuser:{resource}/{DATABASE_ROLE}"

    @property
    def address(self) -> str:
        """The ledger as TALLYSTICK_LEDGER names it for functions."""
        return f"postgresql://{DATABASE_ROLE}@{self.host}:{self.port}/{self.database}"

    @property
    def reader_arn(self) -> str:
        """What a role must be allowed to connect to, to come to a reader as who only reads."""
        stack = cdk.Stack.of(self)
        user = f"{self.cluster.cluster_resource_identifier}/{DATABASE_READER}"
        return f"arn:aws:rds-db:{stack.region}:{stack.account}:dbuser:{user}"

    @property
    def reader_address(self) -> str:
        """The ledger for who only reads: a reader, or the writer where that is alone."""
        host = self.cluster.cluster_read_endpoint.hostname
        return f"postgresql://{DATABASE_READER}@{host}:{DATABASE}/{self.database}"

    @property
    def owner_address(self) -> str:
        """The ledger for its owner, past the proxy."""
        host = self.cluster.cluster_endpoint.hostname
        return f"postgresql://{DATABASE_OWNER}@{host}:{DATABASE}/{self.database}"


def insights(days: int) -> rds.PerformanceInsightRetention:
    """Performance Insights' retention by its days; ValueError for figures that it does not know."""
    for each in rds.PerformanceInsightRetention:
        if days == INSIGHTS_DAYS.get(each):
            return each
    raise ValueError(f"Performance Insights cannot keep {days} days")


INSIGHTS_DAYS = {
    rds.PerformanceInsightRetention.DEFAULT: 7,
    rds.PerformanceInsightRetention.MONTHS_1: 31,
    rds.PerformanceInsightRetention.MONTHS_15: 465,
    rds.PerformanceInsightRetention.LONG_TERM: 731,
}
