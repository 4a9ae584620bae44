"""An export on disk: what its manifest promises is there, in order, or it is refused by name."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tallystick.errors import Refused
from tallystick.ledger.qldb.export import open_export

NAME = "KmA3ZZca7vAIiJAK9S5Iwl"


def numbers(place: Path) -> list[int]:
    """The sequence numbers of the blocks, as they are read."""
    return [block.sequence_no for block in open_export(place)]


@pytest.mark.parametrize("each", [1, 2, 100])
@pytest.mark.parametrize("prefix", ["", "journalExport/", "a/b/"])
def test_files_are_read_in_order(tmp_path: Path, book: Any, each: int, prefix: str) -> None:
    """One file or many, below the prefix of the bucket or not: all blocks in their order."""
    book.write(tmp_path, each=each, prefix=prefix)

    assert numbers(tmp_path) == [0, 1, 2, 3, 4]
    assert open_export(tmp_path).blocks == 5
    assert not open_export(tmp_path).typed


def test_the_manifest_may_list_files_in_any_order(tmp_path: Path, book: Any) -> None:
    """The order of blocks is that of their numbers, whatever the order of the list."""
    book.write(tmp_path, each=2)
    manifest = next(tmp_path.glob("*.manifest"))
    keys = manifest.read_text()[len('{"keys":[') : -2].split(",")
    manifest.write_text('{"keys":[' + ",".join(reversed(keys)) + "]}")

    assert numbers(tmp_path) == [0, 1, 2, 3, 4]


def test_an_export_with_its_prefix_in_the_folder(tmp_path: Path, book: Any) -> None:
    """A bucket copied whole: the keys are paths from its root."""
    book.write(tmp_path / "journalExport")
    manifest = next(tmp_path.rglob("*.manifest"))

    assert numbers(tmp_path) == numbers(manifest) == [0, 1, 2, 3, 4]


def test_no_manifest(tmp_path: Path) -> None:
    """Only a finished job has one; a started one is not enough."""
    (tmp_path / "8UyXulxccYLAsbN1aon7e4.started.manifest").write_text("{}")

    with pytest.raises(Refused, match="did not finish") as refused:
        open_export(tmp_path)
    assert refused.value.code == "QLDB_INCOMPLETE"


def test_two_exports_in_one_folder(tmp_path: Path, book: Any) -> None:
    """Which is meant must be said, by naming its manifest."""
    book.write(tmp_path)
    first = next(tmp_path.glob("*.manifest"))
    second = tmp_path / f"other.{NAME}.completed.manifest"
    shutil.copy(first, second)

    with pytest.raises(Refused, match=f"name one manifest: .*{second.name}"):
        open_export(tmp_path)
    assert numbers(second) == [0, 1, 2, 3, 4]


def test_a_missing_file_is_named(tmp_path: Path, book: Any) -> None:
    """What the manifest lists is there, or the export is refused at once."""
    book.write(tmp_path, each=2)
    next(tmp_path.rglob("*.2-3.json")).unlink()

    with pytest.raises(Refused, match=r"2-3\.json, which the manifest lists, is not there"):
        open_export(tmp_path)


def test_a_file_that_the_manifest_leaves_out(tmp_path: Path, book: Any) -> None:
    """Blocks 2 and 3 were taken off the list: the gap is seen in the names."""
    book.write(tmp_path, each=2)
    manifest = next(tmp_path.glob("*.manifest"))
    left = [key for key in manifest.read_text()[9:-2].split(",") if "2-3" not in key]
    manifest.write_text('{"keys":[' + ",".join(left) + "]}")

    with pytest.raises(Refused, match=r"After block 1 of .* comes block 4"):
        open_export(tmp_path)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda lines: lines[:-1], "Block 4 is not where"),
        (lambda lines: lines[1:], "Block 0 is not where"),
        (lambda lines: [lines[0], lines[2], *lines[2:]], "Block 1 is not where"),
        (lambda lines: [lines[1], lines[0], *lines[2:]], "Block 0 is not where"),
        (lambda lines: [*lines, lines[-1]], "Block 5 is not where"),
        (lambda _: [], "Block 0 is not where"),
    ],
    ids=["last-missing", "first-missing", "twice", "swapped", "one-more", "empty"],
)
def test_blocks_that_are_not_those_of_the_name(
    tmp_path: Path, book: Any, change: Callable[[list[str]], list[str]], expected: str
) -> None:
    """Missing, doubled or swapped blocks are refused, with the file and the block."""
    book.write(tmp_path, change=change)

    with pytest.raises(Refused, match=expected) as refused:
        numbers(tmp_path)
    assert refused.value.code == "QLDB_INCOMPLETE"
    assert f"{NAME}.0-4.json" in str(refused.value)


@pytest.mark.parametrize(
    "key",
    [f"../{NAME}.0-4.json", f"/etc/{NAME}.0-4.json", "passwd", f"{NAME}.4-0.json",
     f"{NAME}.0-4.json.gz", f"x/../../{NAME}.0-4.json", "", f"{NAME}.0-9999999999999999.json"],
)  # fmt: skip
def test_keys_that_are_none(tmp_path: Path, book: Any, key: str) -> None:
    """A manifest from a stranger names no file outside the folder, and no other kind."""
    book.write(tmp_path / "in")
    shutil.copy(next(tmp_path.rglob("*.0-4.json")), tmp_path / f"{NAME}.0-4.json")
    shutil.copy(next(tmp_path.rglob("*.0-4.json")), tmp_path / "in" / f"{NAME}.4-0.json")
    next(tmp_path.rglob("*.manifest")).write_text(f'{{"keys":["{key}"]}}')

    with pytest.raises(Refused, match=r".+") as refused:
        open_export(tmp_path / "in")
    assert refused.value.code == "QLDB_UNREADABLE"


@pytest.mark.parametrize("text", ['{"keys":{}}', '{"keys":[1]}', "[]", '{"other":[]}'])
def test_manifests_that_are_none(tmp_path: Path, text: str) -> None:
    """A manifest is an object with a list of names."""
    (tmp_path / "x.completed.manifest").write_text(text)

    with pytest.raises(Refused, match=r"manifest") as refused:
        open_export(tmp_path)
    assert refused.value.code == "QLDB_UNREADABLE"


def test_an_export_of_nothing(tmp_path: Path) -> None:
    """A period without transactions lists no files."""
    (tmp_path / "x.completed.manifest").write_text('{"keys":[]}')

    with pytest.raises(Refused, match="nothing was exported"):
        open_export(tmp_path)


def test_two_formats_in_one_list(tmp_path: Path, book: Any) -> None:
    """One export has one format and one strand."""
    book.write(tmp_path, each=3)
    second = next(tmp_path.rglob("*.3-4.json"))
    second.rename(second.with_suffix(".ion"))
    manifest = next(tmp_path.glob("*.manifest"))
    manifest.write_text(manifest.read_text().replace("3-4.json", "3-4.ion"))

    with pytest.raises(Refused, match="is not of one export with"):
        open_export(tmp_path)


def test_a_file_that_cannot_be_read(tmp_path: Path, book: Any) -> None:
    """A file that vanishes between is an operating error with a sentence."""
    export = open_export(book.write(tmp_path))
    export.files[0].path.unlink()

    with pytest.raises(Refused, match="cannot be read"):
        list(export)
