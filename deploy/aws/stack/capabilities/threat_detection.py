"""Who is attacking: GuardDuty, Security Hub's standards, Macie, and IAM Access Analyzer.

What they find goes to people by severity: GuardDuty's high findings wake somebody, the rest is
read in working hours.
"""

import aws_cdk as cdk
from aws_cdk import aws_accessanalyzer as analyzer
from aws_cdk import aws_guardduty as guardduty
from aws_cdk import aws_macie as macie
from aws_cdk import aws_securityhub as hub
from constructs import Construct

from stack.capabilities.alerts import Alerts
from stack.naming import PRODUCT
from stack.profile import Profile

FEATURES = (
    "S3_DATA_EVENTS",
    "RDS_LOGIN_EVENTS",
    "LAMBDA_NETWORK_LOGS",
    "EBS_MALWARE_PROTECTION",
)
STANDARDS = (
    "aws-foundational-security-best-practices/v/1.0.0",
    "cis-aws-foundations-benchmark/v/3.0.0",
    "nist-800-53/v/5.0.0",
    "pci-dss/v/4.0.1",
)
HIGH = 7
MEDIUM = 4
UNUSED_DAYS = 90
IDENTIFIERS = {
    "iban": (
        "An international bank account number",
        r"\b[A-Z]{2}[0-9]{2}(?:[ ]?[A-Z0-9]{4}){3,7}(?:[ ]?[A-Z0-9]{1,3})?\b",
        ["iban", "account", "konto", "compte"],
    ),
    "tallystick-token": (
        "A bearer token of the product",
        r"\btally_[A-Za-z0-9_-]{20,}\b",
        ["token", "bearer", "authorization"],
    ),
}
"""What Macie would not know by itself: meaning, pattern, words near it."""


class ThreatDetection(Construct):
    """One region's detectors; findings of all regions come together in the primary."""

    def __init__(self, scope: Construct, id_: str, *, profile: Profile, alerts: Alerts) -> None:
        super().__init__(scope, id_)
        self._alerts = alerts
        self._first = cdk.Stack.of(self).region == profile.regions.primary
        if profile.switches.guardduty:
            self._guardduty()
        if profile.switches.security_hub:
            self._security_hub(profile)
        if profile.switches.macie:
            self._macie()
        self._analyzers()

    def _guardduty(self) -> None:
        detector = guardduty.CfnDetector
        features = [
            detector.CFNFeatureConfigurationProperty(name=name, status="ENABLED")
            for name in FEATURES
        ]
        runtime = detector.CFNFeatureConfigurationProperty(
            name="RUNTIME_MONITORING",
            status="ENABLED",
            additional_configuration=[
                detector.CFNFeatureAdditionalConfigurationProperty(name=name, status="ENABLED")
                for name in ("ECS_FARGATE_AGENT_MANAGEMENT", "EC2_AGENT_MANAGEMENT")
            ],
        )
        self.detector = detector(
            self,
            "GuardDuty",
            enable=True,
            finding_publishing_frequency="FIFTEEN_MINUTES",
            features=[*features, runtime],
        )
        found = {"source": ["aws.guardduty"], "detail-type": ["GuardDuty Finding"]}
        self._alerts.tell(
            self,
            "HighThreat",
            pattern={**found, "detail": {"severity": [{"numeric": [">=", HIGH]}]}},
            severity="critical",
            description="GuardDuty is nearly sure of an attack",
        )
        self._alerts.tell(
            self,
            "Threat",
            pattern={**found, "detail": {"severity": [{"numeric": [">=", MEDIUM, "<", HIGH]}]}},
            severity="warning",
            description="GuardDuty suspects an attack",
        )

    def _security_hub(self, profile: Profile) -> None:
        region = cdk.Stack.of(self).region
        self.hub = hub.CfnHub(
            self,
            "Hub",
            auto_enable_controls=True,
            control_finding_generator="SECURITY_CONTROL",
            enable_default_standards=False,
        )
        for standard in STANDARDS:
            hub.CfnStandard(
                self,
                standard.split("/")[0].replace("-", " ").title().replace(" ", ""),
                standards_arn=f"arn:aws:securityhub:{region}::standards/{standard}",
            ).add_resource_dependency(self.hub)
        if self._first and profile.switches.recovery:
            hub.CfnFindingAggregator(
                self,
                "Together",
                region_linking_mode="SPECIFIED_REGIONS",
                regions=[profile.regions.recovery],
            ).add_resource_dependency(self.hub)
        self._alerts.tell(
            self,
            "Finding",
            pattern={
                "source": ["aws.securityhub"],
                "detail-type": ["Security Hub Findings - Imported"],
                "detail": {
                    "findings": {
                        "Severity": {"Label": ["CRITICAL", "HIGH"]},
                        "Workflow": {"Status": ["NEW"]},
                        "RecordState": ["ACTIVE"],
                    }
                },
            },
            severity="warning",
            description="Security Hub has a new serious finding",
        )

    def _macie(self) -> None:
        """Looks for personal data and secrets where none should lie."""
        self.macie = macie.CfnSession(
            self, "Macie", status="ENABLED", finding_publishing_frequency="FIFTEEN_MINUTES"
        )
        for name, (what, regex, near) in IDENTIFIERS.items():
            macie.CfnCustomDataIdentifier(
                self,
                name.title().replace("-", ""),
                name=f"{PRODUCT}-{name}",
                description=what,
                regex=regex,
                keywords=near,
                maximum_match_distance=50,
            ).add_resource_dependency(self.macie)
        self._alerts.tell(
            self,
            "SensitiveData",
            pattern={
                "source": ["aws.macie"],
                "detail-type": ["Macie Finding"],
                "detail": {"severity": {"description": ["High", "Medium"]}},
            },
            severity="warning",
            description="Macie found personal data or secrets",
        )

    def _analyzers(self) -> None:
        """Who outside could reach in; and, once, which permissions nobody uses."""
        self.outside = analyzer.CfnAnalyzer(
            self, "Outside", type="ACCOUNT", analyzer_name=f"{PRODUCT}-outside"
        )
        if self._first:
            analyzer.CfnAnalyzer(
                self,
                "Unused",
                type="ACCOUNT_UNUSED_ACCESS",
                analyzer_name=f"{PRODUCT}-unused",
                analyzer_configuration=analyzer.CfnAnalyzer.AnalyzerConfigurationProperty(
                    unused_access_configuration=analyzer.CfnAnalyzer.UnusedAccessConfigurationProperty(
                        unused_access_age=UNUSED_DAYS
                    )
                ),
            )
        self._alerts.tell(
            self,
            "OpenToOutside",
            pattern={
                "source": ["aws.access-analyzer"],
                "detail-type": ["Access Analyzer Finding"],
                "detail": {"status": ["ACTIVE"]},
            },
            severity="warning",
            description="Somebody outside the account can reach a resource",
        )
