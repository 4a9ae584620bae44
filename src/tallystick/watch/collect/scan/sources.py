"""What can be scanned: sealed parts, hot segments and any file of text, each read piece by piece.

Nothing is opened for writing and nothing is locked, so a scan may run beside the server.
"""

import gzip
import hashlib
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from tallystick.errors import Corrupt
from tallystick.limits import LOG_LINE_BYTES_MAX
from tallystick.watch.collect.columns import OWN_INDEX

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Numbered = tuple[int, bytes]
_BATCH_LINES = 1_000
_HOT = re.compile(r"hot-(\d{15})")
_PART = re.compile(r"index=([^/]+)/dt=(\d{4}-\d\d-\d\d)(?:/hh=(\d\d))?/")
_LOOK_BYTES = 8_192
_MEMORY = "SET memory_limit = '256MiB'"
_OWN_COLUMNS = ("seq", "_time", "rest", "raw")


@dataclass(frozen=True)
class Source:
    """Something with lines. `index` None: each line says its own, else it is `unnamed`.

    `day` and `hour` (UTC) are None where lines of any time may be in it. What is `sealed` never
    changes, so it is known by its hash. `lines` gives batches of lines with their numbers; it
    raises OSError or Corrupt where it cannot be read.
    """

    name: str
    path: Path
    lines: Callable[[], Iterator[list[Numbered]]]
    index: str | None = None
    day: str | None = None
    hour: int | None = None
    sealed: bool = False
    unnamed: str = ""

    def sha256(self) -> str:
        """The hash of its bytes, in hex."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


def store_sources(folder: Path) -> list[Source]:
    """Sealed parts and hot segments of a log store, or of an archive of one."""
    parts = [part_source(path, folder) for path in sorted(folder.rglob("*.parquet"))]
    hot = [_hot_source(path) for path in sorted(folder.glob("hot-*.jsonl"))]
    return parts + hot


def _hot_source(path: Path) -> Source:
    """A hot segment; the number of its first line is in its name."""
    match = _HOT.match(path.name)
    first = 1 if match is None else int(match[1])
    return Source(path.name, path, lambda: _text(path, first), unnamed=OWN_INDEX)


def part_source(path: Path, folder: Path) -> Source:
    """A sealed part; index, day and hour are in its path."""
    name = path.relative_to(folder).as_posix()
    place = _PART.search(name)
    if place is None:
        return Source(name, path, lambda: _parquet(path), sealed=True)
    hour = None if place[3] is None else int(place[3])
    return Source(
        name, path, lambda: _parquet(path), unquote(place[1]), place[2], hour, sealed=True
    )


def files_below(paths: Iterable[Path]) -> list[Source]:
    """The files that are named, and all in the folders that are; links are not followed."""
    found: list[Source] = []
    for path in paths:
        inside = path.rglob("*") if path.is_dir() else (path,)
        for file in sorted(each for each in inside if each.is_file() and not each.is_symlink()):
            name = file.relative_to(path).as_posix() if path.is_dir() else str(file)
            found.append(Source(name, file, partial(_read, file)))
    return found


def _read(path: Path) -> Iterator[list[Numbered]]:
    return _parquet(path) if path.suffix == ".parquet" else _text(path)


def _text(path: Path, first: int = 1) -> Iterator[list[Numbered]]:
    """The lines of a file, numbered; one that is very long in pieces. Binary files have none."""
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
        try:
            if b"\0" in file.read(_LOOK_BYTES):
                return
            file.seek(0)
            batch: list[Numbered] = []
            number = first
            while line := file.readline(LOG_LINE_BYTES_MAX + 1):
                batch.append((number, line.rstrip(b"\r\n")))
                number += line.endswith(b"\n")
                if len(batch) == _BATCH_LINES:
                    yield batch
                    batch = []
            yield batch
        except (EOFError, zlib.error) as error:
            raise Corrupt(f"{path} ends too early or is damaged.") from error


def _parquet(path: Path) -> Iterator[list[Numbered]]:
    """The rows of a Parquet file as JSON lines; of a sealed part as they were, or nearly."""
    import duckdb  # noqa: PLC0415  it takes longer to load than all the rest

    with closing(duckdb.connect(":memory:")) as connection:
        for statement in (_MEMORY, "SET threads = 1", "SET autoinstall_known_extensions = false"):
            connection.execute(statement)
        try:
            rows = connection.execute(_select(connection, path), [str(path)])
            while batch := rows.fetchmany(_BATCH_LINES):
                yield [(int(number), str(line).encode()) for number, line in batch]
        except duckdb.Error as error:
            raise Corrupt(f"{path} cannot be read: {error}.") from error


def _select(connection: "DuckDBPyConnection", path: Path) -> str:
    """What makes lines of rows: members are columns, or stand in `rest`, or the line in `raw`."""
    described = connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
    columns = [str(column[0]) for column in described]
    members = ", ".join(
        f"{_literal(name)}, {_quoted(name)}" for name in columns if name not in _OWN_COLUMNS
    )
    line = f"json_object({members})"
    if "rest" in columns:
        line = f"json_merge_patch(coalesce(rest, '{{}}'), {line})"
    line = f"CAST({line} AS VARCHAR)"
    if "raw" in columns:
        line = f"coalesce(raw, {line})"
    number = "seq" if "seq" in columns else "row_number() OVER ()"
    return f"SELECT {number}, {line} FROM read_parquet(?)"  # noqa: S608  names are quoted


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
