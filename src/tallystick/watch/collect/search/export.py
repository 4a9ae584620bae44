"""Exporting what a search found, to its last row, in bounded memory: NDJSON, CSV, Parquet."""

import csv
import io
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Literal

import msgspec

from tallystick.watch.collect.search.flat import TIME, Flat, scalar, stamp
from tallystick.watch.collect.search.found import Found

Format = Literal["ndjson", "csv", "parquet"]
MEDIA_TYPES: dict[Format, str] = {
    "ndjson": "application/x-ndjson",
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
}
"""How each format is called over HTTP."""
PARQUET_MEMORY_MIB_MAX = 256
"""Memory that writing a Parquet file may use."""
PIECE_BYTES = 262_144
"""Bytes of a file sent at once."""
_INTEGER_MAX = 2**63 - 1
_EXACT_MAX = 2**53
_ENCODE = msgspec.json.Encoder()


class Export:
    """The bytes of a whole export, to be taken piece by piece from one thread at a time."""

    def __init__(
        self, found: Found, form: Format, *, folder: Path, fields: tuple[str, ...] = ()
    ) -> None:
        """`fields`: these and no others. `folder` must exist.

        A Parquet file is made there before its first byte is given out, because it can only be
        read from its end; nothing of it stays.
        """
        self._found = found
        self.pieces = self._pieces(form, folder, fields)

    def close(self) -> None:
        """Let go of the search; for the thread that took the pieces, as often as one likes."""
        self.pieces.close()
        self._found.close()

    def _pieces(
        self, form: Format, folder: Path, fields: tuple[str, ...]
    ) -> Generator[bytes, None, None]:
        try:
            if form == "ndjson":
                yield from _ndjson(self._found, fields)
            elif form == "csv":
                yield from _csv(Flat(self._found, fields))
            else:
                yield from _parquet(Flat(self._found, fields), folder)
        finally:
            self._found.close()


def _ndjson(found: Found, fields: tuple[str, ...]) -> Iterator[bytes]:
    if found.shape == "events" and not fields:
        for piece in found:
            yield "".join(f"{text}\n" for _seq, _at, text in piece).encode()
        return
    flat = Flat(found, fields)
    for piece in flat:
        rows = (dict(zip(flat.fields, row, strict=True)) for row in piece)
        if flat.is_events:
            rows = (row | {TIME: stamp(row[TIME])} for row in rows)
        yield b"".join(_ENCODE.encode(row) + b"\n" for row in rows)


def _csv(flat: Flat) -> Iterator[bytes]:
    """RFC 4180, with a header line."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(flat.fields)
    for piece in flat:
        if flat.is_events:
            writer.writerows([stamp(row[0]), *map(_cell, row[1:])] for row in piece)
        else:
            writer.writerows(map(_cell, row) for row in piece)
        yield _taken(text)
    yield _taken(text)


def _cell(value: object) -> object:
    """A value as spreadsheets take it; what could be a formula there stays text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value[:1] in {"=", "+", "@", "\t", "\r"}:
        return f"'{value}"
    return scalar(value)


def _taken(text: io.StringIO) -> bytes:
    data = text.getvalue().encode()
    text.seek(0)
    text.truncate()
    return data


def _parquet(flat: Flat, folder: Path) -> Iterator[bytes]:
    """Through a file of JSON lines: the types of the columns are known behind the last row."""
    with tempfile.TemporaryDirectory(dir=folder, prefix="export-") as scratch:
        rows, target = Path(scratch, "rows.ndjson"), Path(scratch, "rows.parquet")
        kinds = _spilled(flat, rows)
        _write_parquet(flat, rows, kinds, target)
        rows.unlink()
        with target.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                yield piece


def _spilled(flat: Flat, path: Path) -> list[str]:
    """Write the rows as JSON lines; the type of each column that holds all its values."""
    kinds: list[set[str]] = [set() for _ in flat.fields]
    names = [f"c{number}" for number in range(len(flat.fields))]
    with path.open("xb") as file:
        for piece in flat:
            for row in piece:
                for kind, value in zip(kinds, row, strict=True):
                    if value is not None:
                        kind.add(_kind(value))
            lines = (dict(zip(names, map(scalar, row), strict=True)) for row in piece)
            file.write(b"".join(_ENCODE.encode(line) + b"\n" for line in lines))
    return [_column(kind) for kind in kinds]


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "BOOLEAN"
    if isinstance(value, int):
        if abs(value) <= _EXACT_MAX:
            return "SMALL"
        return "BIGINT" if abs(value) <= _INTEGER_MAX else "VARCHAR"
    return "DOUBLE" if isinstance(value, float) else "VARCHAR"


def _column(kinds: set[str]) -> str:
    if kinds == {"BOOLEAN"}:
        return "BOOLEAN"
    if kinds and kinds <= {"SMALL", "BIGINT"}:
        return "BIGINT"
    return "DOUBLE" if kinds and kinds <= {"SMALL", "DOUBLE"} else "VARCHAR"


def _write_parquet(flat: Flat, rows: Path, kinds: list[str], target: Path) -> None:
    import duckdb  # noqa: PLC0415  it takes long to load

    names = [f"c{number}" for number in range(len(flat.fields))]
    columns = dict(zip(names, kinds, strict=True))
    shown = [
        f"{_time_of(name) if flat.is_events and field == TIME else name} AS {_quoted(field)}"
        for name, field in zip(names, _distinct(flat.fields), strict=True)
    ]
    with duckdb.connect(":memory:") as connection:
        for setting in (
            f"SET memory_limit = '{PARQUET_MEMORY_MIB_MAX}MiB'", "SET threads = 1",
            "SET preserve_insertion_order = true", "SET temp_directory = ''",
            "SET autoinstall_known_extensions = false", "SET autoload_known_extensions = false",
        ):  # fmt: skip
            connection.execute(setting)
        connection.execute("SET allowed_directories = ?", [[str(rows.parent)]])
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        relation = connection.sql(
            f"SELECT {', '.join(shown)} FROM read_json(?, columns = ?, format = 'newline_delimited')",  # noqa: S608, E501  names are ours or quoted
            params=[str(rows), columns],
        )
        relation.write_parquet(str(target), compression="zstd", overwrite=True)


def _time_of(name: str) -> str:
    return f"make_timestamp_ns(TRY_CAST({name} AS BIGINT))"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _distinct(names: tuple[str, ...]) -> list[str]:
    """Names that differ whatever the case, as the columns of a relation have to."""
    seen: set[str] = set()
    distinct = []
    for name in names:
        candidate, number = name, 2
        while candidate.lower() in seen:
            candidate, number = f"{name}_{number}", number + 1
        seen.add(candidate.lower())
        distinct.append(candidate)
    return distinct
