"""A small picture with smooth lines, as a PNG, in plain Python.

Pixels are indexes into a palette: each background colour, and each ink over it in `LEVELS` steps,
so smooth edges cost nothing but palette entries. They are kept column by column, as lines are
drawn.
Source: PNG specification, third edition, sections 5 and 11; section 9 for filters.
"""

import struct
import zlib
from itertools import pairwise
from math import ceil, floor, hypot

Colour = tuple[int, int, int]

LEVELS = 15
"""Steps of how much ink covers a pixel."""
_SUBCOLUMNS = 3


class Raster:
    """`width` by `height` pixels; backgrounds and inks are named by their place in their lists."""

    def __init__(
        self, width: int, height: int, grounds: tuple[Colour, ...], inks: tuple[Colour, ...]
    ) -> None:
        self._width, self._height = width, height
        self._grounds, self._inks = grounds, inks
        self._columns = [bytearray(height) for _ in range(width)]
        indexes = range(len(grounds) * (1 + len(inks) * LEVELS))
        self._full = [
            bytes(self._index(self._parts(i)[0], ink, LEVELS) for i in indexes).ljust(256, b"\0")
            for ink in range(len(inks))
        ]

    def fill(self, left: float, top: float, right: float, bottom: float, ground: int) -> None:
        """A rectangle of background, to the nearest pixel; before any ink."""
        first, last = self._row(top), self._row(bottom)
        piece = bytes([ground]) * max(0, last - first)
        for column in self._columns[max(0, round(left)) : max(0, round(right))]:
            column[first:last] = piece

    def line(self, points: list[tuple[float, float]], radius: float, ink: int) -> None:
        """A line of twice that width through points that go from left to right."""
        for (x1, y1), (x2, y2) in pairwise(points):
            slope = (y2 - y1) / max(x2 - x1, 1e-6)
            half = radius * hypot(1, slope)
            top, bottom = min(y1, y2) - radius, max(y1, y2) + radius
            for x in range(max(0, floor(x1)), min(self._width, ceil(x2) + 1)):
                runs = []
                for part in range(_SUBCOLUMNS):
                    at = x + (part + 0.5) / _SUBCOLUMNS
                    if x1 <= at <= x2:
                        y = y1 + slope * (at - x1)
                        runs.append((max(y - half, top), min(y + half, bottom)))
                self._ink_runs(x, runs, ink)
        for point in points:  # round joints and ends
            self.dot(*point, radius, ink)

    def dot(self, x: float, y: float, radius: float, ink: int) -> None:
        """A round dot."""
        for column in range(max(0, floor(x - radius - 1)), min(self._width, ceil(x + radius + 1))):
            for row in range(
                max(0, floor(y - radius - 1)), min(self._height, ceil(y + radius + 1))
            ):
                away = hypot(column + 0.5 - x, row + 0.5 - y)
                self._ink(column, row, radius + 0.5 - away, ink)

    def png(self) -> bytes:
        """The file."""
        columns = b"".join(self._columns)
        rows = b"".join(b"\0" + columns[row :: self._height] for row in range(self._height))
        header = struct.pack(">IIBBBBB", self._width, self._height, 8, 3, 0, 0, 0)
        chunks = (
            (b"IHDR", header),
            (b"PLTE", bytes(part for colour in self._palette() for part in colour)),
            (b"IDAT", zlib.compress(rows, 9)),
            (b"IEND", b""),
        )
        return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, body) for kind, body in chunks)

    def _row(self, y: float) -> int:
        return min(self._height, max(0, round(y)))

    def _ink_runs(self, x: int, runs: list[tuple[float, float]], ink: int) -> None:
        """Cover one column by the mean of the runs of its parts."""
        if not runs:
            return
        first = max(0, floor(min(top for top, _ in runs)))
        last = min(self._height, ceil(max(bottom for _, bottom in runs)))
        whole, part = last, last
        if len(runs) == _SUBCOLUMNS:  # in between, every part is covered
            whole = min(last, max(first, ceil(max(top for top, _ in runs))))
            part = max(whole, min(last, floor(min(bottom for _, bottom in runs))))
            column = self._columns[x]
            column[whole:part] = column[whole:part].translate(self._full[ink])
        for row in (*range(first, whole), *range(part, last)):
            inside = (max(0.0, min(b, row + 1) - max(t, row)) for t, b in runs)
            self._ink(x, row, sum(inside) / _SUBCOLUMNS, ink)

    def _ink(self, x: int, row: int, cover: float, ink: int) -> None:
        """Put ink where there is not more of it already; another ink lies on top."""
        level = round(min(1.0, cover) * LEVELS)
        if level <= 0:
            return
        column = self._columns[x]
        ground, before, covered = self._parts(column[row])
        if before == ink and covered >= level:
            return
        if before not in (-1, ink) and level <= LEVELS // 2:
            return  # the rim of what lies on top, over other ink
        column[row] = self._index(ground, ink, level)

    def _index(self, ground: int, ink: int, level: int) -> int:
        """The palette index of so much ink over a background."""
        grounds = len(self._grounds)
        return grounds + (ink * grounds + ground) * LEVELS + level - 1

    def _parts(self, index: int) -> tuple[int, int, int]:
        """(background, ink or -1, level) of a palette index."""
        grounds = len(self._grounds)
        if index < grounds:
            return index, -1, 0
        place, level = divmod(index - grounds, LEVELS)
        ink, ground = divmod(place, grounds)
        return ground, ink, level + 1

    def _palette(self) -> list[Colour]:
        mixed = [
            _mixed(ground, ink, level / LEVELS)
            for ink in self._inks
            for ground in self._grounds
            for level in range(1, LEVELS + 1)
        ]
        return [*self._grounds, *mixed]


def _mixed(ground: Colour, ink: Colour, share: float) -> Colour:
    red, green, blue = (
        round(under + (over - under) * share) for under, over in zip(ground, ink, strict=True)
    )
    return red, green, blue


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
