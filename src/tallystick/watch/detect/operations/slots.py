"""A bounded memory of entities in arrays: each known name has a row, the least recent goes first.

What is known of an entity stands in the rows of NumPy arrays, so that a hundred thousand of them
cost no more than their numbers, kernels can work on them, and a snapshot is their bytes.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

import msgspec
import numpy as np
from numpy.typing import NDArray

_ROWS_AT_FIRST = 64
ROWS_AT_ONCE_MAX = 4_096
"""Most observations that one call of a kernel works on."""


class SavedSlots(msgspec.Struct):
    """What `Slots.save` gives: names, the least recently used first, and the columns' bytes."""

    names: list[str]
    columns: dict[str, bytes]


class Slots:
    """Rows of `columns` by name; `blank` has a column's beginning where that is not 0."""

    def __init__(
        self,
        columns: Mapping[str, tuple[str, int]],
        limit: int,
        blank: Mapping[str, Sequence[float]] | None = None,
    ) -> None:
        """`columns`: name to (dtype, width); a width of 0 is one number an entity."""
        self.limit = max(1, limit)
        self.changes = 0
        """How often a name was given a row."""
        self._form = dict(columns)
        self._blank = {name: np.array(row) for name, row in (blank or {}).items()}
        self._rows: OrderedDict[str, int] = OrderedDict()
        self._names: list[str] = []
        self._columns: dict[str, NDArray[np.generic]] = {}
        self._reserve(min(_ROWS_AT_FIRST, self.limit))

    def __len__(self) -> int:
        return len(self._rows)

    def numbers(self, column: str) -> NDArray[np.float64]:
        """The array of a column of dtype f8; a new one after `rows` had to make room."""
        return cast("NDArray[np.float64]", self._columns[column])

    def sketches(self, column: str) -> NDArray[np.float32]:
        """The same of a column of dtype f4."""
        return cast("NDArray[np.float32]", self._columns[column])

    def hashes(self, column: str) -> NDArray[np.uint64]:
        """The same of a column of dtype u8."""
        return cast("NDArray[np.uint64]", self._columns[column])

    def names(self) -> list[str]:
        """Everybody known, by row."""
        return list(self._names)

    def name(self, row: int) -> str:
        """Whose row it is."""
        return self._names[row]

    def row(self, name: str) -> int:
        """The row of `name`, which is now the most recently used; a stranger's is blank."""
        row = self._rows.get(name)
        if row is None:
            return self._place(name)
        self._rows.move_to_end(name)
        return row

    def known(self, name: str) -> int:
        """The row of `name`, -1 for a stranger; nothing is changed."""
        return self._rows.get(name, -1)

    def rows(self, names: Sequence[str | None]) -> NDArray[np.int64]:
        """The row of each name (-1 for None), each used in turn.

        At most `limit` different names, so that nobody loses a row that was just given.
        """
        found = np.empty(len(names), np.int64)
        known = self._rows
        for place, name in enumerate(names):
            if name is None:
                found[place] = -1
                continue
            row = known.get(name)
            if row is None:
                row = self._place(name)
            else:
                known.move_to_end(name)
            found[place] = row
        return found

    def safe(self, names: Sequence[str | None]) -> int:
        """How many of the first of these can have rows before somebody is forgotten; at least 1.

        For kernels that look at everybody at certain rows: nobody may go before it is his turn.
        """
        room, strange = self.limit - len(self._rows), set[str]()
        if room >= len(names):
            return len(names)
        for place, name in enumerate(names):
            if name is not None and name not in self._rows:
                strange.add(name)
                if len(strange) > room:
                    return max(1, place)
        return len(names)

    def save(self) -> SavedSlots:
        """Everything known."""
        order = np.fromiter(self._rows.values(), np.int64, len(self._rows))
        saved = {name: column[order].tobytes() for name, column in self._columns.items()}
        return SavedSlots(list(self._rows), saved)

    def load(self, saved: SavedSlots) -> None:
        """Forget everything and know what was saved; of more than `limit` the most recent.

        Raises:
            ValueError: these columns are of another form; nothing has changed.
        """
        count = len(saved.names)
        columns: dict[str, NDArray[np.generic]] = {}
        if set(saved.columns) != set(self._form) or len(set(saved.names)) != count:
            raise ValueError("these rows were learnt by another detector")
        for name, (dtype, width) in self._form.items():
            column = np.frombuffer(saved.columns[name], dtype)
            if column.size != count * max(1, width):
                raise ValueError("these rows were learnt by another detector")
            columns[name] = column.reshape((count, width) if width else (count,))
        first = max(0, count - self.limit)
        self._rows = OrderedDict((name, row) for row, name in enumerate(saved.names[first:]))
        self._names = list(self._rows)
        self.changes += 1
        self._columns = {}
        self._reserve(max(len(self._names), min(_ROWS_AT_FIRST, self.limit)))
        for name, column in columns.items():
            self._columns[name][: count - first] = column[first:]

    def _place(self, name: str) -> int:
        """A blank row for a stranger: a new one, or that of the least recently used."""
        if len(self._rows) < self.limit:
            row = len(self._names)
            self._names.append(name)
            if row >= self._size:
                self._reserve(min(2 * self._size, self.limit))
        else:
            _, row = self._rows.popitem(last=False)
            self._names[row] = name
            self._clear(slice(row, row + 1))
        self._rows[name] = row
        self.changes += 1
        return row

    def _reserve(self, size: int) -> None:
        """Room for so many entities."""
        before = self._columns
        self._columns = {
            name: np.zeros((size, width) if width else size, dtype)
            for name, (dtype, width) in self._form.items()
        }
        self._size = size
        self._clear(slice(0, size))
        for name, column in before.items():
            self._columns[name][: len(column)] = column

    def _clear(self, rows: slice) -> None:
        for name, column in self._columns.items():
            column[rows] = self._blank.get(name, 0)


def pieces(count: int, limit: int) -> Iterator[slice]:
    """A batch of `count` observations in pieces whose entities all have room at once."""
    step = max(1, min(ROWS_AT_ONCE_MAX, limit))
    return (slice(start, min(start + step, count)) for start in range(0, count, step))
