"""Rows of numbers in order of time, of which only the newest are kept: what samples stand in."""

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence

_SPARE = 4
"""A ring is cut back when it is a fourth over its length, so that adding stays cheap."""


class Ring:
    """Rows of `width` numbers, the first of each its time; times never go back."""

    __slots__ = ("_data", "_rows_max", "_width", "whole")

    def __init__(self, width: int, rows_max: int) -> None:
        self._width = width
        self._rows_max = rows_max
        self._data = array("d")
        self.whole = True
        """Nothing has fallen out yet."""

    def __len__(self) -> int:
        return len(self._data) // self._width

    def add(self, row: Iterable[float]) -> None:
        """A row behind all others."""
        self._data.extend(row)
        if len(self) > self._rows_max + self._rows_max // _SPARE:
            del self._data[: (len(self) - self._rows_max) * self._width]
            self.whole = False

    def at(self, index: int) -> float:
        """The time of a row."""
        return self._data[index * self._width]

    def row(self, index: int) -> Sequence[float]:
        """A row without its time."""
        start = index * self._width
        return self._data[start + 1 : start + self._width]

    def after(self, moment: float) -> int:
        """The index of the first row that is later than this."""
        return bisect_right(range(len(self)), moment, key=self.at)

    def reaches(self, moment: float) -> bool:
        """Whether what was true at this moment is still known."""
        return self.whole or (len(self) > 0 and self.at(0) <= moment)
