"""Checking: what is sealed is what the manifest says, or somebody hears of it by name."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tallystick.watch.collect.store import Finding, LogStore, check_folder
from tallystick.watch.collect.store.parts import Part

OpenStore = Callable[..., LogStore]


@pytest.fixture
def store(open_store: OpenStore) -> LogStore:
    """One sealed part."""
    store = open_store()
    store.append([msgspec.json.encode({"n": 1})])
    store.seal()
    return store


def test_what_is_as_it_was_gives_no_findings(store: LogStore, tmp_path: Path) -> None:
    """And the newest record's hash vouches for it."""
    assert store.verify() == check_folder(tmp_path / "logs") == ()
    number, digest = store.head
    assert (number, len(digest)) == (1, 64)


def remove(path: Path, part: Part) -> str:
    """The part is gone."""
    del part
    path.unlink()
    return "The part is missing."


def cut(path: Path, part: Part) -> str:
    """It is a byte shorter."""
    path.write_bytes(path.read_bytes()[:-1])
    return f"It has {part.size - 1} bytes, not {part.size}."


def change(path: Path, part: Part) -> str:
    """One of its bits is another."""
    data = bytearray(path.read_bytes())
    data[part.size // 2] ^= 1
    path.write_bytes(data)
    return "Its hash is not the one that was sealed."


@pytest.mark.parametrize("damage", [remove, cut, change])
def test_a_damaged_part_is_named(
    store: LogStore, tmp_path: Path, damage: Callable[[Path, Part], str]
) -> None:
    """With what is wrong about it."""
    (part,) = store.parts()
    problem = damage(tmp_path / "logs" / "parts" / part.path, part)
    assert store.verify() == (Finding(part.path, problem),)
    assert check_folder(tmp_path / "logs") == store.verify()


def test_a_damaged_manifest_is_named(store: LogStore, tmp_path: Path) -> None:
    """With the number of the record."""
    path = tmp_path / "logs" / "manifest.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"n":1', b'"n":2'))
    problem = "Record 1 of the log manifest does not follow from the one before."
    assert store.verify() == (Finding("manifest", problem),)
    assert check_folder(tmp_path / "logs") == store.verify()


def test_a_check_changes_nothing_beside_a_running_store(store: LogStore, tmp_path: Path) -> None:
    """A record that is being written is not there yet; no folder is no trouble."""
    path = tmp_path / "logs" / "manifest.jsonl"
    with path.open("ab") as file:
        file.write(b'{"at":"2026')
    content = path.read_bytes()
    assert check_folder(tmp_path / "logs") == ()
    assert path.read_bytes() == content
    assert check_folder(tmp_path / "nowhere") == ()
    assert not (tmp_path / "nowhere").exists()
    del store
