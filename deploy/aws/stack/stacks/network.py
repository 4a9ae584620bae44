"""Network, one a region: subnets, endpoints, and inspection where it is switched on."""

import aws_cdk as cdk
from constructs import Construct

from stack.capabilities.firewall import NetworkFirewall
from stack.capabilities.keys import Keys
from stack.capabilities.network import Network
from stack.profile import Profile


class NetworkStack(cdk.Stack):
    """The private network of one region."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        profile: Profile,
        env: cdk.Environment,
        name: str,
        keys: Keys,
    ) -> None:
        super().__init__(scope, id_, env=env, stack_name=name, termination_protection=True)
        primary = self.region == profile.regions.primary
        self.network = Network(
            self,
            "Network",
            profile=profile,
            keys=keys,
            cidr=profile.network.cidr if primary else profile.network.recovery_cidr,
        )
        self.firewall: NetworkFirewall | None = None
        if profile.switches.network_firewall:
            self.firewall = NetworkFirewall(
                self, "Firewall", profile=profile, keys=keys, network=self.network
            )
            self.network.route_through(self.firewall)
