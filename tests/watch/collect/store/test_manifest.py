"""The manifest: a chain of records that tells every change, and notices every other one."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tallystick.errors import Corrupt, TemporaryError
from tallystick.watch.collect.store.local import LocalJournal
from tallystick.watch.collect.store.manifest import GENESIS, SNAPSHOT_RECORDS, Manifest
from tallystick.watch.collect.store.parts import Lock, Part, PartColumn

AT_NS = 1_795_305_600 * 10**9


def part(name: str) -> Part:
    """A part of this name."""
    columns = {"a": PartColumn("BIGINT"), "b": PartColumn("VARCHAR", whole=False)}
    lock = Lock("governance", 5, legal_hold=True)
    others = ("c",)
    return Part(name, "main", "2026-11-22", 4, 9, 99, 999, 1, 9, 5, 6, columns, "ab", others,
                rest=True, raw=True, state="archived", place="vault", lock=lock)  # fmt: skip


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[LocalJournal]:
    """An empty one."""
    journal = LocalJournal(tmp_path)
    yield journal
    journal.close()


def test_a_change_is_there_after_a_restart(journal: LocalJournal) -> None:
    """Parts with everything that is known of them, in the order in which they came."""
    manifest = Manifest(journal)
    assert (manifest.state.n, manifest.state.hash, manifest.state.parts) == (0, GENESIS, ())
    manifest.commit("seal", AT_NS, add=[part("a"), part("b")], sealed_to=10)
    manifest.commit("compact", AT_NS, add=[part("c")], remove=["a"])
    again = Manifest(journal)
    assert again.state == manifest.state
    assert again.state.parts == (part("b"), part("c"))
    assert (again.state.n, again.state.sealed_to) == (2, 10)
    assert again.broken() is None


def test_a_record_says_what_it_follows(journal: LocalJournal) -> None:
    """The form on disk, which others may check with nothing but SHA-256."""
    manifest = Manifest(journal)
    manifest.commit("remove", AT_NS, remove=["a"])
    first = manifest.state.hash
    manifest.commit("remove", AT_NS, remove=["b"])
    assert list(journal.records(1)) == [
        b'{"at":"2026-11-22T00:00:00.000000Z","n":2,"op":"remove","prev":"'
        + first.encode()
        + b'","remove":["b"],"sealed_to":1}'
    ]


def test_snapshots_spare_the_long_way(journal: LocalJournal, tmp_path: Path) -> None:
    """A start reads the newest snapshot and what follows; the check still goes all the way."""
    manifest = Manifest(journal)
    for n in range(SNAPSHOT_RECORDS + 3):
        manifest.commit("seal", AT_NS, add=[part(f"p{n}")], sealed_to=n + 2)
    lines = (tmp_path / "manifest.jsonl").read_bytes().split(b"\n")
    lines[4] = lines[4].replace(b'"p4"', b'"p5"')
    (tmp_path / "manifest.jsonl").write_bytes(b"\n".join(lines))
    again = Manifest(journal)
    assert again.state == manifest.state
    assert again.broken() == "Record 6 of the log manifest does not follow from the one before."


@pytest.mark.parametrize(
    ("old", "new"), [(b'"n":1', b'"n":7'), (b'"p1"', b'"p7"'), (b'"op"', b'"oq"'), (b"{", b"")]
)
def test_what_was_changed_is_noticed_at_start(
    journal: LocalJournal, tmp_path: Path, old: bytes, new: bytes
) -> None:
    """Any byte of a record that another one follows."""
    manifest = Manifest(journal)
    for n in (1, 2):
        manifest.commit("seal", AT_NS, add=[part(f"p{n}")])
    path = tmp_path / "manifest.jsonl"
    path.write_bytes(path.read_bytes().replace(old, new, 1))
    with (
        closing(LocalJournal(tmp_path)) as opened_again,
        pytest.raises(Corrupt, match=r"Record [12] of the log manifest"),
    ):
        Manifest(opened_again)


def test_a_record_that_was_not_finished_is_cut(journal: LocalJournal, tmp_path: Path) -> None:
    """A crash in the middle of a commit: it was never acknowledged."""
    manifest = Manifest(journal)
    manifest.commit("seal", AT_NS, add=[part("a")])
    with (tmp_path / "manifest.jsonl").open("ab") as file:
        file.write(b'{"at":"2026')
    with closing(LocalJournal(tmp_path)) as opened_again:
        again = Manifest(opened_again)
        assert again.state == manifest.state
        again.commit("seal", AT_NS, add=[part("b")])
        assert Manifest(opened_again).state.parts == (part("a"), part("b"))


def test_a_shorter_journal_is_noticed(journal: LocalJournal, tmp_path: Path) -> None:
    """By a check beside a running store, which knows how far it was."""
    manifest = Manifest(journal)
    for name in ("a", "b"):
        manifest.commit("seal", AT_NS, add=[part(name)])
    path = tmp_path / "manifest.jsonl"
    path.write_bytes(path.read_bytes().split(b"\n")[0] + b"\n")
    assert manifest.broken() == "The journal does not end where it was left."


class Unsure:
    """A journal whose answer gets lost, before or after the record has arrived."""

    def __init__(self, inner: LocalJournal, *, arrives: bool) -> None:
        self.records = inner.records
        self.snapshot = inner.snapshot
        self.put_snapshot = inner.put_snapshot
        self.close = inner.close
        self._inner = inner
        self._arrives = arrives
        self.lost = 1

    def append(self, n: int, record: bytes) -> None:
        """Fail the first time."""
        self.lost -= 1
        if self.lost < 0 or self._arrives:
            self._inner.append(n, record)
        if self.lost >= 0:
            raise TemporaryError("The answer got lost.")


@pytest.mark.parametrize("arrives", [True, False])
def test_an_answer_that_got_lost_is_found_out(journal: LocalJournal, *, arrives: bool) -> None:
    """The change is there once, whether its record had arrived or not."""
    manifest = Manifest(Unsure(journal, arrives=arrives))
    with pytest.raises(TemporaryError):
        manifest.commit("seal", AT_NS, add=[part("a")], sealed_to=7)
    assert not manifest.state.parts
    manifest.settle()
    assert manifest.state.sealed_to == (7 if arrives else 1)
    if not arrives:
        manifest.commit("seal", AT_NS, add=[part("a")], sealed_to=7)
    assert manifest.state == Manifest(journal).state
    assert manifest.state.parts == (part("a"),)
