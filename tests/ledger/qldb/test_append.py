"""Revisions in the ledger: each once, whatever happens, and each still proving its QLDB hash."""

import asyncio
from base64 import b64decode
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tallystick.errors import HeadMoved, Refused, TemporaryError
from tallystick.keys import FileKeyring
from tallystick.ledger import Ledger, MemoryStore, Sealable
from tallystick.ledger.notices import QldbImported, QldbRevision
from tallystick.ledger.qldb import append
from tallystick.ledger.qldb.append import Outcome, append_export, append_missing
from tallystick.ledger.qldb.check import Journal
from tallystick.ledger.qldb.entries import imported_entry
from tallystick.ledger.qldb.export import open_export
from tallystick.ledger.qldb.hashes import dot
from tallystick.ledger.qldb.ionhash import ion_hash
from tallystick.ledger.qldb.plain import from_plain
from tallystick.ledger.qldb.values import Struct, Timestamp
from tallystick.ledger.store import Batch
from tallystick.ledger.verify.canonical import decode_canonical
from tallystick.limits import ENTRY_BYTES_MAX, QLDB_PART_CHARACTERS_MAX

PERSON = "JUJgkIcNbhS2goq8RqLuZ4"


class Failing(MemoryStore):
    """A store that takes some batches, and then none; or lets another writer in before each."""

    def __init__(self, good: int = 1_000_000, error: type[Exception] = TemporaryError) -> None:
        super().__init__()
        self.good = good
        self.error = error
        self.batches: list[int] = []

    async def append(self, batch: Batch) -> None:
        """Store the batch, or fail."""
        if len(self.batches) == self.good:
            raise self.error
        self.batches.append(len(batch.rows))
        await super().append(batch)


def opened(store: MemoryStore) -> Ledger:
    """The ledger in this store."""
    return Ledger(store, FileKeyring("ledger.example/test", b"\x07" * 32))


def revisions(ledger: Ledger) -> list[QldbRevision]:
    """All entries, which are canonical."""
    rows = ledger.rows(0, ledger.size)
    assert all(decode_canonical(row.entry) for row in rows)
    return [msgspec.json.decode(row.entry, type=QldbRevision) for row in rows]


def proves(entry: QldbRevision, data: Any) -> bool:
    """Whether the entry alone leads to the revision hash that QLDB computed."""
    metadata = Struct(
        (
            ("id", entry.document_id),
            ("version", entry.version),
            ("txTime", Timestamp(entry.tx_time)),
            ("txId", entry.transaction_id),
        )
    )
    data_hash = b64decode(entry.data_hash or "")
    if data is not None:
        assert ion_hash(from_plain(data)) == data_hash
    return dot(ion_hash(metadata), data_hash) == b64decode(entry.revision_hash)


def run(ledger: Ledger, folder: Path, **options: Any) -> tuple[Journal, Outcome]:
    """Append the export in this folder."""
    return asyncio.run(append_export(ledger, open_export(folder), **options))


def test_each_revision_is_one_entry(tmp_path: Path, book: Any) -> None:
    """Addresses, hashes, tables and data are those of the journal, and prove themselves."""
    ledger = opened(MemoryStore())

    journal, outcome = run(ledger, book.write(tmp_path, each=2))
    found = revisions(ledger)

    assert (outcome.appended, outcome.present, journal.revisions) == (5, 0, 5)
    assert [(each.sequence_no, each.version) for each in found] == [
        (0, 0), (0, 0), (1, 1), (3, 1), (4, 2),
    ]  # fmt: skip
    assert all(proves(each, each.data) for each in found)
    first, redacted, deleted = found[0], found[3], found[4]
    assert (first.document_id, first.table_name, first.proved) == (PERSON, "Person", True)
    assert b64decode(first.block_hash) == book.blocks[0]["blockHash"]
    assert first.data["Amount"] == {"$decimal": "90.25"}
    assert first.data["ValidFrom"] == {"$timestamp": "2017-08-21"}
    assert (redacted.redacted, redacted.data) == (True, None)
    assert redacted.data_hash
    assert (deleted.redacted, deleted.data, deleted.data_hash) == (False, None, None)


