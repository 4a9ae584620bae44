"""Who may knock: a web ACL of managed rules, fraud rules, rate limits, countries and addresses.

One class for both scopes: REGIONAL in front of the API and the sign-in, CLOUDFRONT (in us-east-1)
in front of the page. AWS's account-takeover and account-creation rules cost extra and may not
stand before a Cognito pool, so they are switched on where they are wanted.
"""

from collections.abc import Sequence
from typing import Literal

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_wafv2 as waf
from constructs import Construct

from stack.capabilities.logging import log_group
from stack.profile import Profile

MANAGED = (
    ("IpReputation", "AWSManagedRulesAmazonIpReputationList"),
    ("AnonymousIp", "AWSManagedRulesAnonymousIpList"),
    ("Common", "AWSManagedRulesCommonRuleSet"),
    ("KnownBadInputs", "AWSManagedRulesKnownBadInputsRuleSet"),
    ("Sql", "AWSManagedRulesSQLiRuleSet"),
    ("Linux", "AWSManagedRulesLinuxRuleSet"),
)
"""Free managed rule groups, cheapest question first."""
RATE_WINDOW_SECONDS = 60
READERS_OF_AN_EDGE = 10
"""So many readers of the page may work as fast as they can behind one address of CloudFront."""
SIGN_IN = "/v1/sign-in"
SIGN_UP = "/v1/sign-up"
"""Paths whose bodies the fraud rules read."""
SECRET_HEADERS = ("authorization", "cookie", "x-api-key")
"""Never written to the log."""


