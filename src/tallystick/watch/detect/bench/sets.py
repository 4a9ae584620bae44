"""The multivariate detector on labelled sets, its threshold fixed beforehand; peers beside it."""

from collections.abc import Callable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, roc_auc_score

from tallystick.watch.detect.bench.nab_score import Floats
from tallystick.watch.detect.bench.sets_files import Flags, RowSet, SensorFile, Sets
from tallystick.watch.detect.vector import EVENTS, SENSORS, VectorStreams

THRESHOLD_P = 0.01
"""A row this rare or more is called anomalous: one threshold for every set, fixed beforehand."""
SENSOR_LEARN_ROWS = 400
"""SKAB's own protocol: the first rows of a file are for learning and are not scored."""
ROWS_MAX = 200_000
"""So many rows of a set are taken where it has more."""
PEER_LEARN_ROWS = 20_000
"""The batch peer is shown so many rows of a set beforehand."""
BATCH_ROWS = 1_000
ODDS_MAX = 300.0

CpuSeconds = Callable[[], float]
Advance = Callable[[int, int], None]


class Figures(msgspec.Struct, frozen=True):
    """How rows were told apart; None where there is nothing to be told.

    `auc_pr` is the average precision. `false_alarm_rate` is the share of ordinary rows that were
    called anomalous. `delay_rows` is the median number of rows from the beginning of a run of
    anomalous ones to the first alert in it, `runs_missed` how many had none.
    """

    auc: float | None
    auc_pr: float | None
    precision: float | None
    recall: float | None
    f1: float | None
    false_alarm_rate: float | None
    runs: int
    runs_missed: int
    delay_rows: float | None


class SetReport(msgspec.Struct, frozen=True):
    """One set. `f1_all_positive` is what calling every row anomalous would give."""

    name: str
    order: str
    rows: int
    scored: int
    anomalies: int
    detector: Figures
    f1_all_positive: float | None
    peers: dict[str, Figures]
    points_per_cpu_second: float


class _Judged(msgspec.Struct):
    odd: list[Flags] = msgspec.field(default_factory=list)
    scores: list[Floats] = msgspec.field(default_factory=list)
    alerts: list[Flags] = msgspec.field(default_factory=list)

    def add(self, odd: Flags, scores: Floats, alerts: Flags) -> None:
        self.odd.append(odd)
        self.scores.append(scores)
        self.alerts.append(alerts)

    def figures(self, *, in_time: bool) -> Figures:
        return figures(self.odd, self.scores, self.alerts, in_time=in_time)


def figures(
    odd: Sequence[Flags], scores: Sequence[Floats], alerts: Sequence[Flags], *, in_time: bool
) -> Figures:
    """The figures of these files together; runs and delays only where rows are in order of time."""
    truth, alarm = np.concatenate(odd), np.concatenate(alerts)
    said = np.concatenate(scores)
    told = bool(0 < truth.sum() < len(truth))
    hits, called = int((truth & alarm).sum()), int(alarm.sum())
    delays = [d for each in zip(odd, alerts, strict=True) for d in _delays(*each)]
    caught = [delay for delay in delays if delay is not None]
    return Figures(
        auc=float(roc_auc_score(truth, said)) if told else None,
        auc_pr=float(average_precision_score(truth, said)) if told else None,
        precision=hits / called if called and told else None,
        recall=hits / int(truth.sum()) if told else None,
        f1=2 * hits / (called + int(truth.sum())) if told else None,
        false_alarm_rate=float(alarm[~truth].mean()) if not truth.all() else None,
        runs=len(delays) if in_time else 0,
        runs_missed=len(delays) - len(caught) if in_time else 0,
        delay_rows=float(np.median(caught)) if caught and in_time else None,
    )


