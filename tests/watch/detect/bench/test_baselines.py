"""Baselines that see no data: what a figure has to be compared with."""

from pathlib import Path

import numpy as np

from tallystick.watch.detect.bench.baselines import blind, clock
from tallystick.watch.detect.bench.nab_files import read_folder
from tallystick.watch.detect.bench.nab_score import PROFILES, Corpus, Labelled


def test_the_clock_ticks_every_half_probation_from_its_end() -> None:
    """1,000 rows, 150 of probation: a tick every 75 rows."""
    assert np.flatnonzero(clock(Labelled("a", 1_000, ()))).tolist() == list(range(150, 1_000, 75))
    assert clock(Labelled("a", 3, ())).tolist() == [1, 1, 1]


def test_blind_scores_are_far_above_nothing(nab: Path) -> None:
    """The clock alone gets about 30 in standard here, and loses in low_fp; chance gets less."""
    read = read_folder(nab)
    corpus = Corpus([each.labelled for each in read.series])
    found = blind(corpus, PROFILES, np.random.default_rng(7))
    assert 25 < found["clock_half_probation"]["standard"] < 35
    assert found["clock_half_probation"]["low_fp"] < 0
    assert 5 < found["uniform_random"]["standard"] < 25
    assert found == blind(corpus, PROFILES, np.random.default_rng(7))
