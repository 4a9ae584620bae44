"""How good forecasts were on the past, against saying the last value, or that of a week before."""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.watch.detect.forecast.forecaster import (
    COVERAGE,
    ERRORS_MIN,
    WARM_UP_STEPS,
    check_long_enough,
    walk,
)
from tallystick.watch.detect.forecast.hours import DAY_SECONDS
from tallystick.watch.detect.forecast.series import Series

TESTED_MIN = 20
"""A horizon with fewer tested steps is left out: its figures would be noise."""

Floats = NDArray[np.float64]


class Errors(msgspec.Struct, frozen=True):
    """The errors of one way to forecast.

    `mae` in the series' unit; `mase` over that of saying the last value one step ahead, on the
    steps before the test (Hyndman and Koehler 2006); `smape` 0 to 2; `pinball` is the mean loss at
    the median, None or at the interval's ends too.
    """

    mae: float
    mase: float
    smape: float
    pinball: float


class Horizon(msgspec.Struct, frozen=True):
    """One horizon: our errors and those of the naive ways; how often the intervals held."""

    steps_ahead: int
    tested: int
    model: Errors
    naive: Errors
    seasonal_naive: Errors
    pinball_low: float
    pinball_high: float
    coverage: float
    width: float
    naive_coverage: float


class Backtest(msgspec.Struct, frozen=True):
    """A series, walked through step by step; nothing said knew a later step."""

    pair: str
    measure: str
    unit: str
    step_seconds: int
    first: str
    last: str
    steps: int
    coverage_aim: float
    horizons: tuple[Horizon, ...]


def backtest(series: Series, horizons: Sequence[int] = (), coverage: float = COVERAGE) -> Backtest:
    """Walk through the series; `horizons` are steps ahead, by default one, some hours and a day.

    Raises:
        Refused: TOO_FEW_POINTS: the series is too short.
    """
    chosen = tuple(sorted(set(horizons))) or default_horizons(series.step_seconds)
    start = first_tested(series)
    check_long_enough(series, start + TESTED_MIN)
    path = walk(series, chosen, coverage)
    scale = float(np.abs(np.diff(series.values[:start])).mean()) or 1.0
    lag = _season_lag(series)
    tested = []
    for k, ahead in enumerate(chosen):
        origin = np.arange(start, len(series) - ahead)
        origin = origin[np.isfinite(path.low[origin, k])]
        if len(origin) < TESTED_MIN:
            continue
        actual = series.values[origin + ahead]
        low, high = path.low[origin, k], path.high[origin, k]
        last = series.values[origin]
        # The last time that the same hour came which is known at the origin.
        before = origin + ahead - lag * -(-ahead // lag)
        seasonal = series.values[np.maximum(before, 0)]
        tail = (1.0 - coverage) / 2.0
        tested.append(
            Horizon(
                ahead,
                len(origin),
                _errors(actual, path.expected[origin, k], scale),
                _errors(actual, last, scale),
                _errors(actual, seasonal, scale),
                _pinball(actual, low, tail),
                _pinball(actual, high, 1.0 - tail),
                float(((low <= actual) & (actual <= high)).mean()),
                float((high - low).mean()),
                _naive_coverage(actual, last, coverage),
            )
        )
    if not tested:
        check_long_enough(series, max(len(series), start + ERRORS_MIN + min(chosen) + TESTED_MIN))
    return Backtest(
        series.pair,
        series.measure,
        series.unit,
        series.step_seconds,
        rfc3339(int(series.at[start]) * NS_PER_SECOND),
        rfc3339(int(series.at[-1]) * NS_PER_SECOND),
        len(series),
        coverage,
        tuple(tested),
    )


def default_horizons(step_seconds: int) -> tuple[int, ...]:
    """One step, a quarter of a day and a day; a day, a week and a month of daily series."""
    if step_seconds >= DAY_SECONDS:
        return (1, 5, 22)
    day = DAY_SECONDS // step_seconds
    return tuple(sorted({1, max(1, day // 4), day}))


def first_tested(series: Series) -> int:
    """The first origin that is tested: after the warm-up and after one season."""
    return max(WARM_UP_STEPS, min(_season_lag(series), len(series) // 3))


def _season_lag(series: Series) -> int:
    """Steps after which the same hour comes again: a week where three are known, else a day."""
    days = 7 if series.always_open else 5
    day = max(1, DAY_SECONDS // series.step_seconds)
    return days * day if len(series) >= 3 * days * day or day == 1 else day


def _errors(actual: Floats, said: Floats, scale: float) -> Errors:
    error = np.abs(actual - said)
    both = np.abs(actual) + np.abs(said)
    smape = np.where(both > 0, 2 * error / np.where(both > 0, both, 1.0), 0.0)
    mae = float(error.mean())
    return Errors(mae, mae / scale, float(smape.mean()), _pinball(actual, said, 0.5))


def _pinball(actual: Floats, said: Floats, quantile: float) -> float:
    """The mean loss of a quantile's forecast (Koenker and Bassett 1978)."""
    gap = actual - said
    return float(np.maximum(quantile * gap, (quantile - 1.0) * gap).mean())


def _naive_coverage(actual: Floats, last: Floats, coverage: float) -> float:
    """How often the last value with a band of the usual (Gaussian) size would have held.

    The band is that of all errors, future ones too: kinder than it could be in life.
    """
    from statistics import NormalDist  # noqa: PLC0415  only here

    reach = NormalDist().inv_cdf(0.5 + coverage / 2.0) * float(np.std(actual - last))
    return float((np.abs(actual - last) <= reach).mean())
