"""The past as it happened: a ledger's entries and log lines in order of time, for a backtest.

Entries come from published files (a data folder's, beside its running server, or a copy), from an
export, or from the audit archive; log lines from a log store that no server uses, or from a file.
"""

import heapq
from base64 import b64decode
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import msgspec

from tallystick.clock import NS_PER_SECOND, Clock, parse_own_stamp, parse_rfc3339
from tallystick.errors import Corrupt, Misconfigured
from tallystick.ledger.checkpoint import parse_checkpoint
from tallystick.ledger.export import MANIFEST, Line, Manifest
from tallystick.ledger.resources import from_folder
from tallystick.ledger.tiles import CHECKPOINT_PATH, TILE_WIDTH, Tile, decode_bundle
from tallystick.stream.message import Message
from tallystick.watch.collect.columns import INDEX_FIELD, OWN_INDEX
from tallystick.watch.collect.store import LogStore
from tallystick.watch.detect.models.backtest import Happening
from tallystick.watch.detect.observation import Observation, UnreadableError
from tallystick.watch.detect.operations.reading import (
    TICKS_AT_ONCE_MAX,
    call_seen,
    log_seen,
    time_seen,
)

LINES_AT_ONCE = 4_096
_LINE = msgspec.json.Decoder(Line)
_PARQUET = """
SELECT position, entry, entry_base64 FROM read_parquet($file) ORDER BY position
"""
_ROWS_AT_ONCE = 4_096
_LATEST_SECONDS = 253_402_300_799.0
"""Year 9999: later stamps are none."""


class Entries(NamedTuple):
    """Entries in order of position; `end` is the position behind the last."""

    messages: Iterator[Message]
    end: int


class _Stamp(msgspec.Struct):
    at: str = ""


class _Said(msgspec.Struct, rename={"index": INDEX_FIELD, "service": "service.name"}):
    timestamp: str | int = ""
    index: str = OWN_INDEX
    service: str = ""


_STAMP = msgspec.json.Decoder(_Stamp)
_SAID = msgspec.json.Decoder(_Said)
_OBJECT = msgspec.json.Decoder(dict[str, object])


