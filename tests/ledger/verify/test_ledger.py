"""A published ledger proves itself, and every change in any of its files is found and named."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.clock import ManualClock
from tallystick.ledger.checkpoint import VerifierKey
from tallystick.ledger.tiles import encode_bundle
from tallystick.ledger.verify import FolderSource, Report, verify_ledger
from tallystick.ledger.verify.report import CannotTell

TESSERA_LOG = Path(__file__).resolve().parents[3] / "../shared/data/tlog/tessera-log"
TESSERA_VKEY = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"

Damage = Callable[[Path], object]


class Shelf:
    """A source in memory, so that a file can be changed many thousand times."""

    def __init__(self, files: dict[str, bytes]) -> None:
        """Of these files by their paths."""
        self.contents = files

    def fetch(self, path: str) -> bytes | None:
        """What lies there."""
        return self.contents.get(path)

    def versions(self, path: str) -> Sequence[int]:
        """The widths that lie there."""
        widths = [width for width in range(1, 256) if f"{path}.p/{width}" in self.contents]
        return [*widths, 256] if path in self.contents else widths

    def files(self) -> Iterator[str]:
        """All of it."""
        return iter(self.contents)

    def close(self) -> None:
        """Nothing is open."""


def audit(folder: Path, key: VerifierKey | None, **options: Any) -> Report:
    """Verify a folder."""
    return verify_ledger(FolderSource(folder), key, **options)


def test_a_published_folder_is_clean(log: Any, folder: Path) -> None:
    """All entries are hashed, progress is told up to the last, and nothing is odd."""
    told: list[tuple[int, int]] = []
    report = audit(folder, log.key, progress=lambda done, total: told.append((done, total)))
    assert (report.verdict, report.exit_code) == ("clean", 0), report.reason
    assert (report.entries, report.size, report.position) == (300, 300, None)
    assert report.bytes_hashed == sum(len(b'{"v":%d}' % number) for number in range(300))
    assert report.notes == ()
    assert told == [(256, 300), (300, 300)]
    assert audit(folder, log.key, canonical_json=True).exit_code == 0


@pytest.mark.skipif(not TESSERA_LOG.exists(), reason="../shared/data/tlog is not here")
def test_a_log_that_tessera_wrote_is_clean() -> None:
    """Somebody else's log, entries that are no JSON, files that are not of the format (A)."""
    key = VerifierKey.parse(TESSERA_VKEY)
    report = audit(TESSERA_LOG, key, since=(TESSERA_LOG / "checkpoint.3").read_bytes())
    assert report.exit_code == 0, report.reason
    assert report.entries == 15
    assert "checkpoint." in report.notes[0]
    strict = audit(TESSERA_LOG, key, canonical_json=True)
    assert strict.exit_code == 0, "what is no JSON object is nobody's trade"
    assert strict.notes[-1] == "15 of the entries are raw bytes: only the bytes are proved."


def test_an_empty_ledger_is_clean(log: Any, tmp_path: Path) -> None:
    """A checkpoint of nothing is proved by nothing more."""
    (tmp_path / "checkpoint").write_text(log.note([]))
    assert audit(tmp_path, log.key).exit_code == 0


def test_the_folder_around_a_ledger_is_found(log: Any, folder: Path, tmp_path: Path) -> None:
    """A data folder has its ledger in `ledger/`."""
    around = tmp_path / "data"
    around.mkdir()
    (folder / "tile").rename(around / "tile")
    (folder / "checkpoint").rename(around / "checkpoint")
    around.rename(tmp_path / "ledger")
    assert audit(tmp_path, log.key).exit_code == 0


def test_every_flipped_byte_is_found(log: Any) -> None:
    """One bit of each byte of each file turned, stale partial files included: always tampered.

    An entry is named for every byte but the checkpoint's own, and where the byte belongs to one
    entry alone it is that one.
    """
    entries = [b"%d" % number for number in range(300)]
    files = log.files(entries, (3, 100, 256, 258, 300))
    shelf = Shelf(dict(files))
    assert verify_ledger(shelf, log.key).exit_code == 0
    named = {path: owners(path, data, entries) for path, data in files.items()}
    for path, data in files.items():
        for at in range(len(data)):
            flipped = bytes([data[at] ^ (1 << at % 8)])
            shelf.contents[path] = data[:at] + flipped + data[at + 1 :]
            report = verify_ledger(shelf, log.key)
            assert report.verdict == "tampered", (path, at)
            if path != "checkpoint":
                assert report.position == named[path][at], (path, at, report.reason)
        shelf.contents[path] = data


