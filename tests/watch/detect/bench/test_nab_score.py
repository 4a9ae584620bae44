"""The NAB scorer: the published figures of published detectors, and each rule by itself."""

import json
from pathlib import Path

import numpy as np
import pytest

from tallystick.watch.detect.bench.nab_files import read_folder, read_scores
from tallystick.watch.detect.bench.nab_score import (
    PROFILES,
    Corpus,
    Floats,
    Labelled,
    total,
)

WINDOW = Labelled("a.csv", 1_000, ((400, 499),))
STANDARD, LOW_FP, LOW_FN = PROFILES
AT = {profile.name: 0.5 for profile in PROFILES}


def alerts(*rows: int, of: int = 1_000) -> Floats:
    """Scores of 1 in these rows, else 0."""
    scores = np.zeros(of)
    scores[list(rows)] = 1.0
    return scores


def standard(*rows: int, file: Labelled = WINDOW) -> float:
    """The score of these alerts in this file."""
    return Corpus([file]).at([alerts(*rows, of=file.rows)], AT)["standard"].score


@pytest.mark.parametrize("detector", ["numenta", "randomCutForest", "knncad"])
def test_published_detectors_get_their_published_scores(nab: Path, detector: str) -> None:
    """Score and threshold of every profile are those of NAB's own scorer, to two decimals."""
    folder = read_folder(nab)
    scores = read_scores(nab / "results" / f"{detector}.npz", folder.series)
    found = Corpus([each.labelled for each in folder.series]).best(scores, folder.profiles)
    expected = json.loads((nab / "results" / "expected.json").read_bytes())[detector]
    for name in ("standard", "low_FP", "low_FN"):
        mine = found[name.lower()]
        assert round(mine.score, 2) == round(expected[name]["score"], 2)
        assert mine.threshold == pytest.approx(expected[name]["threshold"], abs=1e-12)


def test_silence_is_0_and_the_left_edge_of_every_window_100() -> None:
    """The two ends of the scale."""
    assert standard() == 0
    assert standard(400) == pytest.approx(100)


def test_an_early_alert_is_worth_more_than_a_late_one() -> None:
    """About 0.86 in the middle, a little on the right edge, both of a window of weight 1."""
    middle, edge = standard(450), standard(499)
    assert middle == pytest.approx(50 + 50 * 0.86, abs=1)
    assert 50 < edge < 60 < middle < 100


def test_a_window_scores_its_best_alert_once() -> None:
    """More alerts in a window cost nothing and earn nothing."""
    assert standard(400, 410, 450) == standard(400)


def test_false_alarms_add_up_and_cost_less_just_behind_a_window() -> None:
    """0.11 each far from a window: 5.5 points of one window; next to nothing right behind it."""
    assert standard(400, 200) == pytest.approx(100 - 5.5)
    assert standard(400, 200, 201) == pytest.approx(100 - 11)
    assert standard(400, 900) == pytest.approx(100 - 5.5)
    assert standard(400, 501) > 99
    assert standard(400, 501) > standard(400, 540) > standard(400, 600)


def test_probation_counts_for_nothing() -> None:
    """The first 15 % of a file, 750 rows at most, are for learning."""
    assert standard(400, 0, 149) == standard(400)
    assert standard(400, 150) < standard(400)
    assert Labelled("long", 100_000, ()).probation == 750
    assert Labelled("short", 3, ()).probation == 0


def test_a_window_in_probation_cannot_be_missed() -> None:
    """What nobody may be right about, nobody is wrong about; of one that reaches out, the rest."""
    hidden = Labelled("a", 1_000, ((10, 100), (400, 499)))
    assert Corpus([hidden]).windows == 1
    assert standard(400, file=hidden) == pytest.approx(100)
    half = Labelled("b", 1_000, ((100, 199),))
    assert standard(149, file=half) == 0
    assert 50 < standard(150, file=half) < 100


def test_profiles_weigh_the_same_alerts_differently() -> None:
    """A false alarm costs twice as much in low_fp, a miss twice as much in low_fn."""
    corpus = Corpus([Labelled("a", 1_000, ((400, 449), (600, 649)))])
    found = corpus.at([alerts(400, 200)], AT)
    assert found["standard"].raw == pytest.approx(1 - 1 - 0.11)
    assert found["low_fp"].raw == pytest.approx(1 - 1 - 0.22)
    assert found["low_fn"].raw == pytest.approx(1 - 2 - 0.11)
    assert found["low_fn"].score == pytest.approx(100 * (-1.11 + 4) / 6)


def test_the_best_threshold_is_the_best_of_all_there_are() -> None:
    """The sweep finds what trying every score, one after the other, finds."""
    chance = np.random.default_rng(11)
    files = [
        Labelled("a", 300, ((60, 89), (200, 229))),
        Labelled("b", 200, ()),
        Labelled("c", 250, ((120, 130),)),
    ]
    corpus = Corpus(files)
    scores = [chance.integers(0, 40, file.rows) / 40 for file in files]
    best = corpus.best(scores)
    for profile in PROFILES:
        tried = [np.inf, *np.unique(np.concatenate(scores))]
        by_hand = [corpus.at(scores, dict.fromkeys(AT, each))[profile.name] for each in tried]
        top = max(each.score for each in by_hand)
        assert best[profile.name].score == pytest.approx(top)
        there = next(each for each in by_hand if each.threshold == best[profile.name].threshold)
        assert there.score == pytest.approx(top)
        assert (there.hits, there.false_alarms) == (
            best[profile.name].hits,
            best[profile.name].false_alarms,
        )


def test_files_add_up_to_the_corpus() -> None:
    """What each file earned, missed and cost gives the corpus' score; delays are from the left."""
    corpus = Corpus([WINDOW, Labelled("b.csv", 500, ((100, 149), (300, 349)))])
    scores = [alerts(420, 800), alerts(310, of=500)]
    files = corpus.by_file(scores, 0.5)
    assert [(each.hits, each.windows, each.false_alarms) for each in files] == [
        (1, 1, 1),
        (1, 2, 0),
    ]
    assert [each.delays for each in files] == [(20,), (None, 10)]
    assert total(files, LOW_FN, 0.5) == corpus.at(scores, AT)["low_fn"]


def test_scores_are_not_changed_and_nan_never_alerts() -> None:
    """The caller's arrays stay as they were; a row without a score is silent at any threshold."""
    scores = np.full(1_000, np.nan)
    scores[400] = 0.9
    kept = scores.copy()
    corpus = Corpus([WINDOW])
    assert corpus.best([scores])["standard"].score == pytest.approx(100)
    assert corpus.at([scores], dict.fromkeys(AT, -np.inf))["standard"].false_alarms == 0
    np.testing.assert_array_equal(scores, kept)


def test_a_corpus_without_windows_scores_0() -> None:
    """Nothing to be found, nothing to be scaled by."""
    corpus = Corpus([Labelled("a", 100, ())])
    assert corpus.best([np.ones(100)])["standard"].score == 0
    assert Corpus([]).best([])["standard"].score == 0


def test_scores_must_fit_the_rows() -> None:
    """A missing row is a mistake of the caller."""
    with pytest.raises(ValueError, match="as many scores"):
        Corpus([WINDOW]).best([np.ones(999)])


def test_one_row_windows_have_no_soft_landing() -> None:
    """A window of one row is hit or not, and what stands behind it is wholly false."""
    one = Labelled("a", 1_000, ((400, 400),))
    assert standard(400, file=one) == pytest.approx(100)
    assert standard(400, 401, file=one) == pytest.approx(100 - 5.5)
