"""`tallystick detect bench fraud`: what it prints of a file of payments."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from tallystick.wiring.commands.detect.bench_fraud import fraud

SHARED = Path(__file__).resolve().parents[4] / (
    "../shared/data/detect/fraud/transactions_to_2018-07.npz"
)
DAYS, A_DAY, TERMINALS = 42, 120, 40


def run(*arguments: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(fraud, arguments, catch_exceptions=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Six weeks of payments; a terminal in eight is bad for some weeks."""
    chance = np.random.default_rng(1)
    count = DAYS * A_DAY
    t = np.sort(chance.integers(0, DAYS * 86_400, count)).astype(np.int32)
    terminal = chance.integers(0, TERMINALS, count).astype(np.uint16)
    phase = (t // 86_400 + terminal * 5) % 60
    fraud = ((terminal % 8 == 0) & (phase < 25)).astype(np.uint8)
    path = tmp_path / "payments.npz"
    np.savez(
        path,
        t=t,
        customer=chance.integers(0, 200, count).astype(np.uint16),
        terminal=terminal,
        amount=chance.lognormal(3, 0.3, count).astype(np.float32),
        fraud=fraud,
        scenario=fraud * 2,
    )
    return path


def test_json_has_the_three_figures_and_what_they_rest_on(file: Path) -> None:
    """One object on stdout, figures first; intervals, weeks, seconds, fitting beside them."""
    said = json.loads(run(str(file), "--json", "--weeks", "1").stdout)
    assert list(said)[:3] == ["auc", "ap", "cp100"]
    assert said["label_delay_days"] == 7
    assert said["seconds"]["cpu"] > 0
    assert len(said["weeks"]) == 1
    assert said["weeks"][0]["first_day"] == DAYS - 7
    assert said["intervals"].keys() == {"auc", "ap", "cp100"}
    assert said["auc"] > 0.8
    assert 0 < said["cp100"] <= said["cp100_best"]


def test_the_same_seed_gives_the_same_figures(file: Path) -> None:
    """Nothing but the seconds moves from run to run."""
    one, other = (json.loads(run(str(file), "--json", "--weeks", "1").stdout) for _ in range(2))
    for said in (one, other):
        del said["seconds"], said["features_rows_per_cpu_second"]
    assert one == other


def test_a_table_for_people(file: Path) -> None:
    """Weeks, their mean, intervals and the number of configurations."""
    said = run(str(file), "--weeks", "1").stdout
    for words in ("1 weeks, labels 7 days late", "mean", "95 % interval", "configurations"):
        assert words in said


def test_a_file_that_is_none_ends_with_its_sentence(tmp_path: Path) -> None:
    """Exit code 2, and a sentence on the error stream."""
    path = tmp_path / "no.npz"
    path.write_bytes(b"no archive")
    done = run(str(path))
    assert done.exit_code == 2
    assert "no NumPy archive" in done.stderr


@pytest.mark.skipif(not SHARED.is_file(), reason="the fraud data is not in ../shared/data/detect")
@pytest.mark.slow
def test_the_public_data_is_classified_as_well_as_it_was_measured() -> None:
    """The last week of July 2018: no worse than when it was tuned."""
    said = json.loads(run(str(SHARED), "--json", "--weeks", "1").stdout)
    assert said["auc"] > 0.87
    assert said["ap"] > 0.74
    assert said["cp100"] > 0.27
