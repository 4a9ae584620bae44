"""The page: files in a bucket that only CloudFront reads, over TLS, with strict headers.

The page asks the API under its own name, so CloudFront hands `/v1/*` and health on to the API and
keeps none of it. `runbooks/publish_page.py` fills the bucket.
"""

import aws_cdk as cdk
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_s3 as s3
from aws_cdk.aws_route53_targets import CloudFrontTarget
from constructs import Construct

from stack.acknowledge import acknowledge
from stack.capabilities.alerts import Alerts
from stack.capabilities.keys import Keys
from stack.capabilities.private_bucket import PrivateBucket
from stack.capabilities.replication import not_replicated
from stack.naming import PRODUCT, bucket_name
from stack.profile import Profile

LOGS = "page-access-logs"
API_PATHS = ("/v1/*", "/healthz", "/readyz")
"""What the API answers in the page's place."""
CHANGED = {"source": ["aws.cloudwatch"], "detail-type": ["CloudWatch Alarm State Change"]}
"""What CloudWatch says on the default bus when an alarm begins or ends."""


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
        self.headers = self._headers()
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
            publish_additional_metrics=True,  # the origin's latency is one of them
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
            additional_behaviors=self._api(profile),
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

    def _api(self, profile: Profile) -> dict[str, cloudfront.BehaviorOptions]:
        """Requests for the API: all of them, with their tokens, and no answer is kept."""
        api = cloudfront.BehaviorOptions(
            origin=origins.HttpOrigin(
                profile.api_domain,
                protocol_policy=cloudfront.OriginProtocolPolicy.HTTPS_ONLY,
                origin_ssl_protocols=[cloudfront.OriginSslPolicy.TLS_V1_2],
            ),
            allowed_methods=cloudfront.AllowedMethods.ALLOW_ALL,
            viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
            cache_policy=cloudfront.CachePolicy.CACHING_DISABLED,
            origin_request_policy=cloudfront.OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
            response_headers_policy=self.headers,
            compress=False,
        )
        return dict.fromkeys(API_PATHS, api)

    def _bucket(self, id_: str, purpose: str, region: str) -> s3.IBucket:
        return s3.Bucket.from_bucket_attributes(
            self, id_, bucket_name=bucket_name(self, purpose, region=region), region=region
        )

    def _headers(self) -> cloudfront.ResponseHeadersPolicy:
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
                        "data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
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


def carry_alarms(scope: Construct, id_: str, *, profile: Profile) -> events.CfnRule:
    """Tell the primary region of every alarm of this stack: people are told from there.

    CloudFront counts in us-east-1 alone, and an alarm reaches no topic of another region.
    """
    stack = cdk.Stack.of(scope)
    bus = f"arn:aws:events:{profile.regions.primary}:{stack.account}:event-bus/default"
    role = iam.Role(
        scope,
        f"{id_}Role",
        assumed_by=iam.ServicePrincipal(
            "events.amazonaws.com",
            conditions={"StringEquals": {"aws:SourceAccount": stack.account}},
        ),
        description="Carries alarms of the page to the primary region",
    )
    role.add_to_policy(iam.PolicyStatement(actions=["events:PutEvents"], resources=[bus]))
    rule = events.CfnRule(
        scope,
        id_,
        description="Alarms of the page, on their way to whoever is told",
        event_pattern=CHANGED | {"resources": [{"prefix": _alarms_of(profile, stack.account)}]},
        state="ENABLED",
        targets=[events.CfnRule.TargetProperty(id="primary", arn=bus, role_arn=role.role_arn)],
    )
    rule.node.add_dependency(role)
    acknowledge(
        rule,
        "Serverless::Serverless-EventBusDLQ",
        reason="EventBridge tries for a day to reach its own bus; the alarm stands meanwhile.",
    )
    return rule


def hear_of_page(scope: Construct, id_: str, *, profile: Profile, alerts: Alerts) -> events.CfnRule:
    """In the primary region: what the page's alarms say goes where all alarms go."""
    prefix = _alarms_of(profile, cdk.Stack.of(scope).account)
    return alerts.tell(
        scope,
        id_,
        pattern=CHANGED | {"resources": [{"prefix": prefix}]},
        severity="warning",
        description="The page behind CloudFront fails, is slow, or is well again",
    )


def _alarms_of(profile: Profile, account: str) -> str:
    """How the ARN of each alarm of the edge's stack begins."""
    return f"arn:aws:cloudwatch:{profile.regions.edge}:{account}:alarm:{PRODUCT}-edge-"
