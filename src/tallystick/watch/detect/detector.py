"""The port of every detector of events."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from tallystick.watch.detect.observation import Observation
from tallystick.watch.detect.score import Judged


class Detector(Protocol):
    """Learns what is usual as it goes, and says how odd each observation is.

    A detector may stand for several kinds of oddness that share what they know: each finding says
    which of them (`names`) it is. The contract (tests/watch/detect/test_detector_contract.py holds
    every detector to it):

    - strictly causal: the score of an observation depends on earlier ones and itself only, and it
      is learnt after it was scored, also within one batch: cutting a stream into other batches
      changes nothing;
    - deterministic: the same observations in the same order give the same scores, also across
      `snapshot` and `restore`;
    - bounded: memory per entity and time per observation are constant, and at most ENTITIES_MAX
      entities are known; the least recently used goes first;
    - calibrated: `p_value` is the estimated share of ordinary observations of this stream that
      are at least as odd, so one threshold means the same for every detector and entity;
    - unbreakable: whatever the numbers are (not finite, huge, repeated, out of order, from a clock
      that jumps), it raises nothing and is as good a detector afterwards as before.
    """

    @property
    def names(self) -> tuple[str, ...]:
        """What a finding may be called: stable, part of every anomaly's id."""
        ...

    @property
    def observes(self) -> tuple[type[Observation], ...]:
        """What it looks at: others need not be shown to it."""
        ...

    def observe(self, batch: Sequence[Observation]) -> Judged:
        """Score and learn the observations, one after the other."""
        ...

    def snapshot(self) -> bytes:
        """Everything learnt, for `restore`."""
        ...

    def restore(self, data: bytes) -> None:
        """Go on from a snapshot of the same detector.

        Raises:
            ValueError: the bytes are no snapshot of this detector; it is as it was.
        """
        ...


@runtime_checkable
class Noting(Protocol):
    """A detector that at times has a sentence for the operator."""

    def noted(self) -> list[str]:
        """The sentences; said once."""
        ...
