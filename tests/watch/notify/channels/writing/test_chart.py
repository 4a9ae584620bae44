"""The small chart: what stands where in the picture, and the same in words."""

import zlib
from collections.abc import Callable

import pytest

from tallystick.watch.notify.channels.writing.chart import (
    HEIGHT,
    WIDTH,
    drawn,
    figure,
    has_values,
    read_out,
    sparks,
)
from tallystick.watch.notify.message import Chart, Message, Point

Make = Callable[..., Message]
Rows = list[list[tuple[int, int, int]]]
NAN = float("nan")


def chart(*values: float | None, low: float | None = None, high: float | None = None) -> Chart:
    """A point a minute."""
    points = tuple(Point(minute * 60 * 10**9, value) for minute, value in enumerate(values))
    return Chart("p99", "ms", points, low, high)


def pixels(png: bytes) -> Rows:
    """The colours of a PNG with a palette and no filters, read as the specification says."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(png):
        size, kind = int.from_bytes(png[at : at + 4], "big"), png[at + 4 : at + 8]
        body = png[at + 8 : at + 8 + size]
        said = int.from_bytes(png[at + 8 + size : at + 12 + size], "big")
        assert zlib.crc32(kind + body) == said
        chunks[kind], at = body, at + 12 + size
    assert list(chunks) == [b"IHDR", b"PLTE", b"IDAT", b"IEND"]
    width, height = (int.from_bytes(chunks[b"IHDR"][i : i + 4], "big") for i in (0, 4))
    assert chunks[b"IHDR"][8:] == bytes([8, 3, 0, 0, 0])
    colours = chunks[b"PLTE"]
    palette = [tuple(colours[i : i + 3]) for i in range(0, len(colours), 3)]
    raw = zlib.decompress(chunks[b"IDAT"])
    assert len(raw) == height * (width + 1)
    lines = [raw[row * (width + 1) : (row + 1) * (width + 1)] for row in range(height)]
    assert {line[0] for line in lines} == {0}
    return [[palette[index] for index in line[1:]] for line in lines]  # type: ignore[misc]


def heights(rows: Rows, column: int, colour: tuple[int, int, int]) -> list[int]:
    """The rows in which a column has this colour."""
    return [number for number, row in enumerate(rows) if row[column] == colour]


LINE, BREACH, LIMIT, BAND = (26, 87, 184), (184, 38, 45), (196, 60, 66), (224, 241, 231)


def test_a_rising_line_rises(make_message: Make) -> None:
    """From the lower left to the upper right; it is small."""
    png = drawn(chart(1, 2, 3, 4))
    rows = pixels(png)
    left, right = heights(rows, 30, LINE), heights(rows, WIDTH * 2 - 30, LINE)

    assert (len(rows), len(rows[0])) == (HEIGHT * 2, WIDTH * 2)
    assert min(left) > max(right)
    assert 4 <= len(left) <= 6
    assert len(drawn(make_message().chart)) < 12_000  # type: ignore[arg-type]


def test_what_breaches_is_marked() -> None:
    """The limit is a dashed line between what is below and the red point above."""
    rows = pixels(drawn(chart(1, 1, 9, 1, 1, high=5)))
    middle = heights(rows, WIDTH, BREACH)
    limit = [n for n, row in enumerate(rows) if row.count(LIMIT) > WIDTH * 0.8]

    assert middle
    assert limit
    assert max(middle) < min(limit)
    assert BREACH not in rows[HEIGHT * 2 - 30]


def test_a_band_is_filled() -> None:
    """Between what was expected at least and at most."""
    rows = pixels(drawn(chart(1, 5, 9, low=3, high=7)))
    assert BAND in rows[HEIGHT + 6]
    assert BAND not in rows[20]


def test_a_gap_stays_a_gap() -> None:
    """Where there is no value there is no line; a lone point is a dot."""
    rows = pixels(drawn(chart(1, None, None, None, 1, None, None, None, 1)))
    assert heights(rows, WIDTH // 2, LINE) == []
    assert len(heights(rows, WIDTH, LINE)) >= 6


@pytest.mark.parametrize(
    "values",
    [
        (1,),
        (0, 0, 0),
        (-1e300, 1e300),
        (1e-12, 2e-12),
        (5, NAN, float("inf"), 6),
        tuple(n % 2 for n in range(1_000)),
    ],
    ids=["one", "flat", "huge", "tiny", "nan", "many"],
)
def test_any_values_can_be_drawn(values: tuple[float, ...]) -> None:
    """One point, a flat line, huge and tiny ones, what is no number, very many."""
    rows = pixels(drawn(chart(*values)))
    assert any(LINE in row for row in rows)
    assert sparks(chart(*values))
    assert read_out(chart(*values))


def test_points_at_one_moment_can_be_drawn() -> None:
    """Clocks stand still too."""
    points = (Point(7, 1.0), Point(7, 2.0), Point(7, 3.0))
    assert pixels(drawn(Chart("x", "", points)))


def test_without_values_there_is_nothing_to_draw() -> None:
    """Only gaps, or nothing at all."""
    assert not has_values(chart(None, NAN))
    assert not has_values(chart())
    assert sparks(chart(None)) == ""


def test_the_chart_in_a_line_of_text() -> None:
    """Eight heights, a dot for what is missing, the newest 48."""
    assert sparks(chart(0, 1, 2, 3, 4, 5, 6, 7, None)) == "▁▂▃▄▅▆▇█·"
    assert sparks(chart(3, 3)) == "▁▁"
    assert len(sparks(chart(*range(100)))) == 48


def test_the_chart_in_words() -> None:
    """Last, span, and the limit or what was expected."""
    assert read_out(chart(120, 431, high=250)) == (
        "Last 431 ms, between 120 and 431; the limit is 250."
    )
    assert read_out(chart(1, 2, low=0.5)) == "Last 2 ms, between 1 and 2; the limit is 0.5."
    assert read_out(chart(1, 2, low=1, high=3)).endswith("; expected 1 to 3.")
    assert read_out(chart(1, None)) == "Last 1 ms, between 1 and 1."


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.012345, "0.01235"), (250.0, "250"), (12_345.6, "12,346"), (1e6, "1,000,000"), (0.0, "0")],
)
def test_figures_are_short(value: float, text: str) -> None:
    """Four significant digits, or whole thousands."""
    assert figure(value) == text
