"""The small chart of a letter: a line against its limits, as a PNG and as one line of text.

Mail clients show no SVG, so it is a picture of pixels. There are no letters in it; what a reader
has to know stands beside it as text.
"""

from typing import TypeGuard

from tallystick.watch.notify.channels.writing.raster import Raster
from tallystick.watch.notify.message import Chart, Point

WIDTH, HEIGHT = 536, 120
"""In pixels of CSS; the picture has twice as many, for sharp screens."""
POINTS_MAX = 300
"""The newest of them are drawn."""
SPARKS_MAX = 48
_SCALE = 2
_PAD = 8 * _SCALE
_GROUND, _BAND, _GRID, _LIMIT = range(4)
_GROUNDS = ((247, 249, 251), (224, 241, 231), (222, 227, 233), (196, 60, 66))
_LINE, _BREACH = range(2)
_INKS = ((26, 87, 184), (184, 38, 45))
_LARGEST = 1e300
_LONGEST = 1e12
_SPARKS = "▁▂▃▄▅▆▇█"

Placed = tuple[float, float]


def has_values(chart: Chart) -> bool:
    """Whether there is anything to draw."""
    return bool(_values(_newest(chart)))


def drawn(chart: Chart) -> bytes:
    """A PNG of `WIDTH` by `HEIGHT`, at twice the resolution, of a chart that has values."""
    points = _newest(chart)
    raster = Raster(WIDTH * _SCALE, HEIGHT * _SCALE, _GROUNDS, _INKS)
    limits = [limit for limit in (chart.low, chart.high) if _is_drawn(limit)]
    bottom, top = _range([*_values(points), *limits])

    def y(value: float) -> float:
        """How far from the top."""
        return _PAD + (HEIGHT * _SCALE - 2 * _PAD) * (top - value) / (top - bottom)

    if len(limits) == 2:
        _across(raster, y(limits[1]), y(limits[0]), _BAND)
    for value in (bottom, (bottom + top) / 2, top):
        _across(raster, y(value), y(value) + 1, _GRID)
    for limit in limits:
        _dashes(raster, y(limit))
    for run in _runs(points):
        placed = [(_x(points, point), y(value)) for point, value in run]
        radius = (1.2 if len(placed) > 1 else 2.4) * _SCALE
        raster.line(placed, radius, _LINE)
        for (x, at), (_, value) in zip(placed, run, strict=True):
            if _breaches(chart, value):
                raster.dot(x, at, 2.6 * _SCALE, _BREACH)
    return raster.png()


def sparks(chart: Chart) -> str:
    """`▁▂▃▅█`: the newest points, a dot where there is no value."""
    points = _newest(chart)[-SPARKS_MAX:]
    values = _values(points)
    if not values:
        return ""
    low = min(values)
    step = (max(values) - low) / (len(_SPARKS) - 1) or 1.0
    return "".join(
        _SPARKS[round((value - low) / step)] if _is_drawn(value) else "·"
        for value in (point.value for point in points)
    )


def read_out(chart: Chart) -> str:
    """`Last 431 ms, between 120 and 431; the limit is 250.`, of a chart that has values."""
    values = _values(_newest(chart))
    unit = f" {chart.unit}" if chart.unit else ""
    low, high = figure(min(values)), figure(max(values))
    text = f"Last {figure(values[-1])}{unit}, between {low} and {high}"
    if chart.low is not None and chart.high is not None:
        return f"{text}; expected {figure(chart.low)} to {figure(chart.high)}."
    limit = chart.high if chart.low is None else chart.low
    return f"{text}; the limit is {figure(limit)}." if limit is not None else f"{text}."


def figure(value: float) -> str:
    """With four significant digits, and thousands apart: `0.01235`, `250`, `12,346`."""
    return f"{value:,.0f}" if 1_000 <= abs(value) < _LONGEST else f"{value:.4g}"


def _newest(chart: Chart) -> list[Point]:
    return sorted(chart.points, key=lambda point: point.at_ns)[-POINTS_MAX:]


def _values(points: list[Point]) -> list[float]:
    return [p.value for p in points if _is_drawn(p.value)]


def _is_drawn(value: float | None) -> TypeGuard[float]:
    """Neither missing nor no number, nor so large that a difference would be infinite."""
    return value is not None and abs(value) <= _LARGEST


def _runs(points: list[Point]) -> list[list[tuple[Point, float]]]:
    """The points in pieces, broken where there is no value."""
    runs: list[list[tuple[Point, float]]] = [[]]
    for point in points:
        if _is_drawn(point.value):
            runs[-1].append((point, point.value))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _x(points: list[Point], point: Point) -> float:
    span = points[-1].at_ns - points[0].at_ns
    share = (point.at_ns - points[0].at_ns) / span if span else 0.5
    return _PAD + (WIDTH * _SCALE - 2 * _PAD) * share


def _range(values: list[float]) -> tuple[float, float]:
    """With some air; never empty."""
    low, high = min(values), max(values)
    air = (high - low) * 0.08 or abs(high) * 0.1 or 1.0
    return low - air, high + air


def _breaches(chart: Chart, value: float) -> bool:
    above = chart.high is not None and value > chart.high
    return above or (chart.low is not None and value < chart.low)


def _across(raster: Raster, top: float, bottom: float, ground: int) -> None:
    raster.fill(_PAD, top, WIDTH * _SCALE - _PAD, bottom, ground)


def _dashes(raster: Raster, y: float) -> None:
    for left in range(_PAD, WIDTH * _SCALE - _PAD, 12 * _SCALE):
        right = min(left + 7 * _SCALE, WIDTH * _SCALE - _PAD)
        raster.fill(left, y - _SCALE / 2, right, y + _SCALE / 2, _LIMIT)
