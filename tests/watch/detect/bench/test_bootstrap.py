"""The bootstrap interval over files."""

import numpy as np
import pytest

from tallystick.watch.detect.bench.bootstrap import interval
from tallystick.watch.detect.bench.nab_score import PROFILES, FileScore, total


def file(hits: int, windows: int = 4) -> FileScore:
    """A file with so many of its windows hit at their left edge."""
    return FileScore("a", 1_000, windows, hits, float(hits), 0, 0.0, ())


def test_files_that_are_all_alike_leave_no_doubt() -> None:
    """Whatever is drawn, the score is the same."""
    low, high = interval([file(2)] * 9, PROFILES[0], np.random.default_rng(1))
    assert low == pytest.approx(high) == pytest.approx(50)


def test_the_interval_holds_the_score_and_narrows_with_more_files() -> None:
    """Ten times as many files: about a third of the width."""
    few, many = [file(0), file(4)] * 5, [file(0), file(4)] * 50
    wide = interval(few, PROFILES[0], np.random.default_rng(1))
    narrow = interval(many, PROFILES[0], np.random.default_rng(1))
    assert wide[0] < total(few, PROFILES[0], 0.5).score < wide[1]
    ratio = (narrow[1] - narrow[0]) / (wide[1] - wide[0])
    assert 0.25 < ratio < 0.4


def test_nothing_has_no_interval() -> None:
    """No files, and files without windows, score 0."""
    assert interval([], PROFILES[0], np.random.default_rng(1)) == (0.0, 0.0)
    assert interval([file(0, 0)] * 3, PROFILES[0], np.random.default_rng(1)) == (0.0, 0.0)
