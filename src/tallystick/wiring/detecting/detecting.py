"""Detection as a part of the server: what was found, who judges it, and the process that finds."""

from collections.abc import Coroutine, Iterator
from typing import Any

from tallystick.clock import Clock
from tallystick.stream import Message, Relay
from tallystick.watch.detect.found import DetectionState, Found, Judging
from tallystick.watch.detect.models.desk import ModelDesk
from tallystick.watch.notify import Notifier
from tallystick.web import LiveHub
from tallystick.wiring import tasks
from tallystick.wiring.alerts import AlertDesk
from tallystick.wiring.collecting import Collecting
from tallystick.wiring.detecting.hearing import Hearing
from tallystick.wiring.detecting.process import DetectionProcess
from tallystick.wiring.settings import Settings

FOLDER = "detect"
ANOMALIES = "anomalies.db"


class Detecting:
    """Opened by the composition root, and closed by it."""

    def __init__(
        self,
        settings: Settings,
        relay: Relay,
        notifier: Notifier,
        hub: LiveHub,
        collecting: Collecting,
        clock: Clock,
    ) -> None:
        """Open everything; nothing runs yet."""
        self._on = settings.detection == "on"
        self._relay = relay
        self._clock = clock
        self.found = Found(settings.folder / ANOMALIES, clock)
        self.judging = Judging(self.found, collecting.redactor.find)
        self.alerts = AlertDesk(notifier, self.found, hub)
        self.process = DetectionProcess(
            settings.folder / FOLDER, relay.feed, self.alerts.on_anomalies, clock
        )
        self.models = ModelDesk(
            settings.folder / FOLDER,
            clock,
            collecting.redactor.find,
            self.process.challenge,
            self.process.comparison,
        )
        if (challenger := self.models.challenger) is not None:
            self.process.challenge(challenger.version)
        self.hearing = Hearing(self.process.offer, collecting.store, clock)

    def works(self) -> Iterator[tuple[str, Coroutine[Any, Any, None]]]:
        """The loops, each with its name."""
        yield "verdicts", tasks.patiently("verdicts", self._learn_verdicts, self._clock)
        if self._on:
            yield "detect", tasks.patiently("detect", self.process.run, self._clock)
            yield "hearing", tasks.patiently("hearing", self.hearing.run, self._clock)

    def stands(self) -> DetectionState:
        """How detection stands; switched off, it says so."""
        return self.process.stands() if self._on else DetectionState(on=False)

    def close(self) -> None:
        """Let go of every file."""
        self.found.close()

    async def _learn_verdicts(self) -> None:
        async def take(messages: list[Message]) -> None:
            self.found.take(messages)
            self.models.learn((each.position, each.body) for each in messages)

        await self._relay.feed("verdicts", take, self.found.position)
