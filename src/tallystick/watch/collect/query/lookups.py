"""Tables beside the log that `lookup` joins: a port, and CSV files in a folder."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from tallystick.errors import Misconfigured

LOOKUP_ROWS_MAX: Final = 100_000
"""Most rows of one lookup table: it is handed to each query that names it."""


@dataclass(frozen=True)
class LookupTable:
    """Rows of texts; None is missing."""

    fields: tuple[str, ...]
    rows: Sequence[tuple[str | None, ...]]


class Lookups(Protocol):
    """Where tables come from. Both may be called from any thread, for every query."""

    def names(self) -> Sequence[str]:
        """The tables there are."""
        ...

    def table(self, name: str) -> LookupTable:
        """One of them, as it is now; each row as long as `fields`."""
        ...


class NoLookups:
    """No tables at all."""

    def names(self) -> Sequence[str]:
        """None."""
        return ()

    def table(self, name: str) -> LookupTable:
        """Never called: there are none."""
        raise KeyError(name)


class CsvLookups:
    """The `*.csv` files of a folder (RFC 4180, UTF-8, a header line), read anew each time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> Sequence[str]:
        """The names of the files, without their ending."""
        return sorted(path.stem for path in self._folder.glob("*.csv"))

    def table(self, name: str) -> LookupTable:
        """The rows of one file.

        Raises:
            Misconfigured: it is no such file, or has too many rows.
        """
        path = self._folder / f"{name}.csv"
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                header, *rows = csv.reader(file)
        except (OSError, UnicodeDecodeError, ValueError, csv.Error) as error:
            raise Misconfigured(f"The lookup table {path.name} cannot be read: {error}") from error
        if len(rows) > LOOKUP_ROWS_MAX:
            raise Misconfigured(f"{path.name} has more than {LOOKUP_ROWS_MAX:,} rows.")
        width = len(header)
        filled = [tuple((value or None) for value in (row + [""] * width)[:width]) for row in rows]
        return LookupTable(tuple(header), filled)
