"""The port of every source of numbers."""

from typing import NamedTuple, Protocol

from tallystick.watch.alarms.alarm import Alarm
from tallystick.watch.alarms.series import Values


class Told(NamedTuple):
    """What a source knows of one period: its series, and what one that is not named came to."""

    values: Values
    absent: float | None = None


class Source(Protocol):
    """Gives what an alarm's series came to in a period of time.

    The contract:

    - A period is asked for after its end and `settle_seconds`, so that what is on its way has come;
      it may be asked for again, and long after.
    - A series that is not in the answer came to `absent`: nothing happened (0.0), or nothing is
      known (None).
    - What goes wrong is a `TallystickError`; whoever asks makes a trace of it.
    """

    settle_seconds: float

    async def told(self, alarm: Alarm, start_ns: int, end_ns: int) -> Told:
        """What the alarm's series came to after `start_ns` and up to `end_ns`."""
        ...
