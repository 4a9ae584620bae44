"""Made-up observations reach every detector, and are no reason for an alarm."""

from collections.abc import Sequence

from tallystick.watch.detect.detectors import build
from tallystick.watch.detect.observation import Observation
from tallystick.watch.detect.score import Judged
from tallystick.watch.detect.warming import warm_up
from tallystick.watch.detect.watcher import Watcher


class Counting:
    """Passes everything on, and counts."""

    def __init__(self, inner: object) -> None:
        """In front of a detector."""
        self.inner = inner
        self.names: tuple[str, ...] = inner.names  # type: ignore[attr-defined]
        self.observes: tuple[type[Observation], ...] = inner.observes  # type: ignore[attr-defined]
        self.seen = self.found = 0

    def observe(self, batch: Sequence[Observation]) -> Judged:
        """Count, and let the other one look."""
        judged: Judged = self.inner.observe(batch)  # type: ignore[attr-defined]
        self.seen += len(batch)
        self.found += len(judged.findings)
        return judged

    def snapshot(self) -> bytes:
        """Nothing of its own."""
        return b""

    def restore(self, data: bytes) -> None:
        """Nothing of its own."""


def test_every_detector_is_warmed() -> None:
    """Each is shown something that it looks at, none finds anything, a new one knows nothing."""
    counting = [Counting(each) for each in build()]
    warm_up(counting)

    assert all(each.seen > 0 for each in counting)
    assert sum(each.found for each in counting) == 0
    assert Watcher(build()).position == 0
