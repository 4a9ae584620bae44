"""Who fills the page's bucket from the pipeline: a role of its own, which may do nothing else."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from stack.acknowledge import acknowledge
from stack.capabilities.keys import Keys
from stack.capabilities.private_bucket import PrivateBucket, wildcard_of
from stack.naming import PAGE_PUBLISHER


class PagePublisher(Construct):
    """Taken on by the delivery account's build; see `runbooks/publish_page.py` for what it does."""

    def __init__(
        self, scope: Construct, id_: str, *, delivery: str, bucket: PrivateBucket, keys: Keys
    ) -> None:
        super().__init__(scope, id_)
        everywhere = f"arn:aws:cloudfront::{cdk.Stack.of(self).account}:distribution/*"
        self.role = iam.Role(
            self,
            "Role",
            role_name=PAGE_PUBLISHER,
            assumed_by=iam.AccountPrincipal(delivery),
            description="Writes the page and lets CloudFront forget the old one",
        )
        for actions, resource in (
            (("s3:ListBucket",), bucket.bucket_arn),
            (("s3:DeleteObject", "s3:PutObject"), bucket.arn_for_objects("*")),
            (("kms:Decrypt", "kms:GenerateDataKey"), keys.page.key_arn),
            (("cloudfront:CreateInvalidation", "cloudfront:GetInvalidation"), everywhere),
            (("cloudfront:ListDistributions",), "*"),
        ):
            self.role.add_to_policy(
                iam.PolicyStatement(actions=list(actions), resources=[resource])
            )
        acknowledge(
            self.role,
            f"AwsSolutions::AwsSolutions-IAM5[Resource::{wildcard_of(bucket)}]",
            reason="The build names the page's files after their content; the bucket is theirs.",
        )
        acknowledge(
            self.role,
            f"AwsSolutions::AwsSolutions-IAM5[Resource::{everywhere}]",
            "AwsSolutions::AwsSolutions-IAM5[Resource::*]",
            reason="CloudFront's list takes no resource, and the distribution is made in another "
            "region's stack after this role; there is one in the account.",
        )
