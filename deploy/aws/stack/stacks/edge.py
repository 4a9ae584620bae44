"""Edge, in us-east-1: CloudFront's web firewall, its certificate, and the page's distribution.

AWS demands that region for them. Nothing is kept there: the page's files, its access log and the
firewall's log lie in the primary region.
"""

import aws_cdk as cdk
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_route53 as route53
from constructs import Construct

from stack.capabilities import watched_around
from stack.capabilities.alarms import Alarms
from stack.capabilities.page import Page, carry_alarms
from stack.capabilities.web_firewall import WebFirewall
from stack.profile import Profile


class Edge(cdk.Stack):
    """Where the page meets the world."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        profile: Profile,
        env: cdk.Environment,
        name: str,
        firewall_log: str,
    ) -> None:
        """`firewall_log` is the ARN of the bucket in the primary region that takes the log."""
        super().__init__(scope, id_, env=env, stack_name=name, termination_protection=True)
        zone = route53.HostedZone.from_hosted_zone_attributes(
            self, "Zone", hosted_zone_id=profile.hosted_zone_id, zone_name=profile.domain
        )
        self.certificate = acm.Certificate(
            self,
            "Certificate",
            domain_name=profile.domain,
            validation=acm.CertificateValidation.from_dns(zone),
            transparency_logging_enabled=True,
        )
        self.web_firewall = WebFirewall(
            self, "WebFirewall", profile=profile, scope_="CLOUDFRONT", log_bucket_arn=firewall_log
        )
        self.page = Page(
            self,
            "Page",
            profile=profile,
            certificate=self.certificate,
            web_acl_arn=self.web_firewall.arn,
        )
        self.alarms = Alarms(self, "Alarms", alerts=None, runbooks_url=profile.contacts.runbooks)
        self.alarms.watch(
            [watched_around.page(self.page.distribution.distribution_id, profile.limits)]
        )
        carry_alarms(self, "Carry", profile=profile)
