"""The demo does what it says: orders, planted anomalies that are seen, a ledger that verifies."""

import json
import shlex
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tallystick.wiring.demo import gradual

ROOT = Path(__file__).resolve().parents[2]
TICKS = ROOT / "../shared/data/fx/lean/oanda"
KINDS = {"fat finger", "off-market price", "reject storm"}
ORDERS_OF_A_BURST = 80


@pytest.mark.server
@pytest.mark.slow
def test_everything_planted_is_seen(tmp_path: Path, tallystick: Any) -> None:
    """In a run long enough for the clients' pace, every kind is planted and its detector sees it.

    Every order is answered, and the command that is printed finds the whole ledger clean.
    """
    summary = _demo(tallystick, tmp_path / "data", orders=3_600, rate=200)

    assert summary["planted"] == dict.fromkeys([*KINDS, "burst"], True), summary["said"]
    assert summary["left_out"] == []
    assert summary["orders"] > 3_600 + ORDERS_OF_A_BURST
    assert "ECB reference rates" in summary["prices"]
    _check(summary)


@pytest.mark.server
@pytest.mark.skipif(not TICKS.is_dir(), reason="../shared/data/fx/lean/oanda is not there")
def test_real_ticks_do_as_well(tmp_path: Path, tallystick: Any) -> None:
    """On recorded ticks the same holds; a short run says that it has no burst, and why."""
    data = tmp_path / "data"
    summary = _demo(tallystick, data, "--ticks", str(TICKS), orders=1_200, rate=400)

    assert summary["planted"] == dict.fromkeys(KINDS, True), summary["said"]
    assert [sentence.partition(":")[0] for sentence in summary["left_out"]] == ["burst"]
    assert "real ticks of EUR/USD" in summary["prices"]
    _check(summary)


@pytest.mark.server
def test_the_shortest_run_sums_up(tmp_path: Path, tallystick: Any) -> None:
    """The last order is looked at, and all is counted, before anything is closed: no error."""
    summary = _demo(tallystick, tmp_path / "data", orders=100, rate=200)

    assert summary["orders"] >= 100
    assert summary["alerts"] == summary["anomalies"]
    _check(summary)


def _demo(tallystick: Any, data: Path, *more: str, orders: int, rate: int) -> Any:
    """The summary of a run that went well."""
    run = tallystick(
        "demo", "--json", "--orders", f"{orders}", "--rate", f"{rate}", "--keep", f"{data}", *more
    )
    assert (run.returncode, run.stderr) == (0, "")
    return json.loads(run.stdout)


def _check(summary: Any) -> None:
    assert summary["filled"] > summary["orders"] / 2
    assert summary["resting"] > 0
    assert summary["rejected"] > 0
    assert summary["refused"] == 0
    states = summary["filled"] + summary["resting"] + summary["rejected"]
    assert states == summary["orders"] <= summary["entries"]
    assert summary["alerts"] == summary["anomalies"] >= summary["anomalies_planted"]
    verify = subprocess.run(
        shlex.split(summary["verify"]), cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert verify.returncode == 0, verify.stdout + verify.stderr
    assert f"All {summary['entries']} entries" in verify.stdout


def test_rates_move_gradually_from_day_to_day() -> None:
    """The path begins and ends with published rates, and no step is a jump."""
    path = gradual([{"USD": 1.0, "JPY": 160.0}, {"USD": 1.1, "JPY": 150.0}])

    assert (path[0], path[-1]) == ({"USD": 1.0, "JPY": 160.0}, {"USD": 1.1, "JPY": 150.0})
    rates = [rates["USD"] for rates in path]
    assert rates == sorted(rates)
    assert max(new / old for old, new in pairwise(rates)) < 1.01
