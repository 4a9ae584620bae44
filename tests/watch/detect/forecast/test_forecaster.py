"""Forecasts: causal, calibrated, better than naive ones, and unbroken by odd series."""

from dataclasses import replace

import numpy as np
import pytest

from tallystick.errors import Refused
from tallystick.watch.detect.forecast.forecaster import (
    HORIZON_MAX,
    WARM_UP_STEPS,
    forecast,
    walk,
    windows_of,
)
from tallystick.watch.detect.forecast.hours import is_closed
from tallystick.watch.detect.forecast.series import Series

from .conftest import seasonal


def test_nothing_said_knows_a_later_step() -> None:
    """Another future gives the same past forecasts, intervals too."""
    series = seasonal(400)
    values = series.values.copy()
    values[300:] = values[300:][::-1] * 7
    first, other = (walk(each, (1, 6, 24)) for each in (series, replace(series, values=values)))
    for ours, theirs in zip(
        (first.expected, first.low, first.high),
        (other.expected, other.low, other.high),
        strict=True,
    ):
        np.testing.assert_array_equal(ours[:300], theirs[:300])
    assert not np.array_equal(first.expected[301:], other.expected[301:])


def test_intervals_hold_as_often_as_they_say() -> None:
    """Whatever the coverage asked for, it is met within the noise of a thousand steps."""
    series = seasonal(1_500)
    for coverage in (0.5, 0.8, 0.95):
        path = walk(series, (1, 24), coverage)
        for k, ahead in enumerate((1, 24)):
            origin = np.arange(400, 1_500 - ahead)
            actual = series.values[origin + ahead]
            held = (path.low[origin, k] <= actual) & (actual <= path.high[origin, k])
            assert held.mean() == pytest.approx(coverage, abs=0.04)


def test_a_sudden_level_is_followed_and_the_intervals_hold_again() -> None:
    """Five times as much from a day on: forecasts are there within days."""
    series = seasonal(1_000, noise=0.1)
    values = series.values.copy()
    values[600:] *= 5
    path = walk(replace(series, values=values), (1,))
    ratio = path.expected[700:-1, 0] / values[701:]
    assert 0.9 < np.median(ratio) < 1.1


def test_the_next_day_is_told_step_by_step() -> None:
    """Stamps go on after the end, closed hours left out; medians lie within their intervals."""
    series = seasonal(600)
    found = forecast(series, 30)
    assert len(found.points) == 30
    assert found.steps_known == 600
    assert found.points[0].at > found.last_at
    for point in found.points:
        assert point.low is not None
        assert point.high is not None
        assert 0 <= point.low <= point.expected <= point.high
    busy = max(found.points, key=lambda point: point.expected)
    assert 11 <= int(busy.at[11:13]) <= 17


def test_a_weekend_is_left_out_of_the_future() -> None:
    """After Friday evening comes Sunday evening, for daily series Monday."""
    daily = seasonal(300, step=86_400)
    daily = replace(daily, at=daily.at[:300])
    stamps = [point.at for point in forecast(daily, 10).points]
    assert len({stamp[:10] for stamp in stamps}) == 10
    hourly = seasonal(600)
    path = [point.at for point in forecast(hourly, 150).points]
    assert len(path) == 150
    at = np.array([np.datetime64(stamp[:19]).astype("datetime64[s]").astype(int) for stamp in path])
    assert not is_closed(at).any()


@pytest.mark.parametrize("steps", [1, WARM_UP_STEPS])
def test_too_short_a_past_is_refused(steps: int) -> None:
    """The sentence says how long it is and how long it must be."""
    with pytest.raises(Refused, match=rf"\b{steps} steps?\b") as refused:
        forecast(seasonal(steps), 3)
    assert refused.value.code == "TOO_FEW_POINTS"


@pytest.mark.parametrize("horizon", [0, HORIZON_MAX + 1])
def test_a_horizon_is_bounded(horizon: int) -> None:
    """Neither none nor hundreds of steps."""
    with pytest.raises(Refused) as refused:
        forecast(seasonal(200), horizon)
    assert refused.value.code == "BAD_HORIZON"


@pytest.mark.parametrize(
    "values",
    [
        np.concatenate([np.zeros(150), np.ones(50)]),
        np.full(200, 5.0),
        np.where(np.arange(200) % 50 == 0, 1e12, 1e-12),
    ],
    ids=["nought first", "constant", "spikes"],
)
def test_odd_series_break_nothing(values: np.ndarray) -> None:
    """Constant, empty and wild series give finite forecasts."""
    series = replace(seasonal(200), values=values)
    assert all(np.isfinite(point.expected) for point in forecast(series, 5).points)


def test_a_series_of_noughts_is_refused() -> None:
    """Nothing ever happened: there is nothing to say."""
    with pytest.raises(Refused):
        forecast(replace(seasonal(200), values=np.zeros(200)), 5)


def test_the_same_series_gives_the_same_forecast() -> None:
    """No chance is involved."""
    assert forecast(seasonal(300), 5) == forecast(seasonal(300), 5)


def test_the_windows_follow_the_step() -> None:
    """Steps, hours, a day and a week; a day, a week and a month of daily series."""
    assert windows_of(900).tolist() == [1, 4, 24, 96, 480]
    assert windows_of(3_600).tolist() == [1, 6, 24, 120]
    assert windows_of(86_400).tolist() == [1, 5, 22]


def test_a_desk_that_never_closes_goes_on_through_weekends() -> None:
    """An always open series has every hour in its future."""
    series = seasonal(200)
    always = Series(
        "BTC/USD",
        "volume",
        "BTC",
        3_600,
        series.at[0] + 3_600 * np.arange(200),
        series.values,
        True,
    )
    stamps = [point.at for point in forecast(always, 100).points]
    assert len({stamp[:10] for stamp in stamps}) >= 5
