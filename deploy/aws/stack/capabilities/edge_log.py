"""The log of CloudFront's web firewall, in the primary region: addresses stay in the EU."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stack.capabilities.private_bucket import PrivateBucket
from stack.capabilities.replication import not_replicated
from stack.naming import PRODUCT
from stack.profile import Profile


def edge_log_name(account: str) -> str:
    """The bucket's name; WAF wants it to begin so."""
    return f"aws-waf-logs-{PRODUCT}-{account}"


class EdgeLog(Construct):
    """A bucket into which AWS's log delivery may write."""

    def __init__(self, scope: Construct, id_: str, *, profile: Profile, key: kms.IKey) -> None:
        super().__init__(scope, id_)
        account = cdk.Stack.of(self).account
        self.bucket = PrivateBucket(
            self,
            "Bucket",
            key=key,
            name=edge_log_name(account),
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="expire", expiration=cdk.Duration.days(profile.retention.log_days)
                )
            ],
        )
        service = iam.ServicePrincipal("delivery.logs.amazonaws.com")
        ours = {"StringEquals": {"aws:SourceAccount": account}}
        self.bucket.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[service],
                actions=["s3:GetBucketAcl", "s3:ListBucket"],
                resources=[self.bucket.bucket_arn],
                conditions=ours,
            )
        )
        self.bucket.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[service],
                actions=["s3:PutObject"],
                resources=[self.bucket.arn_for_objects(f"AWSLogs/{account}/*")],
                conditions=ours,
            )
        )
        not_replicated(
            self.bucket, "Lines of refused requests, expiring; their loss with the region is borne."
        )
