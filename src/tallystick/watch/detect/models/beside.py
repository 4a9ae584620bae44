"""A challenger that may take its time: it watches in a thread of its own, and drops what it must.

A hosted forest answers over the network; the champion never waits for it.
"""

import queue
import threading
from collections.abc import Callable, Iterable, Sequence

from tallystick.stream.message import Message
from tallystick.watch.detect.observation import Observation
from tallystick.watch.detect.score import Anomaly
from tallystick.watch.detect.watcher import Watcher

BATCHES_WAITING_MAX = 256
"""Most batches that wait for a slow challenger; further ones are dropped and counted."""
FOUND_WAITING_MAX = 10_000
END_SECONDS_MAX = 1.0
"""How long its end is waited for: it may be in the middle of a request."""
Work = Callable[[], list[Anomaly]]


class Beside:
    """A watcher in a thread. What it finds is given with a later call.

    It has the calls of a `Watcher`. It keeps nothing over a restart: `snapshot` is empty. `dropped`
    counts batches that it could not take.
    """

    def __init__(self, watcher: Watcher) -> None:
        self.dropped = 0
        self._watcher = watcher
        self._work: queue.Queue[Work | None] = queue.Queue(BATCHES_WAITING_MAX)
        self._found: queue.Queue[Anomaly] = queue.Queue(FOUND_WAITING_MAX)
        self._thread = threading.Thread(target=self._run, name="challenger", daemon=True)
        self._thread.start()

    @property
    def model(self) -> str:
        """The version that watches."""
        return self._watcher.model

    @property
    def observed(self) -> int:
        """Observations looked at."""
        return self._watcher.observed

    @property
    def unreadable(self) -> int:
        """Entries that could not be read."""
        return self._watcher.unreadable

    @property
    def position(self) -> int:
        """The next entry's that will be taken."""
        return self._watcher.position

    @position.setter
    def position(self, position: int) -> None:
        self._watcher.position = position

    def noted(self) -> list[str]:
        """What its detectors have to say to the operator; said once."""
        return self._watcher.noted()

    def take(self, messages: Iterable[Message]) -> list[Anomaly]:
        """Hand over entries; gives what was found meanwhile."""
        held = list(messages)
        return self._offer(lambda: self._watcher.take(held))

    def see(self, observations: Sequence[Observation]) -> list[Anomaly]:
        """Hand over observations; gives what was found meanwhile."""
        held = list(observations)
        return self._offer(lambda: self._watcher.see(held))

    def snapshot(self) -> bytes:
        """Nothing: it begins anew."""
        return b""

    def restore(self, data: bytes) -> None:
        """Nothing was kept."""

    def finish(self) -> None:
        """Wait until all is looked at that was handed over: for a test or a bench."""
        self._work.join()

    def close(self) -> None:
        """Let it end; what waits is not looked at any more."""
        while True:
            try:
                self._work.get_nowait()
                self._work.task_done()
            except queue.Empty:
                break
        self._work.put(None)
        self._thread.join(END_SECONDS_MAX)

    def _offer(self, work: Work) -> list[Anomaly]:
        try:
            self._work.put_nowait(work)
        except queue.Full:
            self.dropped += 1
        found = []
        while True:
            try:
                found.append(self._found.get_nowait())
            except queue.Empty:
                return found

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            for anomaly in work():
                if not self._found.full():
                    self._found.put(anomaly)
            self._work.task_done()
