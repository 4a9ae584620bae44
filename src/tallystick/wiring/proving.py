"""What has to work for a heartbeat to go out: each part is asked, none is believed.

A proof is "" or a sentence of what is wrong (`watch/notify/heartbeat.py`). All of these may block.
"""

from collections.abc import Callable

from tallystick.clock import NS_PER_SECOND, Clock, rfc3339
from tallystick.errors import TallystickError
from tallystick.ledger import Ledger
from tallystick.watch.alarms.runner import Runner
from tallystick.watch.notify.heartbeat import Proof

STILL_SECONDS_MAX = 60
"""So long alarms may not be evaluated or not sampled, or entries wait for them: they are looked at
every ten seconds, and entries reach them within one."""


def proofs_of(runner: Runner, ledger: Ledger, clock: Clock) -> dict[str, Proof]:
    """The proofs of the way from a trade to an alert, by the part's name."""
    return {
        "ledger": lambda: answers(ledger),
        "stream": Follows(lambda: runner.position, lambda: ledger.size, clock),
        "samples": lambda: recent("No metric was sampled", runner.sampled_ns, clock),
        "alarms": lambda: recent("No alarm was evaluated", runner.worked_ns, clock),
    }


def answers(ledger: Ledger) -> str:
    """The newest entry can be read and proved by what the store holds."""
    if not ledger.size:
        return ""
    try:
        ledger.receipt(ledger.size - 1)
    except TallystickError as error:
        return f"Its newest entry cannot be proved. {error}"
    return ""


def recent(sentence: str, at_ns: int, clock: Clock) -> str:
    """It was done within STILL_SECONDS_MAX."""
    if clock.now_ns() - at_ns <= STILL_SECONDS_MAX * NS_PER_SECOND:
        return ""
    return f"{sentence} since {rfc3339(at_ns)}."


class Follows:
    """Whoever is behind comes nearer: being behind is no trouble, standing still is."""

    def __init__(self, place: Callable[[], int], end: Callable[[], int], clock: Clock) -> None:
        """`place` is the next entry to look at, `end` the ledger's size."""
        self._place = place
        self._end = end
        self._clock = clock
        self._seen = -1
        self._since_ns = clock.now_ns()

    def __call__(self) -> str:
        """What is wrong, or ""."""
        end, place = self._end(), self._place()
        if place >= end or place != self._seen:
            self._seen, self._since_ns = place, self._clock.now_ns()
            return ""
        return recent(f"No alarm saw entry {place:,} of {end:,}", self._since_ns, self._clock)
