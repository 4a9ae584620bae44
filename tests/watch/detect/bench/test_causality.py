"""The harness that finds a detector which sees the future."""

from pathlib import Path

import numpy as np
import pytest

from tallystick.watch.detect.bench.causality import Score, first_leak
from tallystick.watch.detect.bench.nab import Scores
from tallystick.watch.detect.bench.nab_files import read_folder
from tallystick.watch.detect.bench.nab_score import Floats
from tallystick.watch.detect.metric import MetricStreams

ROWS = 400
TIMES = 60.0 * np.arange(ROWS, dtype=np.float64)
VALUES = np.random.default_rng(3).normal(size=ROWS)


def by_maximum(_at_seconds: Floats, values: Floats) -> Floats:
    """Scales by the whole file, as published detectors do."""
    scaled: Floats = values / np.abs(values).max()
    return scaled


def by_length(_at_seconds: Floats, values: Floats) -> Floats:
    """Knows how long the file is."""
    return np.full(len(values), float(len(values)))


def one_ahead(_at_seconds: Floats, values: Floats) -> Floats:
    """Sees the next row."""
    return np.roll(values, -1)


def by_gaps(at_seconds: Floats, values: Floats) -> Floats:
    """Looks at the mean time between rows of the whole file."""
    return np.full(len(values), float(np.diff(at_seconds).mean()))


@pytest.mark.parametrize("score", [by_maximum, by_length, one_ahead, by_gaps])
def test_a_look_ahead_is_found(score: Score) -> None:
    """A maximum, a length, the next row, the pace of what is to come."""
    assert first_leak(score, TIMES, VALUES) is not None


def test_the_row_that_sees_ahead_is_named() -> None:
    """The first cut is at a fifth: only the last row before it can see over it."""
    assert first_leak(one_ahead, TIMES, VALUES) == ROWS // 5 - 1


def test_a_causal_detector_is_let_through(ewma: type[Scores]) -> None:
    """Also where it says NaN while it learns."""

    def score(at_seconds: Floats, values: Floats) -> Floats:
        scores = ewma().observe_many("a", at_seconds, values)
        scores[:10] = np.nan
        return scores

    assert first_leak(score, TIMES, VALUES) is None


def test_the_shipped_metric_detector_sees_no_future(nab: Path) -> None:
    """A real series under other futures: the scores of the past stay as they are, bit by bit."""
    series = read_folder(nab).series[-6]

    def score(at_seconds: Floats, values: Floats) -> Floats:
        return MetricStreams(streams_max=1).observe_many("a", at_seconds, values)

    assert first_leak(score, series.at_seconds, series.values) is None
