"""The event bus: what happened, said to who has a rule for it, kept to be said again."""

import aws_cdk as cdk
from aws_cdk import aws_events as events
from constructs import Construct

from stack.capabilities.dead_letters import dead_letters
from stack.capabilities.keys import Keys
from stack.naming import BUS
from stack.profile import Profile

ARCHIVE_DAYS_MAX = 365


class EventBus(Construct):
    """One bus of our own, encrypted; its archive is what a replay reads."""

    def __init__(self, scope: Construct, id_: str, *, profile: Profile, keys: Keys) -> None:
        super().__init__(scope, id_)
        self.dead_letters = dead_letters(self, "DeadLetters", keys=keys)
        self.bus = events.EventBus(
            self,
            "Bus",
            event_bus_name=BUS,
            description="Tallystick: what the ledger and the detector say",
            kms_key=keys.messages,
            dead_letter_queue=self.dead_letters,
        )
        bare = self.bus.node.default_child
        if not isinstance(bare, events.CfnEventBus):
            raise TypeError("a bus of our own is expected")
        self.archive = events.CfnArchive(
            self,
            "Archive",
            source_arn=bare.attr_arn,
            description="Everything on the bus, to be said again",
            retention_days=min(profile.retention.log_days, ARCHIVE_DAYS_MAX),
            kms_key_identifier=keys.messages.key_arn,
        )
        self.archive.apply_removal_policy(cdk.RemovalPolicy.RETAIN)
