"""Counting fills, prices and rates into even series."""

import zipfile
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from tallystick.errors import Misconfigured
from tallystick.watch.detect.forecast.hours import in_trading_week, is_closed
from tallystick.watch.detect.forecast.series import daily_moves, read_rates, volatilities, volumes

MONDAY = 1_767_571_200
HOUR = 3_600


def test_fills_are_summed_into_steps() -> None:
    """Quantities of one step are added, empty steps are nought, order does not matter."""
    fills = [(MONDAY + 2 * HOUR + 5, 3.0), (MONDAY + 10, 1.0), (MONDAY + HOUR - 1, 2.0)]
    series = volumes("EUR/USD", fills, HOUR, "EUR")
    assert series.values.tolist() == [3, 0, 3]
    assert series.at.tolist() == [MONDAY, MONDAY + HOUR, MONDAY + 2 * HOUR]
    assert not series.always_open


def test_realised_volatility_by_hand() -> None:
    """The root of the sum of squared returns of the samples, in basis points."""
    prices = [(MONDAY, 1.0), (MONDAY + 60, 1.01), (MONDAY + 61, 1.02), (MONDAY + 125, 1.0)]
    series = volatilities("EUR/USD", prices, HOUR, 60)
    # Samples of 60 s end with 1.0, 1.02 and 1.0.
    assert series.values.tolist() == pytest.approx([1e4 * np.sqrt(2) * np.log(1.02)])


def test_bad_prices_are_left_out() -> None:
    """Nought, negative and not finite prices count as none; nothing else is a plain refusal."""
    prices = [(MONDAY, 1.0), (MONDAY + 60, 0.0), (MONDAY + 70, np.nan), (MONDAY + 120, -1.0)]
    assert volatilities("EUR/USD", prices, HOUR, 60).values.tolist() == [0.0]
    with pytest.raises(Misconfigured):
        volatilities("EUR/USD", prices[1:], HOUR, 60)


def test_a_closed_market_has_no_steps_unless_it_trades() -> None:
    """Weekend steps are dropped; a desk that fills orders on Saturdays keeps them."""
    friday, monday = MONDAY + 4 * 86_400, MONDAY + 7 * 86_400
    series = volumes("EUR/USD", [(friday, 1.0), (monday, 1.0)], HOUR, "EUR")
    assert len(series) == 3 * 24 + 1 - 48
    assert not is_closed(series.at).any()
    saturday = friday + 86_400
    fills = [(friday, 1.0), (saturday, 1.0), (monday, 1.0)]
    always = volumes("EUR/USD", fills, HOUR, "EUR")
    assert always.always_open
    assert len(always) == 3 * 24 + 1


def test_the_trading_week_follows_new_yorks_summer_time() -> None:
    """Sunday 17:00 in New York is 22:00 UTC in winter and 21:00 in summer."""
    winter, summer = MONDAY - 2 * HOUR, MONDAY - 3 * HOUR + 26 * 7 * 86_400
    assert in_trading_week(np.array([winter, summer])).tolist() == [0, 0]
    assert is_closed(np.array([winter - 1, winter, summer - 1, summer])).tolist() == [
        True, False, True, False,
    ]  # fmt: skip


def test_nothing_and_too_much_are_said() -> None:
    """An empty past and one of millions of steps have their sentences."""
    with pytest.raises(Misconfigured, match="nothing of EUR/USD"):
        volumes("EUR/USD", [], HOUR, "EUR")
    with pytest.raises(Misconfigured, match="too many"):
        volumes("EUR/USD", [(0.0, 1.0), (1e9, 1.0)], 1, "EUR")


CSV = "Date,USD,JPY,\n2026-01-07,1.1,N/A,\n2026-01-06,1.2,180,\n2026-01-05,1.0,170,\n"


def rates(path: Path, text: str = CSV) -> Path:
    """A zip in the form of the ECB's."""
    with zipfile.ZipFile(path, "w") as bundle:
        bundle.writestr("eurofxref-hist.csv", text)
    return path


def test_daily_rates_and_crosses(tmp_path: Path) -> None:
    """The euro is 1, a cross is a quotient, days without a rate are left out."""
    path = rates(tmp_path / "r.zip")
    assert dict(read_rates(path, "EUR/USD"))[date(2026, 1, 6)] == 1.2
    cross = sorted(read_rates(path, "USDJPY"))
    assert [rate for _, rate in cross] == pytest.approx([170, 150])
    series = daily_moves("USDJPY", read_rates(path, "USDJPY"))
    assert series.values.tolist() == pytest.approx([1e4 * np.log(170 / 150)])


@pytest.mark.parametrize(
    ("pair", "text"),
    [("EUR/XXX", CSV), ("EURUSD", "Date,USD\nno day,1\n"), ("EURUSD", "Date,USD\n2026-01-05,x\n")],
    ids=["currency", "day", "rate"],
)
def test_bad_rates_are_said(tmp_path: Path, pair: str, text: str) -> None:
    """An unknown currency, or a row that is none."""
    with pytest.raises(Misconfigured):
        read_rates(rates(tmp_path / "r.zip", text), pair)


def test_a_file_of_rates_that_is_none(tmp_path: Path) -> None:
    """Not a zip; too few days."""
    (tmp_path / "r.zip").write_bytes(b"text")
    with pytest.raises(Misconfigured, match="no file of reference rates"):
        read_rates(tmp_path / "r.zip", "EURUSD")
    with pytest.raises(Misconfigured, match="no daily rates"):
        daily_moves("EURUSD", [(date(2026, 1, 5), 1.1)])
