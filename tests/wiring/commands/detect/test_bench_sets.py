"""`tallystick detect bench sets`: what it prints of labelled sets."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from tallystick.wiring.commands.detect.bench_sets import sets


def run(*arguments: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(sets, arguments, catch_exceptions=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A machine's file with one break, and rows with a few odd ones."""
    chance = np.random.default_rng(2)
    (tmp_path / "pump").mkdir()
    lines = ["datetime;A;B;anomaly;changepoint"]
    for row in range(900):
        broken = 600 <= row < 800
        one, two = chance.normal(size=2) + (7 if broken else 0)
        lines.append(f"2024-01-01 00:00:00;{one:.4f};{two:.4f};{float(broken)};0.0")
    (tmp_path / "pump" / "0.csv").write_text("\n".join(lines))
    odd = chance.random(2_000) < 0.02
    rows = chance.normal(size=(2_000, 3)) + 8 * odd[:, None]
    np.savez(tmp_path / "points.npz", X=rows, y=odd.astype(int))
    np.savez(tmp_path / "else.npz", t=odd)
    return tmp_path


def test_json_has_every_set_at_one_threshold(folder: Path) -> None:
    """The threshold that was fixed, the figures of each set, and what was left out and why."""
    said = json.loads(run(str(folder), "--json").stdout)
    assert said["threshold_p"] == 0.01
    assert len(said["model"]) == 12
    assert said["left_out"] == {"else.npz": "has no X and y"}
    pump, points = said["sets"]
    assert (pump["name"], points["name"]) == ("pump", "points")
    assert pump["detector"]["f1"] > 0.8
    assert pump["detector"]["runs_missed"] == 0
    assert pump["f1_all_positive"] == pytest.approx(4 / 7)
    assert points["detector"]["auc"] > 0.9
    assert points["points_per_cpu_second"] > 0
    assert [len(each["peers"]) for each in said["sets"]] == [1, 1]


def test_the_tables_state_the_order_and_the_baseline(folder: Path) -> None:
    """How rows were ordered, what calling every row anomalous gives, what was left out."""
    said = run(str(folder), "--no-peers", "--rows", "1000").stdout
    for words in ("order: time", "order: random, the first 1,000", "every row", "left out: else"):
        assert words in " ".join(said.split())
    assert "isolation forest" not in said


def test_a_folder_without_sets_is_told(tmp_path: Path) -> None:
    """Exit code 2 and a sentence."""
    result = run(str(tmp_path))
    assert result.exit_code == 2
    assert "no labelled set" in result.stderr
