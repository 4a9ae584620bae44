"""From the ledger onto Kinesis: what `stream.relay` does, in a function that a schedule starts.

Whoever appends says nothing on the stream, so nothing falls between commit and publish: this reads
the ledger from its cursor on, and the cursor moves when Kinesis has acknowledged. The position is
the message's id; what is said twice is known by it. It has no key to sign with.
"""

import asyncio
import os
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

from aws_lambda_powertools.utilities.typing import LambdaContext

from tallystick.clock import Clock, SystemClock
from tallystick.errors import Misconfigured
from tallystick.ids import new_guid
from tallystick.stream.dead import whole_envelope
from tallystick.stream.kinesis import KinesisPeer, KinesisStream
from tallystick.stream.message import entry_envelope
from tallystick.stream.open import Streams
from tallystick.stream.relay import Relay
from tallystick.wiring.aws.cursors import TableCursors
from tallystick.wiring.aws.loops import repeat, time_left
from tallystick.wiring.aws.runtime import Parts, open_parts
from tallystick.wiring.aws.settings import table_of
from tallystick.wiring.aws.telemetry import COUNT, configure, logger, metrics, tracer

LOOK_SECONDS = 0.2
"""Between two looks at the ledger: about how late an entry is on the stream."""


class Relaying:
    """One execution environment of the relay."""

    def __init__(self, clock: Clock) -> None:
        """The cold start.

        Raises:
            Misconfigured, Corrupt, TemporaryError: with a sentence for the operator.
        """
        with ExitStack() as undo:
            self.parts = open_parts(os.environ, clock)
            undo.callback(self.parts.close)
            configure(self.parts.settings.log_level)
            self.streams = streams_of(self.parts)
            self.relay = Relay(self.parts.ledger, self.streams, clock)
            self.loop = asyncio.new_event_loop()
            undo.pop_all()

    def run(self, seconds: float) -> int:
        """Say what there is to say for so long; how often it was looked."""
        clock = self.parts.clock
        return self.loop.run_until_complete(repeat(self._say, LOOK_SECONDS, seconds, clock))

    async def _say(self) -> None:
        self.parts.ledger.catch_up()
        await self.relay.publish()

    def close(self) -> None:
        """Let go of everything."""
        self.loop.run_until_complete(self.streams.close())
        self.loop.close()
        self.parts.close()


def streams_of(parts: Parts) -> Streams:
    """The streams in Kinesis; places are kept in the state table.

    The relay's place is the ledger's and not the region's: the table is replicated, so whoever
    takes over in another region goes on there, and tells nobody all of history again.

    Raises:
        Misconfigured: the address is none.
    """
    settings, clock, origin = parts.settings, parts.clock, parts.ledger.origin
    address = urlsplit(settings.stream or "")
    prefix = address.path.strip("/")
    if address.scheme != "kinesis" or not address.netloc or not prefix:
        raise Misconfigured("TALLYSTICK_STREAM must be kinesis://region/prefix.")
    peer, owner, envelope = KinesisPeer(address.netloc), new_guid(), entry_envelope(origin)
    entries = KinesisStream(peer, f"{prefix}-entries", envelope, clock, owner)
    dead = KinesisStream(peer, f"{prefix}-dead", whole_envelope, clock, owner)
    cursors = TableCursors(table_of("STATE", settings.state))
    place = f"relay {prefix}"
    return Streams(entries, dead, None, cursors, origin, clock, envelope, relay_name=place)


_relaying: Relaying | None = None
"""Of this execution environment."""


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Follow the ledger until the next invocation is due; where it stands then."""
    global _relaying  # noqa: PLW0603  one a process, as Lambda has it
    del event
    metrics.add_metric("Invocations", COUNT, 1)
    if _relaying is None:
        _relaying = Relaying(SystemClock())
    relaying = _relaying
    try:
        looks = relaying.run(time_left(context, relaying.parts.settings.loop_seconds))
    except BaseException:
        _relaying = None  # the next invocation begins anew
        relaying.close()
        raise
    behind = relaying.relay.behind
    metrics.add_metric("StreamBehind", COUNT, behind)
    metrics.add_metric("LedgerSize", COUNT, relaying.parts.ledger.size)
    return {"said": relaying.streams.said, "behind": behind, "looks": looks}
