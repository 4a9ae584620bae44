"""Even series of volumes and volatilities, counted from fills, quotes or daily rates."""

import csv
import io
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tallystick.errors import Misconfigured
from tallystick.watch.detect.forecast.hours import DAY_SECONDS, is_closed

CLOSED_SHARE_MAX = 0.01
"""A series that has more of its volume while the market is closed goes on through weekends."""
BASIS_POINTS = 10_000.0
POINTS_MAX = 1_000_000
"""Longest series: 1.9 years of minutes."""
RATES_BYTES_MAX = 64 * 1024 * 1024

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Series:
    """Values of equally long steps, oldest first; none is negative.

    `at` is each step's beginning in seconds since the epoch, `unit` what the values count. Steps
    while the market is closed are left out unless `always_open`.
    """

    pair: str
    measure: str
    unit: str
    step_seconds: int
    at: NDArray[np.int64]
    values: Floats
    always_open: bool = False

    def __len__(self) -> int:
        return len(self.values)


def volumes(
    pair: str, fills: Iterable[tuple[float, float]], step_seconds: int, unit: str
) -> Series:
    """What was traded a step, from (time, quantity) in any order.

    Raises:
        Misconfigured: there are no fills, or they span too many steps.
    """
    at, quantity = _columns(pair, fills)
    start, place, steps = _steps(at, step_seconds)
    values = np.bincount(place, weights=quantity, minlength=steps).astype(np.float64)
    return _series(pair, "volume", unit, step_seconds, start, values)


def volatilities(
    pair: str, prices: Iterable[tuple[float, float]], step_seconds: int, sample_seconds: int
) -> Series:
    """Realised volatility a step in basis points, from (time, price).

    The root of the sum of squared log returns between the last prices of every `sample_seconds`
    (Andersen and Bollerslev 1998); a step without a price has 0.

    Raises:
        Misconfigured: there are no prices, or they span too many steps.
    """
    at, price = _columns(pair, prices)
    keep = np.isfinite(price) & (price > 0)
    at, price = at[keep], price[keep]
    if not len(at):
        raise Misconfigured(f"There are no prices of {pair} to forecast from.")
    sample = at // sample_seconds
    last = np.append(np.flatnonzero(np.diff(sample)), len(sample) - 1)
    squares = np.diff(np.log(price[last]), prepend=np.log(price[last[0]])) ** 2
    start, place, steps = _steps(at[last], step_seconds)
    values = BASIS_POINTS * np.sqrt(np.bincount(place, weights=squares, minlength=steps))
    return _series(pair, "volatility", "bps", step_seconds, start, values)


def daily_moves(pair: str, rates: list[tuple[date, float]]) -> Series:
    """The size of each day's log return in basis points, from one rate a business day.

    Raises:
        Misconfigured: there are fewer than two rates.
    """
    ordered = sorted(rates)
    if len(ordered) < 2:
        raise Misconfigured(f"There are no daily rates of {pair} to forecast from.")
    price = np.array([rate for _, rate in ordered])
    at = [int(datetime(d.year, d.month, d.day, tzinfo=UTC).timestamp()) for d, _ in ordered]
    moves = BASIS_POINTS * np.abs(np.diff(np.log(price)))
    return Series(pair, "volatility", "bps", DAY_SECONDS, np.array(at[1:], np.int64), moves)


def read_rates(path: Path, pair: str) -> list[tuple[date, float]]:
    """Daily rates of a pair from the ECB's file of euro reference rates, a zip of one CSV.

    A pair without the euro is the quotient of its two rates (eurofxref-hist: a row a day, a column
    a currency, `N/A` where there is none).

    Raises:
        Misconfigured: it is no such file, or has no such currency.
    """
    base, quote = pair[:3], pair[-3:]
    try:
        with zipfile.ZipFile(path) as bundle:
            info = bundle.infolist()[0]
            if info.file_size > RATES_BYTES_MAX:
                raise Misconfigured(f"{path} is larger than {RATES_BYTES_MAX} bytes.")
            rows = list(csv.DictReader(io.StringIO(bundle.read(info).decode("utf-8-sig"))))
    except (OSError, IndexError, UnicodeError, zipfile.BadZipFile, csv.Error) as error:
        raise Misconfigured(f"{path} is no file of reference rates: {error}.") from error
    if not rows or any(each != "EUR" and each not in rows[0] for each in (base, quote)):
        raise Misconfigured(f"{path} has no rates of {pair}.")
    try:
        found = ((row["Date"], _rate(row, base), _rate(row, quote)) for row in rows)
        return [(date.fromisoformat(day), q / b) for day, b, q in found if b and q]
    except (KeyError, ValueError) as error:
        raise Misconfigured(f"{path} has a row that is no day's rates: {error}.") from error


def _rate(row: dict[str, str], currency: str) -> float | None:
    if currency == "EUR":
        return 1.0
    text = row[currency].strip()
    return float(text) if text and text != "N/A" else None


def _columns(pair: str, rows: Iterable[tuple[float, float]]) -> tuple[Floats, Floats]:
    table = np.array(list(rows), np.float64).reshape(-1, 2)
    table = table[np.isfinite(table).all(axis=1)]
    if not len(table):
        raise Misconfigured(f"There is nothing of {pair} to forecast from.")
    table = table[np.argsort(table[:, 0], kind="stable")]
    return table[:, 0], table[:, 1]


def _steps(at: Floats, step_seconds: int) -> tuple[int, NDArray[np.int64], int]:
    step = (at // step_seconds).astype(np.int64)
    steps = int(step[-1] - step[0]) + 1
    if steps > POINTS_MAX:
        raise Misconfigured(f"{steps} steps are too many; at most {POINTS_MAX} can be forecast.")
    return int(step[0]), step - step[0], steps


def _series(
    pair: str,
    measure: str,
    unit: str,
    step_seconds: int,
    start: int,
    values: Floats,
) -> Series:
    at = (start + np.arange(len(values), dtype=np.int64)) * step_seconds
    values = np.maximum(values, 0.0)
    closed = is_closed(at)
    if values[closed].sum() > CLOSED_SHARE_MAX * values.sum():
        return Series(pair, measure, unit, step_seconds, at, values, always_open=True)
    return Series(pair, measure, unit, step_seconds, at[~closed], values[~closed])
