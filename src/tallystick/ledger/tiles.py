"""C2SP tlog-tiles: the names and bytes of the files in which a ledger is published.

A tile holds up to 256 hashes of one level of the tree, an entry bundle up to 256 entries. Only the
right-most one of a level is partial. Pure; who writes or fetches the files is no matter.
"""

import re
from collections.abc import Iterable, Iterator

import msgspec

from tallystick.errors import Corrupt
from tallystick.limits import ENTRY_BYTES_MAX

TILE_WIDTH = 256
TILE_HEIGHT = 8
"""2**TILE_HEIGHT == TILE_WIDTH: levels of the tree that one tile spans."""
LEVEL_MAX = 63
BUNDLE_BYTES_MAX = TILE_WIDTH * (2 + ENTRY_BYTES_MAX)
"""Largest entry bundle, in bytes."""
CHECKPOINT_PATH = "checkpoint"

_LENGTH_BYTES = 2
_PATH = re.compile(
    r"tile/(?P<level>entries|[0-9]|[1-5][0-9]|6[0-3])"
    r"/(?P<index>(?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]{0,2}))?"
)


class Tile(msgspec.Struct, frozen=True):
    """One tile of hashes (`level` counts up from the leaves), or the bundle of its entries.

    `width` is the number of its items, 1 to 256.
    """

    level: int
    index: int
    width: int
    entries: bool = False

    @property
    def path(self) -> str:
        """Where it is, below the ledger's prefix."""
        if self.entries:
            return entries_path(self.index, self.width)
        return tile_path(self.level, self.index, self.width)


def tile_path(level: int, index: int, width: int = TILE_WIDTH) -> str:
    """The path of a tile of hashes below the ledger's prefix: `tile/0/x001/x234/067.p/5`."""
    return f"tile/{level}/{_index_path(index)}{_partial(width)}"


def entries_path(index: int, width: int = TILE_WIDTH) -> str:
    """The path of an entry bundle below the ledger's prefix: `tile/entries/000.p/44`."""
    return f"tile/entries/{_index_path(index)}{_partial(width)}"


def parse_path(path: str) -> Tile:
    """What a path names; only the one canonical spelling is accepted.

    Raises:
        Corrupt: it is not the path of a tile or bundle.
    """
    match = _PATH.fullmatch(path)
    if match is None:
        raise Corrupt(f"{path!r} is not the path of a tile.")
    groups = match["index"].replace("x", "").split("/")
    width = int(match["width"] or TILE_WIDTH)
    if (len(groups) > 1 and groups[0] == "000") or (match["width"] and width >= TILE_WIDTH):
        raise Corrupt(f"{path!r} is not the path of a tile.")
    entries = match["level"] == "entries"
    level = 0 if entries else int(match["level"])
    return Tile(level, int("".join(groups)), width, entries)


def tiles_of(size: int) -> Iterator[Tile]:
    """Every tile of hashes of which a tree of `size` entries consists, level by level.

    The bundles are those of level 0. Empty tiles do not exist.
    """
    level, count = 0, size
    while count:
        full, rest = divmod(count, TILE_WIDTH)
        yield from (Tile(level, index, TILE_WIDTH) for index in range(full))
        if rest:
            yield Tile(level, full, rest)
        level, count = level + 1, full


def encode_bundle(entries: Iterable[bytes]) -> bytes:
    """Entries as an entry bundle: each behind its length as uint16, big-endian.

    Raises:
        Corrupt: an entry is longer than 65,535 bytes.
    """
    parts: list[bytes] = []
    for entry in entries:
        if len(entry) > ENTRY_BYTES_MAX:
            raise Corrupt(f"An entry of {len(entry)} bytes is longer than {ENTRY_BYTES_MAX}.")
        parts += (len(entry).to_bytes(_LENGTH_BYTES, "big"), entry)
    return b"".join(parts)


def decode_bundle(data: bytes) -> list[bytes]:
    """The entries of an entry bundle.

    Raises:
        Corrupt: a length runs beyond the end.
    """
    entries, rest = split_bundle(data)
    if rest:
        raise Corrupt("The entry bundle is cut off inside an entry.")
    return entries


def split_bundle(data: bytes) -> tuple[list[bytes], bytes]:
    """The entries of an entry bundle, and the bytes at its end that are no whole entry."""
    entries: list[bytes] = []
    start, end = 0, len(data)
    while start + _LENGTH_BYTES <= end:
        after = start + _LENGTH_BYTES + (data[start] << 8) + data[start + 1]
        if after > end:
            break
        entries.append(data[start + _LENGTH_BYTES : after])
        start = after
    return entries, data[start:]


def _index_path(index: int) -> str:
    groups = [f"{index % 1000:03}"]
    while index := index // 1000:
        groups.append(f"x{index % 1000:03}")
    return "/".join(reversed(groups))


def _partial(width: int) -> str:
    assert 0 < width <= TILE_WIDTH, "a tile has 1 to 256 items"  # noqa: S101  programmer error
    return "" if width == TILE_WIDTH else f".p/{width}"
