"""Copies of a bucket's objects, with their locks, in the other region within minutes."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stack.acknowledge import acknowledge
from stack.capabilities.private_bucket import PrivateBucket, wildcard_of
from stack.naming import bucket_arn, bucket_name, key_alias

Bucket = s3.CfnBucket
REPLICATE_MINUTES = 15


class Replication(Construct):
    """Everything in `bucket` also goes into the bucket of the same purpose in `region`."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        bucket: PrivateBucket,
        purpose: str,
        key_purpose: str,
        region: str,
    ) -> None:
        super().__init__(scope, id_)
        account = cdk.Stack.of(self).account
        target = bucket_arn(bucket_name(self, purpose, region=region))
        self.role = self._role(bucket, target, region, key_purpose)
        minutes = Bucket.ReplicationTimeValueProperty(minutes=REPLICATE_MINUTES)
        destination = Bucket.ReplicationDestinationProperty(
            bucket=target,
            encryption_configuration=Bucket.EncryptionConfigurationProperty(
                replica_kms_key_id=f"arn:aws:kms:{region}:{account}:{key_alias(key_purpose)}"
            ),
            metrics=Bucket.MetricsProperty(status="Enabled", event_threshold=minutes),
            replication_time=Bucket.ReplicationTimeProperty(status="Enabled", time=minutes),
        )
        rule = Bucket.ReplicationRuleProperty(
            id="everything",
            status="Enabled",
            priority=0,
            filter=Bucket.ReplicationRuleFilterProperty(prefix=""),
            delete_marker_replication=Bucket.DeleteMarkerReplicationProperty(status="Enabled"),
            source_selection_criteria=Bucket.SourceSelectionCriteriaProperty(
                sse_kms_encrypted_objects=Bucket.SseKmsEncryptedObjectsProperty(status="Enabled")
            ),
            destination=destination,
        )
        bare = bucket.node.default_child
        if not isinstance(bare, Bucket):
            raise TypeError("a bucket of our own is expected")
        bare.replication_configuration = Bucket.ReplicationConfigurationProperty(
            role=self.role.role_arn, rules=[rule]
        )

    def _role(self, bucket: PrivateBucket, target: str, region: str, key_purpose: str) -> iam.Role:
        account = cdk.Stack.of(self).account
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("s3.amazonaws.com"),
            description=f"Copies {bucket.node.path} into {region}",
        )
        for statement in replication_statements(source=bucket.bucket_arn, target=target):
            role.add_to_policy(statement)
        source_key = bucket.encryption_key
        if source_key is None:
            raise ValueError("a replicated bucket has a key of ours")
        role.add_to_policy(
            iam.PolicyStatement(actions=["kms:Decrypt"], resources=[source_key.key_arn])
        )
        keys_there = f"arn:aws:kms:{region}:{account}:key/*"
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["kms:Encrypt"],
                resources=[keys_there],
                conditions={
                    "ForAnyValue:StringEquals": {"kms:ResourceAliases": key_alias(key_purpose)}
                },
            )
        )
        acknowledge(
            role,
            f"AwsSolutions::AwsSolutions-IAM5[Resource::{wildcard_of(bucket)}]",
            f"AwsSolutions::AwsSolutions-IAM5[Resource::{target}/*]",
            f"AwsSolutions::AwsSolutions-IAM5[Resource::{keys_there}]",
            reason="S3 copies every object of this one bucket into one other; the key there is "
            "known by its alias, which the condition names.",
        )
        return role


def not_replicated(bucket: s3.Bucket, reason: str) -> None:
    """Say why a bucket has no copy in another region."""
    acknowledge(
        bucket,
        "NIST.800.53.R5::NIST.800.53.R5-S3BucketReplicationEnabled",
        "PCI.DSS.321::PCI.DSS.321-S3BucketReplicationEnabled",
        reason=reason,
    )


def replication_statements(*, source: str, target: str) -> list[iam.PolicyStatement]:
    """What S3 must be allowed to copy `source` into `target`, locks included."""
    return [
        iam.PolicyStatement(
            actions=["s3:GetReplicationConfiguration", "s3:ListBucket"], resources=[source]
        ),
        iam.PolicyStatement(
            actions=[
                "s3:GetObjectVersionForReplication",
                "s3:GetObjectVersionAcl",
                "s3:GetObjectVersionTagging",
                "s3:GetObjectRetention",
                "s3:GetObjectLegalHold",
            ],
            resources=[f"{source}/*"],
        ),
        iam.PolicyStatement(
            actions=["s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags"],
            resources=[f"{target}/*"],
        ),
    ]