def _delays(odd: Flags, alerts: Flags) -> list[int | None]:
    """Of each run of anomalous rows the rows until the first alert in it; None without one."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], odd, [False]]).astype(np.int8)))
    delays = []
    for start, end in edges.reshape(-1, 2).tolist():
        inside = np.flatnonzero(alerts[start:end])
        delays.append(int(inside[0]) if len(inside) else None)
    return delays


def judge_sets(
    sets: Sets,
    cpu_seconds: CpuSeconds,
    chance: np.random.Generator,
    *,
    rows_max: int = ROWS_MAX,
    peers: bool = True,
    advance: Advance | None = None,
) -> list[SetReport]:
    """Every group of sensor files, and every set of rows, each new to the detector."""
    groups: dict[str, list[SensorFile]] = {}
    for file in sets.sensors:
        groups.setdefault(file.group, []).append(file)
    _compile()
    reports: list[SetReport] = []
    count = len(groups) + len(sets.row_sets)
    for group in groups.values():
        reports.append(_judge_sensors(group, cpu_seconds, peers=peers))
        _tell(advance, len(reports), count)
    for each in sets.row_sets:
        order = chance.permutation(len(each.rows))[:rows_max]
        shuffled = RowSet(each.name, each.rows[order], each.odd[order])
        reports.append(_judge_rows(shuffled, len(each.rows), cpu_seconds, peers=peers))
        _tell(advance, len(reports), count)
    return reports


def _tell(advance: Advance | None, done: int, count: int) -> None:
    if advance is not None:
        advance(done, count)


def _compile() -> None:
    """Compiling is not measured."""
    VectorStreams(2).observe([0], [[0.0, 0.0]])


def p_values(streams: VectorStreams, rows: Floats) -> Floats:
    """The rows' p-values, shown in micro-batches, one after the other."""
    parts = [
        streams.observe(np.zeros(len(part), np.int64), part).p_values
        for part in (rows[at : at + BATCH_ROWS] for at in range(0, len(rows), BATCH_ROWS))
    ]
    return np.concatenate(parts) if parts else np.empty(0)


def _odds(p: Floats) -> Floats:
    """Surprises of p-values; a row that was not judged has none."""
    odds: Floats = np.minimum(-np.log10(np.maximum(np.nan_to_num(p, nan=1.0), 1e-300)), ODDS_MAX)
    return odds


def _judge_sensors(
    files: Sequence[SensorFile], cpu_seconds: CpuSeconds, *, peers: bool
) -> SetReport:
    ours, theirs = _Judged(), _Judged()
    before = cpu_seconds()
    said = [p_values(VectorStreams(each.rows.shape[1], 1, SENSORS), each.rows) for each in files]
    used = cpu_seconds() - before
    for each, p in zip(files, said, strict=True):
        rest = slice(min(SENSOR_LEARN_ROWS, len(p)), None)
        ours.add(each.odd[rest], _odds(p)[rest], p[rest] <= THRESHOLD_P)
        if peers:
            theirs.add(each.odd[rest], *_forest(each.rows, SENSOR_LEARN_ROWS))
    rows = sum(len(each.rows) for each in files)
    order = f"time; each file new, its first {SENSOR_LEARN_ROWS} rows not scored"
    found = {"isolation forest, trained on these rows": theirs} if peers else {}
    return _report(files[0].group, order, rows, ours, found, used, in_time=True)


def _judge_rows(each: RowSet, had: int, cpu_seconds: CpuSeconds, *, peers: bool) -> SetReport:
    ours = _Judged()
    before = cpu_seconds()
    p = p_values(VectorStreams(each.rows.shape[1], 1, EVENTS), each.rows)
    used = cpu_seconds() - before
    ours.add(each.odd, _odds(p), p <= THRESHOLD_P)
    found = {}
    learn = min(PEER_LEARN_ROWS, len(each.rows) // 2)
    if peers and learn > 0:
        batch = _Judged()
        batch.add(each.odd[learn:], *_forest(each.rows, learn))
        found[f"isolation forest, trained on the first {learn:,} rows"] = batch
    cut = "" if had == len(each.rows) else f", the first {len(each.rows):,} of {had:,}"
    return _report(each.name, f"random{cut}", len(each.rows), ours, found, used, in_time=False)


def _report(
    name: str,
    order: str,
    rows: int,
    ours: _Judged,
    peers: dict[str, _Judged],
    used: float,
    *,
    in_time: bool,
) -> SetReport:
    odd = int(sum(int(each.sum()) for each in ours.odd))
    scored = sum(len(each) for each in ours.odd)
    return SetReport(
        name=name,
        order=order,
        rows=rows,
        scored=scored,
        anomalies=odd,
        detector=ours.figures(in_time=in_time),
        f1_all_positive=2 * odd / (scored + odd) if odd else None,
        peers={peer: judged.figures(in_time=in_time) for peer, judged in peers.items()},
        points_per_cpu_second=rows / max(used, 1e-9),
    )


def _forest(rows: Floats, learn: int) -> tuple[Floats, NDArray[np.bool_]]:
    """Scores and alerts of scikit-learn's forest on the rest, trained on the first rows.

    Its threshold is fixed in the same way: THRESHOLD_P of the rows that it learnt from are beyond.
    """
    peer = IsolationForest(random_state=7).fit(rows[:learn])
    limit = np.quantile(-peer.score_samples(rows[:learn]), 1 - THRESHOLD_P)
    scores: Floats = -peer.score_samples(rows[learn:])
    return scores, scores > limit
