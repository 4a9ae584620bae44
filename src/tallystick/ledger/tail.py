"""The newest rows in memory: those who follow the ledger read them a moment after the commit."""

from collections.abc import Sequence

from tallystick.ledger.store import Row

TAIL_ROWS = 4_096
"""Newest rows kept, at least; at most twice as many."""
_NOWHERE = 2**63


class Tail:
    """Rows without a hole up to the newest one, or none at all."""

    __slots__ = ("_rows", "_start")

    def __init__(self) -> None:
        self._rows: list[Row] = []
        self._start = _NOWHERE

    def __len__(self) -> int:
        return len(self._rows)

    def rows(self, start: int, count: int) -> list[Row] | None:
        """The `count` rows from position `start` on, which exist; None where some are older."""
        offset = start - self._start
        return self._rows[offset : offset + count] if offset >= 0 else None

    def add(self, first: int, rows: Sequence[Row]) -> None:
        """These rows, from position `first` on, stand behind those that were kept."""
        self._rows += rows
        if len(self._rows) > 2 * TAIL_ROWS:
            del self._rows[:-TAIL_ROWS]
        self._start = first + len(rows) - len(self._rows)

    def clear(self) -> None:
        """Forget them: what the store holds may have changed."""
        self._rows.clear()
        self._start = _NOWHERE
