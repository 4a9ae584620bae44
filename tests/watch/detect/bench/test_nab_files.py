"""Folders in the form of NAB: what is read of them, and what is said of those that cannot be."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tallystick.errors import Misconfigured
from tallystick.watch.detect.bench.nab_files import instants, read_folder, read_scores
from tallystick.watch.detect.bench.nab_score import PROFILES, Profile

STAMPS = [f"2024-01-01 {hour:02}:{minute:02}:00" for hour in range(10) for minute in range(60)]


def written(folder: Path, labels: object, *, name: str = "combined_windows.json") -> Path:
    """A folder with one file of 600 minutes, and these labels."""
    (folder / "data" / "real").mkdir(parents=True)
    rows = "\n".join(f"{stamp},{row}.5" for row, stamp in enumerate(STAMPS))
    (folder / "data" / "real" / "a.csv").write_text(f"timestamp,value\n{rows}\n")
    (folder / "labels").mkdir()
    (folder / "labels" / name).write_text(json.dumps(labels))
    return folder


def windows(folder: Path) -> tuple[tuple[int, int], ...]:
    """Those of its first file."""
    return read_folder(folder).series[0].labelled.windows


def test_rows_windows_and_stamps_are_read(tmp_path: Path) -> None:
    """The window's two stamps are rows; values and seconds are arrays of the same length."""
    window = ["2024-01-01 01:40:00.000000", "2024-01-01 02:00:00.000000"]
    folder = read_folder(written(tmp_path, {"real/a.csv": [window]}))
    (series,) = folder.series
    assert series.labelled.name == "real/a.csv"
    assert series.labelled.rows == len(series.values) == 600
    assert series.labelled.windows == ((100, 120),)
    assert series.at_seconds[60] - series.at_seconds[0] == 3600
    assert series.values[7] == 7.5
    assert folder.labels == "combined_windows.json"
    assert folder.profiles == PROFILES


def test_labels_alone_become_windows_by_the_rule_of_nab(nab: Path, tmp_path: Path) -> None:
    """A tenth of the file, shared among its labels: exactly the windows that NAB publishes."""
    there = read_folder(nab)
    (tmp_path / "data").symlink_to(nab / "data")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "combined_labels.json").symlink_to(nab / "labels/combined_labels.json")
    derived = read_folder(tmp_path)
    assert derived.labels == "combined_labels.json"
    assert [each.labelled for each in derived.series] == [each.labelled for each in there.series]
    assert sum(len(each.labelled.windows) for each in there.series) == 60


def test_windows_that_overlap_are_one(tmp_path: Path) -> None:
    """A row belongs to one window at most."""
    labels = ["2024-01-01 02:00:00", "2024-01-01 02:10:00"]
    folder = written(tmp_path, {"a.csv": labels}, name="combined_labels.json")
    assert windows(folder) == ((105, 145),)


def test_a_file_may_be_named_without_its_folder_or_not_at_all(tmp_path: Path) -> None:
    """`a.csv` is found; what the labels do not name has no window, so all its alerts are false."""
    window = ["2024-01-01T01:40:00Z", "2024-01-01T02:00:00+00:00"]
    assert windows(written(tmp_path / "1", {"a.csv": [window]})) == ((100, 120),)
    assert windows(written(tmp_path / "2", {"b.csv": [window]})) == ()


def test_data_and_labels_may_lie_in_the_folder_itself(tmp_path: Path) -> None:
    """A folder without `data` and `labels` is both."""
    (tmp_path / "b.csv").write_text("timestamp,value\n2024-01-01,1\n2024-01-02,2\n")
    (tmp_path / "combined_windows.json").write_text('{"b.csv": [["2024-01-02", "2024-01-02"]]}')
    assert windows(tmp_path) == ((1, 1),)


