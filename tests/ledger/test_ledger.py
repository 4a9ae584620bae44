"""The ledger over every store: receipts, proofs, restarts, other writers, and tampering."""

import asyncio
from collections.abc import Callable, Iterable
from copy import deepcopy
from itertools import combinations_with_replacement
from typing import Any

import apsw
import msgspec
import pytest

from tallystick.errors import Corrupt, Forked, HeadMoved, KeyTaken, Refused, TemporaryError
from tallystick.keys import FileKeyring, Signer
from tallystick.ledger import Ledger, MemoryStore, Receipt, Sealable, Sealed
from tallystick.ledger import ledger as ledger_module
from tallystick.ledger import tail as tail_module
from tallystick.ledger import tree as tree_module
from tallystick.ledger.checkpoint import Checkpoint, parse_body, parse_checkpoint, verify_note
from tallystick.ledger.merkle import (
    EMPTY_ROOT,
    leaf_hash,
    tree_root,
    verify_consistency,
    verify_inclusion,
)
from tallystick.ledger.store import Batch
from tallystick.ledger.verify import verify_receipt

BATCHES = (1, 2, 5, 247, 1, 1, 300, 3)
"""Sizes of batches that cross the border of a tile, and end at one."""


def numbered(first: int, count: int) -> list[Sealable]:
    """Short canonical entries, each with a key that says its position."""
    return [Sealable(b'{"n":%d,"v":1}' % n, (f"key {n}",)) for n in range(first, first + count)]


def append(ledger: Ledger, *counts: int) -> list[Sealed]:
    """Append so many numbered entries, batch by batch."""

    async def run() -> list[Sealed]:
        return [await ledger.append(ledger.size, numbered(ledger.size, n)) for n in counts]

    return asyncio.run(run())


def fail(ledger: Ledger, error: type[Exception], first: int, *entries: Sealable) -> None:
    """Append what must be refused."""
    with pytest.raises(error):
        asyncio.run(ledger.append(first, entries))


def require_sound(ledger: Ledger, entries: Iterable[Sealable]) -> None:
    """The signed head is that of exactly these entries, and each has a clean receipt."""
    sealables = list(entries)
    root = tree_root([leaf_hash(sealable.entry) for sealable in sealables])
    head = parse_body(verify_note(ledger.note, [ledger.vkey]).text)
    assert head == Checkpoint(ledger.origin, len(sealables), root)
    assert ledger.size == head.size
    assert ledger.root(ledger.size) == root
    for position, sealable in enumerate(sealables):
        receipt = ledger.receipt(position)
        assert receipt.entry == sealable.entry
        require_clean(receipt, ledger)
        assert [ledger.find(key) for key in sealable.keys] == [position] * len(sealable.keys)


def require_clean(receipt: Receipt, ledger: Ledger) -> None:
    """The independent verifier accepts the receipt as it travels."""
    report = verify_receipt(msgspec.json.encode(receipt), ledger.vkey)
    assert report.verdict == "clean", report.reason


def test_a_new_ledger_has_a_signed_empty_head(place: Any) -> None:
    """Nothing is in it, and its key says so."""
    ledger = place.ledger()
    head = parse_body(verify_note(ledger.note, [ledger.vkey]).text)
    assert head == Checkpoint("ledger.example/test", 0, EMPTY_ROOT)
    assert (ledger.size, ledger.origin) == (0, "ledger.example/test")
    assert ledger.rows(0, 10) == []


def test_receipts_are_the_same_bytes_ever_after(place: Any) -> None:
    """A receipt verifies, and is given out unchanged after growth and after a restart."""
    ledger = place.ledger()
    sealed = append(ledger, *BATCHES)
    receipts = [batch.receipt(n) for batch in sealed for n in range(len(batch.rows))]
    assert [receipt.position for receipt in receipts] == list(range(sum(BATCHES)))
    assert [ledger.receipt(position) for position in range(ledger.size)] == receipts
    place.close()
    again = place.ledger()
    assert [again.receipt(position) for position in range(again.size)] == receipts
    assert again.note == sealed[-1].note
    append(again, 260)
    assert [again.receipt(receipt.position) for receipt in receipts] == receipts
    require_sound(again, numbered(0, sum(BATCHES) + 260))


def test_every_pair_of_sizes_is_consistent(place: Any) -> None:
    """The tree of any checkpoint seen is the beginning of every later one."""
    ledger = place.ledger()
    heads = [parse_checkpoint(sealed.note) for sealed in append(ledger, *BATCHES)]
    for old, new in combinations_with_replacement(heads, 2):
        assert ledger.root(old.size) == old.root
        verify_consistency(
            size1=old.size,
            size2=new.size,
            proof=ledger.consistency_proof(old.size, new.size),
            root1=old.root,
            root2=new.root,
        )


