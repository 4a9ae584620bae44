"""What looks at incidents when they are due: nothing that goes wrong in a look ends it."""

import asyncio
from itertools import pairwise

import structlog

from tallystick.clock import NS_PER_SECOND, ManualClock
from tallystick.errors import TemporaryError
from tallystick.watch.notify.incidents.looker import LOOK_RETRY_SECONDS_MAX, Looker


def test_a_look_that_fails_is_taken_again() -> None:
    """Also after an error that nobody expected; each is said, and the pauses grow."""
    errors: list[Exception] = [TemporaryError("The disk is away."), KeyError("a bug")] * 4
    clock = ManualClock()
    looked: list[int] = []
    troubles: list[str] = []

    async def main() -> None:
        """Run on one loop."""
        loop = asyncio.get_running_loop()
        done = asyncio.Event()

        def look() -> int | None:
            looked.append(clock.now_ns())
            troubles.append(looker.trouble)
            if len(looked) <= len(errors):
                raise errors[len(looked) - 1]
            loop.call_soon_threadsafe(done.set)
            return None

        looker = Looker(look, clock)
        looker.start()
        await done.wait()
        await looker.stop()
        assert looker.trouble == ""

    with structlog.testing.capture_logs() as lines:
        asyncio.run(main())
    assert [line["event"] for line in lines] == ["notify.look_failed"] * len(errors)
    seconds = [(b - a) // NS_PER_SECOND for a, b in pairwise(looked)]
    assert seconds == [min(2**n, LOOK_RETRY_SECONDS_MAX) for n in range(len(errors))]
    assert all(troubles[1:])
    assert troubles[0] == ""
