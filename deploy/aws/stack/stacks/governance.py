"""Governance: who did what, is all as it should be, who attacks, what can be restored, cost."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from stack.capabilities.alarms import Alarms
from stack.capabilities.alerts import Alerts
from stack.capabilities.audit_manager import AuditManager
from stack.capabilities.audit_trail import AUDIT, AuditTrail
from stack.capabilities.backup import Backups
from stack.capabilities.break_glass import BreakGlass
from stack.capabilities.config_rules import ConfigRules
from stack.capabilities.cost_guard import CostGuard
from stack.capabilities.edge_log import EdgeLog
from stack.capabilities.evidence import EVIDENCE, Evidence
from stack.capabilities.head_guard import HeadGuard
from stack.capabilities.keys import Keys
from stack.capabilities.replication import Replication, not_replicated
from stack.capabilities.review import Review
from stack.capabilities.threat_detection import ThreatDetection
from stack.profile import Profile


class Governance(cdk.Stack):
    """What is shown to an auditor, and what keeps it true."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        profile: Profile,
        env: cdk.Environment,
        name: str,
        stage: str,
        keys: Keys,
        alerts: Alerts,
    ) -> None:
        super().__init__(scope, id_, env=env, stack_name=name, termination_protection=True)
        switches = profile.switches
        self.alarms = Alarms(self, "Alarms", alerts=alerts, runbooks_url=profile.contacts.runbooks)
        self.trail = AuditTrail(self, "Trail", profile=profile, keys=keys, alarms=self.alarms)
        self.threats = ThreatDetection(self, "Threats", profile=profile, alerts=alerts)
        self.break_glass = BreakGlass(self, "BreakGlass")
        self.cost = CostGuard(self, "Cost", profile=profile, alerts=alerts, key=keys.logs)
        if switches.config:
            self.config = ConfigRules(self, "Config", profile=profile, keys=keys, alerts=alerts)
            self.evidence = Evidence(self, "Evidence", profile=profile, keys=keys, alerts=alerts)
            if switches.audit_manager:
                self._audit_manager()
        if switches.backup:
            self.backups = Backups(
                self, "Backups", profile=profile, key=keys.archive, alerts=alerts
            )
        if switches.well_architected:
            self.review = Review(self, "Review", profile=profile, stage=stage, account=self.account)
        if switches.page:
            self.edge_log = EdgeLog(self, "EdgeLog", profile=profile, key=keys.logs)
        self._copies(profile)
        if switches.recovery:
            # The guard of the day after a failover, when the ledger is in the other region.
            self.standby_guard = HeadGuard(self, "StandbyGuard", profile=profile)

    def _copies(self, profile: Profile) -> None:
        """What proves something is also kept in the recovery region, where there is one."""
        kept = [(self.trail.bucket, AUDIT, "logs")]
        if profile.switches.config:
            kept.append((self.evidence.bucket, EVIDENCE, "archive"))
        for bucket, purpose, key in kept:
            if profile.switches.recovery:
                Replication(
                    self,
                    f"{purpose.title()}Copy",
                    bucket=bucket,
                    purpose=purpose,
                    key_purpose=key,
                    region=profile.regions.recovery,
                )
            else:
                not_replicated(
                    bucket, "This profile has no second region; Object Lock keeps the first copy."
                )

    def _audit_manager(self) -> None:
        owner = iam.Role(
            self,
            "AuditOwner",
            assumed_by=iam.AccountRootPrincipal(),
            description="Owns the assessments of Audit Manager",
        )
        self.audit_manager = AuditManager(
            self, "AuditManager", evidence=self.evidence.bucket, owner=owner
        )
