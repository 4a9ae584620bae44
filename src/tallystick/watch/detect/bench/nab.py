"""A detector on a NAB-format folder: one configuration for all files, row by row, nothing ahead."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec
import numpy as np

from tallystick.watch.detect.bench.baselines import blind
from tallystick.watch.detect.bench.bootstrap import interval
from tallystick.watch.detect.bench.nab_files import NabFolder, Series
from tallystick.watch.detect.bench.nab_score import Corpus, FileScore, Floats, ProfileScore

BATCH_ROWS = 256
"""Rows that a detector is shown at once; it scores and learns them one after the other."""
CpuSeconds = Callable[[], float]
"""CPU time that this process has used so far."""
Advance = Callable[[int, int], None]
"""Called with how many rows of how many are done."""


class Scores(Protocol):
    """What is benchmarked: a detector of one metric's points (`MetricStreams` is one)."""

    def observe_many(self, stream: str, at_seconds: Floats, values: Floats) -> Floats:
        """Score, then learn, each point; how they are cut into calls changes nothing."""
        ...


Make = Callable[[], Scores]


class Interval(msgspec.Struct, frozen=True):
    """A score's bootstrap interval over files."""

    low: float
    high: float


class NabReport(msgspec.Struct, frozen=True):
    """What a benchmark says; the three figures of an honest run stand first.

    `standard`, `low_fp`, `low_fn` are at `thresholds`, which were fixed before; `best` is what
    NAB's protocol gives, whose thresholds are chosen on the very files that are scored (in-sample).
    `files` are at the threshold of the standard profile. Rates and memory are None where scores
    were read from a file; `peak_memory_bytes` is the whole process'.
    """

    standard: float
    low_fp: float
    low_fn: float
    detector: str
    model: str
    thresholds: dict[str, float]
    thresholds_chosen: str
    points: int
    points_per_cpu_second: float | None
    peak_memory_bytes: int | None
    windows: int
    hits: int
    false_alarms: int
    false_alarms_per_1000: float
    profiles: dict[str, ProfileScore]
    bootstrap: dict[str, Interval]
    best: dict[str, ProfileScore]
    baselines: dict[str, dict[str, float]]
    labels: str
    files: list[FileScore]


class Run(msgspec.Struct, frozen=True):
    """What a detector said about every series, and the CPU time that it took."""

    scores: list[Floats]
    cpu_seconds: float


def run(
    series: Sequence[Series], make: Make, cpu_seconds: CpuSeconds, advance: Advance | None = None
) -> Run:
    """Show every series to a detector of its own, BATCH_ROWS rows at a time.

    A first detector is shown the start of a series and thrown away: compiling is not measured.
    """
    total = sum(len(each.values) for each in series)
    for each in series[:1]:
        _score(make(), each, len(each.values) // 2, None)
    used, done, scores = 0.0, 0, []
    for each in series:
        moved = None if advance is None else _from(advance, done, total)
        before = cpu_seconds()
        scores.append(_score(make(), each, len(each.values), moved))
        used += cpu_seconds() - before
        done += len(each.values)
    return Run(scores, used)


def judge(
    folder: NabFolder,
    run: Run,
    *,
    detector: str,
    model: str,
    thresholds: Mapping[str, float] | None,
    chance: np.random.Generator,
    peak_memory_bytes: int | None = None,
) -> NabReport:
    """Score a run. Without `thresholds`, the best ones on these files are taken (in-sample)."""
    corpus = Corpus([each.labelled for each in folder.series])
    best = corpus.best(run.scores, folder.profiles)
    fixed = {name: each.threshold for name, each in best.items()}
    if thresholds is not None:
        fixed = {name: thresholds.get(name, thresholds["standard"]) for name in fixed}
    found = corpus.at(run.scores, fixed, folder.profiles)
    intervals = {}
    for profile in folder.profiles:
        at = corpus.by_file(run.scores, fixed[profile.name])
        intervals[profile.name] = Interval(*interval(at, profile, chance))
    main = found["standard"]
    points = sum(len(each.values) for each in folder.series)
    return NabReport(
        standard=main.score,
        low_fp=found["low_fp"].score,
        low_fn=found["low_fn"].score,
        detector=detector,
        model=model,
        thresholds=fixed,
        thresholds_chosen="in-sample" if thresholds is None else "beforehand",
        points=points,
        points_per_cpu_second=points / run.cpu_seconds if run.cpu_seconds > 0 else None,
        peak_memory_bytes=peak_memory_bytes,
        windows=main.windows,
        hits=main.hits,
        false_alarms=main.false_alarms,
        false_alarms_per_1000=1000 * main.false_alarms / max(points, 1),
        profiles=found,
        bootstrap=intervals,
        best=best,
        baselines=blind(corpus, folder.profiles, chance),
        labels=folder.labels,
        files=corpus.by_file(run.scores, main.threshold),
    )


def _score(
    detector: Scores, series: Series, rows: int, moved: Callable[[int], None] | None
) -> Floats:
    parts = []
    for start in range(0, rows, BATCH_ROWS):
        end = min(start + BATCH_ROWS, rows)
        parts.append(
            detector.observe_many(
                series.labelled.name, series.at_seconds[start:end], series.values[start:end]
            )
        )
        if moved is not None:
            moved(end)
    return np.concatenate(parts) if parts else np.empty(0)


def _from(advance: Advance, done: int, total: int) -> Callable[[int], None]:
    return lambda rows: advance(done + rows, total)