def test_any_entry_is_proved_in_any_tree(place: Any) -> None:
    """Inclusion proofs are made for sizes that were never signed, too."""
    ledger = place.ledger()
    append(ledger, *BATCHES)
    for size in (1, 100, 256, 257, ledger.size):
        for position in (0, size // 2, size - 1):
            verify_inclusion(
                index=position,
                size=size,
                leaf=ledger.leaf_hash(position),
                proof=ledger.inclusion_proof(position, size),
                root=ledger.root(size),
            )


def test_what_is_not_there_is_refused(place: Any) -> None:
    """Positions and sizes outside the ledger are refused with their code."""
    ledger = place.ledger()
    append(ledger, 3)
    calls: dict[str, list[Callable[[], object]]] = {
        "UNKNOWN_ENTRY": [lambda: ledger.receipt(3), lambda: ledger.receipt(-1)],
        "BAD_RANGE": [
            lambda: ledger.inclusion_proof(-1, 3),
            lambda: ledger.inclusion_proof(3, 3),
            lambda: ledger.inclusion_proof(0, 4),
            lambda: ledger.consistency_proof(0, 3),
            lambda: ledger.consistency_proof(3, 2),
            lambda: ledger.consistency_proof(1, 4),
            lambda: ledger.root(-1),
            lambda: ledger.root(4),
        ],
    }
    for code, refused in calls.items():
        for call in refused:
            with pytest.raises(Refused) as caught:
                call()
            assert caught.value.code == code


def test_pages_end_with_the_ledger(place: Any) -> None:
    """Entries come in order, at most as many as asked for, none beyond the head."""
    ledger = place.ledger()
    append(ledger, 5)
    entries = [row.entry for row in ledger.rows(0, 1_000)]
    assert entries == [sealable.entry for sealable in numbered(0, 5)]
    assert [row.entry for row in ledger.rows(3, 1)] == entries[3:4]
    assert ledger.rows(5, 10) == ledger.rows(9, 10) == ledger.rows(2, 0) == []


def test_memory_and_store_give_the_same_rows(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest rows come from memory: where that begins makes no difference, nor who wrote."""
    for module in (ledger_module, tail_module):
        monkeypatch.setattr(module, "TAIL_ROWS", 10)
    ledger, other = place.ledger(), place.ledger()
    for counts in ((3, 4), (9, 6, 1)):
        append(ledger, *counts)
        assert len(ledger._tail) <= 20
        asyncio.run(other.append(ledger.size, numbered(ledger.size, 2)))
        fail(ledger, HeadMoved, ledger.size, *numbered(900, 1))
        append(ledger, 12)
        entries = [sealable.entry for sealable in numbered(0, ledger.size)]
        for start in range(ledger.size + 2):
            for limit in (0, 1, 5, 100):
                found = [row.entry for row in ledger.rows(start, limit)]
                assert found == entries[start : start + limit]
    require_sound(ledger, numbered(0, 51))


def test_followers_hear_of_each_commit(place: Any) -> None:
    """After the commit, with the new size, and only when there is one."""
    ledger = place.ledger()
    heard: list[tuple[int, int]] = []
    ledger.follow(lambda size: heard.append((size, len(ledger.rows(0, 99)))))
    append(ledger, 2, 0, 3)
    fail(ledger, KeyTaken, 5, Sealable(b"x", ("key 0",)))
    assert heard == [(2, 2), (5, 5)]


def test_followers_hear_of_other_writers_too(place: Any) -> None:
    """Once it is taken in, however that came: by catching up, or by an append that was late."""
    one, other = place.ledger(), place.ledger()
    heard: list[int] = []
    other.follow(heard.append)
    append(one, 3)
    assert other.catch_up()
    assert not other.catch_up()
    append(one, 2)
    fail(other, HeadMoved, 3, *numbered(3, 1))
    append(one, 1)
    asyncio.run(other.append(6, []))
    assert heard == [3, 5, 6]


def test_no_entries_are_stored_as_nothing(place: Any) -> None:
    """An empty append changes nothing, however often; for another size it is refused."""
    ledger = place.ledger()
    append(ledger, 0, 0, 2)
    note = ledger.note
    for sealed in append(ledger, 0, 0):
        assert (sealed.first, list(sealed.rows), sealed.note) == (2, [], note)
    fail(ledger, HeadMoved, 1)
    require_sound(ledger, numbered(0, 2))


def test_a_failed_append_leaves_nothing_behind(place: Any) -> None:
    """A taken key refuses the batch whole; the ledger goes on as if it had not been."""
    ledger = place.ledger()
    append(ledger, 250)
    note = ledger.note
    fail(ledger, KeyTaken, 250, *numbered(250, 20), Sealable(b"{}", ("key 3",)))
    assert (ledger.size, ledger.note) == (250, note)
    assert ledger.find("key 250") is None
    append(ledger, 20)
    require_sound(ledger, numbered(0, 270))


@pytest.mark.parametrize("expected", [0, 249, 251, 1_000])
def test_an_append_for_another_size_is_refused(place: Any, expected: int) -> None:
    """`HeadMoved`, nothing stored, and the next append is right."""
    ledger = place.ledger()
    append(ledger, 250)
    fail(ledger, HeadMoved, expected, *numbered(900, 10))
    append(ledger, 10)
    require_sound(ledger, numbered(0, 260))


def test_another_writer_moves_the_head(place: Any) -> None:
    """Of two ledgers on one store the later one is told, has caught up, and appends behind."""
    one, other = place.ledger(), place.ledger()
    append(one, 300)
    fail(other, HeadMoved, 0, *numbered(0, 5))
    assert (other.size, other.note) == (300, one.note)
    append(other, 5)
    require_sound(other, numbered(0, 305))
    fail(one, HeadMoved, 300, *numbered(300, 1))
    require_sound(one, numbered(0, 305))


def test_a_ledger_never_signs_what_it_has_not_seen(place: Any) -> None:
    """Asked to append behind entries of another writer, it first grows its tree by them."""
    one, other = place.ledger(), place.ledger()
    append(one, 300)
    asyncio.run(other.append(300, numbered(300, 5)))
    require_sound(other, numbered(0, 305))


@pytest.mark.parametrize("theirs", [0, 1, 9])
def test_a_database_that_goes_back_under_a_running_ledger_is_a_fork(
    signer: Signer, theirs: int
) -> None:
    """An older backup in its place, whoever wrote on there: nothing is signed, nothing shown."""
    store = MemoryStore()
    ledger = Ledger(store, signer)
    append(ledger, 3)
    backup = deepcopy(vars(store))
    append(ledger, 2)
    note = ledger.note
    vars(store).update(backup)
    if theirs:
        asyncio.run(
            Ledger(store, signer).append(3, [Sealable(b"theirs %d" % n) for n in range(theirs)])
        )
    held = store.checkpoint(-1)

    for _ in range(2):
        fail(ledger, Forked, 5, *numbered(5, 1))
    assert (ledger.size, ledger.note) == (5, note)
    assert store.checkpoint(-1) == held


class Moody(MemoryStore):
    """A store in memory that can be slow or broken."""

    def __init__(self) -> None:
        super().__init__()
        self.broken = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def append(self, batch: Batch) -> None:
        """Wait for the gate; store, unless broken."""
        await self.gate.wait()
        self._require_well()
        await super().append(batch)

    def checkpoint(self, size: int) -> tuple[int, str] | None:
        """As always, unless broken."""
        self._require_well()
        return super().checkpoint(size)

    def _require_well(self) -> None:
        if self.broken:
            raise TemporaryError


def test_a_store_that_fails_twice_does_not_make_a_wrong_head(signer: Signer) -> None:
    """The append fails and so does looking what is stored: the next append looks again first."""
    store = Moody()
    ledger = Ledger(store, signer)
    append(ledger, 250)
    store.broken = True
    for _ in range(2):
        fail(ledger, TemporaryError, 250, *numbered(250, 9))
    store.broken = False
    append(ledger, 20)
    require_sound(ledger, numbered(0, 270))


def test_proofs_are_made_while_an_append_is_under_way(
    signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old size stands until the commit; a tile that it fills is at hand all the while."""
    monkeypatch.setattr(tree_module, "CACHED_TILES_MAX", 1)
    store = Moody()
    ledger = Ledger(store, signer)
    append(ledger, 255, 300)
    proofs = [ledger.inclusion_proof(position, 555) for position in (0, 300, 554)]

    async def run() -> None:
        store.gate.clear()
        task = asyncio.create_task(ledger.append(555, numbered(555, 600)))
        await asyncio.sleep(0)
        assert ledger._tree.size == 1_155
        assert ledger.size == 555
        assert [ledger.inclusion_proof(position, 555) for position in (0, 300, 554)] == proofs
        require_clean(ledger.receipt(540), ledger)
        with pytest.raises(Refused):
            ledger.receipt(555)
        store.gate.set()
        await task

    asyncio.run(run())
    require_sound(ledger, numbered(0, 1_155))


@pytest.mark.parametrize("turns", range(5))
def test_after_a_cancelled_append_the_ledger_is_what_the_store_holds(
    place: Any, turns: int
) -> None:
    """Whether the batch went in or not, the head fits the entries and the next append works."""
    ledger = place.ledger()
    append(ledger, 250)

    async def run() -> int:
        task = asyncio.create_task(ledger.append(250, numbered(250, 10)))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        size: int = ledger.size
        await ledger.append(size, numbered(size, 5))
        return size

    size = asyncio.run(run())
    assert size in {250, 260}
    require_sound(ledger, numbered(0, size + 5))


def test_another_keys_ledger_is_refused(place: Any) -> None:
    """A head that the given key did not sign is refused at open: wrong key or wrong ledger."""
    append(place.ledger(), 3)
    for stranger in (
        FileKeyring("ledger.example/test", b"\x08" * 32),
        FileKeyring("ledger.example/other", b"\x07" * 32),
    ):
        with pytest.raises(Corrupt, match="newest checkpoint is not this key's: The note is sign"):
            place.ledger(stranger)
    require_sound(place.ledger(), numbered(0, 3))


AT_OPEN = {
    "a leaf hash at the right edge": "UPDATE entries SET leaf_hash = zeroblob(32)"
    " WHERE position = 559",
    "entries at the right edge in another order": "UPDATE entries SET leaf_hash ="
    " (SELECT leaf_hash FROM entries WHERE position = 520) WHERE position = 521",
    "an entry missing at the right edge": "DELETE FROM entries WHERE position = 530",
    "the root of a full tile": "UPDATE tiles SET root = zeroblob(32) WHERE number = 1",
    "a full tile missing": "DELETE FROM tiles WHERE number = 0",
    "another size": "UPDATE checkpoints SET size = 559 WHERE size = 560",
    "another root": "UPDATE checkpoints SET note = (SELECT note FROM checkpoints WHERE size = 257)"
    " WHERE size = 560",
    "a broken signature": "UPDATE checkpoints SET note = substr(note, 1, length(note) - 9)"
    " || 'AAAAAAA=' || char(10) WHERE size = 560",
    "no note at all": "UPDATE checkpoints SET note = '' WHERE size = 560",
}
AT_RECEIPT = {
    "the entry": "UPDATE entries SET entry = x'7b7d' WHERE position = 100",
    "the leaf hash": "UPDATE entries SET leaf_hash = zeroblob(32) WHERE position = 100",
    "entry and leaf hash": "UPDATE entries SET (entry, leaf_hash) ="
    " (SELECT entry, leaf_hash FROM entries WHERE position = 101) WHERE position = 100",
    "the entry missing": "DELETE FROM entries WHERE position = 100",
    "a hash in its tile": "UPDATE tiles SET hashes = zeroblob(8192) WHERE number = 0",
    "its checkpoint": "UPDATE checkpoints SET note ="
    " (SELECT note FROM checkpoints WHERE size = 560) WHERE size = 257",
    "its checkpoint's signature": "UPDATE checkpoints SET note = substr(note, 1, length(note) - 9)"
    " || 'AAAAAAA=' || char(10) WHERE size = 257",
    "its checkpoint's size": "UPDATE checkpoints SET size = 258 WHERE size = 257",
}


def damaged(place: Any, sql: str) -> None:
    """560 entries under two checkpoints, changed behind the ledger's back."""
    append(place.ledger(), 257, 303)
    place.close()
    connection = apsw.Connection(str(place.file))
    connection.execute(sql).fetchall()
    assert connection.changes() == 1
    connection.close()


@pytest.mark.parametrize("sql", AT_OPEN.values(), ids=AT_OPEN)
def test_a_damaged_right_edge_is_found_at_open(sqlite_place: Any, sql: str) -> None:
    """What the next head would be made of is checked against the last signed one."""
    damaged(sqlite_place, sql)
    with pytest.raises(Corrupt):
        sqlite_place.ledger()


@pytest.mark.parametrize("sql", AT_RECEIPT.values(), ids=AT_RECEIPT)
def test_older_damage_is_found_before_a_receipt_is_given(sqlite_place: Any, sql: str) -> None:
    """No receipt leaves the ledger that would not verify; others are as good as before."""
    damaged(sqlite_place, sql)
    ledger = sqlite_place.ledger()
    with pytest.raises(Corrupt):
        ledger.receipt(100)
    require_clean(ledger.receipt(550), ledger)


def test_missing_entries_are_not_passed_over(sqlite_place: Any) -> None:
    """A page with a hole is refused: no later entry takes a missing one's place."""
    damaged(sqlite_place, "DELETE FROM entries WHERE position = 255")
    ledger = sqlite_place.ledger()
    with pytest.raises(Corrupt, match="Of entries 250 to 259 the store lacks some"):
        ledger.rows(250, 10)
