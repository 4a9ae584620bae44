"""The nightly check of the whole ledger, by a function: for ledgers that fifteen minutes do.

Larger ones are checked by the batch fleet (`batch_fleet.py`), which has no such end; then there is
no function. Both run the same module from a reader, and say the same metric.
"""

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stack.capabilities.keys import Keys
from stack.capabilities.network import Network
from stack.capabilities.private_function import PrivateFunction
from stack.capabilities.runtime_settings import RuntimeSettings
from stack.profile import Profile

SECONDS_MAX = 900
"""Lambda's longest."""
MEMORY_MB = 1769
"""A whole processor: hashing is what takes the time."""
NIGHTLY = events.Schedule.cron(hour="2", minute="20")
"""After the backup's window (UTC), before anybody trades much."""
WHAT = "Tallystick: checks the whole ledger from a reader"


class LedgerCheck(Construct):
    """Reads everything, once a night, and changes nothing."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        profile: Profile,
        keys: Keys,
        network: Network,
        settings: RuntimeSettings,
        dead_letters: sqs.IQueue,
    ) -> None:
        super().__init__(scope, id_)
        made = PrivateFunction(
            self,
            "Verify",
            profile=profile,
            keys=keys,
            network=network,
            handler="verify",
            description=WHAT,
            environment=settings.verifying(),
            statements=settings.verifying_statements(),
            dead_letters=dead_letters,
            timeout_seconds=SECONDS_MAX,
            memory_mb=MEMORY_MB,
            reserved=1,
        )
        self.function = made.function
        self.role = made.role
        self.log_group = made.log_group
        settings.answer_wildcards(self.role)
        self.rule = events.Rule(
            self,
            "Nightly",
            description=WHAT,
            schedule=NIGHTLY,
            targets=[
                targets.LambdaFunction(
                    self.function,
                    dead_letter_queue=dead_letters,
                    retry_attempts=2,
                    max_event_age=cdk.Duration.hours(2),
                )
            ],
        )
