"""Every tile and bundle that a checkpoint may need can be had, whatever was published."""

import asyncio
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tallystick.errors import Corrupt
from tallystick.keys import FileKeyring
from tallystick.ledger import Ledger, MemoryStore, Publisher, Sealable
from tallystick.ledger.merkle import CompactRange, leaf_hash
from tallystick.ledger.resources import from_folder, from_ledger
from tallystick.ledger.tiles import Tile, encode_bundle, parse_path, tiles_of

SIZE = 2 * 256 + 90
SIGNER = FileKeyring("ledger.example/test", b"\x07" * 32)
ENTRIES = [b'{"n":%d}' % n for n in range(SIZE)]
PUBLISHED = (3, 100, 256, 300, 513)
"""Sizes at which the folder was brought up to date; batches ended in between as well."""


class Place:
    """A ledger grown in batches of seven, and its folder, published now and then."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = MemoryStore()
        self.ledger = Ledger(self.store, SIGNER)
        publisher = Publisher(self.store, folder)
        stops = sorted({*range(7, SIZE, 7), *PUBLISHED, SIZE})
        for stop in stops:
            batch = [Sealable(entry) for entry in ENTRIES[self.ledger.size : stop]]
            asyncio.run(self.ledger.append(self.ledger.size, batch))
            if stop in PUBLISHED:
                publisher.publish()
        publisher.close()

    def get(self, tile: Tile) -> bytes | None:
        """As the door asks: the folder first."""
        data = from_folder(self.folder, tile)
        return from_ledger(self.ledger, tile) if data is None else data


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """One for all; nothing here changes it."""
    return Place(tmp_path_factory.mktemp("resources") / "ledger")


def hashes_of(level: int) -> list[bytes]:
    """The hashes of a level of the tree, by the definition: roots of whole subtrees."""
    leaves = [leaf_hash(entry) for entry in ENTRIES]
    width = 256**level
    found = []
    for start in range(0, len(leaves) - width + 1, width):
        tree = CompactRange()
        for leaf in leaves[start : start + width]:
            tree.append(leaf)
        found.append(tree.root())
    return found


LEVELS = [hashes_of(0), hashes_of(1)]


def expected(tile: Tile) -> bytes:
    """The bytes of a tile or bundle, from the entries alone."""
    first = tile.index * 256
    if tile.entries:
        return encode_bundle(ENTRIES[first : first + tile.width])
    return b"".join(LEVELS[tile.level][first : first + tile.width])


def test_every_size_has_its_tiles(place: Place) -> None:
    """For each size up to the newest: all of its tiles and bundles, byte for byte."""
    asked = set()
    for size in range(1, SIZE + 1):
        for tile in tiles_of(size):
            asked.add(tile)
            if tile.level == 0:
                asked.add(Tile(0, tile.index, tile.width, entries=True))
    for tile in asked:
        assert place.get(tile) == expected(tile), tile.path
    assert len(asked) > 2 * SIZE


def test_what_is_beyond_the_ledger_does_not_exist(place: Place) -> None:
    """One more hash than there are, the next tile, the next level: nothing."""
    for path in (
        "tile/0/002.p/91",
        "tile/0/002",
        "tile/0/003.p/1",
        "tile/1/000.p/3",
        "tile/1/000",
        "tile/1/001.p/1",
        "tile/2/000.p/1",
        "tile/63/000.p/1",
        "tile/entries/002.p/91",
        "tile/entries/002",
        "tile/entries/003.p/1",
        "tile/entries/x999/x999/x999/x999/x999/x999/999",
    ):
        assert place.get(parse_path(path)) is None, path


def test_an_empty_ledger_has_no_tiles(tmp_path: Path) -> None:
    """Empty tiles must not be served."""
    ledger = Ledger(MemoryStore(), SIGNER)
    for path in ("tile/0/000.p/1", "tile/0/000", "tile/entries/000.p/1", "tile/1/000.p/1"):
        tile = parse_path(path)
        assert from_folder(tmp_path, tile) is None
        assert from_ledger(ledger, tile) is None


def test_partials_outlive_their_files(place: Place) -> None:
    """The folder dropped those of full tiles; they are cut from the full one."""
    for entries in (False, True):
        tile = Tile(0, 0, 100, entries=entries)
        assert not (place.folder / tile.path).exists()
        assert from_folder(place.folder, tile) == expected(tile)


def test_the_folder_alone_has_what_was_published(place: Place) -> None:
    """A published partial is a file; one of a size in between is not, and comes from the ledger."""
    kept, between = Tile(0, 2, 1), Tile(0, 2, 2)
    assert from_folder(place.folder, kept) == expected(kept)
    assert from_folder(place.folder, between) is None
    assert from_ledger(place.ledger, between) == expected(between)


def test_a_damaged_full_tile_is_not_cut(tmp_path: Path) -> None:
    """Too short for the partial: the ledger is asked instead."""
    for entries in (False, True):
        full = tmp_path / Tile(0, 0, 256, entries=entries).path
        full.parent.mkdir(parents=True)
        full.write_bytes(encode_bundle([b"x"])[:2])
        assert from_folder(tmp_path, Tile(0, 0, 2, entries=entries)) is None


class Holed(MemoryStore):
    """Lacks a full tile that it should have."""

    def tiles(self, level: int, start: int, limit: int) -> list[Any]:
        """As always, but for the first."""
        return [tile for tile in super().tiles(level, start, limit) if tile.index]


def test_a_hole_in_the_store_is_corrupt(place: Place) -> None:
    """What should be there and is not is an error, never a 404."""
    holed = Holed()
    for name, value in vars(place.store).items():
        setattr(holed, name, value)
    ledger = Ledger.__new__(Ledger)
    vars(ledger).update(vars(place.ledger))
    ledger._store = holed
    with pytest.raises(Corrupt, match=r"tile/1/000\.p/2"):
        from_ledger(ledger, Tile(1, 0, 2))


def test_the_published_files_are_those_of_the_ledger(place: Place) -> None:
    """Each file in the folder is what the ledger would make of it."""
    files = [path for path in place.folder.rglob("*") if path.is_file()]
    named = {str(path.relative_to(place.folder)): path.read_bytes() for path in files}
    del named["checkpoint"]
    for path, data in named.items():
        made = from_ledger(place.ledger, parse_path(path))
        assert made is not None
        assert sha256(made).digest() == sha256(data).digest(), path
