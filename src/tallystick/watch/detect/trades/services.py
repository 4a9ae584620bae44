"""The simulated services that write logs, each with a rhythm of its own."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from tallystick.watch.detect.observation import LogSeen
from tallystick.watch.detect.trades.dice import Dice

BATCH_SECONDS: Final = 900


class Service(NamedTuple):
    """One service.

    `belongs`: its index. `lines` a second in a London morning; `pulse` lines every second whatever
    happens; a batch says `batch` lines every BATCH_SECONDS and nothing else.
    """

    belongs: str
    name: str
    lines: float
    pulse: float = 0.0
    batch: int = 0


SERVICES: Final = (
    Service("main", "tallystick", 6.0, 0.5),
    Service("main", "gateway", 3.0),
    Service("risk", "margin-engine", 0.8, 0.2),
    Service("market", "price-feed", 2.0, 1.0),
    Service("settlement", "netting-batch", 0.0, 0.0, 400),
)


class Services:
    """What the services say; `silent` are those that a plant has shut up, until when (ns)."""

    def __init__(self, dice: Dice) -> None:
        self._dice = dice
        self.silent: dict[str, int] = {}

    def said(self, at: str, at_seconds: float, at_ns: int, busy: float) -> Iterator[LogSeen]:
        """The lines of the second that ends now, for each service that said something."""
        for service in SERVICES:
            lines = self._dice.poisson(service.lines * busy + service.pulse)
            if service.batch:
                into = int(at_seconds) % BATCH_SECONDS
                lines = self._dice.poisson(service.batch / 20) if into < 20 else 0
            if lines and at_ns >= self.silent.get(service.name, 0):
                yield LogSeen(at, at_seconds, service.belongs, service.name, lines)