def test_a_second_run_appends_nothing(tmp_path: Path, book: Any) -> None:
    """Everything is found by its address."""
    ledger = opened(MemoryStore())
    book.write(tmp_path)
    run(ledger, tmp_path)

    assert run(ledger, tmp_path)[1] == Outcome(appended=0, present=5)
    assert ledger.size == 5


def test_on_every_store(tmp_path: Path, book: Any, place: Any) -> None:
    """Memory, SQLite and PostgreSQL alike: appended once, found after the ledger is opened anew."""
    book.write(tmp_path / "export")

    assert run(place.ledger(), tmp_path / "export")[1] == Outcome(appended=5, present=0)
    again = place.ledger()
    assert run(again, tmp_path / "export")[1] == Outcome(appended=0, present=5)
    assert all(proves(each, each.data) for each in revisions(again))


def test_an_interrupted_import_continues(
    tmp_path: Path, book: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After every commit that it can be interrupted at, the next run adds just the rest."""
    monkeypatch.setattr(append, "BATCH_ENTRIES_MAX", 2)
    book.write(tmp_path)

    for good in range(3):
        store = Failing(good)
        with pytest.raises(TemporaryError):
            run(opened(store), tmp_path)
        store.good = 1_000_000
        ledger = opened(store)
        there = ledger.size
        assert run(ledger, tmp_path)[1] == Outcome(appended=5 - there, present=there)
        assert len({(e.sequence_no, e.document_id) for e in revisions(ledger)}) == ledger.size == 5


def test_what_other_writers_append_between(tmp_path: Path, book: Any) -> None:
    """Another writer is let in before the commit: it is tried again after his entry."""

    class Contended(Failing):
        async def append(self, batch: Batch) -> None:
            if not self.batches:
                self.batches.append(0)
                await opened(self).append(0, [Sealable(b"{}")])
            await super().append(batch)

    ledger = opened(Contended())
    run(ledger, book.write(tmp_path))

    assert ledger.size == 6


def test_somebody_is_always_faster(tmp_path: Path, book: Any) -> None:
    """It gives up after so many attempts, with the reason."""
    store = Failing(0, HeadMoved)

    with pytest.raises(HeadMoved):
        run(opened(store), book.write(tmp_path))


def test_another_history_at_the_same_address(tmp_path: Path, book: Any, empty_book: Any) -> None:
    """A ledger that holds a revision refuses another one that claims its place."""
    ledger = opened(MemoryStore())
    run(ledger, book.write(tmp_path / "one"))
    forged = empty_book().add({PERSON: {"VIN": "forged"}})

    with pytest.raises(Refused, match="had other hashes") as refused:
        run(ledger, forged.write(tmp_path / "two"))
    assert refused.value.code == "QLDB_CONTRADICTION"
    assert ledger.size == 5


@pytest.mark.parametrize(
    "text", ["x" * 120_000, '"\\' * 30_000, "\U0001f600" * 30_000, "\x01" * 20_000]
)
def test_large_documents_stand_in_parts(tmp_path: Path, empty_book: Any, text: str) -> None:
    """QLDB's largest documents fit, in consecutive entries of one commit."""
    ledger = opened(MemoryStore())
    run(ledger, empty_book().add({"small": {"a": 1}, "large": {"text": text}}).write(tmp_path))

    small, *parts = revisions(ledger)
    whole = "".join(str(each.data_part) for each in parts)

    assert small.data == {"a": 1}
    assert [each.part for each in parts] == list(range(1, parts[0].parts + 1))
    assert all(each.data is None for each in parts)
    assert proves(parts[0], msgspec.json.decode(whole))
    assert max(len(row.entry) for row in ledger.rows(0, ledger.size)) <= ENTRY_BYTES_MAX
    assert run(ledger, tmp_path)[1].appended == 0


def test_parts_are_in_one_commit(
    tmp_path: Path, empty_book: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No crash leaves half a document: a batch ends before a document, never inside."""
    monkeypatch.setattr(append, "BATCH_ENTRIES_MAX", 3)
    store = Failing()
    large = "x" * (2 * QLDB_PART_CHARACTERS_MAX)
    book = empty_book().add({"a": {"a": 1}, "b": {"t": large}, "c": {"t": large * 2}})

    run(opened(store), book.write(tmp_path))

    assert store.batches == [1, 3, 5]


def test_batches_are_bounded_in_bytes(
    tmp_path: Path, book: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory does not grow with the export."""
    monkeypatch.setattr(append, "BATCH_BYTES_MAX", 1_000)
    store = Failing()

    run(opened(store), book.write(tmp_path))

    assert store.batches == [1, 1, 1, 1, 1]


def test_hashes_only(tmp_path: Path, book: Any) -> None:
    """Data can be left behind; the hash of what they were still proves the revision."""
    ledger = opened(MemoryStore())
    run(ledger, book.write(tmp_path), hash_only=True)

    assert all(each.data is None and proves(each, None) for each in revisions(ledger))


def test_what_is_not_proved_says_so(tmp_path: Path, empty_book: Any, typed: dict[str, Any]) -> None:
    """A revision whose types JSON lost keeps its data, marked; never only a hash of a guess."""
    ledger = opened(MemoryStore())
    run(ledger, empty_book().add({"a": typed}).write(tmp_path), hash_only=True)

    (found,) = revisions(ledger)
    assert (found.proved, found.data_hash) == (False, None)
    assert found.data["symbol"] == "sold"


def test_progress_reaches_the_end(
    tmp_path: Path, book: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks are counted when they are durable, and all of them once."""
    monkeypatch.setattr(append, "BATCH_ENTRIES_MAX", 1)
    done: list[int] = []

    run(opened(MemoryStore()), book.write(tmp_path), advance=done.append)

    assert sum(done) == 5


def test_the_files_changed_after_the_check(tmp_path: Path, book: Any) -> None:
    """The journal is checked again as it is appended, so nothing unchecked gets in."""
    ledger = opened(MemoryStore())
    export = open_export(book.write(tmp_path))
    path = export.files[0].path
    path.write_text(path.read_text().replace('"version":1', '"version":7', 1))
    book.blocks[1]["blockHash"] = b"x" * 32
    book.write(tmp_path)

    with pytest.raises(Refused, match="block 1"):
        asyncio.run(append_export(ledger, export))
    assert ledger.size == 0


def test_the_summary(tmp_path: Path, book: Any) -> None:
    """One entry says what was imported and what was proved; a second run leaves it."""
    ledger = opened(MemoryStore())
    journal, outcome = run(ledger, book.write(tmp_path))
    stamps = (f"2026-11-22T00:00:0{number}.000000Z" for number in count())

    def summary() -> Sealable:
        return imported_entry(
            journal, at=next(stamps), manifest="m", digest=book.digest, hash_only=False
        )

    for _ in range(2):
        asyncio.run(append_missing(ledger, [summary()], outcome))
    found = msgspec.json.decode(ledger.rows(5, 1)[0].entry, type=QldbImported)

    assert (ledger.size, outcome) == (6, Outcome(appended=6, present=1))
    assert (found.first_sequence_no, found.last_sequence_no, found.revisions) == (0, 4, 5)
    assert (found.redacted, found.deleted, found.unproved, found.format) == (1, 1, 0, "json")
    assert found.digest == found.digest_given
    assert b64decode(found.digest or "") == book.digest
    assert b64decode(found.last_block_hash) == book.blocks[4]["blockHash"]


def test_keys_say_where_it_was(tmp_path: Path, book: Any) -> None:
    """A revision is found by strand, block, document and version."""
    ledger = opened(MemoryStore())
    run(ledger, book.write(tmp_path))

    assert ledger.find(f"qldb/KmA3ZZca7vAIiJAK9S5Iwl/1/{PERSON}/1") == 2
