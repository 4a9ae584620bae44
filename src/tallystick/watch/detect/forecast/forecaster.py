"""The forecaster: what is usual for the hour, how far the last steps were from it, and how sure.

Seasonal profile, then a regression of what is left on its own last value, hours, day and week
(HAR, Corsi 2009), then intervals from the errors that were really made (conformal prediction,
adapted as in Gibbs and Candes 2021), so that they hold as often as they say whatever the errors'
distribution. All on the scale asinh(value / scale): near nought like the value, above like its log.
"""

from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.errors import Refused
from tallystick.watch.detect.forecast.hours import DAY_SECONDS, in_trading_week, is_closed
from tallystick.watch.detect.forecast.season import Season
from tallystick.watch.detect.forecast.series import Series

WARM_UP_STEPS = 60
"""So many steps are learnt before the first forecast."""
ERRORS_MIN = 30
"""So many errors of a horizon are known before its first interval."""
ERRORS_KEPT = 500
COVERAGE = 0.9
ADAPTATION = 0.01
"""How fast an interval widens after it was missed."""
RIDGE = 1.0
REFIT_STEPS = 20
HORIZON_MAX = 200

Floats = NDArray[np.float64]


class Point(msgspec.Struct, frozen=True):
    """One step ahead: its beginning, the median, and the interval; None while none is known."""

    at: str
    expected: float
    low: float | None
    high: float | None


class Forecast(msgspec.Struct, frozen=True):
    """What is expected of a series after its end; `coverage` of the intervals hold."""

    pair: str
    measure: str
    unit: str
    step_seconds: int
    steps_known: int
    last_at: str
    coverage: float
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Path:
    """What was said at every step of a series, for each horizon; NaN where nothing could be.

    Row i was known after step i; column k is about step i + horizons[k].
    """

    horizons: tuple[int, ...]
    expected: Floats
    low: Floats
    high: Floats


def forecast(series: Series, horizon: int, coverage: float = COVERAGE) -> Forecast:
    """The next `horizon` steps.

    Raises:
        Refused: TOO_FEW_POINTS: the series is too short. BAD_HORIZON: it is too far.
    """
    if not 1 <= horizon <= HORIZON_MAX:
        raise Refused("BAD_HORIZON", f"A forecast is 1 to {HORIZON_MAX} steps long.")
    check_long_enough(series, WARM_UP_STEPS)
    path = walk(series, tuple(range(1, horizon + 1)), coverage)
    points = [
        Point(_stamp(at), float(expected), _known(low), _known(high))
        for at, expected, low, high in zip(
            _after(series, horizon), path.expected[-1], path.low[-1], path.high[-1], strict=True
        )
    ]
    return Forecast(
        series.pair,
        series.measure,
        series.unit,
        series.step_seconds,
        len(series),
        _stamp(int(series.at[-1])),
        coverage,
        tuple(points),
    )


def check_long_enough(series: Series, steps: int) -> None:
    """Refuse what is too short to be learnt from.

    Raises:
        Refused: TOO_FEW_POINTS.
    """
    if len(series) <= steps or not (series.values > 0).any():
        word = "step" if len(series) == 1 else "steps"
        raise Refused(
            "TOO_FEW_POINTS",
            f"{series.pair} has {len(series)} {word} of {series.step_seconds} s with any"
            f" {series.measure}: more than {steps} are needed.",
        )


def walk(series: Series, horizons: tuple[int, ...], coverage: float = COVERAGE) -> Path:
    """Go through the series step by step: learn it, then say what comes. Strictly causal."""
    walker = _Walker(series, horizons, coverage)
    for i in range(len(series)):
        walker.step(i)
    return Path(
        horizons, walker.back(walker.said), walker.back(walker.low), walker.back(walker.high)
    )


