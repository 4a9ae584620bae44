"""What an auditor is shown: each day's state of controls, written where nobody can change it.

This takes the place of AWS Audit Manager, which is closed to new customers since 2026-04-30. A
small function asks Config (each pack, each rule), Security Hub (open findings by control) and AWS
Backup (framework, restore tests) and writes what they said, with a digest of every file, into a
bucket under Object Lock.
"""

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from stack.acknowledge import acknowledge
from stack.capabilities.alerts import Alerts
from stack.capabilities.keys import Keys
from stack.capabilities.logging import log_group
from stack.capabilities.private_bucket import PrivateBucket, locked, wildcard_of
from stack.naming import PRODUCT, bucket_name
from stack.profile import Profile

CODE = Path(__file__).resolve().parents[2] / "functions/evidence"
EVIDENCE = "evidence"
"""What the bucket is for, in both regions."""
PREFIX = "evidence"
MINUTES_MAX = 10
MEMORY_MB = 256
UNDER_CONFORMANCE = (
    "config:DescribeConformancePackCompliance",
    "config:GetConformancePackComplianceDetails",
)
OF_ACCOUNT = ("config:DescribeConformancePacks", "backup:ListRestoreJobs", "backup:ListFrameworks")
"""Lists that have no resource to name."""


class Evidence(Construct):
    """The bucket and the function that fills it every morning."""

    def __init__(
        self, scope: Construct, id_: str, *, profile: Profile, keys: Keys, alerts: Alerts
    ) -> None:
        super().__init__(scope, id_)
        self.bucket = PrivateBucket(
            self,
            "Bucket",
            key=keys.archive,
            name=bucket_name(self, EVIDENCE),
            lock=locked(profile, profile.retention.audit_days),
        )
        self.role = self._role(keys, alerts)
        log = log_group(self, "Log", days=profile.retention.log_days, key=keys.logs)
        self.role.add_to_policy(
            iam.PolicyStatement(
                actions=["logs:CreateLogStream", "logs:PutLogEvents"],
                resources=[log.log_group_arn],
            )
        )
        self.function = lambda_.Function(
            self,
            "Collector",
            description="Tallystick: writes the day's evidence",
            runtime=lambda_.Runtime.PYTHON_3_14,
            architecture=lambda_.Architecture.ARM_64,
            code=lambda_.Code.from_asset(str(CODE), exclude=["__pycache__"]),
            handler="index.handler",
            role=self.role.without_policy_updates(),
            environment={"BUCKET": self.bucket.bucket_name, "PREFIX": PREFIX, "PACKS": PRODUCT},
            environment_encryption=keys.secrets,
            timeout=cdk.Duration.minutes(MINUTES_MAX),
            memory_size=MEMORY_MB,
            reserved_concurrent_executions=1,
            log_group=log,
            dead_letter_queue=alerts.undelivered,
            tracing=lambda_.Tracing.ACTIVE,
        )
        self.function.node.add_dependency(self.role)
        self._acknowledge()
        self._every_morning(alerts)

    def _every_morning(self, alerts: Alerts) -> None:
        """The rule is a plain one: the queue is another stack's, and lets every rule send."""
        self.rule = events.CfnRule(
            self,
            "EveryMorning",
            description="Writes the day's evidence",
            schedule_expression="cron(0 4 * * ? *)",
            state="ENABLED",
            targets=[
                events.CfnRule.TargetProperty(
                    id="collector",
                    arn=self.function.function_arn,
                    dead_letter_config=events.CfnRule.DeadLetterConfigProperty(
                        arn=alerts.undelivered.queue_arn
                    ),
                )
            ],
        )
        self.function.add_permission(
            "EveryMorning",
            principal=iam.ServicePrincipal("events.amazonaws.com"),
            source_arn=self.rule.attr_arn,
        )

    def _role(self, keys: Keys, alerts: Alerts) -> iam.Role:
        stack = cdk.Stack.of(self)
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description="Reads the state of controls, writes evidence",
        )
        packs = f"arn:aws:config:{stack.region}:{stack.account}:conformance-pack/{PRODUCT}-*"
        hub = f"arn:aws:securityhub:{stack.region}:{stack.account}:hub/default"
        written = f"{self.bucket.bucket_arn}/{PREFIX}/*"
        for actions, resources in (
            (UNDER_CONFORMANCE, [packs]),
            (("securityhub:GetFindings",), [hub]),
            (OF_ACCOUNT, ["*"]),
            (("s3:PutObject",), [written]),
            (
                ("kms:GenerateDataKey", "kms:Decrypt"),
                [key.key_arn for key in (keys.archive, keys.secrets, keys.messages)],
            ),
            (("sqs:SendMessage",), [alerts.undelivered.queue_arn]),
            (("xray:PutTraceSegments", "xray:PutTelemetryRecords"), ["*"]),
        ):
            role.add_to_policy(iam.PolicyStatement(actions=list(actions), resources=resources))
        acknowledge(
            role,
            f"AwsSolutions::AwsSolutions-IAM5[Resource::{packs}]",
            f"AwsSolutions::AwsSolutions-IAM5[Resource::{wildcard_of(self.bucket, PREFIX)}]",
            "AwsSolutions::AwsSolutions-IAM5[Resource::*]",
            reason="AWS ends a pack's name with letters of its own; files are named by day; lists "
            "of packs and restores, and traces, have no resource to name.",
        )
        return role

    def _acknowledge(self) -> None:
        acknowledge(
            self.function,
            "NIST.800.53.R5::NIST.800.53.R5-LambdaInsideVPC",
            "PCI.DSS.321::PCI.DSS.321-LambdaInsideVPC",
            reason="It only speaks to AWS's own endpoints, which the network's firewall "
            "would have to let through; it reaches nothing in the network.",
        )
