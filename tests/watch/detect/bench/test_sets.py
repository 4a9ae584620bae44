"""Labelled sets of rows: what is read, how it is judged, and the figures by hand."""

from pathlib import Path

import numpy as np
import pytest

from tallystick.errors import Misconfigured
from tallystick.watch.detect.bench.sets import (
    SENSOR_LEARN_ROWS,
    THRESHOLD_P,
    figures,
    judge_sets,
    p_values,
)
from tallystick.watch.detect.bench.sets_files import RowSet, SensorFile, Sets, read_sets
from tallystick.watch.detect.vector import EVENTS, SENSORS, VectorStreams, version

SHARED = Path(__file__).resolve().parents[4] / "../shared/data/detect"
NO, YES = False, True


def flags(*values: bool) -> np.typing.NDArray[np.bool_]:
    """An array of them."""
    return np.array(values, dtype=bool)


def test_figures_by_hand() -> None:
    """Two files: three anomalous rows in two runs, two found; one false alarm in five rows."""
    found = figures(
        [flags(NO, YES, YES, NO), flags(NO, YES, NO, NO)],
        [np.array([0.1, 0.2, 0.9, 0.3]), np.array([0.2, 0.8, 0.7, 0.1])],
        [flags(NO, NO, YES, NO), flags(NO, YES, YES, NO)],
        in_time=True,
    )
    assert found.precision == pytest.approx(2 / 3)
    assert found.recall == pytest.approx(2 / 3)
    assert found.f1 == pytest.approx(2 / 3)
    assert found.false_alarm_rate == pytest.approx(1 / 5)
    assert (found.runs, found.runs_missed, found.delay_rows) == (2, 0, 0.5)
    # Of the 15 pairs of an anomalous and an ordinary row, 12 are the right way round, one is even.
    assert found.auc == pytest.approx(12.5 / 15)
    assert found.auc_pr == pytest.approx((1 + 1 + 3 / 6) / 3, abs=0.05)


def test_where_nothing_is_to_be_told_nothing_is_said() -> None:
    """Without an anomaly there are only false alarms; a missed run has no delay."""
    quiet = figures([flags(NO, NO)], [np.zeros(2)], [flags(YES, NO)], in_time=True)
    assert quiet.f1 is quiet.auc is quiet.auc_pr is quiet.delay_rows is None
    assert quiet.false_alarm_rate == 0.5
    missed = figures([flags(YES, NO)], [np.zeros(2)], [flags(NO, NO)], in_time=True)
    assert (missed.runs, missed.runs_missed, missed.delay_rows) == (1, 1, None)
    assert missed.f1 == 0
    assert missed.precision is None


def sensors() -> SensorFile:
    """A run of three sensors that breaks in the middle."""
    rows = np.random.default_rng(4).normal(size=(1_200, 3))
    odd = np.zeros(1_200, dtype=bool)
    odd[700:900] = True
    rows[odd, 1] += 8
    return SensorFile("pump", "0.csv", rows, odd)


def test_sensors_are_judged_in_time_and_rows_in_random_order() -> None:
    """Each with its figures, its peers and the share that is always right to call anomalous."""
    chance = np.random.default_rng(5)
    rows = chance.normal(size=(3_000, 4))
    odd = chance.random(3_000) < 0.01
    rows[odd] += 9
    seen: list[tuple[int, int]] = []
    reports = judge_sets(
        Sets([sensors()], [RowSet("rows", rows, odd)], {}),
        lambda: 0.0,
        np.random.default_rng(7),
        rows_max=2_000,
        advance=lambda done, count: seen.append((done, count)),
    )
    pump, shuffled = reports
    assert seen == [(1, 2), (2, 2)]
    assert pump.name == "pump"
    assert pump.scored == 1_200 - SENSOR_LEARN_ROWS
    assert pump.anomalies == 200
    assert pump.f1_all_positive == pytest.approx(400 / 1_000)
    assert pump.detector.f1 is not None
    assert pump.detector.f1 > 0.9
    assert pump.detector.delay_rows is not None
    assert pump.detector.delay_rows < 10
    assert shuffled.rows == 2_000
    assert "the first 2,000 of 3,000" in shuffled.order
    assert shuffled.detector.auc is not None
    assert shuffled.detector.auc > 0.9
    assert all(len(each.peers) == 1 for each in reports)


