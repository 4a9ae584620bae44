"""The backtest: figures by hand, and better than naive on a shape that can be learnt."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tallystick.errors import Refused
from tallystick.watch.detect.forecast.backtest import backtest, default_horizons
from tallystick.watch.detect.forecast.series import daily_moves, read_rates

from .conftest import seasonal

RATES = Path(__file__).resolve().parents[4] / "../shared/data/fx/ecb/eurofxref-hist.zip"


def test_a_shape_that_can_be_learnt_is_learnt() -> None:
    """At every horizon better than both naive ways, with intervals that hold."""
    report = backtest(seasonal(1_500))
    assert [each.steps_ahead for each in report.horizons] == [1, 6, 24]
    for each in report.horizons:
        assert each.model.mase < each.naive.mase
        assert each.model.mase < each.seasonal_naive.mase
        assert each.model.pinball == pytest.approx(each.model.mae / 2)
        assert each.coverage == pytest.approx(0.9, abs=0.04)
        assert each.pinball_low > 0
        assert each.width > 0


def test_naive_errors_by_hand() -> None:
    """A sawtooth of 1 and 3: the last value is always 2 off, two steps ago always right."""
    series = seasonal(400)
    saw = replace(series, values=np.where(np.arange(400) % 2 == 0, 1.0, 3.0))
    first, second = backtest(saw, (1, 2)).horizons
    assert first.naive.mae == 2
    assert first.naive.mase == 1
    assert first.naive.smape == 1
    assert second.naive.mae == 0
    assert second.seasonal_naive.mae == 0
    assert first.seasonal_naive.mae == 0


def test_horizons_without_enough_tests_are_left_out() -> None:
    """A short past tells of the near horizons alone, a shorter one of none."""
    report = backtest(seasonal(160), (1, 60))
    assert [each.steps_ahead for each in report.horizons] == [1]
    for steps in (70, 100):
        with pytest.raises(Refused) as refused:
            backtest(seasonal(steps))
        assert refused.value.code == "TOO_FEW_POINTS"


def test_horizons_follow_the_step() -> None:
    """One step, six hours and a day; a day, a week and a month."""
    assert default_horizons(3_600) == (1, 6, 24)
    assert default_horizons(86_400) == (1, 5, 22)
    assert default_horizons(43_200) == (1, 2)


@pytest.mark.skipif(not RATES.is_file(), reason="the ECB's rates are not in ../shared/data/fx")
@pytest.mark.slow
def test_real_daily_volatility_is_forecast_better_than_naively() -> None:
    """27 years of EUR/USD: a quarter less error at every horizon, intervals hold 90 % of days."""
    report = backtest(daily_moves("EURUSD", read_rates(RATES, "EURUSD")))
    for each in report.horizons:
        assert each.model.mae < 0.76 * min(each.naive.mae, each.seasonal_naive.mae)
        assert each.coverage == pytest.approx(0.9, abs=0.01)
