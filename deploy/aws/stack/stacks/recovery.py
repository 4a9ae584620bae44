"""Recovery: what the second region has for itself, beside the stacks that both have."""

import aws_cdk as cdk
from constructs import Construct

from stack.capabilities.config_rules import ConfigRules
from stack.capabilities.keys import Keys
from stack.capabilities.recovery import Standby
from stack.capabilities.threat_detection import ThreatDetection
from stack.profile import Profile
from stack.stacks.data import Data


class Recovery(cdk.Stack):
    """Its own eyes, its own safe."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        profile: Profile,
        env: cdk.Environment,
        name: str,
        keys: Keys,
        data: Data,
    ) -> None:
        super().__init__(scope, id_, env=env, stack_name=name, termination_protection=True)
        self.standby = Standby(
            self,
            "Standby",
            profile=profile,
            keys=keys,
            ledger=data.ledger.cluster.cluster_identifier,
        )
        alerts = self.standby.alerts
        self.threats = ThreatDetection(self, "Threats", profile=profile, alerts=alerts)
        if profile.switches.config:
            self.config = ConfigRules(self, "Config", profile=profile, keys=keys, alerts=alerts)
