"""What has to happen though nobody asks: prices, resting orders, their end, margin, the roll.

It does what the server's own loops do (`wiring.single`), with the same parts and the same desk, in
a function that a schedule starts. It is one writer among many. Beside that it puts the prices
where the others look, and keeps the book's snapshot so that their cold starts are short.
"""

import asyncio
import os
from collections.abc import Coroutine
from contextlib import ExitStack
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from tallystick.clock import Clock, SystemClock
from tallystick.errors import TemporaryError
from tallystick.execution.financing import SHIPPED, EndOfDay
from tallystick.execution.margin_call import MarginMonitor
from tallystick.wiring.aws.loops import again, repeat, time_left
from tallystick.wiring.aws.prices import put_prices
from tallystick.wiring.aws.runtime import Parts, Trading, open_parts
from tallystick.wiring.aws.seal import sealed
from tallystick.wiring.aws.settings import table_of
from tallystick.wiring.aws.telemetry import COUNT, configure, logger, metrics, tracer
from tallystick.wiring.prices import sources_of
from tallystick.wiring.settings import Settings

LOOK_SECONDS = 0.25
"""How often prices are put and it is looked what is due."""
SETTLE_SECONDS = 0.02
"""Between two looks whether everything is committed, at the end of an invocation."""
SNAPSHOT_ENTRIES = 1_000
"""A snapshot each so many entries: what a cold start folds at most, and some more."""


class Tending:
    """One execution environment; its parts live as long as it does."""

    def __init__(self, clock: Clock) -> None:
        """The cold start.

        Raises:
            Misconfigured, Corrupt, Forked, TemporaryError: with a sentence for the operator.
        """
        with ExitStack() as undo:
            parts = open_parts(os.environ, clock)
            undo.callback(parts.close)
            configure(parts.settings.log_level)
            self.loop = asyncio.new_event_loop()
            undo.callback(self.loop.close)
            self.trading = self.loop.run_until_complete(_trading(parts))
            undo.pop_all()
        trading = self.trading
        self._table = table_of("STATE", parts.settings.state)
        self.margin = MarginMonitor(trading.desk)
        self.end_of_day = EndOfDay(trading.desk, SHIPPED, clock)
        trading.board.listen(trading.desk.on_quotes)
        trading.board.listen(self.margin.on_quotes)
        self.snapshots = 0
        trading.desk.on_snapshot = self._keep

    def run(self, seconds: float) -> int:
        """Tend for so long; how often it was looked."""
        return self.loop.run_until_complete(self._run(seconds))

    async def _run(self, seconds: float) -> int:
        clock, trading = self.trading.parts.clock, self.trading
        works: list[Coroutine[Any, Any, None]] = [
            again(trading.feed.run, clock), self.margin.run(clock), self.end_of_day.run(),
        ]  # fmt: skip
        beside = [asyncio.create_task(work) for work in works]
        try:
            return await repeat(self._look, LOOK_SECONDS, seconds, clock)
        finally:
            for task in beside:
                task.cancel()
            ended = await asyncio.gather(*beside, return_exceptions=True)
            await self._settle()
            for error in ended:
                if not isinstance(error, asyncio.CancelledError | TemporaryError | None):
                    raise error

    async def _look(self) -> None:
        trading = self.trading
        await trading.patience.end()
        await trading.patience.begin(writes=False)
        trading.ledger.catch_up()
        trading.desk.refresh()
        trading.desk.expire_due()
        await asyncio.to_thread(put_prices, self._table, trading.board.all())
        if trading.ledger.size - self.snapshots >= SNAPSHOT_ENTRIES:
            trading.desk.snapshot()

    async def _settle(self) -> None:
        """Wait for the commit under way: who is frozen in one holds the head, and all others up."""
        trading = self.trading
        while not trading.failed and any(True for _ in trading.desk.undecided()):
            await trading.parts.clock.sleep(SETTLE_SECONDS)
        await trading.patience.end()

    def _keep(self, size: int, book: bytes) -> None:
        trading = self.trading
        root = trading.ledger.root(size)
        trading.snapshots.keep(size, root, sealed(trading.parts.signer, size, root, book))
        self.snapshots = size

    def close(self) -> None:
        """Finish what waits, and let go."""
        self.loop.run_until_complete(self.trading.close())
        self.loop.close()


async def _trading(parts: Parts) -> Trading:
    return Trading(parts, sources_of(Settings(providers=parts.settings.providers), parts.clock))


_tending: Tending | None = None
"""Of this execution environment."""


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Tend until the next invocation is due."""
    global _tending  # noqa: PLW0603  one a process, as Lambda has it
    del event
    metrics.add_metric("Invocations", COUNT, 1)
    if _tending is not None and _tending.trading.failed:
        logger.error("wiring.desk_ended")
        ended, _tending = _tending, None
        ended.close()
    if _tending is None:
        _tending = Tending(SystemClock())
    tending = _tending
    try:
        looks = tending.run(time_left(context, tending.trading.parts.settings.loop_seconds))
    except BaseException:
        _tending = None  # the next invocation begins anew
        tending.close()
        raise
    metrics.add_metric("LedgerSize", COUNT, tending.trading.ledger.size)
    metrics.add_metric("RestingOrders", COUNT, len(tending.trading.desk.book.working))
    return {"size": tending.trading.ledger.size, "snapshot": tending.snapshots, "looks": looks}
