"""Many rows in few statements: for SQLite files that are written by the ten thousand rows a second.

Whenever a statement ends the driver waits for the interpreter, and preparing, binding and resetting
one costs more than the row; so a statement a row would be slow.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import chain

import apsw

STATEMENT_ROWS = 64
"""A statement has up to so many rows, or just `LARGE_STATEMENT_ROWS` of them."""
LARGE_STATEMENT_ROWS = 512
STATEMENTS_KEPT = 4 * STATEMENT_ROWS
"""Prepared statements that a connection keeps, a few KiB each: rows of some tables, every count."""


def insert(connection: apsw.Connection, into: str, rows: Sequence[tuple[object, ...]]) -> None:
    """Insert rows of equal width; `into` is the statement up to and with `VALUES `.

    Raises:
        apsw.Error: some of them may be in: whoever calls is inside a transaction.
    """
    start = 0
    while left := len(rows) - start:
        count = LARGE_STATEMENT_ROWS if left >= LARGE_STATEMENT_ROWS else min(left, STATEMENT_ROWS)
        piece = rows[start : start + count]
        values = tuple(chain.from_iterable(piece))
        connection.execute(_statement(into, len(piece[0]), count), values)
        start += count


@lru_cache(maxsize=2 * STATEMENTS_KEPT)
def _statement(into: str, width: int, count: int) -> str:
    """The driver knows by its text what is prepared."""
    row = f"({', '.join('?' * width)})"
    return into + ", ".join([row] * count)
