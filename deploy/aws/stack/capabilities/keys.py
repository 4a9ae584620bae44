"""Customer-managed keys: one a purpose, rotated yearly, each for the services it names."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from stack.naming import key_alias

DELETION_DAYS = cdk.Duration.days(30)
ENCRYPT = (
    "kms:Encrypt",
    "kms:Decrypt",
    "kms:ReEncrypt*",
    "kms:GenerateDataKey*",
    "kms:DescribeKey",
)
USE = ("kms:Decrypt", "kms:GenerateDataKey*", "kms:DescribeKey")


class Keys(Construct):
    """Keys of one region, but for the one that signs: that is `signing_key`.

    Their aliases, `alias/tallystick/PURPOSE`, are the same in each region.

    ledger    the database and its snapshots, the cache, the state table
    logs      log groups, trails, configuration history, flow logs
    archive   buckets under Object Lock, backups
    messages  topics, queues, streams, the event bus
    secrets   Secrets Manager
    page      the page's files, which CloudFront reads
    """

    def __init__(self, scope: Construct, id_: str) -> None:
        super().__init__(scope, id_)
        self.ledger = self._key("ledger")
        self.logs = self._key("logs")
        self.archive = self._key("archive")
        self.messages = self._key("messages")
        self.secrets = self._key("secrets")
        self.page = self._key("page")
        self._serve()

    def _key(self, purpose: str) -> kms.Key:
        return kms.Key(
            self,
            purpose.capitalize(),
            alias=key_alias(purpose),
            description=f"Tallystick: {purpose}",
            enable_key_rotation=True,
            rotation_period=cdk.Duration.days(365),
            pending_window=DELETION_DAYS,
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )

    def _serve(self) -> None:
        """Say here which services use which key, so that no later stack changes a key's policy."""
        stack = cdk.Stack.of(self)
        account = {"StringEquals": {"aws:SourceAccount": stack.account}}
        self._allow(
            self.logs,
            "LogGroups",
            [f"logs.{stack.region}.amazonaws.com"],
            ENCRYPT,
            {
                "ArnLike": {
                    "kms:EncryptionContext:aws:logs:arn": (
                        f"arn:aws:logs:{stack.region}:{stack.account}:*"
                    )
                }
            },
        )
        self._allow(
            self.logs,
            "Trail",
            ["cloudtrail.amazonaws.com"],
            USE,
            {"StringEquals": {"aws:SourceAccount": stack.account}},
        )
        writers = ["delivery.logs.amazonaws.com", "config.amazonaws.com", "guardduty.amazonaws.com"]
        self._allow(self.logs, "Records", writers, USE, account)
        self._allow(
            self.messages,
            "Publishers",
            [
                "cloudwatch.amazonaws.com",
                "events.amazonaws.com",
                "sns.amazonaws.com",
                "budgets.amazonaws.com",
                "costalerts.amazonaws.com",
                "backup.amazonaws.com",
                "codestar-notifications.amazonaws.com",
            ],
            USE,
            account,
        )
        self._allow(
            self.page,
            "Distribution",
            ["cloudfront.amazonaws.com"],
            ("kms:Decrypt",),
            {"ArnLike": {"aws:SourceArn": f"arn:aws:cloudfront::{stack.account}:distribution/*"}},
        )

    @staticmethod
    def _allow(
        key: kms.Key,
        sid: str,
        services: list[str],
        actions: tuple[str, ...],
        conditions: dict[str, dict[str, str]],
    ) -> None:
        key.add_to_resource_policy(
            iam.PolicyStatement(
                sid=sid,
                principals=[iam.ServicePrincipal(service) for service in services],
                actions=list(actions),
                resources=["*"],
                conditions=conditions,
            )
        )
