"""A function that goes on for a little more than a minute: a schedule starts the next one before.

So for some seconds there are two (reserved concurrency: two), and never none. Nothing breaks by
that: what they do is named by its position, and happens once or is known to be a repeat.
"""

from collections.abc import Awaitable, Callable

import structlog
from aws_lambda_powertools.utilities.typing import LambdaContext

from tallystick.clock import NS_PER_SECOND, Clock
from tallystick.errors import TemporaryError

SPARE_SECONDS = 5.0
"""Left of the function's own time when it ends by itself."""
AGAIN_SECONDS = 0.5
"""Before work that was interrupted begins again."""
_log = structlog.get_logger("wiring")


async def repeat(
    work: Callable[[], Awaitable[None]], every_seconds: float, seconds: float, clock: Clock
) -> int:
    """Do the work again and again for so long; how often it was done. What is away is tried again.

    Raises:
        PermanentError: it cannot go on.
    """
    until_ns = clock.monotonic_ns() + round(seconds * NS_PER_SECOND)
    done = 0
    while True:
        try:
            await work()
            done += 1
        except TemporaryError as error:
            _log.warning("wiring.part_waits", body=str(error))
            await clock.sleep(min(error.retry_after_seconds, max(0.0, seconds)))
        if clock.monotonic_ns() >= until_ns:
            return done
        await clock.sleep(every_seconds)


async def again(work: Callable[[], Awaitable[None]], clock: Clock) -> None:
    """Do work that has no end; what is away for a moment ends it, and it begins again.

    Raises:
        PermanentError: it cannot go on; in a group where the work raised one.
    """
    while True:
        try:
            await work()
        except* TemporaryError as errors:
            _log.warning("wiring.part_waits", body=str(errors.exceptions[0]))
        await clock.sleep(AGAIN_SECONDS)


def time_left(context: LambdaContext, seconds: float) -> float:
    """How long a loop may go on in this invocation."""
    left = context.get_remaining_time_in_millis() / 1_000 - SPARE_SECONDS
    return max(0.0, min(seconds, left))
