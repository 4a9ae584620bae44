"""An export as QLDB wrote it to S3: a manifest of the finished job and the files it lists.

Source: the developer guide, export-journal.output.html. Files are named
`[prefix/]yyyy/mm/dd/hh/strandId.first-last.ion` or `.json`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import pairwise
from pathlib import Path, PurePosixPath

from tallystick.errors import Refused
from tallystick.ledger.qldb.block import Block, parse_block
from tallystick.ledger.qldb.ion import read_ion
from tallystick.ledger.qldb.json_lines import parse_json, read_json_lines
from tallystick.ledger.qldb.values import IonValue, Struct

MANIFEST = ".completed.manifest"
MANIFEST_BYTES_MAX = 64 * 1024 * 1024
"""Largest manifest read: half a million file names."""
_NAME = re.compile(
    r"(?P<strand>[0-9A-Za-z]+)\.(?P<first>[0-9]{1,15})-(?P<last>[0-9]{1,15})\.(?P<format>ion|json)"
)


@dataclass(frozen=True)
class BlockFile:
    """One file of an export, and the blocks that its name promises."""

    path: Path
    key: str
    strand_id: str
    first: int
    last: int
    typed: bool
    """Whether it is Ion, which keeps the types, and not JSON."""

    def blocks(self) -> Iterator[Block]:
        """Its blocks, in the order of the file.

        Raises:
            Refused: `QLDB_UNREADABLE`; `QLDB_INCOMPLETE`, they are not those of its name;
                `QLDB_NEEDS_ION`.
        """
        expected = self.first
        try:
            for block in self._read():
                self._require(block.sequence_no == expected <= self.last, expected)
                expected += 1
                yield block
        except OSError as error:
            raise Refused("QLDB_UNREADABLE", f"{self.key} cannot be read: {error}.") from error
        except Refused as error:
            raise Refused(error.code, f"{self.key}: {error}") from error
        self._require(expected == self.last + 1, expected)

    def _read(self) -> Iterator[Block]:
        with self.path.open("rb") as file:
            for value in read_ion(file) if self.typed else read_json_lines(file):
                yield parse_block(value)

    def _require(self, holds: bool, expected: int) -> None:
        if not holds:
            sentence = f"Block {expected} is not where the name of {self.key} promises it."
            raise Refused("QLDB_INCOMPLETE", sentence)


@dataclass(frozen=True)
class Export:
    """One finished export job: files of one strand without a gap, in the order of their blocks."""

    manifest: str
    files: tuple[BlockFile, ...]

    @property
    def blocks(self) -> int:
        """How many blocks it promises."""
        return sum(file.last - file.first + 1 for file in self.files)

    @property
    def typed(self) -> bool:
        """Whether it is in Ion; one export has one format."""
        return self.files[0].typed

    @property
    def last(self) -> int:
        """The sequence number of its last block."""
        return self.files[-1].last

    def __iter__(self) -> Iterator[Block]:
        """All its blocks, read as they are asked for."""
        for file in self.files:
            yield from file.blocks()


def open_export(place: Path) -> Export:
    """The export in a folder, or that of one manifest where a folder holds several.

    Raises:
        Refused: `QLDB_INCOMPLETE`, no manifest, or a file or blocks are missing;
            `QLDB_UNREADABLE`, a manifest is not one; `QLDB_NEEDS_ION`.
    """
    manifest = place if place.is_file() else _only_manifest(place)
    folder = place if place.is_dir() else place.parent
    keys = _keys(manifest)
    files = sorted((_file(folder, key) for key in keys), key=lambda file: (file.first, file.last))
    if not files:
        raise Refused("QLDB_INCOMPLETE", f"{manifest.name} lists no files: nothing was exported.")
    _check_ranges(files)
    return Export(manifest.name, tuple(files))


def _only_manifest(folder: Path) -> Path:
    found = sorted(folder.rglob(f"*{MANIFEST}"))
    if not found:
        raise Refused(
            "QLDB_INCOMPLETE",
            f"{folder} has no *{MANIFEST}: the export did not finish, or was not copied whole.",
        )
    if len(found) > 1:
        names = ", ".join(str(each.relative_to(folder)) for each in found[:5])
        raise Refused(
            "QLDB_INCOMPLETE", f"{folder} holds several exports; name one manifest: {names}."
        )
    return found[0]


def _keys(manifest: Path) -> list[str]:
    """The object keys that the manifest lists; it is in the format of the export."""
    try:
        with manifest.open("rb") as file:
            data = file.read(MANIFEST_BYTES_MAX + 1)
    except OSError as error:
        raise Refused("QLDB_UNREADABLE", f"{manifest} cannot be read: {error}.") from error
    value = _manifest(data) if len(data) <= MANIFEST_BYTES_MAX else None
    keys = value.get("keys") if isinstance(value, Struct) else None
    if not isinstance(keys, list):
        raise Refused("QLDB_UNREADABLE", f"{manifest.name} is no manifest with a list of keys.")
    strings = [key for key in keys if isinstance(key, str)]
    if len(strings) != len(keys):
        raise Refused("QLDB_UNREADABLE", f"A key in {manifest.name} is not a string.")
    return strings


def _manifest(data: bytes) -> IonValue:
    try:
        return parse_json(data)
    except ValueError:
        return next(read_ion(BytesIO(data)), None)


def _file(folder: Path, key: str) -> BlockFile:
    """The file of an object key: below the folder, with or without the prefix of the bucket."""
    parts = PurePosixPath(key).parts
    name = _NAME.fullmatch(parts[-1]) if parts else None
    if name is None or ".." in parts or "/" in parts:
        raise Refused("QLDB_UNREADABLE", f"{key[:200]!r} is not the name of an exported file.")
    tried = (folder.joinpath(*parts[start:]) for start in range(len(parts)))
    path = next((each for each in tried if each.is_file()), None)
    if path is None:
        raise Refused("QLDB_INCOMPLETE", f"{key}, which the manifest lists, is not there.")
    first, last = int(name["first"]), int(name["last"])
    if first > last:
        raise Refused("QLDB_UNREADABLE", f"{key} promises blocks from {first} to {last}.")
    return BlockFile(path, key, name["strand"], first, last, name["format"] == "ion")


def _check_ranges(files: list[BlockFile]) -> None:
    """One strand, one format, no block missing between files and none twice."""
    for before, after in pairwise(files):
        if (after.strand_id, after.typed) != (before.strand_id, before.typed):
            raise Refused("QLDB_INCOMPLETE", f"{after.key} is not of one export with {before.key}.")
        if after.first != before.last + 1:
            raise Refused(
                "QLDB_INCOMPLETE",
                f"After block {before.last} of {before.key} comes block {after.first} of"
                f" {after.key}.",
            )
