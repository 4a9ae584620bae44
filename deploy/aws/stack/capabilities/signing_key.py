"""The key that signs checkpoints: Ed25519, made in the primary region, the same in both.

A key of several regions has one public half: whoever verified receipts before a failover verifies
them after it, and the recovery region takes the ledger's newest checkpoint for its own. AWS turns
nothing of it by itself: verifiers know it by its public half.
"""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import custom_resources as cr
from constructs import Construct

from stack.acknowledge import acknowledge
from stack.capabilities.deployment_call import DeploymentCall
from stack.naming import key_alias

DELETION_DAYS = 30
DESCRIPTION = "Tallystick: signs the ledger's checkpoints"
ARN = "KeyMetadata.Arn"


class SigningKey(Construct):
    """The key, in the primary region; known there as `alias/tallystick/signing`."""

    def __init__(self, scope: Construct, id_: str) -> None:
        super().__init__(scope, id_)
        self.key = kms.Key(
            self,
            "Key",
            alias=key_alias("signing"),
            description=DESCRIPTION,
            key_spec=kms.KeySpec.ECC_NIST_EDWARDS25519,
            key_usage=kms.KeyUsage.SIGN_VERIFY,
            multi_region=True,
            pending_window=cdk.Duration.days(DELETION_DAYS),
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )


class SigningReplica(Construct):
    """Its replica in another region, under the same alias; deployed after it."""

    def __init__(
        self, scope: Construct, id_: str, *, of_region: str, logs_key: kms.IKey, log_days: int
    ) -> None:
        super().__init__(scope, id_)
        replica = kms.CfnReplicaKey(
            self,
            "Key",
            primary_key_arn=self._arn(of_region, logs_key, log_days),
            key_policy=_of_account(),
            description=DESCRIPTION,
            pending_window_in_days=DELETION_DAYS,
        )
        replica.apply_removal_policy(cdk.RemovalPolicy.RETAIN)
        self.key = kms.Key.from_key_arn(self, "Known", replica.attr_arn)
        kms.CfnAlias(
            self,
            "Alias",
            alias_name=key_alias("signing"),
            target_key_id=replica.attr_key_id,
        )

    def _arn(self, region: str, logs_key: kms.IKey, log_days: int) -> str:
        """The first key's ARN: no name says it, so the deployment asks for it."""
        keys = f"arn:aws:kms:{region}:{cdk.Stack.of(self).account}:key/*"
        call = DeploymentCall(
            self,
            "First",
            call=cr.AwsSdkCall(
                service="KMS",
                action="describeKey",
                region=region,
                parameters={"KeyId": key_alias("signing")},
                physical_resource_id=cr.PhysicalResourceId.of("signing"),
                output_paths=[ARN],
            ),
            actions=["kms:DescribeKey"],
            resources=[keys],
            when={"StringEquals": {"kms:RequestAlias": key_alias("signing")}},
            key=logs_key,
            log_days=log_days,
        )
        acknowledge(
            call.role,
            f"AwsSolutions::AwsSolutions-IAM5[Resource::{keys}]",
            reason="The key's ARN is what is asked for: a condition names it by its alias.",
        )
        return call.answer(ARN)


def _of_account() -> iam.PolicyDocument:
    """The policy that keys have by default: IAM of the account says who may."""
    root = iam.AccountRootPrincipal()
    statement = iam.PolicyStatement(principals=[root], actions=["kms:*"], resources=["*"])
    return iam.PolicyDocument(statements=[statement])
