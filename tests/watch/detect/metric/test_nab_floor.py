"""The detector on the part of NAB that it was made with: it does not get worse unnoticed."""

from pathlib import Path

import numpy as np
import pytest

from tallystick.watch.detect.bench.nab_files import read_folder
from tallystick.watch.detect.bench.nab_score import Corpus
from tallystick.watch.detect.metric import DEFAULT, MetricStreams

NAB = Path(__file__).resolve().parents[4] / "../shared/data/nab"

pytestmark = pytest.mark.skipif(not NAB.exists(), reason="the NAB series are not at hand")


def test_scores_on_the_series_at_hand_keep_their_floors() -> None:
    """With the frozen threshold: what decision 0023 says, less two points."""
    folder = read_folder(NAB)
    scores = []
    for series in folder.series:
        streams = MetricStreams(streams_max=1)
        scores.append(streams.observe_many(series.labelled.name, series.at_seconds, series.values))
    corpus = Corpus([series.labelled for series in folder.series])
    found = corpus.at(scores, DEFAULT.thresholds)
    assert found["standard"].score > 78.5
    assert found["low_fp"].score > 71.5
    assert found["low_fn"].score > 83.5


def test_no_score_of_a_real_series_sees_a_later_row() -> None:
    """Half of a series, then something else: the scores of the half are the same."""
    series = read_folder(NAB).series[0]
    half = len(series.values) // 2
    other = np.concatenate([series.values[:half], -5.0 * series.values[half:]])
    one = MetricStreams().observe_many("a", series.at_seconds, series.values)
    two = MetricStreams().observe_many("a", series.at_seconds, other)
    assert one[:half].tobytes() == two[:half].tobytes()