def owners(path: str, data: bytes, entries: Sequence[bytes]) -> list[int]:
    """For each byte of a file the first entry that it belongs to."""
    if path == "checkpoint":
        return []
    first = 256 if "/001" in path else 0
    if not path.startswith("tile/entries"):
        return [first + at // 32 for at in range(len(data))]
    return [
        position
        for position, entry in enumerate(entries[first:], start=first)
        for _ in range(2 + len(entry))
    ][: len(data)]


@given(
    size=st.integers(min_value=1, max_value=700),
    older=st.sets(st.integers(min_value=1, max_value=700), max_size=3),
    data=st.data(),
)
@settings(max_examples=30, deadline=None)
def test_any_ledger_is_clean_until_an_entry_changes(
    log: Any, size: int, older: set[int], data: st.DataObject
) -> None:
    """Whatever sizes were published; any entry exchanged in its bundle is named."""
    entries = [b"entry %d" % number for number in range(size)]
    sizes = {size, *(min(size, other) for other in older)}
    shelf = Shelf(log.files(entries, sizes))
    since = log.note(entries[: min(sizes)])
    assert verify_ledger(shelf, log.key, since=since).exit_code == 0
    position = data.draw(st.integers(min_value=0, max_value=size - 1))
    index, width = position // 256, min(256, size - position // 256 * 256)
    forged = [*entries[:position], b"forged", *entries[position + 1 :]]
    path = f"tile/entries/{index:03}" + ("" if width == 256 else f".p/{width}")
    shelf.contents[path] = encode_bundle(forged[index * 256 : index * 256 + width])
    report = verify_ledger(shelf, log.key)
    assert (report.verdict, report.position) == ("tampered", position)


def test_a_rewritten_past_is_found_above(log: Any) -> None:
    """Entry and leaf tile forged together contradict the level above: its range is named."""
    entries = [b"%d" % number for number in range(600)]
    forged = [*entries[:300], b"forged", *entries[301:]]
    files = log.files(entries, [600])
    false = log.files(forged, [600])
    for path in ("tile/entries/001", "tile/0/001"):
        files[path] = false[path]
    report = verify_ledger(Shelf(files), log.key)
    assert (report.verdict, report.position) == ("tampered", 256)
    assert "256 to 511" in report.reason
    files["tile/1/000.p/2"] = false["tile/1/000.p/2"]
    report = verify_ledger(Shelf(files), log.key)
    assert (report.verdict, report.position) == ("tampered", None)
    assert "another root" in report.reason


def test_an_older_tile_above_is_compared(log: Any) -> None:
    """A partial tile of an upper level that no checkpoint needs any more is checked too."""
    shelf = Shelf(log.files([b"%d" % number for number in range(600)], [300, 600]))
    assert verify_ledger(shelf, log.key).exit_code == 0
    shelf.contents["tile/1/000.p/1"] = bytes(32)
    report = verify_ledger(shelf, log.key)
    assert (report.verdict, report.position) == ("tampered", 0)


def test_a_cut_bundle_without_its_tile_is_tampered(log: Any, folder: Path) -> None:
    """Where the tile is missing, a bundle that is too short still contradicts its name."""
    (folder / "tile/0/001.p/44").unlink()
    cut(folder / "tile/entries/001.p/44", 11)
    report = audit(folder, log.key)
    assert (report.verdict, report.position) == ("tampered", 299)
    assert "tile/entries/001.p/44" in report.reason


def test_levels_above_the_second_are_compared(log: Any) -> None:
    """65,536 entries and more fill a tile of the second level; a flip in any level is named."""
    entries = [b"%d" % number for number in range(65_536 + 257)]
    files = log.files(entries, [len(entries)])
    shelf = Shelf(dict(files))
    assert verify_ledger(shelf, log.key).exit_code == 0
    for path, first in (("tile/1/000", 512), ("tile/1/001.p/1", 65_536), ("tile/2/000.p/1", 0)):
        at = 64 if first == 512 else 0
        data = files[path]
        shelf.contents[path] = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        report = verify_ledger(shelf, log.key)
        assert (report.verdict, report.position) == ("tampered", first)
        shelf.contents[path] = data


@pytest.mark.parametrize(
    ("damage", "position"),
    [
        (lambda f: cut(f / "tile/entries/001.p/44", 1), 299),
        (lambda f: cut(f / "tile/entries/000", 9), 255),
        (lambda f: cut(f / "tile/entries/000", 12), 254),
        (lambda f: cut(f / "tile/0/000", 32), 255),
        (lambda f: cut(f / "tile/0/000", 40), 254),
        (lambda f: cut(f / "tile/1/000.p/1", 1), 0),
        (lambda f: cut(f / "tile/entries/000.p/40", 1), 39),
        (lambda f: (f / "tile/entries/000").write_bytes(b""), 0),
        (lambda f: grow(f / "tile/entries/001.p/44", b"\0"), 299),
        (lambda f: grow(f / "tile/entries/001.p/44", b"\0\1x"), 299),
        (lambda f: grow(f / "tile/0/001.p/44", b"\0" * 32), 299),
        (lambda f: grow(f / "tile/0/000.p/40", b"\0"), 39),
    ],
)
def test_files_of_another_length_are_tampered(
    log: Any, folder: Path, damage: Damage, position: int
) -> None:
    """Cut or grown files contradict their name; the entry where it shows is named."""
    damage(folder)
    report = audit(folder, log.key)
    assert (report.verdict, report.position) == ("tampered", position), report.reason


def cut(path: Path, count: int) -> None:
    """Take bytes off the end."""
    path.write_bytes(path.read_bytes()[:-count])


def grow(path: Path, data: bytes) -> None:
    """Put bytes at the end."""
    path.write_bytes(path.read_bytes() + data)


@pytest.mark.parametrize(
    ("missing", "entries"),
    [
        (["checkpoint"], 0),
        (["tile/entries/000"], 44),
        (["tile/0/000"], 300),
        (["tile/1/000.p/1"], 300),
        (["tile/entries/001.p/44"], 256),
        (["tile/entries/000", "tile/0/000"], 0),
    ],
)
def test_what_is_missing_cannot_be_told(
    log: Any, folder: Path, missing: list[str], entries: int
) -> None:
    """A file that is not there proves nothing, and is named; the rest is checked all the same."""
    for path in missing:
        (folder / path).unlink()
    report = audit(folder, log.key)
    assert (report.verdict, report.exit_code) == ("cannot_tell", 2)
    assert missing[0] in report.reason
    assert report.entries == entries


def test_tampering_behind_a_gap_is_still_found(log: Any, folder: Path) -> None:
    """A missing bundle does not hide a forged one."""
    (folder / "tile/entries/000").unlink()
    bundle = folder / "tile/entries/001.p/44"
    bundle.write_bytes(bundle.read_bytes().replace(b"277", b"278"))
    report = audit(folder, log.key)
    assert (report.verdict, report.position) == ("tampered", 277)


def test_an_empty_folder_cannot_be_told(log: Any, tmp_path: Path) -> None:
    """Where no ledger is, nothing is said about one; neither where no folder is."""
    assert audit(tmp_path, log.key).exit_code == 2
    assert audit(tmp_path / "nowhere", log.key).exit_code == 2


def test_without_a_key_it_cannot_be_told(folder: Path) -> None:
    """Everything is checked, and the answer is still 2 and says how to pin a key."""
    report = audit(folder, None)
    assert (report.exit_code, report.entries) == (2, 300)
    assert "--vkey" in report.reason
    tile = folder / "tile/0/000"
    tile.write_bytes(bytes(32) + tile.read_bytes()[32:])
    assert audit(folder, None).position == 0


def test_another_key_is_named(log: Any, impostor: Any, folder: Path) -> None:
    """A ledger under another key is tampered, and both key ids are said."""
    report = audit(folder, impostor.key)
    assert (report.verdict, report.exit_code) == ("tampered", 1)
    assert log.key.key_id.hex() in report.reason
    assert impostor.key.key_id.hex() in report.reason


def test_a_page_instead_of_a_checkpoint_cannot_be_told(log: Any, folder: Path) -> None:
    """Something that never was a checkpoint is no evidence of tampering."""
    (folder / "checkpoint").write_text("<!doctype html>\n\n<p>hello\n")
    assert audit(folder, log.key).exit_code == 2
    assert audit(folder, None).exit_code == 2


@pytest.mark.parametrize("size", [1, 40, 255, 256, 257, 299, 300])
def test_an_older_checkpoint_is_the_beginning(log: Any, folder: Path, size: int) -> None:
    """What was signed before must still be there; another past of that size is found."""
    entries = [b'{"v":%d}' % number for number in range(size)]
    report = audit(folder, log.key, since=log.note(entries))
    assert report.exit_code == 0
    assert f"the {size} of the older checkpoint" in report.reason
    report = audit(folder, log.key, since=log.note([b"other", *entries[1:]]))
    assert (report.verdict, report.position) == ("tampered", None)
    assert f"first {size} entries" in report.reason


def test_a_ledger_that_went_back_is_tampered(log: Any, folder: Path) -> None:
    """Fewer entries than were signed before: the first that is lost is named."""
    entries = [b'{"v":%d}' % number for number in range(301)]
    report = audit(folder, log.key, since=log.note(entries))
    assert (report.verdict, report.position) == ("tampered", 300)


def test_older_checkpoints_that_prove_nothing(log: Any, impostor: Any, folder: Path) -> None:
    """The empty beginning always holds; another signer's checkpoint or none cannot judge."""
    assert audit(folder, log.key, since=log.note([])).exit_code == 0
    assert audit(folder, log.key, since=impostor.note([b"x"])).exit_code == 2
    assert audit(folder, log.key, since="hello").exit_code == 2
    assert audit(folder, log.key, since=log.note([], root=bytes(32))).exit_code == 1
    foreign = log.note([b"x"], origin="ledger.example/other")
    assert audit(folder, log.key, since=foreign).exit_code == 2
    assert "another log" in audit(folder, None, since=foreign).reason


def test_a_full_tile_stands_for_its_partial_one(log: Any) -> None:
    """A reader of an older checkpoint is served full tiles when the partial ones are gone."""
    entries = [b"%d" % number for number in range(256)]
    files = log.files(entries, [256])
    files["checkpoint"] = log.note(entries[:100]).encode()
    report = verify_ledger(Shelf(files), log.key)
    assert (report.exit_code, report.entries) == (0, 100), report.reason
    assert "beyond the checkpoint" in report.notes[0]


def test_files_beyond_the_checkpoint_are_noted(log: Any) -> None:
    """What a stopped publisher wrote ahead is noted, and checked as far as the checkpoint goes."""
    entries = [b"%d" % number for number in range(600)]
    files = log.files(entries, [100, 120, 300, 600])
    files["checkpoint"] = log.note(entries[:110]).encode()
    files |= {path: log.files(entries, [110])[path] for path in log.files(entries, [110])}
    shelf = Shelf(files)
    report = verify_ledger(shelf, log.key)
    assert (report.exit_code, report.entries) == (0, 110), report.reason
    assert "and 9 more" in report.notes[0]
    ahead = files["tile/0/000.p/120"]
    shelf.contents["tile/0/000.p/120"] = ahead[:320] + bytes(32) + ahead[352:]
    assert verify_ledger(shelf, log.key).position == 10


def test_other_files_are_noted(log: Any, folder: Path) -> None:
    """What is no part of the format changes no verdict, and is counted."""
    for name in ("README", "tile/0/000.p/.12.new", "tile/0/x000/001", "a/b/c", "z"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("hello")
    report = audit(folder, log.key)
    assert report.exit_code == 0
    assert "and 2 more" in report.notes[0]


def test_an_entry_that_is_not_canonical(log: Any) -> None:
    """Where canonical JSON is demanded, the first entry in another spelling is named."""
    entries = [b'{"a":1}', b'{"a":1}', b'{"a": 1}']
    shelf = Shelf(log.files(entries, [3]))
    assert verify_ledger(shelf, log.key).exit_code == 0
    report = verify_ledger(shelf, log.key, canonical_json=True)
    assert (report.verdict, report.position) == ("tampered", 2)


def test_a_source_that_fails_cannot_be_told(log: Any, folder: Path) -> None:
    """A file that cannot be read now is neither clean nor tampered."""

    class Failing(FolderSource):
        """Its tiles cannot be read."""

        def fetch(self, path: str) -> bytes | None:
            """Only the checkpoint."""
            if path == "checkpoint":
                return super().fetch(path)
            raise CannotTell(f"{path} cannot be read.")

    report = verify_ledger(Failing(folder), log.key)
    assert (report.exit_code, report.size) == (2, 300)


def test_time_is_the_clocks(log: Any, folder: Path) -> None:
    """The seconds are those of the clock that is handed in."""
    clock = ManualClock()
    report = audit(folder, log.key, clock=clock, progress=lambda *_: clock.advance(1.5))
    assert report.seconds == 3.0
