"""Volumes: the published ledger in tar files, for the vault, each standing on the one before.

A volume holds full tiles and entry bundles, which never change. The newest one also holds the
checkpoint and the partial tiles at the right edge of its tree: so all volumes unpacked over one
another are a published ledger again, which the independent verifier checks as any other.

    volume.json      what it is, and the SHA-256 of the volume before it
    tile/...         as published (C2SP tlog-tiles)
    checkpoint       where the volume reaches to the end of what was published then
"""

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from tallystick.errors import Corrupt
from tallystick.ledger.checkpoint import parse_checkpoint
from tallystick.ledger.tiles import (
    BUNDLE_BYTES_MAX,
    CHECKPOINT_PATH,
    TILE_HEIGHT,
    TILE_WIDTH,
    Tile,
    decode_bundle,
    encode_bundle,
    parse_path,
    tiles_of,
)

VOLUME_BUNDLES_MAX = 1_024
"""Most full entry bundles in one volume: 262,144 entries, some 200 MB of trades."""
HASH_BYTES = 32
MANIFEST = "volume.json"
FIRST = "0" * 64
"""What the first volume names as the one before it."""


class VolumeManifest(msgspec.Struct, frozen=True):
    """What a volume is. Bundles [first, end) are in it; `size` is its checkpoint's, if any."""

    n: int
    prev: str
    origin: str
    first: int
    end: int
    size: int | None
    v: int = 1


def plan_volume(
    published: Path, n: int, prev: str, first: int
) -> tuple[VolumeManifest, bytes] | None:
    """The next volume, from bundle `first` on, and the newest checkpoint; nothing is written.

    None where nothing is published, or no bundle is full yet.
    """
    try:
        note = (published / CHECKPOINT_PATH).read_bytes()
    except FileNotFoundError:
        return None
    checkpoint = parse_checkpoint(note)
    full = checkpoint.size // TILE_WIDTH
    end = min(full, first + VOLUME_BUNDLES_MAX)
    if end <= first:
        return None
    size = checkpoint.size if end == full else None
    return VolumeManifest(n, prev, checkpoint.origin, first, end, size), note


def write_volume(file: Path, published: Path, manifest: VolumeManifest, note: bytes) -> None:
    """Write a volume as it was planned.

    Raises:
        Corrupt: files that the checkpoint promises are not in the folder.
    """
    with tarfile.open(file, "w", format=tarfile.USTAR_FORMAT) as tar:
        _add(tar, MANIFEST, msgspec.json.encode(manifest))
        for tile in full_tiles(manifest.first, manifest.end):
            _add(tar, tile.path, _read(published, tile))
        if manifest.size is not None:
            for tile in right_edge(manifest.size):
                _add(tar, tile.path, _read(published, tile))
            _add(tar, CHECKPOINT_PATH, note)


def read_manifest(file: Path) -> VolumeManifest:
    """What a volume says of itself.

    Raises:
        Corrupt: it is none.
    """
    for name, data in _members(file):
        if name == MANIFEST:
            return _manifest(data)
        break
    raise Corrupt(f"{file.name} is no volume of a ledger.")


def unpack_volume(file: Path, folder: Path) -> VolumeManifest:
    """Unpack a volume over those before it; the right edge of an older one goes.

    Raises:
        Corrupt: it is no volume, or holds files that do not belong there.
    """
    manifest = read_manifest(file)
    for path in (folder / CHECKPOINT_PATH, *folder.glob("tile/**/*.p/*")):
        path.unlink(missing_ok=True)
    for name, data in _members(file):
        if name == MANIFEST:
            continue
        if name != CHECKPOINT_PATH:
            parse_path(name)  # no other name leads anywhere
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return manifest


def full_tiles(first: int, end: int) -> Iterator[Tile]:
    """The tiles that are full once bundles [first, end) are, and were not before."""
    for index in range(first, end):
        yield Tile(0, index, TILE_WIDTH, entries=True)
    level = 0
    while end:
        for index in range(first, end):
            yield Tile(level, index, TILE_WIDTH)
        level, first, end = level + 1, first >> TILE_HEIGHT, end >> TILE_HEIGHT


def right_edge(size: int) -> Iterator[Tile]:
    """The partial tiles of a tree, and the partial bundle of its last entries."""
    for tile in tiles_of(size):
        if tile.width < TILE_WIDTH:
            yield tile
            if tile.level == 0:
                yield Tile(0, tile.index, tile.width, entries=True)


def _read(published: Path, tile: Tile) -> bytes:
    """A tile's bytes; those of a partial one may stand in the full one that took its place."""
    try:
        return (published / tile.path).read_bytes()
    except FileNotFoundError:
        whole = published / msgspec.structs.replace(tile, width=TILE_WIDTH).path
    try:
        data = whole.read_bytes()
    except FileNotFoundError as error:
        raise Corrupt(f"{published / tile.path} is missing.") from error
    if tile.entries:
        return encode_bundle(decode_bundle(data)[: tile.width])
    return data[: tile.width * HASH_BYTES]


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    """One member, the same bytes whoever writes it and when."""
    member = tarfile.TarInfo(name)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))


def _members(file: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with tarfile.open(file, "r:") as tar:
            for member in tar:
                if not member.isfile() or member.size > BUNDLE_BYTES_MAX:
                    raise Corrupt(f"{file.name} holds {member.name!r}, which is no tile.")
                opened = tar.extractfile(member)
                yield member.name, b"" if opened is None else opened.read()
    except tarfile.TarError as error:
        raise Corrupt(f"{file.name} is no volume of a ledger: {error}.") from error


def _manifest(data: bytes) -> VolumeManifest:
    try:
        return msgspec.json.decode(data, type=VolumeManifest)
    except msgspec.DecodeError as error:
        raise Corrupt(f"The volume's manifest cannot be read: {error}.") from error
