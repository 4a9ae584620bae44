"""Reads the rows of an export, from JSON Lines or Parquet, in bounded memory."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import msgspec

from tallystick.ledger.verify.report import CannotTell, Tampered

LINE_BYTES_MAX = 1_048_576
"""Longest line of an export: an entry of 64 KiB whose every character is escaped, and its proof."""
CHUNK_BYTES = 1_048_576
PARQUET_ROWS = 1_024
"""Rows of Parquet in memory at once."""
PARQUET_MEMORY = "512MiB"

_COLUMNS = ("position", "at", "kind", "account", "pair", "entry", "entry_base64", "inclusion")
_NAMES = ", ".join(f'"{name}"' for name in _COLUMNS)
_SELECT = f"SELECT {_NAMES} FROM read_parquet(?)"  # noqa: S608  only our own names
_SETTINGS = {"memory_limit": PARQUET_MEMORY, "threads": "1", "preserve_insertion_order": "true"}


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One entry of an export and its columns; `inclusion` are base64 hashes, leaf upwards."""

    position: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
    at: str | None
    kind: str | None
    account: str | None
    pair: str | None
    entry: str | None
    entry_base64: str | None
    inclusion: list[str]


def open_rows(path: Path, size: int, digest: str) -> Iterator[Row]:
    """The rows of a file of this many bytes and this SHA-256 (hex), as its name says.

    Raises:
        Tampered: the file is not what its digest says, or a row is not in its one spelling.
        CannotTell: the file cannot be read.
    """
    readers = {".jsonl": _lines, ".parquet": _parquet}
    if path.name not in {f"entries{suffix}" for suffix in readers}:
        raise CannotTell(f"Such a file of an export is not known: {path.name}.")
    try:
        yield from readers[path.suffix](path, size, digest)
    except OSError as error:
        raise CannotTell(f"{path} cannot be read: {error}.") from error


def _lines(path: Path, size: int, digest: str) -> Iterator[Row]:
    hashed, count, number = sha256(), 0, 0
    decode = msgspec.json.Decoder(Row).decode
    encode = msgspec.json.Encoder(order="sorted").encode
    with path.open("rb") as file:
        while line := file.readline(LINE_BYTES_MAX):
            number += 1
            hashed.update(line)
            count += len(line)
            try:
                row = decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                raise Tampered(f"Line {number} of {path.name} is no row: {error}.") from error
            if encode(row) + b"\n" != line:
                raise Tampered(f"Line {number} of {path.name} is not in its canonical form.")
            yield row
    _require_same(path, size, digest, count, hashed.hexdigest())


def _parquet(path: Path, size: int, digest: str) -> Iterator[Row]:
    """The digest comes first: what reads Parquet is not made for files that lie."""
    hashed, count = sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            hashed.update(chunk)
            count += len(chunk)
    _require_same(path, size, digest, count, hashed.hexdigest())
    import duckdb  # noqa: PLC0415  only Parquet needs it

    try:
        with duckdb.connect(config=dict(_SETTINGS)) as database:
            found = database.execute(_SELECT, [str(path)])
            while rows := found.fetchmany(PARQUET_ROWS):
                for row in rows:
                    yield msgspec.convert(dict(zip(_COLUMNS, row, strict=True)), Row)
    except (duckdb.Error, msgspec.ValidationError) as error:
        raise CannotTell(f"{path} cannot be read as an export: {error}.") from error


def _require_same(path: Path, size: int, digest: str, count: int, found: str) -> None:
    if (count, found) != (size, digest):
        raise Tampered(f"{path.name} is not the file whose size and digest the manifest has.")
