"""The benchmark run: every file new to the detector, in order, and what is reported of it."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from tallystick.watch.detect.bench.nab import BATCH_ROWS, NabReport, Run, Scores, judge, run
from tallystick.watch.detect.bench.nab_files import NabFolder, Series, read_folder, read_scores
from tallystick.watch.detect.bench.nab_score import PROFILES, Floats, Labelled

THRESHOLDS = {"standard": 0.9, "low_fp": 0.95, "low_fn": 0.8}


def series(name: str = "a", rows: int = 1_000) -> Series:
    """A quiet series with one step inside its window."""
    values = np.sin(np.arange(rows) / 3.0)
    values[500:] += 20
    return Series(
        Labelled(name, rows, ((480, 560),)), 60.0 * np.arange(rows, dtype=np.float64), values
    )


def folder(*parts: Series) -> NabFolder:
    """These series with the published profiles."""
    return NabFolder(parts, PROFILES, "combined_windows.json")


def judged(ran: Run, read: NabFolder, thresholds: dict[str, float] | None) -> NabReport:
    """The report of a run, with the same draws each time."""
    return judge(
        read,
        ran,
        detector="ewma",
        model="1",
        thresholds=thresholds,
        chance=np.random.default_rng(7),
        peak_memory_bytes=1,
    )


class Recorder:
    """Says nothing, and notes what it is shown."""

    def __init__(self, seen: list[list[tuple[str, int]]]) -> None:
        self.shown: list[tuple[str, int]] = []
        seen.append(self.shown)

    def observe_many(self, stream: str, at_seconds: Floats, values: Floats) -> Floats:
        """Note the stream and the number of its rows."""
        assert len(at_seconds) == len(values)
        self.shown.append((stream, len(values)))
        return np.zeros(len(values))


def test_every_file_has_a_detector_of_its_own_and_is_shown_in_order() -> None:
    """Micro-batches of one file after the other; what is shown while compiling is thrown away."""
    seen: list[list[tuple[str, int]]] = []
    moved: list[tuple[int, int]] = []
    ran = run(
        [series("a", 600), series("b", 300)],
        lambda: Recorder(seen),
        lambda: 0.0,
        lambda done, total: moved.append((done, total)),
    )
    assert [len(each) for each in ran.scores] == [600, 300]
    warm, first, second = seen
    assert {name for name, _ in warm} == {"a"}
    assert first == [("a", BATCH_ROWS), ("a", BATCH_ROWS), ("a", 600 - 2 * BATCH_ROWS)]
    assert second == [("b", BATCH_ROWS), ("b", 300 - BATCH_ROWS)]
    assert moved[-1] == (900, 900)
    assert moved == sorted(moved)


def test_only_the_detector_s_own_time_is_counted() -> None:
    """CPU time is read right before and right after each file."""
    ticks = iter(range(100))
    ran = run([series(), series("b")], lambda: Recorder([]), lambda: float(next(ticks)))
    assert ran.cpu_seconds == 2.0
    report = judged(ran, folder(series(), series("b")), THRESHOLDS)
    assert report.points_per_cpu_second == 1_000.0


def test_fixed_thresholds_are_reported_beside_the_best_ones(ewma: type[Scores]) -> None:
    """The three figures are at the fixed thresholds; NAB's protocol is never worse than they."""
    read = folder(series(), series("b"))
    report = judged(run(read.series, ewma, lambda: 0.0), read, THRESHOLDS)
    assert report.thresholds == THRESHOLDS
    assert report.thresholds_chosen == "beforehand"
    for name, best in report.best.items():
        assert report.profiles[name].score <= best.score
    assert report.standard == report.profiles["standard"].score
    assert report.low_fp == report.profiles["low_fp"].score
    assert report.low_fn == report.profiles["low_fn"].score
    assert [each.delays for each in report.files] == [(20,), (20,)]
    assert (report.hits, report.windows, report.points) == (2, 2, 2_000)
    interval = report.bootstrap["standard"]
    assert interval.low <= report.standard <= interval.high
    assert report.points_per_cpu_second is None


def test_published_scores_are_reported_at_their_best_threshold(nab: Path) -> None:
    """Without a threshold that was fixed, the figures are NAB's, said to be in-sample."""
    read = read_folder(nab)
    scores = read_scores(nab / "results" / "numenta.npz", read.series)
    report = judged(Run(scores, 0.0), read, None)
    assert report.thresholds_chosen == "in-sample"
    assert round(report.standard, 2) == 68.84
    for name, best in report.best.items():
        assert report.profiles[name].score == pytest.approx(best.score)
    interval = report.bootstrap["standard"]
    assert 55 < interval.low < report.standard < interval.high < 80


def test_the_report_is_one_json_object_with_the_three_figures_first() -> None:
    """`--json` prints it: keys that others rely on are there."""
    report = judged(Run([np.zeros(1_000)], 1.0), folder(series()), THRESHOLDS)
    said = msgspec.json.decode(msgspec.json.encode(report))
    assert list(said)[:3] == ["standard", "low_fp", "low_fn"]
    assert {
        "points_per_cpu_second",
        "peak_memory_bytes",
        "files",
        "thresholds",
        "best",
        "baselines",
        "bootstrap",
        "model",
    } <= set(said)
    assert said["best"]["standard"]["threshold"] is None
    assert said["files"][0]["delays"] == [None]


def test_a_profile_of_the_folder_s_own_is_held_to_the_standard_threshold() -> None:
    """A threshold that was not fixed for it cannot be chosen afterwards."""
    mine = msgspec.structs.replace(PROFILES[0], name="mine")
    read = msgspec.structs.replace(folder(series()), profiles=(*PROFILES, mine))
    report = judged(Run([np.zeros(1_000)], 1.0), read, THRESHOLDS)
    assert report.thresholds["mine"] == pytest.approx(0.9)
