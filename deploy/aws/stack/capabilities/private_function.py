"""A function of the product: in private subnets, with a role that names what it touches."""

from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stack.capabilities.keys import Keys
from stack.capabilities.logging import log_group
from stack.capabilities.network import Network
from stack.capabilities.product_code import product_code
from stack.profile import Profile


class PrivateFunction(Construct):
    """One handler of `tallystick.wiring.aws`; `allow` is the only way to more permissions."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        profile: Profile,
        keys: Keys,
        network: Network,
        handler: str,
        description: str,
        environment: Mapping[str, str],
        dead_letters: sqs.IQueue,
        timeout_seconds: int,
        memory_mb: int,
        reserved: int,
        statements: Sequence[iam.PolicyStatement] = (),
    ) -> None:
        super().__init__(scope, id_)
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description=f"{description} (its own role)",
            managed_policies=[network.function_basics],
        )
        self.log_group = log_group(self, "LogGroup", days=profile.retention.log_days, key=keys.logs)
        self._may(keys, dead_letters)
        for statement in statements:
            self.allow(statement)
        self.function = lambda_.Function(
            self,
            "Function",
            description=description,
            runtime=lambda_.Runtime.PYTHON_3_14,
            architecture=lambda_.Architecture.ARM_64
            if profile.service.architecture == "arm64"
            else lambda_.Architecture.X86_64,
            code=product_code(self),
            handler=f"tallystick.wiring.aws.{handler}.handler",
            # What it may do is said above; CDK adds nothing of its own.
            role=self.role.without_policy_updates(),
            environment={
                "POWERTOOLS_SERVICE_NAME": handler,
                "POWERTOOLS_METRICS_NAMESPACE": "Tallystick",
                "POWERTOOLS_LOG_LEVEL": "INFO",
                **environment,
            },
            environment_encryption=keys.secrets,
            timeout=cdk.Duration.seconds(timeout_seconds),
            memory_size=memory_mb,
            reserved_concurrent_executions=reserved or None,
            tracing=lambda_.Tracing.ACTIVE,
            log_group=self.log_group,
            logging_format=lambda_.LoggingFormat.JSON,
            application_log_level_v2=lambda_.ApplicationLogLevel.INFO,
            system_log_level_v2=lambda_.SystemLogLevel.WARN,
            dead_letter_queue=dead_letters,
            vpc=network.vpc,
            vpc_subnets=network.private,
            security_groups=[network.workload_group],
        )
        self.function.node.add_dependency(self.role)

    def allow(self, statement: iam.PolicyStatement) -> None:
        """Let the function do what `statement` names."""
        self.role.add_to_policy(statement)

    def _may(self, keys: Keys, dead_letters: sqs.IQueue) -> None:
        """What each one needs: its own log, its dead letters, its environment."""
        self.allow(
            iam.PolicyStatement(
                actions=["logs:CreateLogStream", "logs:PutLogEvents"],
                resources=[self.log_group.log_group_arn],
            )
        )
        self.allow(
            iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[dead_letters.queue_arn])
        )
        self.allow(may_use(keys.messages.key_arn))
        self.allow(iam.PolicyStatement(actions=["kms:Decrypt"], resources=[keys.secrets.key_arn]))


def may_use(key_arn: str) -> iam.PolicyStatement:
    """Encrypt and decrypt by one key."""
    return iam.PolicyStatement(actions=["kms:Decrypt", "kms:GenerateDataKey"], resources=[key_arn])
