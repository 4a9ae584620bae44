"""Detection as a whole: the champion's watcher, and what people have said about its findings."""

from collections.abc import Sequence

from tallystick.stream.message import Message
from tallystick.watch.detect.config import SHIPPED
from tallystick.watch.detect.detectors import build
from tallystick.watch.detect.observation import Observation
from tallystick.watch.detect.score import Anomaly
from tallystick.watch.detect.watcher import Watcher


class Detection:
    """What the detection process owns."""

    def __init__(self) -> None:
        self._watcher = Watcher(build(SHIPPED))

    @property
    def position(self) -> int:
        """The next entry's that will be taken."""
        return self._watcher.position

    @property
    def model(self) -> str:
        """The version that is alerting."""
        return self._watcher.model

    @property
    def observed(self) -> int:
        """Observations looked at since the start."""
        return self._watcher.observed

    @property
    def unreadable(self) -> int:
        """Entries of a known kind that could not be read since the start."""
        return self._watcher.unreadable

    def take(self, messages: Sequence[Message]) -> list[Anomaly]:
        """Look at ledger entries."""
        return self._watcher.take(messages)

    def see(self, observations: Sequence[Observation]) -> list[Anomaly]:
        """Look at what is not on the ledger."""
        return self._watcher.see(observations)

    def snapshot(self) -> bytes:
        """Everything learnt."""
        return self._watcher.snapshot()

    def restore(self, data: bytes) -> None:
        """Go on from a snapshot.

        Raises:
            Corrupt: the bytes are no snapshot of this version.
        """
        self._watcher.restore(data)
