"""Service, one a region: the door, who stands behind it, the firewall before it."""

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from constructs import Construct

from stack.capabilities.dead_letters import dead_letters
from stack.capabilities.dns import FailoverRecord
from stack.capabilities.fargate_service import FargateService
from stack.capabilities.keys import Keys
from stack.capabilities.ledger_check import LedgerCheck
from stack.capabilities.log_delivery import LogDelivery
from stack.capabilities.network import Network
from stack.capabilities.order_function import Authoriser, Loop, OrderFunction
from stack.capabilities.orders_api import Answers, Door, OrdersApi
from stack.capabilities.page import PageBucket
from stack.capabilities.page_publisher import PagePublisher
from stack.capabilities.runtime_settings import RuntimeSettings
from stack.capabilities.secrets import Secrets
from stack.capabilities.sign_in import SignIn
from stack.capabilities.signing_key import SigningReplica
from stack.capabilities.web_firewall import WebFirewall
from stack.profile import Profile
from stack.stacks.data import Data


class Service(cdk.Stack):
    """What answers. In the recovery region the same, with its loops asleep."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        profile: Profile,
        env: cdk.Environment,
        name: str,
        keys: Keys,
        network: Network,
        data: Data,
        delivery: LogDelivery,
        signing: kms.IKey | None,
    ) -> None:
        super().__init__(scope, id_, env=env, stack_name=name, termination_protection=True)
        self.primary = self.region == profile.regions.primary
        self._profile = profile
        self._keys = keys
        self._network = network
        if self.primary:
            self.secrets = Secrets(self, "Secrets", profile=profile, keys=keys)
            self.sign_in = SignIn(self, "SignIn", profile=profile, keys=keys)
            if profile.switches.page:
                self.page = PageBucket(self, "Page", profile=profile, keys=keys)
                if profile.switches.delivery:
                    PagePublisher(
                        self,
                        "Publisher",
                        delivery=profile.accounts.delivery,
                        bucket=self.page.bucket,
                        keys=keys,
                    )
        self.settings = RuntimeSettings(
            self,
            profile=profile,
            keys=keys,
            signing=signing or self._replica(),
            ledger=data.ledger,
        )
        self.dead_letters = dead_letters(self, "DeadLetters", keys=keys)
        self.order = OrderFunction(
            self,
            "Orders",
            profile=profile,
            keys=keys,
            network=network,
            settings=self.settings,
            dead_letters=self.dead_letters,
        )
        self.authoriser = Authoriser(
            self,
            "Authoriser",
            profile=profile,
            keys=keys,
            network=network,
            settings=self.settings,
            dead_letters=self.dead_letters,
        )
        self._loops()
        self.check = self._check() if self.primary and not profile.switches.batch_fleet else None
        self.door = Door(self, "Door", profile=profile)
        self.containers: FargateService | None = None
        if "fargate" in profile.service.runtimes:
            self.containers = self._containers()
        self.api = OrdersApi(
            self,
            "Api",
            profile=profile,
            keys=keys,
            authoriser=self.authoriser.function,
            door=self.door,
            answers=self._answers(),
        )
        protected = [self.api.stage_arn]
        if self.containers is not None:
            protected.append(self.containers.balancer.load_balancer_arn)
        self.web_firewall = WebFirewall(
            self, "WebFirewall", profile=profile, key=keys.logs, protects=protected
        )
        self.failover = FailoverRecord(
            self,
            "Failover",
            profile=profile,
            primary=self.primary,
            domain_name=self.door.name,
            target_domain=self.api.target_domain,
            target_zone_id=self.api.target_zone_id,
            health_host=self.api.health_host,
            health_path=self.api.health_path,
        )
        self._deliver(delivery)

    def _answers(self) -> Answers:
        """The first runtime of the profile answers."""
        if self._profile.service.runtimes[0] == "fargate" and self.containers is not None:
            return self.containers
        return self.order

    def _replica(self) -> kms.IKey:
        """The primary region's signing key, here."""
        return SigningReplica(
            self,
            "Signing",
            of_region=self._profile.regions.primary,
            logs_key=self._keys.logs,
            log_days=self._profile.retention.log_days,
        ).key

    def _loops(self) -> None:
        self.relay = Loop(
            self,
            "Relay",
            profile=self._profile,
            keys=self._keys,
            network=self._network,
            handler="relay",
            description="Tallystick: says the ledger's entries on the stream",
            settings=self.settings.relaying(),
            statements=self.settings.relaying_statements(),
            dead_letters=self.dead_letters,
            enabled=self.primary,
        )
        self.tend = Loop(
            self,
            "Tend",
            profile=self._profile,
            keys=self._keys,
            network=self._network,
            handler="tend",
            description="Tallystick: prices, resting orders, margin",
            settings=self.settings.tending(),
            statements=self.settings.tending_statements(),
            dead_letters=self.dead_letters,
            enabled=self.primary,
        )

        for loop in (self.relay, self.tend):
            self.settings.answer_wildcards(loop.role)

    def _check(self) -> LedgerCheck:
        return LedgerCheck(
            self,
            "Check",
            profile=self._profile,
            keys=self._keys,
            network=self._network,
            settings=self.settings,
            dead_letters=self.dead_letters,
        )

    def _containers(self) -> FargateService:
        containers = FargateService(
            self,
            "Containers",
            profile=self._profile,
            keys=self._keys,
            network=self._network,
            certificate=self.door.certificate,
            environment=self.settings.writing(),
            statements=self.settings.writing_statements(),
        )
        self.settings.answer_wildcards(containers.role)
        return containers

    def _deliver(self, delivery: LogDelivery) -> None:
        """Send every log of the service to where logs are searched."""
        groups = {
            "Orders": self.order.log_group,
            "Authoriser": self.authoriser.log_group,
            "Relay": self.relay.log_group,
            "Tend": self.tend.log_group,
            "Access": self.api.access_log_group,
        }
        if self.containers is not None:
            groups["Containers"] = self.containers.log_group
        if self.check is not None:
            groups["Check"] = self.check.log_group
        for name, group in groups.items():
            delivery.take(self, f"{name}Lines", group)
