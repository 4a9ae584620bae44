"""Stream, one a region: entries on Kinesis, their delivery, their detector, the event bus."""

import aws_cdk as cdk
from aws_cdk import aws_events as events
from constructs import Construct

from stack.capabilities.detector import Detector
from stack.capabilities.event_bus import EventBus
from stack.capabilities.keys import Keys
from stack.capabilities.log_delivery import LogDelivery
from stack.capabilities.network import Network
from stack.capabilities.stream import EntriesStream
from stack.profile import Profile


class StreamStack(cdk.Stack):
    """What says it, and what listens."""

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
    ) -> None:
        super().__init__(scope, id_, env=env, stack_name=name, termination_protection=True)
        self.entries = EntriesStream(self, "Entries", profile=profile, keys=keys)
        self.event_bus = EventBus(self, "Events", profile=profile, keys=keys)
        self.bus: events.EventBus = self.event_bus.bus
        self.log_delivery = LogDelivery(
            self, "Delivery", profile=profile, keys=keys, source=self.entries.stream
        )
        self.detector = Detector(
            self,
            "Detector",
            profile=profile,
            keys=keys,
            network=network,
            entries=self.entries,
        )
        self.log_delivery.take(self, "DetectorLines", self.detector.log_group)
