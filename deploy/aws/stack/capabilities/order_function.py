"""The functions behind the door: orders, the authoriser, and the two that tend what time brings."""

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stack.acknowledge import acknowledge
from stack.capabilities.keys import Keys
from stack.capabilities.network import Network
from stack.capabilities.private_function import PrivateFunction
from stack.capabilities.runtime_settings import RuntimeSettings
from stack.profile import Profile

ORDER_SECONDS = 29
"""API Gateway waits no longer."""
LOOP_SECONDS = 75
"""A loop of 65 seconds and its end: the next one has begun before, so that there is no gap."""
LOOPS_AT_ONCE = 2
SMALL_MB = 512
AUTHORISE_SECONDS = 5


class OrderFunction(Construct):
    """Takes orders and answers questions: the product's own API in one function.

    `alias` is what the API calls. A new version gets a tenth of the traffic first, and all of it
    only if no alarm rings meanwhile.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        profile: Profile,
        keys: Keys,
        network: Network,
        settings: RuntimeSettings,
        dead_letters: sqs.IQueue,
    ) -> None:
        super().__init__(scope, id_)
        service = profile.service
        made = PrivateFunction(
            self,
            "Order",
            profile=profile,
            keys=keys,
            network=network,
            handler="order",
            description="Tallystick: orders, positions, proofs",
            environment=settings.writing(),
            statements=settings.writing_statements(),
            dead_letters=dead_letters,
            timeout_seconds=ORDER_SECONDS,
            memory_mb=service.order_memory_mb,
            reserved=service.order_reserved,
        )
        self.function = made.function
        self.role = made.role
        self.log_group = made.log_group
        settings.answer_wildcards(self.role)
        self.alias = lambda_.Alias(
            self,
            "Live",
            alias_name="live",
            version=self.function.current_version,
            provisioned_concurrent_executions=service.order_provisioned or None,
        )
        self.alarms = self._alarms(profile)
        self.deployments = self._canary(profile)

    def _alarms(self, profile: Profile) -> list[cloudwatch.Alarm]:
        """What takes a release back: errors, answers that are too late, or that we are at fault.

        A function that cannot start says so with an answer of its own (5xx), which is no error to
        Lambda: the product counts those itself.
        """
        minute = cdk.Duration.minutes(1)
        ailments = {
            "Errors": (self.alias.metric_errors(period=minute, statistic="sum"), 0.0),
            "Late": (
                self.alias.metric_duration(period=minute, statistic="p99"),
                float(profile.limits.latency_ms_p99),
            ),
            "OurFault": (
                cloudwatch.Metric(
                    namespace="Tallystick",
                    metric_name="ServerErrors",
                    dimensions_map={"service": "order"},
                    period=minute,
                    statistic="sum",
                ),
                0.0,
            ),
        }
        alarms = []
        for name, (metric, threshold) in ailments.items():
            alarm = cloudwatch.Alarm(
                self,
                f"Release{name}",
                metric=metric,
                threshold=threshold,
                comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
                evaluation_periods=2,
                treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
                alarm_description="Takes a release back while CodeDeploy shifts traffic to it.",
            )
            acknowledge(
                alarm,
                "NIST.800.53.R5::NIST.800.53.R5-CloudWatchAlarmAction",
                reason="CodeDeploy acts on it; people are told by the alarms of the watch stack.",
            )
            alarms.append(alarm)
        return alarms

    def _canary(self, profile: Profile) -> codedeploy.LambdaDeploymentGroup:
        stack = cdk.Stack.of(self)
        role = iam.Role(
            self,
            "ReleaseRole",
            assumed_by=iam.ServicePrincipal("codedeploy.amazonaws.com"),
            description="Shifts the order function's alias between versions",
        )
        role.add_to_policy(
            iam.PolicyStatement(
                actions=[
                    "lambda:GetAlias",
                    "lambda:UpdateAlias",
                    "lambda:GetProvisionedConcurrencyConfig",
                ],
                resources=[self.alias.function_arn],
            )
        )
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["cloudwatch:DescribeAlarms"],
                resources=[
                    f"arn:aws:cloudwatch:{stack.region}:{stack.account}:alarm:{stack.stack_name}-*"
                ],
            )
        )
        acknowledge(
            role,
            f"AwsSolutions::AwsSolutions-IAM5[Resource::arn:aws:cloudwatch:{stack.region}:"
            f"{stack.account}:alarm:{stack.stack_name}-*]",
            reason="Alarms of this stack only; their names end in letters that AWS chooses.",
        )
        return codedeploy.LambdaDeploymentGroup(
            self,
            "Releases",
            application=codedeploy.LambdaApplication(self, "Application"),
            alias=self.alias,
            role=role.without_policy_updates(),
            deployment_config=codedeploy.LambdaDeploymentConfig(
                self,
                "Canary",
                traffic_routing=codedeploy.TrafficRouting.time_based_canary(
                    interval=cdk.Duration.minutes(profile.delivery.canary_minutes),
                    percentage=profile.delivery.canary_percent,
                ),
            ),
            alarms=self.alarms,
            auto_rollback=codedeploy.AutoRollbackConfig(
                failed_deployment=True, stopped_deployment=True, deployment_in_alarm=True
            ),
        )

    def integration(self, path: str) -> apigateway.Integration:
        """The API calls the alias, whatever the `path`: the function reads it from the event."""
        del path
        return apigateway.LambdaIntegration(self.alias, proxy=True, allow_test_invoke=False)

    def attach(self, method: apigateway.CfnMethod) -> None:
        """Nothing more to say about a method."""


class Authoriser(Construct):
    """Turns away who has no valid token before the order function is woken."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        profile: Profile,
        keys: Keys,
        network: Network,
        settings: RuntimeSettings,
        dead_letters: sqs.IQueue,
    ) -> None:
        super().__init__(scope, id_)
        made = PrivateFunction(
            self,
            "Authorise",
            profile=profile,
            keys=keys,
            network=network,
            handler="authorise",
            description="Tallystick: who may come in",
            environment=settings.authorising(),
            statements=settings.authorising_statements(),
            dead_letters=dead_letters,
            timeout_seconds=AUTHORISE_SECONDS,
            memory_mb=SMALL_MB,
            reserved=profile.service.order_reserved,
        )
        self.function = made.function
        self.log_group = made.log_group


class Loop(Construct):
    """A function that works for a minute, started each minute; two overlap, never more."""

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
        settings: dict[str, str],
        statements: list[iam.PolicyStatement],
        dead_letters: sqs.IQueue,
        enabled: bool,
    ) -> None:
        super().__init__(scope, id_)
        made = PrivateFunction(
            self,
            "Work",
            profile=profile,
            keys=keys,
            network=network,
            handler=handler,
            description=description,
            environment=settings,
            statements=statements,
            dead_letters=dead_letters,
            timeout_seconds=LOOP_SECONDS,
            memory_mb=SMALL_MB,
            reserved=LOOPS_AT_ONCE,
        )
        self.function = made.function
        self.role = made.role
        self.log_group = made.log_group
        self.rule = events.Rule(
            self,
            "EveryMinute",
            description=description,
            schedule=events.Schedule.rate(cdk.Duration.minutes(1)),
            # The recovery region's loops sleep until a failover wakes them (`runbooks/`).
            enabled=enabled,
            targets=[
                targets.LambdaFunction(
                    self.function,
                    dead_letter_queue=dead_letters,
                    retry_attempts=0,
                    max_event_age=cdk.Duration.minutes(1),
                )
            ],
        )