class WebFirewall(Construct):
    """A web ACL with its log; `arn` is what a distribution or a stage is told."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        profile: Profile,
        key: kms.IKey | None = None,
        log_bucket_arn: str | None = None,
        scope_: Literal["REGIONAL", "CLOUDFRONT"] = "REGIONAL",
        protects: Sequence[str] = (),
        fraud_rules: bool | None = None,
    ) -> None:
        """The log goes into a group under `key`, or into a bucket of another region.

        `fraud_rules` is the profile's switch unless said: before a user pool they may not be.
        """
        super().__init__(scope, id_)
        self._reach = scope_
        self.name = f"{cdk.Stack.of(self).stack_name}-{id_}".lower()
        limits = profile.limits
        fraud = profile.switches.fraud_rules if fraud_rules is None else fraud_rules
        self.refused_v4 = self._addresses("RefusedV4", "IPV4")
        self.refused_v6 = self._addresses("RefusedV6", "IPV6")
        rules = [
            _rule("RefusedAddresses", _any_of(self.refused_v4, self.refused_v6), block=True),
            *(
                [_rule("RefusedCountries", _from(limits.refused_countries), block=True)]
                if limits.refused_countries
                else []
            ),
            *self._rates(limits.requests_per_minute),
            *[_rule(name, _managed(group)) for name, group in MANAGED],
        ]
        if fraud:
            rules += [
                _rule("Bots", _bots()),
                _rule("AccountTakeover", _takeover(SIGN_IN)),
                _rule("FalseAccounts", _false_accounts(SIGN_UP)),
            ]
        self.acl = waf.CfnWebACL(
            self,
            "Acl",
            name=self.name,
            scope=scope_,
            default_action=waf.CfnWebACL.DefaultActionProperty(allow={}),
            description="Managed, fraud, rate, country and address rules",
            rules=[_placed(rule, place) for place, rule in enumerate(rules)],
            visibility_config=_seen(self.name),
        )
        self.arn = self.acl.attr_arn
        if log_bucket_arn is not None:
            self._log_to(log_bucket_arn)
        elif key is not None:
            self._log(key, profile.retention.log_days)
        else:
            raise ValueError("a web firewall has a log: give a key or a bucket")
        for place, protected in enumerate(protects):
            self.guard(f"Before{place}", protected)

    def _rates(self, per_minute: int) -> list["Rule"]:
        """How much one address may ask.

        What comes by way of the page comes from few addresses, CloudFront's, and was counted for
        each reader there. The mark of that way can be forged: whoever does gets the share of a
        CloudFront address, and no more.
        """
        if self._reach == "CLOUDFRONT":
            return [_rule("TooManyRequests", _rate(per_minute), block=True, status=429)]
        direct = _rate(per_minute, unless=_by_page())
        any_way = _rate(per_minute * READERS_OF_AN_EDGE)
        return [
            _rule("TooManyRequests", direct, block=True, status=429),
            _rule("TooManyByPage", any_way, block=True, status=429),
        ]

    def guard(self, id_: str, resource_arn: str) -> None:
        """Stand before a stage of an API, a load balancer or a user pool."""
        if self._reach != "REGIONAL":
            raise ValueError("a CloudFront distribution names its web ACL itself")
        waf.CfnWebACLAssociation(self, id_, resource_arn=resource_arn, web_acl_arn=self.arn)

    def _addresses(self, id_: str, version: str) -> waf.CfnIPSet:
        """A list that an operator fills in an incident: runbooks/refuse_address.py."""
        return waf.CfnIPSet(
            self,
            id_,
            scope=self._reach,
            name=f"{self.name}-refused-v{version[-1]}",
            ip_address_version=version,
            addresses=[],
            description="Addresses that an operator refused",
        )

    def _log(self, key: kms.IKey, days: int) -> None:
        """Every refused request, without its secrets. WAF wants the name to begin like this."""
        stack = cdk.Stack.of(self)
        name = f"aws-waf-logs-{self.name}"
        self.log_group = log_group(self, "Log", days=days, key=key, name=name)
        allowed = logs.ResourcePolicy(
            self,
            "MayWrite",
            resource_policy_name=f"{name}-delivery",
            policy_statements=[may_write(self.log_group, stack)],
        )
        arn = f"arn:{stack.partition}:logs:{stack.region}:{stack.account}:log-group:{name}"
        self._log_to(arn).node.add_dependency(self.log_group, allowed)

    def _log_to(self, destination: str) -> waf.CfnLoggingConfiguration:
        return waf.CfnLoggingConfiguration(
            self,
            "Logging",
            resource_arn=self.arn,
            log_destination_configs=[destination],
            logging_filter={
                "DefaultBehavior": "DROP",
                "Filters": [
                    {
                        "Behavior": "KEEP",
                        "Requirement": "MEETS_ANY",
                        "Conditions": [
                            {"ActionCondition": {"Action": action}}
                            for action in ("BLOCK", "COUNT", "CAPTCHA", "CHALLENGE")
                        ],
                    }
                ],
            },
            redacted_fields=[
                waf.CfnLoggingConfiguration.FieldToMatchProperty(single_header={"Name": header})
                for header in SECRET_HEADERS
            ],
        )


def may_write(group: logs.LogGroup, stack: cdk.Stack) -> iam.PolicyStatement:
    """Let AWS's log delivery write into a group, for this account alone."""
    return iam.PolicyStatement(
        principals=[iam.ServicePrincipal("delivery.logs.amazonaws.com")],
        actions=["logs:CreateLogStream", "logs:PutLogEvents"],
        resources=[group.log_group_arn],
        conditions={"StringEquals": {"aws:SourceAccount": stack.account}},
    )


Statement = waf.CfnWebACL.StatementProperty
Rule = waf.CfnWebACL.RuleProperty


def _seen(metric: str) -> waf.CfnWebACL.VisibilityConfigProperty:
    return waf.CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True, sampled_requests_enabled=True, metric_name=metric
    )


def _rule(name: str, statement: Statement, *, block: bool = False, status: int = 403) -> Rule:
    """A rule of ours blocks; a managed group decides itself."""
    response = waf.CfnWebACL.BlockActionProperty(
        custom_response=waf.CfnWebACL.CustomResponseProperty(response_code=status)
    )
    return Rule(
        name=name,
        priority=0,
        statement=statement,
        visibility_config=_seen(name),
        action=waf.CfnWebACL.RuleActionProperty(block=response) if block else None,
        override_action=None if block else waf.CfnWebACL.OverrideActionProperty(none={}),
    )