def test_a_value_that_is_no_number_is_nan_and_columns_are_found_by_name(tmp_path: Path) -> None:
    """A hole in a series is the detector's business; the order of columns is nobody's."""
    folder = written(tmp_path, {})
    (folder / "data/real/a.csv").write_text(
        "Value, Timestamp\n,2024-01-01\nx,2024-01-02\n3,2024-01-03\n"
    )
    values = read_folder(folder).series[0].values
    np.testing.assert_array_equal(values, [np.nan, np.nan, 3.0])


def test_the_folder_may_change_the_profiles(tmp_path: Path) -> None:
    """NAB's names become ours, other profiles come last, what is not said stays."""
    folder = written(tmp_path, {})
    (folder / "config").mkdir()
    costs = {"CostMatrix": {"tpWeight": 1.0, "fnWeight": 3.0, "fpWeight": 0.5, "tnWeight": 1.0}}
    said = {"reward_low_FN_rate": costs, "mine": costs}
    (folder / "config/profiles.json").write_text(json.dumps(said))
    found = read_folder(folder).profiles
    assert [each.name for each in found] == ["standard", "low_fp", "low_fn", "mine"]
    assert found[:2] == PROFILES[:2]
    assert found[2] == Profile("low_fn", 1.0, 3.0, 0.5)


@pytest.mark.parametrize(
    ("path", "text", "says"),
    [
        ("data/real/a.csv", "when,value\n1,2\n", "no columns"),
        ("data/real/a.csv", "timestamp,value\nyesterday,2\n", "a.csv cannot be read"),
        ("data/real/a.csv", "timestamp,value\n2024-01-01\n", "a.csv cannot be read"),
        ("labels/combined_windows.json", "{", "combined_windows.json cannot be read"),
        ("labels/combined_windows.json", '{"a.csv": [3]}', "cannot be read"),
        ("labels/combined_windows.json", '{"a.csv": ["soon"]}', "a.csv: .*soon"),
        (
            "labels/combined_windows.json",
            '{"a.csv": [["2024-01-01 05:00", "2024-01-01 04:00"]]}',
            "ends before it begins",
        ),
    ],
    ids=["columns", "stamp", "short", "json", "label", "when", "backwards"],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, path: str, text: str, says: str) -> None:
    """The sentence says which file it is."""
    folder = written(tmp_path, {})
    (folder / path).write_text(text)
    with pytest.raises(Misconfigured, match=says):
        read_folder(folder)


def test_a_folder_without_series_or_labels_is_refused(tmp_path: Path) -> None:
    """It is no NAB folder, and the sentence says what is missing."""
    with pytest.raises(Misconfigured, match="no CSV file"):
        read_folder(tmp_path)
    (tmp_path / "a.csv").write_text("timestamp,value\n")
    with pytest.raises(Misconfigured, match="neither combined_windows"):
        read_folder(tmp_path)


def saved(file: Path, rows: int) -> None:
    """Scores of so many rows of the one series, as an npz."""
    with zipfile.ZipFile(file, "w") as whole, whole.open("real|a.csv.npy", "w") as part:
        np.lib.format.write_array(part, np.arange(rows))


def test_scores_of_others_must_fit(tmp_path: Path) -> None:
    """A missing series, a wrong length and a file of another kind are told."""
    series = read_folder(written(tmp_path, {})).series
    file = tmp_path / "scores.npz"
    saved(file, 600)
    assert read_scores(file, series)[0][599] == 599
    saved(file, 599)
    with pytest.raises(Misconfigured, match="one score a row"):
        read_scores(file, series)
    np.savez(file, other=np.arange(600))
    with pytest.raises(Misconfigured, match="no scores of a series"):
        read_scores(file, series)
    file.write_bytes(b"no zip")
    with pytest.raises(Misconfigured, match="cannot be read"):
        read_scores(file, series)


def test_instants_are_microseconds() -> None:
    """Spaces, T, Z and fractions are all read."""
    texts = ["1970-01-01 00:00:01", " 1970-01-01T00:00:01.5Z", "1970-01-02"]
    assert instants(texts).tolist() == [1_000_000, 1_500_000, 86_400_000_000]
