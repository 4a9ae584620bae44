"""The detectors that run; a new one is a package of its own and a line here."""

from collections.abc import Callable, Sequence

from tallystick.watch.detect.config import SHIPPED, DetectConfig
from tallystick.watch.detect.detector import Detector
from tallystick.watch.detect.detectors.off_market import OffMarket
from tallystick.watch.detect.detectors.order_rate import OrderRate
from tallystick.watch.detect.detectors.order_size import OrderSize
from tallystick.watch.detect.detectors.reject_streak import RejectStreak
from tallystick.watch.detect.detectors.request_errors import RequestErrors
from tallystick.watch.detect.observation import Observation
from tallystick.watch.detect.score import Finding, Judged, Score

_NAN = float("nan")


class _Single:
    """Adapts a detector of one observation at a time."""

    def __init__(self, inner: "OffMarket | OrderRate | OrderSize | RejectStreak | RequestErrors"):
        self._inner = inner
        self.names = (inner.name,)
        self.observes: tuple[type[Observation], ...] = (inner.observes,)

    def observe(self, batch: Sequence[Observation]) -> Judged:
        findings: list[Finding] = []
        p_values: list[float] = []
        for row, each in enumerate(batch):
            score: Score | None = self._inner.observe(each)
            p_values.append(_NAN if score is None else score.p_value)
            if score is not None and score.reason is not None:
                findings.append(
                    Finding(
                        row, self._inner.name, "fraud", score.entity, score.p_value,
                        self._inner.refractory_seconds, score.reason,
                    )
                )  # fmt: skip
        return Judged(p_values, findings)

    def snapshot(self) -> bytes:
        return self._inner.snapshot()

    def restore(self, data: bytes) -> None:
        self._inner.restore(data)


DETECTORS: dict[str, Callable[[], Detector]] = {
    "off_market": lambda: _Single(OffMarket()),
    "order_rate": lambda: _Single(OrderRate()),
    "order_size": lambda: _Single(OrderSize()),
    "reject_streak": lambda: _Single(RejectStreak()),
    "request_errors": lambda: _Single(RequestErrors()),
}


def build(config: DetectConfig = SHIPPED) -> list[Detector]:
    """New detectors of this configuration."""
    return [make() for make in DETECTORS.values()]


__all__ = [
    "DETECTORS",
    "OffMarket",
    "OrderRate",
    "OrderSize",
    "RejectStreak",
    "RequestErrors",
    "build",
]
