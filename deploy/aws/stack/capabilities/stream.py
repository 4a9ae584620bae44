"""The stream: entries on Kinesis, in order, encrypted, kept to be read again."""

import aws_cdk as cdk
from aws_cdk import aws_kinesis as kinesis
from constructs import Construct

from stack.acknowledge import acknowledge
from stack.capabilities.dead_letters import dead_letters
from stack.capabilities.keys import Keys
from stack.naming import DEAD_STREAM, ENTRIES_STREAM
from stack.profile import Profile


class EntriesStream(Construct):
    """`stream` carries entries, `dead` what the relay could not say; `dead_letters` what failed."""

    def __init__(self, scope: Construct, id_: str, *, profile: Profile, keys: Keys) -> None:
        super().__init__(scope, id_)
        shards = profile.stream.shards
        self.stream = self._stream("Entries", ENTRIES_STREAM, shards, profile, keys)
        self.dead = self._stream("Dead", DEAD_STREAM, shards, profile, keys)
        self.dead_letters = dead_letters(self, "DeadLetters", keys=keys)

    def _stream(
        self, id_: str, name: str, shards: int, profile: Profile, keys: Keys
    ) -> kinesis.Stream:
        made = kinesis.Stream(
            self,
            id_,
            stream_name=name,
            stream_mode=kinesis.StreamMode.PROVISIONED if shards else kinesis.StreamMode.ON_DEMAND,
            shard_count=shards or None,
            encryption=kinesis.StreamEncryption.KMS,
            encryption_key=keys.messages,
            retention_period=cdk.Duration.hours(profile.stream.retention_hours),
            removal_policy=cdk.RemovalPolicy.RETAIN,
        )
        acknowledge(
            made,
            "AwsSolutions::AwsSolutions-KDS3",
            reason="The rule would have Kinesis's own key; ours can be audited and taken away.",
        )
        return made
