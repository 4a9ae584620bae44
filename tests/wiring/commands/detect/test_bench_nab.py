"""`tallystick detect bench nab`: what it prints of a folder in NAB's form."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from tallystick.wiring.commands.detect import bench_nab
from tallystick.wiring.commands.detect.bench_nab import nab

SHARED = Path(__file__).resolve().parents[4] / "../shared/data/nab"
STEP = 1_200
ROWS = 2_000


def run(*arguments: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(nab, arguments, catch_exceptions=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one series: a daily wave in five-minute steps that breaks off in its window."""
    start = np.datetime64("2024-01-01T00:00:00")
    stamps = [str(start + np.timedelta64(5 * row, "m")).replace("T", " ") for row in range(ROWS)]
    values = 50 + 20 * np.sin(np.arange(ROWS) * 2 * np.pi / 288)
    values += np.random.default_rng(5).normal(0, 1, ROWS)
    values[STEP : STEP + 60] = 150
    rows = "\n".join(f"{stamp},{value:.4f}" for stamp, value in zip(stamps, values, strict=True))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "wave.csv").write_text(f"timestamp,value\n{rows}\n")
    (tmp_path / "labels").mkdir()
    window = [stamps[STEP - 50], stamps[STEP + 100]]
    (tmp_path / "labels" / "combined_windows.json").write_text(json.dumps({"wave.csv": [window]}))
    return tmp_path


def test_json_has_the_three_figures_and_what_they_cost(folder: Path) -> None:
    """One object on stdout: figures at the fixed thresholds, speed, memory, each file."""
    said = json.loads(run(str(folder), "--json").stdout)
    assert list(said)[:3] == ["standard", "low_fp", "low_fn"]
    assert said["thresholds_chosen"] == "beforehand"
    assert set(said["thresholds"]) == {"standard", "low_fp", "low_fn"}
    assert said["points"] == ROWS
    assert said["points_per_cpu_second"] > 0
    assert said["peak_memory_bytes"] > 1_000_000
    assert said["files"][0]["name"] == "wave.csv"
    assert said["files"][0]["hits"] == 1
    assert said["best"]["standard"]["score"] >= said["standard"] > 50
    assert len(said["model"]) == 12


def test_the_same_folder_gives_the_same_figures(folder: Path) -> None:
    """Nothing but the speed and the memory moves from run to run."""
    one, other = (json.loads(run(str(folder), "--json").stdout) for _ in range(2))
    for said in (one, other):
        del said["points_per_cpu_second"], said["peak_memory_bytes"]
    assert one == other


def test_the_table_says_what_was_fixed_and_what_was_chosen(folder: Path) -> None:
    """Files, the frozen figures with their interval, the in-sample ones by name, the baselines."""
    said = run(str(folder), "--check").stdout
    for words in (
        "wave.csv",
        "fixed beforehand",
        "bootstrap interval",
        "in-sample",
        "blind: clock half probation",
        "blind: uniform random",
        "1 of 1 windows",
        "points a CPU second",
    ):
        assert words in said


def test_published_scores_are_scored_instead() -> None:
    """`--results` takes a detector's own scores: its published figure comes out."""
    if not SHARED.is_dir():
        pytest.skip("needs ../shared/data/nab")
    results = str(SHARED / "results" / "numenta.npz")
    said = json.loads(run(str(SHARED), "--results", results, "--json").stdout)
    assert round(said["standard"], 2) == 68.84
    assert said["thresholds_chosen"] == "in-sample"
    assert said["points_per_cpu_second"] is said["peak_memory_bytes"] is None
    fixed = ("--results", results, "--threshold", "0.6")
    frozen = json.loads(run(str(SHARED), *fixed, "--json").stdout)
    assert frozen["thresholds_chosen"] == "beforehand"
    assert frozen["standard"] < said["standard"]
    assert "numenta" in run(str(SHARED), "--results", results).stdout


def test_a_folder_in_another_form_is_told(tmp_path: Path) -> None:
    """Exit code 2 and a sentence."""
    result = run(str(tmp_path))
    assert result.exit_code == 2
    assert "no CSV file" in result.stderr


def test_a_detector_that_sees_the_future_ends_the_run(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--check` names the row, and exits with 1."""
    monkeypatch.setattr(
        "tallystick.watch.detect.bench.causality.first_leak", lambda *_arguments: 17
    )
    result = run(str(folder), "--check")
    assert result.exit_code == bench_nab.EXIT_LEAK == 1
    assert "row 17 of wave.csv depends on a later row" in result.stderr