def test_peers_can_be_left_out_and_the_order_follows_from_the_seed() -> None:
    """The same seed, the same figures."""
    chance = np.random.default_rng(5)
    each = RowSet("rows", chance.normal(size=(500, 2)), chance.random(500) < 0.1)
    one, other = (
        judge_sets(Sets([], [each], {}), lambda: 0.0, np.random.default_rng(7), peers=False)
        for _ in range(2)
    )
    assert one == other
    assert one[0].peers == {}


def test_sets_are_found_by_their_form(tmp_path: Path) -> None:
    """SKAB's csv, ADBench's npz; sessions and other files are left out, and it is said why."""
    (tmp_path / "valve").mkdir()
    (tmp_path / "valve" / "0.csv").write_text(
        "datetime;A;B;anomaly;changepoint\n2020-01-01;1;2;0.0;0.0\n2020-01-02;3;4;1.0;1.0\n"
    )
    (tmp_path / "other.csv").write_text("timestamp,value\n1,2\n")
    np.savez(tmp_path / "rows.npz", X=np.ones((3, 2)), y=np.array([0, 1, 0]))
    np.savez(tmp_path / "none.npz", t=np.ones(3))
    (tmp_path / "sessions.jsonl.gz").write_bytes(b"")
    found = read_sets(tmp_path)
    (file,) = found.sensors
    assert (file.group, file.name) == ("valve", "0.csv")
    np.testing.assert_array_equal(file.rows, [[1, 2], [3, 4]])
    assert file.odd.tolist() == [False, True]
    assert found.row_sets[0].odd.tolist() == [False, True, False]
    assert set(found.left_out) == {"none.npz", "sessions.jsonl.gz"}


@pytest.mark.parametrize(
    ("name", "data"),
    [("a.csv", b"datetime;A\n2020-01-01;x\n"), ("a.npz", b"no zip"), ("b.txt", b"")],
    ids=["cell", "npz", "nothing"],
)
def test_what_cannot_be_read_is_refused(tmp_path: Path, name: str, data: bytes) -> None:
    """The sentence names the file, or the folder without a set."""
    (tmp_path / name).write_bytes(data)
    with pytest.raises(Misconfigured, match=r"cannot be read|no labelled set"):
        read_sets(tmp_path)


def test_labels_must_fit_the_rows(tmp_path: Path) -> None:
    """One label a row."""
    np.savez(tmp_path / "a.npz", X=np.ones((3, 2)), y=np.ones(2))
    with pytest.raises(Misconfigured, match="one label a row"):
        read_sets(tmp_path)


def test_sensors_of_a_real_machine() -> None:
    """SKAB's valve: better than calling every row anomalous, with one false alarm in fifty rows."""
    if not SHARED.is_dir():
        pytest.skip("needs ../shared/data/detect")
    files = read_sets(SHARED / "skab" / "data" / "valve1")
    (report,) = judge_sets(files, lambda: 0.0, np.random.default_rng(7), peers=False)
    assert report.name == "valve1"
    found = report.detector
    assert report.f1_all_positive is not None
    assert found.f1 is not None
    assert found.auc_pr is not None
    assert found.false_alarm_rate is not None
    assert report.f1_all_positive == pytest.approx(0.698, abs=0.001)
    assert found.f1 > 0.75
    assert found.auc_pr > 0.9
    assert found.false_alarm_rate < 0.02


def test_network_rows_are_told_apart() -> None:
    """ADBench's http and smtp in random order: AUC above 0.98 and 0.85."""
    if not SHARED.is_dir():
        pytest.skip("needs ../shared/data/detect")
    sets = read_sets(SHARED / "adbench")
    sets.row_sets.pop(next(k for k, each in enumerate(sets.row_sets) if "campaign" in each.name))
    reports = judge_sets(sets, lambda: 0.0, np.random.default_rng(7), rows_max=100_000, peers=False)
    found = {report.name: report.detector.auc for report in reports}
    assert (found["16_http"] or 0) > 0.98
    assert (found["34_smtp"] or 0) > 0.85


def test_how_rows_are_batched_changes_nothing() -> None:
    """The benchmark's batches give what one call gives."""
    rows = np.random.default_rng(1).normal(size=(2_500, 3))
    whole = VectorStreams(3).observe(np.zeros(2_500, int), rows).p_values
    np.testing.assert_array_equal(p_values(VectorStreams(3), rows), whole)
    assert 0 < THRESHOLD_P < 1


def test_a_version_changes_with_any_number() -> None:
    """Twelve hex digits, other ones for another configuration."""
    assert len(version(EVENTS)) == 12
    assert len({version(EVENTS), version(SENSORS), version(EVENTS, SENSORS)}) == 3
