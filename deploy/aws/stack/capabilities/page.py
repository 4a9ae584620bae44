"""The page: files in a bucket that only CloudFront reads, over TLS, with strict headers."""

import aws_cdk as cdk
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_iam as iam
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_s3 as s3
from aws_cdk.aws_route53_targets import CloudFrontTarget
from constructs import Construct

from stack.acknowledge import acknowledge
from stack.capabilities.keys import Keys
from stack.capabilities.private_bucket import PrivateBucket
from stack.capabilities.replication import not_replicated
from stack.naming import bucket_name
from stack.profile import Profile

LOGS = "page-access-logs"


class PageBucket(Construct):
    """The page's files, in the primary region; this account's distributions may read them."""

    def __init__(self, scope: Construct, id_: str, *, profile: Profile, keys: Keys) -> None:
        super().__init__(scope, id_)
        stack = cdk.Stack.of(self)
        self.bucket = PrivateBucket(
            self,
            "Files",
            key=keys.page,
            name=bucket_name(self, "page"),
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="forget-old-releases",
                    noncurrent_version_expiration=cdk.Duration.days(90),
                )
            ],
        )
        self.bucket.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("cloudfront.amazonaws.com")],
                actions=["s3:GetObject"],
                resources=[self.bucket.arn_for_objects("*")],
                conditions={
                    "ArnLike": {
                        "aws:SourceArn": f"arn:aws:cloudfront::{stack.account}:distribution/*"
                    }
                },
            )
        )
        not_replicated(
            self.bucket, "The page is built from source: a release writes it into any region."
        )
        self.logs = s3.Bucket(
            self,
            "Logs",
            bucket_name=bucket_name(self, LOGS),
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            # CloudFront's standard logs are written with an access control list.
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_PREFERRED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            versioned=True,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="expire",
                    expiration=cdk.Duration.days(profile.retention.log_days),
                    noncurrent_version_expiration=cdk.Duration.days(1),
                )
            ],
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )
        acknowledge(
            self.logs,
            "AwsSolutions::AwsSolutions-S1",
            "NIST.800.53.R5::NIST.800.53.R5-S3BucketLoggingEnabled",
            "PCI.DSS.321::PCI.DSS.321-S3BucketLoggingEnabled",
            "NIST.800.53.R5::NIST.800.53.R5-S3DefaultEncryptionKMS",
            "PCI.DSS.321::PCI.DSS.321-S3DefaultEncryptionKMS",
            reason="Access logs of a public page; CloudFront delivers them into SSE-S3 alone.",
        )
        not_replicated(self.logs, "Access logs of a public page, which expire where they lie.")


class Page(Construct):
    """The distribution, in the edge region beside its certificate and its web firewall."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        profile: Profile,
        certificate: acm.ICertificate,
        web_acl_arn: str,
    ) -> None:
        super().__init__(scope, id_)
        primary = profile.regions.primary
        files = self._bucket("Files", "page", primary)
        logs = self._bucket("Logs", LOGS, primary)
        self.headers = self._headers(profile)
        self.distribution = cloudfront.Distribution(
            self,
            "Distribution",
            comment="Tallystick's page",
            domain_names=[profile.domain],
            certificate=certificate,
            minimum_protocol_version=cloudfront.SecurityPolicyProtocol.TLS_V1_2_2021,
            http_version=cloudfront.HttpVersion.HTTP2_AND_3,
            price_class=cloudfront.PriceClass.PRICE_CLASS_100,
            geo_restriction=None,
            web_acl_id=web_acl_arn,
            default_root_object="index.html",
            enable_logging=True,
            log_bucket=logs,
            log_file_prefix="page/",
            default_behavior=cloudfront.BehaviorOptions(
                origin=origins.S3BucketOrigin.with_origin_access_control(
                    files,
                    origin_access_control=cloudfront.S3OriginAccessControl(
                        self, "Access", signing=cloudfront.Signing.SIGV4_ALWAYS
                    ),
                ),
                allowed_methods=cloudfront.AllowedMethods.ALLOW_GET_HEAD,
                viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
                cache_policy=cloudfront.CachePolicy.CACHING_OPTIMIZED,
                response_headers_policy=self.headers,
                compress=True,
            ),
        )
        acknowledge(
            self.distribution,
            "AwsSolutions::AwsSolutions-CFR1",
            reason="Traders travel; the API refuses countries, and the page holds no data.",
        )
        zone = route53.HostedZone.from_hosted_zone_attributes(
            self, "Zone", hosted_zone_id=profile.hosted_zone_id, zone_name=profile.domain
        )
        target = route53.RecordTarget.from_alias(CloudFrontTarget(self.distribution))
        route53.ARecord(self, "Record", zone=zone, target=target)
        route53.AaaaRecord(self, "Record6", zone=zone, target=target)

    def _bucket(self, id_: str, purpose: str, region: str) -> s3.IBucket:
        return s3.Bucket.from_bucket_attributes(
            self, id_, bucket_name=bucket_name(self, purpose, region=region), region=region
        )

    def _headers(self, profile: Profile) -> cloudfront.ResponseHeadersPolicy:
        """What a browser may do with the page: nothing that is not its own."""
        return cloudfront.ResponseHeadersPolicy(
            self,
            "Headers",
            security_headers_behavior=cloudfront.ResponseSecurityHeadersBehavior(
                strict_transport_security=cloudfront.ResponseHeadersStrictTransportSecurity(
                    access_control_max_age=cdk.Duration.days(730),
                    include_subdomains=True,
                    preload=True,
                    override=True,
                ),
                content_security_policy=cloudfront.ResponseHeadersContentSecurityPolicy(
                    content_security_policy=(
                        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' "
                        f"data:; connect-src 'self' https://{profile.api_domain} "
                        f"wss://{profile.api_domain}; base-uri 'none'; form-action 'self'; "
                        "frame-ancestors 'none'"
                    ),
                    override=True,
                ),
                content_type_options=cloudfront.ResponseHeadersContentTypeOptions(override=True),
                frame_options=cloudfront.ResponseHeadersFrameOptions(
                    frame_option=cloudfront.HeadersFrameOption.DENY, override=True
                ),
                referrer_policy=cloudfront.ResponseHeadersReferrerPolicy(
                    referrer_policy=cloudfront.HeadersReferrerPolicy.NO_REFERRER, override=True
                ),
            ),
        )
