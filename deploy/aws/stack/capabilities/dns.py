"""Where the name leads: the primary region while it answers, the recovery region when it does not.

A health check asks the region's own door every ten seconds from several places in the world; three
failures in a row move the name. `runbooks/fail_over.py` moves it by hand: it inverts the check.
"""

import aws_cdk as cdk
from aws_cdk import aws_route53 as route53
from constructs import Construct

from stack.profile import Profile

INTERVAL_SECONDS = 10
FAILURES = 3
ASKED_FROM = ["eu-west-1", "us-east-1", "us-west-1"]
"""Route 53 wants three at least; they ask from outside and hold nothing."""


def notice_seconds() -> int:
    """How long until a region that fell silent is left."""
    return INTERVAL_SECONDS * FAILURES


class FailoverRecord(Construct):
    """One region's half of a name: its record and its health check."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        profile: Profile,
        primary: bool,
        domain_name: str,
        target_domain: str,
        target_zone_id: str,
        health_host: str,
        health_path: str,
    ) -> None:
        """`target_*` are the alias of the region's API; `health_host` is asked over HTTPS."""
        super().__init__(scope, id_)
        region = cdk.Stack.of(self).region
        self.health_check = route53.CfnHealthCheck(
            self,
            "HealthCheck",
            health_check_config=route53.CfnHealthCheck.HealthCheckConfigProperty(
                type="HTTPS",
                fully_qualified_domain_name=health_host,
                resource_path=health_path,
                port=443,
                enable_sni=True,
                measure_latency=True,
                request_interval=INTERVAL_SECONDS,
                failure_threshold=FAILURES,
                regions=ASKED_FROM,
            ),
            health_check_tags=[
                route53.CfnHealthCheck.HealthCheckTagProperty(
                    key="Name", value=f"{domain_name} in {region}"
                )
            ],
        )
        self.health_check_id = self.health_check.attr_health_check_id
        self.records = [
            route53.CfnRecordSet(
                self,
                kind,
                hosted_zone_id=profile.hosted_zone_id,
                name=domain_name,
                type=kind,
                set_identifier=region,
                failover="PRIMARY" if primary else "SECONDARY",
                health_check_id=self.health_check_id,
                alias_target=route53.CfnRecordSet.AliasTargetProperty(
                    dns_name=target_domain,
                    hosted_zone_id=target_zone_id,
                    evaluate_target_health=True,
                ),
            )
            for kind in ("A", "AAAA")
        ]
        cdk.CfnOutput(self, "HealthCheckId", value=self.health_check_id)
