"""Public data that benchmarks are held against, by path; and a detector to benchmark."""

from pathlib import Path

import numpy as np
import pytest

from tallystick.watch.detect.bench.nab_score import Floats

SHARED = Path(__file__).resolve().parents[4] / "../shared/data"


@pytest.fixture(scope="session")
def nab() -> Path:
    """The part of NAB that is at hand."""
    folder = SHARED / "nab"
    if not folder.is_dir():
        pytest.skip("needs ../shared/data/nab")
    return folder


class Ewma:
    """A small causal detector: the distance from a moving mean, in moving deviations."""

    def __init__(self) -> None:
        self.mean, self.variance = 0.0, 1.0

    def observe_many(self, stream: str, at_seconds: Floats, values: Floats) -> Floats:
        """Score, then learn."""
        assert stream
        assert len(at_seconds) == len(values)
        scores = np.zeros(len(values))
        for row, value in enumerate(values):
            gap = 0.0 if np.isnan(value) else value - self.mean
            scores[row] = 1 - np.exp(-abs(gap) / np.sqrt(self.variance))
            self.mean += 0.05 * gap
            self.variance += 0.05 * (gap * gap - self.variance)
        return scores


@pytest.fixture
def ewma() -> type[Ewma]:
    """How to make one that knows nothing."""
    return Ewma
