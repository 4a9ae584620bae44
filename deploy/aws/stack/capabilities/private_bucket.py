"""Buckets: closed, TLS only, encrypted by our key, versioned, their reads recorded."""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stack.acknowledge import acknowledge
from stack.naming import bucket_name
from stack.profile import Profile

TLS_MIN = 1.2
UPLOAD_DAYS = 7


class PrivateBucket(s3.Bucket):
    """A bucket as everything here keeps its data; what is special about one is said by keyword."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        key: kms.IKey,
        name: str | None = None,
        lifecycle_rules: Sequence[s3.LifecycleRule] = (),
        lock: s3.ObjectLockRetention | None = None,
        intelligent_tiering: Sequence[s3.IntelligentTieringConfiguration] = (),
    ) -> None:
        super().__init__(
            scope,
            id_,
            bucket_name=name,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=key,
            bucket_key_enabled=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=TLS_MIN,
            versioned=True,
            object_lock_enabled=lock is not None or None,
            object_lock_default_retention=lock,
            server_access_logs_bucket=access_logs(scope, f"{id_}AccessLogs"),
            server_access_logs_prefix=f"{id_.lower()}/",
            intelligent_tiering_configurations=list(intelligent_tiering) or None,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="unfinished-uploads",
                    abort_incomplete_multipart_upload_after=cdk.Duration.days(UPLOAD_DAYS),
                ),
                *lifecycle_rules,
            ],
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )


def locked(profile: Profile, days: int) -> s3.ObjectLockRetention:
    """How long each object stays as it is, and for whom: see `Retention.lock`."""
    if profile.retention.lock == "governance":
        return s3.ObjectLockRetention.governance(cdk.Duration.days(days))
    return s3.ObjectLockRetention.compliance(cdk.Duration.days(days))


class AccessLogs(s3.Bucket):
    """Where every other bucket's and load balancer's access log goes; one a region."""

    def __init__(self, scope: Construct, id_: str, *, days: int) -> None:
        super().__init__(
            scope,
            id_,
            bucket_name=bucket_name(scope, "access-logs"),
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=TLS_MIN,
            versioned=True,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="expire",
                    expiration=cdk.Duration.days(days),
                    noncurrent_version_expiration=cdk.Duration.days(1),
                    abort_incomplete_multipart_upload_after=cdk.Duration.days(UPLOAD_DAYS),
                )
            ],
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )
        account = {"StringEquals": {"aws:SourceAccount": cdk.Stack.of(self).account}}
        for service in ("logging.s3", "logdelivery.elasticloadbalancing", "delivery.logs"):
            self.add_to_resource_policy(
                iam.PolicyStatement(
                    principals=[iam.ServicePrincipal(f"{service}.amazonaws.com")],
                    actions=["s3:PutObject"],
                    resources=[self.arn_for_objects("*")],
                    conditions=account,
                )
            )
        acknowledge(
            self,
            "AwsSolutions::AwsSolutions-S1",
            "NIST.800.53.R5::NIST.800.53.R5-S3BucketLoggingEnabled",
            "PCI.DSS.321::PCI.DSS.321-S3BucketLoggingEnabled",
            reason="It receives access logs; logging its own accesses into itself never ends.",
        )
        acknowledge(
            self,
            "NIST.800.53.R5::NIST.800.53.R5-S3BucketReplicationEnabled",
            "PCI.DSS.321::PCI.DSS.321-S3BucketReplicationEnabled",
            reason="Access logs are kept in their region, and searched there until they expire.",
        )
        acknowledge(
            self,
            "NIST.800.53.R5::NIST.800.53.R5-S3DefaultEncryptionKMS",
            "PCI.DSS.321::PCI.DSS.321-S3DefaultEncryptionKMS",
            reason="S3 and load balancers deliver access logs only into buckets with SSE-S3.",
        )


def access_logs(scope: Construct, id_: str) -> s3.IBucket:
    """The region's access log bucket by its name, so that no stack changes its policy."""
    return s3.Bucket.from_bucket_name(scope, id_, bucket_name(scope, "access-logs"))


def wildcard_of(bucket: PrivateBucket, prefix: str = "") -> str:
    """How cdk-nag writes the objects of a bucket of the same stack."""
    stack = cdk.Stack.of(bucket)
    resource = bucket.node.default_child
    if not isinstance(resource, cdk.CfnElement):
        raise TypeError("a bucket of our own is expected")
    return f"<{stack.get_logical_id(resource)}.Arn>/{prefix + '/' if prefix else ''}*"
