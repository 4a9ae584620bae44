"""`tallystick detect forecast`: from a ledger, ticks or rates to a table or JSON."""

import json
import time
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from tallystick.wiring.commands.detect.forecast import forecast, ledger_rows

UP_SECONDS_MAX = 120.0


def run(*arguments: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(forecast, arguments, catch_exceptions=False)


@pytest.fixture
def ticks(tmp_path: Path) -> Path:
    """Five days of ticks, busier around noon, prices that wander."""
    chance = np.random.default_rng(1)
    folder = tmp_path / "ticks" / "eurusd"
    folder.mkdir(parents=True)
    price = 1.1
    for number in range(5):
        day = datetime(2026, 1, 5, tzinfo=UTC) + timedelta(days=number)
        rows = []
        for hour in range(24):
            many = int(20 + 15 * np.sin((hour - 6) / 24 * 2 * np.pi)) + int(chance.integers(5))
            for ms in np.sort(chance.integers(0, 3_600_000, many)):
                price *= 1 + chance.normal(0, 1e-5)
                rows.append(f"{hour * 3_600_000 + ms},{price:.5f},{price + 0.0001:.5f}")
        with zipfile.ZipFile(folder / f"{day:%Y%m%d}_quote.zip", "w") as bundle:
            bundle.writestr("ticks.csv", "\n".join(rows))
    return tmp_path / "ticks"


@pytest.fixture
def rates(tmp_path: Path) -> Path:
    """Two hundred business days of rates in the ECB's form."""
    chance = np.random.default_rng(2)
    day, price, rows = datetime(2025, 1, 6, tzinfo=UTC), 1.1, []
    while len(rows) < 200:
        if day.weekday() < 5:
            price *= 1 + chance.normal(0, 0.004)
            rows.append(f"{day:%Y-%m-%d},{price:.4f},N/A,")
        day += timedelta(days=1)
    path = tmp_path / "rates.zip"
    with zipfile.ZipFile(path, "w") as bundle:
        bundle.writestr("eurofxref-hist.csv", "Date,USD,CYP,\n" + "\n".join(reversed(rows)))
    return path


def test_ticks_are_forecast_with_intervals(ticks: Path) -> None:
    """Points go on after the last tick, with an interval around each."""
    told = ("EUR/USD", "--ticks", str(ticks), "--horizon", "6", "--json")
    said = json.loads(run(*told).stdout)
    assert said["unit"] == "ticks"
    assert said["steps_known"] == 5 * 24 - 2
    assert len(said["points"]) == 6
    assert all(point["low"] <= point["expected"] <= point["high"] for point in said["points"])
    assert run(*told).stdout == run(*told).stdout


def test_a_backtest_of_ticks(ticks: Path) -> None:
    """Model and naive ways stand side by side, for both measures."""
    for measure in ("volume", "volatility"):
        said = json.loads(
            run(
                "EURUSD", "--ticks", str(ticks), "--measure", measure, "--backtest", "--json",
                "--step", "30",
            ).stdout
        )  # fmt: skip
        assert said["measure"] == measure
        for each in said["horizons"]:
            assert each["model"]["mae"] > 0
            assert 0.6 < each["coverage"] <= 1


def test_rates_tell_of_volatility(rates: Path) -> None:
    """A daily series goes on with business days; volume is not known of it."""
    said = json.loads(run("eur/usd", "--rates", str(rates), "--horizon", "5", "--json").stdout)
    assert said["measure"] == "volatility"
    days = [datetime.fromisoformat(point["at"]).weekday() for point in said["points"]]
    assert max(days) < 5
    done = run("EUR/USD", "--rates", str(rates), "--measure", "volume")
    assert done.exit_code == 2
    assert "volatility alone" in done.stderr


def test_tables_for_people(ticks: Path, rates: Path) -> None:
    """Both tables have their heads and figures."""
    assert "expected" in run("EUR/USD", "--ticks", str(ticks)).stdout
    said = run("EUR/USD", "--rates", str(rates), "--backtest").stdout
    for words in ("model", "naive", "Intervals are to hold 90%"):
        assert words in said


def test_what_cannot_be_forecast_is_said(ticks: Path, rates: Path, tmp_path: Path) -> None:
    """Another pair, two pasts, no ledger, too short a past: a sentence and its exit code."""
    for arguments, code, words in (
        (("GBP/USD", "--ticks", str(ticks)), 2, "has ticks of EUR/USD"),
        (("EUR/USD", "--ticks", str(ticks), "--rates", str(rates)), 2, "Only one of"),
        (("EUR/USD", "--data", str(tmp_path)), 2, "No ledger is published"),
        (("EUR/CYP", "--rates", str(rates)), 2, "no daily rates"),
        (("EUR/USD", "--ticks", str(ticks), "--step", "600"), 1, "more than 60 are needed"),
    ):
        done = run(*arguments)
        assert done.exit_code == code, done.output
        assert words in " ".join(done.stderr.split())


@pytest.mark.server
@pytest.mark.slow
def test_the_ledgers_own_fills_are_its_volume(serve: Callable[..., Any], tmp_path: Path) -> None:
    """What a real server filled and published is read back, quantity by quantity, and prices."""
    server = serve(tmp_path / "data", seed="7", detection="off")
    with server.client() as client:
        for number in range(5):
            body = {
                "client_order_id": f"t-{number}", "account": "demo", "pair": "EUR/USD",
                "side": "buy", "quantity": "1000", "type": "market", "time_in_force": "FOK",
            }  # fmt: skip
            assert client.post("/v1/orders", json=body).status_code == 201
        deadline = time.monotonic() + UP_SECONDS_MAX
        published = tmp_path / "data/ledger/checkpoint"
        while not published.is_file() or len(rows(tmp_path, "volume")) < 5:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert sum(quantity for _, quantity in rows(tmp_path, "volume")) == 5_000
        prices = [price for _, price in rows(tmp_path, "volatility")]
        assert len(prices) >= 5
        assert all(0.5 < price < 2 for price in prices)
        done = run("EUR/USD", "--data", str(tmp_path / "data"))
        assert done.exit_code == 1
        assert "more than 60 are needed" in done.stderr
    assert server.stop() == 0


def rows(folder: Path, measure: str) -> list[tuple[float, float]]:
    """What the command reads from the ledger."""
    return list(ledger_rows(folder / "data", "EUR/USD", measure))
