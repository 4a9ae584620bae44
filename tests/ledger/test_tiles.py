"""Names and bytes of tiles and bundles against published vectors."""

from base64 import b64encode
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.errors import Corrupt
from tallystick.ledger.merkle import leaf_hash, tree_root
from tallystick.ledger.tiles import (
    LEVEL_MAX,
    Tile,
    decode_bundle,
    encode_bundle,
    entries_path,
    parse_path,
    split_bundle,
    tile_path,
    tiles_of,
)


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0, 256), "tile/0/000"),
        (Tile(0, 0, 255), "tile/0/000.p/255"),
        (Tile(15, 455667, 256), "tile/15/x455/667"),
        (Tile(15, 123456789, 41), "tile/15/x123/x456/789.p/41"),
        (Tile(0, 123456789, 256, entries=True), "tile/entries/x123/x456/789"),
        (Tile(0, 1, 1, entries=True), "tile/entries/001.p/1"),
        (Tile(63, 1234067, 256), "tile/63/x001/x234/067"),
    ],
)
def test_path(tile: Tile, path: str) -> None:
    """Paths are spelled as tessera spells them, and read back as what they name (vector H)."""
    assert tile.path == path
    assert parse_path(path) == tile


@given(
    level=st.integers(min_value=0, max_value=LEVEL_MAX),
    index=st.integers(min_value=0, max_value=2**56),
    width=st.integers(min_value=1, max_value=256),
)
def test_every_path_reads_back(level: int, index: int, width: int) -> None:
    """Writing and reading a path are each other's inverse."""
    assert parse_path(tile_path(level, index, width)) == Tile(level, index, width)
    assert parse_path(entries_path(index, width)) == Tile(0, index, width, entries=True)


@pytest.mark.parametrize(
    "path",
    [
        "checkpoint",
        "tile/0/0",
        "tile/00/000",
        "tile/64/000",
        "tile/0/x000/001",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/012",
        "tile/0/000.p/1000",
        "tile/0/x001",
        "tile/0/001/002",
        "tile/0/../000",
        "tile/0/000\n",
        "tile/0/\u0660\u0660\u0660",
        "tile/Entries/000",
        "/tile/0/000",
    ],
)
def test_other_spellings_are_no_paths(path: str) -> None:
    """A tile has one name; whatever else is written is not read as one."""
    with pytest.raises(Corrupt, match="is not the path of a tile"):
        parse_path(path)


def test_tiles_of_seventy_thousand() -> None:
    """The example of the specification: 273 full and p/112, 1 full and p/17, p/2 above."""
    tiles = list(tiles_of(70_000))
    assert [tile.path for tile in tiles if tile.width < 256] == [
        "tile/0/273.p/112",
        "tile/1/001.p/17",
        "tile/2/000.p/1",
    ]
    assert len(tiles) == 273 + 1 + 1 + 1 + 1


def test_no_tile_is_empty() -> None:
    """An empty tree has no tiles; a full tile is one hash in the level above, and nothing more."""
    assert list(tiles_of(0)) == []
    assert [tile.path for tile in tiles_of(256)] == ["tile/0/000", "tile/1/000.p/1"]


@given(entries=st.lists(st.binary(max_size=300), max_size=40))
def test_bundles_read_back(entries: list[bytes]) -> None:
    """Any entries go through a bundle unchanged."""
    assert decode_bundle(encode_bundle(entries)) == entries


def test_bundle_bytes() -> None:
    """Each entry stands behind its length, big-endian; tessera's own first bundle."""
    data = encode_bundle([b"one", b"two", b"three"])
    assert data == bytes.fromhex("0003 6f6e65 0003 74776f 0005 7468726565")


def test_longest_entry() -> None:
    """65,535 bytes fit, one more does not."""
    longest = b"x" * 65_535
    assert decode_bundle(encode_bundle([longest, b""])) == [longest, b""]
    with pytest.raises(Corrupt, match="65536 bytes"):
        encode_bundle([longest + b"x"])


@given(
    entries=st.lists(st.binary(max_size=20), min_size=1, max_size=5), cut=st.integers(min_value=1)
)
def test_a_cut_bundle_is_corrupt(entries: list[bytes], cut: int) -> None:
    """A bundle cut off inside an entry is refused, and what stood before the cut is still told."""
    data = encode_bundle(entries)
    cut_inside_last = data[: len(data) - 1 - cut % (len(entries[-1]) + 1)]
    assert split_bundle(cut_inside_last) == (
        entries[:-1],
        cut_inside_last[len(encode_bundle(entries[:-1])) :],
    )
    if len(cut_inside_last) > len(encode_bundle(entries[:-1])):
        with pytest.raises(Corrupt, match="cut off"):
            decode_bundle(cut_inside_last)


def test_boundary_of_a_tile() -> None:
    """257 entries: one full tile, one hash beside it and one above (vector I)."""
    entries = [str(number).encode() for number in range(257)]
    leaves = [leaf_hash(entry) for entry in entries]
    full, beside, above = b"".join(leaves[:256]), leaves[256], tree_root(leaves[:256])
    assert sha256(full).hexdigest() == (
        "b9704a8bfbee2c61185ceb38904a49f3f703c81e194b5b2ccdc254c2bdaaa62b"
    )
    assert beside.hex() == "42ae86a77cad11f2565e05cffb735f46025d40a379a52eba4209c26273138008"
    assert above.hex() == "828515d033c19d8c901f37eccb8aed919667703486f8d2fff1cf7040321c5db1"
    assert b64encode(tree_root(leaves)) == b"HtoEmkNR2G92JSvX7At3Rq11t/oDFq1fVB29pFijEsQ="
    assert encode_bundle(entries[256:]) == bytes.fromhex("0003323536")
    assert [tile.path for tile in tiles_of(257)] == [
        "tile/0/000",
        "tile/0/001.p/1",
        "tile/1/000.p/1",
    ]