def _placed(rule: Rule, place: int) -> Rule:
    return Rule(
        name=rule.name,
        priority=place,
        statement=rule.statement,
        visibility_config=rule.visibility_config,
        action=rule.action,
        override_action=rule.override_action,
    )


def _any_of(*lists: waf.CfnIPSet) -> Statement:
    each = [
        Statement(ip_set_reference_statement={"arn": addresses.attr_arn}) for addresses in lists
    ]
    return Statement(or_statement=waf.CfnWebACL.OrStatementProperty(statements=each))


def _from(countries: Sequence[str]) -> Statement:
    return Statement(
        geo_match_statement=waf.CfnWebACL.GeoMatchStatementProperty(country_codes=list(countries))
    )


def _by_page() -> Statement:
    """CloudFront names itself in the header Via."""
    return Statement(
        byte_match_statement=waf.CfnWebACL.ByteMatchStatementProperty(
            field_to_match=waf.CfnWebACL.FieldToMatchProperty(single_header={"Name": "via"}),
            positional_constraint="CONTAINS",
            search_string="(cloudfront)",
            text_transformations=[
                waf.CfnWebACL.TextTransformationProperty(priority=0, type="LOWERCASE")
            ],
        )
    )


def _rate(per_minute: int, *, unless: Statement | None = None) -> Statement:
    counted = None
    if unless is not None:
        counted = Statement(not_statement=waf.CfnWebACL.NotStatementProperty(statement=unless))
    return Statement(
        rate_based_statement=waf.CfnWebACL.RateBasedStatementProperty(
            aggregate_key_type="IP",
            limit=per_minute * RATE_WINDOW_SECONDS // 60,
            evaluation_window_sec=RATE_WINDOW_SECONDS,
            scope_down_statement=counted,
        )
    )


def _managed(
    group: str, config: waf.CfnWebACL.ManagedRuleGroupConfigProperty | None = None
) -> Statement:
    return Statement(
        managed_rule_group_statement=waf.CfnWebACL.ManagedRuleGroupStatementProperty(
            vendor_name="AWS",
            name=group,
            managed_rule_group_configs=[config] if config else None,
        )
    )


def _bots() -> Statement:
    return _managed(
        "AWSManagedRulesBotControlRuleSet",
        waf.CfnWebACL.ManagedRuleGroupConfigProperty(
            aws_managed_rules_bot_control_rule_set={"inspectionLevel": "COMMON"}
        ),
    )


def _takeover(path: str) -> Statement:
    """Stolen and guessed credentials: what the sign-in's body says and how often."""
    inspected = waf.CfnWebACL.RequestInspectionProperty(
        payload_type="JSON",
        username_field={"identifier": "/username"},
        password_field={"identifier": "/password"},
    )
    return _managed(
        "AWSManagedRulesATPRuleSet",
        waf.CfnWebACL.ManagedRuleGroupConfigProperty(
            aws_managed_rules_atp_rule_set=waf.CfnWebACL.AWSManagedRulesATPRuleSetProperty(
                login_path=path, request_inspection=inspected
            )
        ),
    )


def _false_accounts(path: str) -> Statement:
    """Accounts that are opened by the hundred."""
    inspected = waf.CfnWebACL.RequestInspectionACFPProperty(
        payload_type="JSON",
        username_field={"identifier": "/username"},
        password_field={"identifier": "/password"},
        email_field={"identifier": "/email"},
    )
    return _managed(
        "AWSManagedRulesACFPRuleSet",
        waf.CfnWebACL.ManagedRuleGroupConfigProperty(
            aws_managed_rules_acfp_rule_set=waf.CfnWebACL.AWSManagedRulesACFPRuleSetProperty(
                creation_path=path,
                registration_page_path=path,
                request_inspection=inspected,
            )
        ),
    )