class _Walker:
    """The state of a walk; every row of an array is written once, when its step is known."""

    def __init__(self, series: Series, horizons: tuple[int, ...], coverage: float) -> None:
        steps, count = len(series), len(horizons)
        first = series.values[:WARM_UP_STEPS]
        self._scale = float(np.median(first[first > 0])) if (first > 0).any() else 1.0
        self._x = np.arcsinh(series.values / self._scale)
        at = np.concatenate([series.at, _after(series, max(horizons))])
        self._in_week = in_trading_week(at)
        self._horizons = np.array(horizons)
        self._windows = windows_of(series.step_seconds)
        self._season = Season(series.step_seconds)
        self._sums = np.zeros(steps + 1)
        width = 1 + len(self._windows)
        self._features = np.zeros((steps, width))
        self._usual = np.zeros((steps, count))
        self._gram = np.tile(RIDGE * np.eye(width), (count, 1, 1))
        self._moment = np.zeros((count, width))
        self._weights: Floats = np.zeros((count, width))
        self._sureness = [_Sureness(1.0 - coverage) for _ in horizons]
        self.said = np.full((steps, count), np.nan)
        self.low, self.high = self.said.copy(), self.said.copy()

    def back(self, x: Floats) -> Floats:
        """From the scale of the walk to that of the series; nothing is less than nought."""
        values: Floats = np.maximum(self._scale * np.sinh(x), 0.0)
        return values

    def step(self, i: int) -> None:
        """Learn step i, and say what comes after it."""
        self._learn(i)
        rest = self._season.learn(int(self._in_week[i]), float(self._x[i]))
        self._sums[i + 1] = self._sums[i] + rest
        starts = np.maximum(i + 1 - self._windows, 0)
        means = (self._sums[i + 1] - self._sums[starts]) / (i + 1 - starts)
        self._features[i] = np.concatenate([[1.0], means])
        ahead = self._in_week[i + self._horizons]
        self._usual[i] = [self._season.usual(int(in_week)) for in_week in ahead]
        if i < WARM_UP_STEPS - 1:
            return
        if (i + 1) % REFIT_STEPS == 0 or i == WARM_UP_STEPS - 1:
            solved = np.linalg.solve(self._gram, self._moment[..., None])
            self._weights = solved[..., 0].astype(np.float64)
        self.said[i] = self._usual[i] + self._weights @ self._features[i]
        for k, sureness in enumerate(self._sureness):
            low, high = sureness.bounds()
            self.low[i, k], self.high[i, k] = self.said[i, k] + low, self.said[i, k] + high

    def _learn(self, i: int) -> None:
        """What was said of this step before, and what it has turned out to be."""
        for k, horizon in enumerate(self._horizons):
            j = i - int(horizon)
            if j < 0:
                continue
            feature = self._features[j]
            self._gram[k] += np.outer(feature, feature)
            self._moment[k] += feature * (self._x[i] - self._usual[j, k])
            if np.isfinite(self.said[j, k]):
                outside = not self.low[j, k] <= self._x[i] <= self.high[j, k]
                known = np.isfinite(self.low[j, k])
                self._sureness[k].learn(self._x[i] - self.said[j, k], outside if known else None)


class _Sureness:
    """The last errors of one horizon, and which of their quantiles make the interval."""

    def __init__(self, miss: float) -> None:
        self._aim = self._miss = miss
        self._errors = np.zeros(ERRORS_KEPT)
        self._count = 0

    def learn(self, error: float, outside: bool | None) -> None:
        """An error, and whether the step was outside of its interval; None where it had none."""
        self._errors[self._count % ERRORS_KEPT] = error
        self._count += 1
        if outside is not None:
            self._miss += ADAPTATION * (self._aim - float(outside))

    def bounds(self) -> tuple[float, float]:
        """How far below and above the forecast the interval reaches; NaN while too little is known.

        The quantile is that of one more error than there are: the finite-sample correction of
        conformal prediction.
        """
        kept = min(self._count, ERRORS_KEPT)
        if kept < ERRORS_MIN:
            return np.nan, np.nan
        tail = min(max(self._miss, 0.0), 1.0) / 2.0 * (kept + 1) / kept - 0.5 / kept
        share = min(max(tail, 0.0), 0.5)
        low, high = np.quantile(self._errors[:kept], (share, 1.0 - share))
        return float(low), float(high)


def windows_of(step_seconds: int) -> NDArray[np.int64]:
    """Steps over which the regression looks back: one, a quarter day, a day, a week.

    Series of days look back a day, a week and a month of business days.
    """
    if step_seconds >= DAY_SECONDS:
        return np.array([1, 5, 22])
    day = DAY_SECONDS // step_seconds
    return np.unique([1, max(1, day // 24), max(1, day // 4), day, 5 * day])


def _after(series: Series, steps: int) -> NDArray[np.int64]:
    """When the steps after the end begin, closed ones left out."""
    # Five of seven days are open, and at most a whole weekend comes at once.
    many = 2 * steps + 3 * DAY_SECONDS // series.step_seconds + 3
    at = series.at[-1] + series.step_seconds * np.arange(1, many + 1, dtype=np.int64)
    found: NDArray[np.int64] = at if series.always_open else at[~is_closed(at)]
    return found[:steps]


def _stamp(at_seconds: int) -> str:
    return rfc3339(int(at_seconds) * NS_PER_SECOND)


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
