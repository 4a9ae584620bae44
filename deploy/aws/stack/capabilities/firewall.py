"""What may leave: AWS Network Firewall, strict order, nothing but listed names over TLS.

Traffic to other AWS services goes through VPC endpoints and never comes here. What does come is
handed whole to the stateful engine, which knows a few names and drops the rest with an alert.
"""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_networkfirewall as nf
from constructs import Construct

from stack.capabilities.keys import Keys
from stack.capabilities.logging import log_group
from stack.capabilities.network import Network
from stack.profile import Profile

DEFAULT_DENY = ["aws:drop_established", "aws:alert_established"]
THREATS = (
    "ThreatSignaturesBotnetWebStrictOrder",
    "ThreatSignaturesMalwareWebStrictOrder",
    "ThreatSignaturesExploitsStrictOrder",
    "MalwareDomainsStrictOrder",
)
"""AWS's own signatures; they are asked before the list of allowed names."""
RULES = """\
drop tcp $HOME_NET any -> any !443 (msg:"only 443 leaves"; flow:to_server; sid:1000001; rev:1;)
drop tls $HOME_NET any -> any any (msg:"TLS older than 1.2"; \
ssl_version:sslv2,sslv3,tls1.0,tls1.1; sid:1000002; rev:1;)
drop http $HOME_NET any -> any any (msg:"HTTP on 443"; sid:1000003; rev:1;)
drop udp $HOME_NET any -> any any (msg:"no UDP leaves"; sid:1000004; rev:1;)
drop icmp $HOME_NET any -> any any (msg:"no ICMP leaves"; sid:1000005; rev:1;)
"""
"""Suricata: a name is what the list of allowed names knows, so nothing leaves that has none."""
CAPACITY_NAMES = 100
CAPACITY_RULES = 100
Policy = nf.CfnFirewallPolicy
Group = nf.CfnRuleGroup


class NetworkFirewall(Construct):
    """The firewall with its policy and logs; routes lead to `endpoint_id(zone)`."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        profile: Profile,
        keys: Keys,
        network: Network,
    ) -> None:
        super().__init__(scope, id_)
        subnets = network.vpc.select_subnets(subnet_group_name="firewall").subnets
        self.name = f"{cdk.Stack.of(self).stack_name}-egress"
        # The guard of the signed head is a table of the other region: no endpoint here leads there.
        guard = f"dynamodb.{profile.regions.other(cdk.Stack.of(self).region)}.amazonaws.com"
        self.policy = self._policy(network.cidr, (*profile.network.egress_domains, guard))
        self.firewall = nf.CfnFirewall(
            self,
            "Firewall",
            firewall_name=self.name,
            firewall_policy_arn=self.policy.attr_firewall_policy_arn,
            vpc_id=network.vpc.vpc_id,
            subnet_mappings=[
                nf.CfnFirewall.SubnetMappingProperty(subnet_id=subnet.subnet_id)
                for subnet in subnets
            ],
            delete_protection=True,
            firewall_policy_change_protection=True,
            subnet_change_protection=True,
            description="Everything that leaves the VPC",
        )
        self.arn = self.firewall.attr_firewall_arn
        self._zones = [subnet.availability_zone for subnet in subnets]
        self._log(keys.logs, profile.network.flow_log_days)

    def endpoint_id(self, availability_zone: str) -> str:
        """The endpoint in a zone, found by its name: the list that AWS gives has no order.

        The list has members like `eu-west-1a:vpce-0123`.
        """
        if availability_zone not in self._zones:
            raise ValueError(f"the firewall has no endpoint in {availability_zone}")
        listed = cdk.Fn.join(",", self.firewall.attr_endpoint_ids)
        behind = cdk.Fn.select(1, cdk.Fn.split(f"{availability_zone}:", listed))
        return cdk.Fn.select(0, cdk.Fn.split(",", behind))

    def _policy(self, cidr: str, names: Sequence[str]) -> Policy:
        region = cdk.Stack.of(self).region
        home = {"HOME_NET": Group.IPSetProperty(definition=[cidr])}
        allowed = self._group(
            "Names",
            CAPACITY_NAMES,
            Group.RulesSourceProperty(
                rules_source_list=Group.RulesSourceListProperty(
                    generated_rules_type="ALLOWLIST", target_types=["TLS_SNI"], targets=list(names)
                )
            ),
            home,
        )
        always = self._group(
            "Always", CAPACITY_RULES, Group.RulesSourceProperty(rules_string=RULES), home
        )
        threats = [
            f"arn:aws:network-firewall:{region}:aws-managed:stateful-rulegroup/{name}"
            for name in THREATS
        ]
        order = [always.attr_rule_group_arn, *threats, allowed.attr_rule_group_arn]
        return Policy(
            self,
            "Policy",
            firewall_policy_name=self.name,
            firewall_policy=Policy.FirewallPolicyProperty(
                stateless_default_actions=["aws:forward_to_sfe"],
                stateless_fragment_default_actions=["aws:forward_to_sfe"],
                stateful_default_actions=DEFAULT_DENY,
                stateful_engine_options=Policy.StatefulEngineOptionsProperty(
                    rule_order="STRICT_ORDER", stream_exception_policy="DROP"
                ),
                stateful_rule_group_references=[
                    Policy.StatefulRuleGroupReferenceProperty(resource_arn=arn, priority=place)
                    for place, arn in enumerate(order, start=1)
                ],
            ),
        )

    def _group(
        self,
        id_: str,
        capacity: int,
        source: Group.RulesSourceProperty,
        home: dict[str, Group.IPSetProperty],
    ) -> Group:
        return Group(
            self,
            id_,
            rule_group_name=f"{self.name}-{id_.lower()}",
            type="STATEFUL",
            capacity=capacity,
            rule_group=Group.RuleGroupProperty(
                rules_source=source,
                rule_variables=Group.RuleVariablesProperty(ip_sets=home),
                stateful_rule_options=Group.StatefulRuleOptionsProperty(rule_order="STRICT_ORDER"),
            ),
        )

    def _log(self, key: kms.IKey, days: int) -> None:
        """Alerts (what was dropped and why) and flows (who spoke to whom)."""
        destinations = []
        for kind in ("ALERT", "FLOW"):
            group = log_group(self, kind.title(), days=days, key=key)
            destinations.append(
                nf.CfnLoggingConfiguration.LogDestinationConfigProperty(
                    log_type=kind,
                    log_destination_type="CloudWatchLogs",
                    log_destination={"logGroup": group.log_group_name},
                )
            )
        nf.CfnLoggingConfiguration(
            self,
            "Logging",
            firewall_arn=self.arn,
            logging_configuration=nf.CfnLoggingConfiguration.LoggingConfigurationProperty(
                log_destination_configs=destinations
            ),
        )