def published(folder: Path, start: int = 0) -> Entries:
    """Entries of published files from `start` (or somewhat before) on; a data folder has them too.

    Raises:
        Misconfigured: no ledger is published there.
        Corrupt: files are missing.
    """
    inside = folder / "ledger"
    place = inside if (inside / CHECKPOINT_PATH).is_file() else folder
    try:
        size = parse_checkpoint((place / CHECKPOINT_PATH).read_text()).size
    except (OSError, UnicodeError) as error:
        raise Misconfigured(f"No ledger is published in {folder}: {error}.") from error
    return Entries(_bundles(place, size, start // TILE_WIDTH), size)


def exported(folder: Path) -> Entries:
    """Entries of an export.

    Raises:
        Misconfigured: it is none, or it left entries out.
    """
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except (OSError, msgspec.MsgspecError) as error:
        raise Misconfigured(f"{folder} is no export of a ledger: {error}.") from error
    if not manifest.complete:
        raise Misconfigured(f"The export {folder} leaves entries out: it cannot be replayed.")
    (file,) = manifest.files
    path = folder / file.name
    rows = _parquet(path) if path.suffix == ".parquet" else _jsonl(path)
    return Entries(rows, manifest.to)


def stored_lines(folder: Path, clock: Clock) -> Iterator[bytes]:
    """Every line of a log store that no server uses, in order of arrival.

    Raises:
        Misconfigured: a server uses it.
    """
    with closing(LogStore(folder, clock)) as store:
        start = 0
        while rows := store.read(start, LINES_AT_ONCE):
            yield from (line for _seq, line in rows)
            start = rows[-1][0] + 1


def lines_in(path: Path) -> Iterator[bytes]:
    """The lines of a file of JSON Lines, such as `tallystick logs --export` writes."""
    with path.open("rb") as file:
        yield from file


def heard(lines: Iterable[bytes]) -> Iterator[Observation]:
    """What detection hears of log lines: API calls, and each second who said how many lines."""
    counts: Counter[tuple[str, str]] = Counter()
    second = -1
    for line in lines:
        try:
            said = _SAID.decode(line)
            stamp = said.timestamp
            at_ns = stamp if isinstance(stamp, int) else parse_rfc3339(stamp)
        except (msgspec.MsgspecError, ValueError):
            continue  # nobody's line, or of no time
        if at_ns // NS_PER_SECOND != second:
            yield from _counted(counts, second)
            counts.clear()
            second = at_ns // NS_PER_SECOND
        counts[said.index, said.service] += 1
        if b"api.request_answered" in line:
            try:
                call = call_seen(_OBJECT.decode(line))
            except UnreadableError:
                continue
            if call is not None:
                yield call
    yield from _counted(counts, second)


def together(entries: Iterable[Message], heard_of: Iterable[Observation]) -> Iterator[Happening]:
    """Both in order of time, each in its own order, with the seconds that pass.

    A longer time in which nothing happened than TICKS_AT_ONCE_MAX is skipped.
    """
    second: int | None = None
    streams = (_timed(entries), ((each.at_seconds, each) for each in heard_of))
    for at, each in heapq.merge(*streams, key=lambda pair: pair[0]):
        now = int(at) if 0 <= at <= _LATEST_SECONDS else 0
        if second is None or now > second:
            first = now if second is None else max(second + 1, now - TICKS_AT_ONCE_MAX)
            for tick in range(first, now + 1):
                yield time_seen(tick * NS_PER_SECOND)
            second = now
        yield each


def _timed(entries: Iterable[Message]) -> Iterator[tuple[float, Happening]]:
    """Each entry with its time; one that has none, or goes back, with that of the one before."""
    latest = 0.0
    for message in entries:
        if message.body.startswith(b"{"):
            try:
                stamp = _STAMP.decode(message.body).at
                latest = max(latest, parse_own_stamp(stamp) / NS_PER_SECOND) if stamp else latest
            except (msgspec.MsgspecError, ValueError):
                pass  # an entry whose time says nothing to us
        yield latest, message


def _counted(counts: Counter[tuple[str, str]], second: int) -> Iterator[Observation]:
    for (index, service), lines in counts.items():
        yield log_seen(index, service, lines, (second + 1) * NS_PER_SECOND)


def _bundles(folder: Path, size: int, first: int) -> Iterator[Message]:
    for index in range(first, -(-size // TILE_WIDTH)):
        width = min(TILE_WIDTH, size - index * TILE_WIDTH)
        data = from_folder(folder, Tile(0, index, width, entries=True))
        if data is None:
            raise Corrupt(f"Entries {index * TILE_WIDTH} and on are missing from {folder}.")
        for place, entry in enumerate(decode_bundle(data), index * TILE_WIDTH):
            yield Message(place, entry)


def _jsonl(path: Path) -> Iterator[Message]:
    with path.open("rb") as file:
        for text in file:
            try:
                line = _LINE.decode(text)
            except msgspec.MsgspecError as error:
                raise Corrupt(f"{path} has a line that is none of an export: {error}.") from error
            yield _message(line.position, line.entry, line.entry_base64)


def _parquet(path: Path) -> Iterator[Message]:
    import duckdb  # noqa: PLC0415  only where it is Parquet

    with duckdb.connect() as connection:
        found = connection.execute(_PARQUET, {"file": str(path)})
        while rows := found.fetchmany(_ROWS_AT_ONCE):
            for position, entry, encoded in rows:
                yield _message(position, entry, encoded)


def _message(position: int, entry: str | None, encoded: str | None) -> Message:
    return Message(position, b64decode(encoded or "") if entry is None else entry.encode())
