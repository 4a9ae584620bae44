"""The port of every detector."""

from typing import Protocol

from tallystick.watch.detect.observation import Observation
from tallystick.watch.detect.score import Score


class Detector(Protocol):
    """Learns what is usual as it goes, and says how odd each observation is.

    The contract (tests/watch/detect/test_detector_contract.py holds every detector to it):

    - strictly causal: the score of a point depends on earlier points and itself only, and the
      point is learnt after it was scored;
    - deterministic: the same observations in the same order give the same scores, also across
      `snapshot` and `restore`;
    - bounded: memory per entity and time per point are constant, and at most ENTITIES_MAX
      entities are known;
    - no alarms about an entity that has shown fewer than WARM_UP_POINTS points.
    """

    name: str
    """Stable; part of every anomaly's id."""
    refractory_seconds: float
    """After an anomaly, further ones of the same entity are held back for this long."""

    @property
    def observes(self) -> type[Observation]:
        """What it looks at: others need not be shown to it."""
        ...

    def observe(self, observation: Observation) -> Score | None:
        """Score, then learn; None for what the detector does not look at or cannot judge yet."""
        ...

    def snapshot(self) -> bytes:
        """Everything learnt, for `restore`."""
        ...

    def restore(self, data: bytes) -> None:
        """Go on from a snapshot of the same detector.

        Raises:
            ValueError: the bytes are no snapshot of this detector.
        """
        ...
