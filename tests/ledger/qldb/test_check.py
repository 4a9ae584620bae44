"""The hash chain: what was changed anywhere is found, and what nothing covers is said."""

import copy
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tallystick.errors import Refused
from tallystick.ledger.qldb.check import EXAMPLES_MAX, Journal, check_journal
from tallystick.ledger.qldb.export import open_export

Change = Callable[[dict[str, Any]], object]


def check(book: Any, folder: Path, **options: Any) -> Journal:
    """What is found in the book's export."""
    export = open_export(book.write(folder))
    return check_journal(export, typed=export.typed, **options)


def test_an_untouched_journal_is_proved(tmp_path: Path, book: Any) -> None:
    """Inserts, an update, a block without documents, a redaction, a deletion: all are proved."""
    journal = check(book, tmp_path)

    assert (journal.first, journal.blocks, journal.revisions) == (0, 5, 5)
    assert (journal.redacted, journal.deleted, journal.internal) == (1, 1, 0)
    assert (journal.unproved, journal.examples) == (0, [])
    assert journal.digest == book.digest


def test_types_that_json_lost(tmp_path: Path, book: Any, typed: dict[str, Any]) -> None:
    """Days, decimals or floats are found again; a symbol is not, and is said to be unproved."""
    book.add({"a": {"at": typed["day"], "x": typed["amount"]}})
    book.add({"b": {"at": "2017-08-21", "x": typed["float"]}})
    assert check(book, tmp_path).unproved == 0

    book.add({"c": {"state": typed["symbol"]}})
    journal = check(book, tmp_path / "again")

    assert journal.unproved == 1
    assert journal.examples == ["block 7: no hash covers the data of document c as they stand"]


def flip(data: bytes) -> bytes:
    """The same bytes but for one bit."""
    return bytes([data[0] ^ 1]) + data[1:]


CONTRADICTIONS: dict[str, tuple[Change, str]] = {
    "blockHash": (lambda b: b.update(blockHash=flip(b["blockHash"])), "blockHash does not follow"),
    "entriesHash": (
        lambda b: b.update(entriesHash=flip(b["entriesHash"])), "entriesHash is not the root",
    ),
    "previousBlockHash": (
        lambda b: b.update(previousBlockHash=flip(b["previousBlockHash"])),
        "it does not follow block 0",
    ),
    "entriesHashList": (
        lambda b: b["entriesHashList"].__setitem__(0, flip(b["entriesHashList"][0])),
        "entriesHash is not the root",
    ),
    "entry-hash-left-out": (
        lambda b: b["entriesHashList"].pop(), "entriesHash is not the root",
    ),
    "revision-hash": (
        lambda b: b["revisions"][0].update(hash=flip(b["revisions"][0]["hash"])),
        "its revisions are not those",
    ),
    "revision-added": (
        lambda b: b["revisions"].append({"hash": b["blockHash"]}), "its revisions are not those",
    ),
    "revision-twice": (
        lambda b: b["revisions"].append(b["revisions"][0]), "its revisions are not those",
    ),
    "revision-address": (
        lambda b: b["revisions"][0].update(blockAddress={"strandId": "x", "sequenceNo": 1}),
        "names another block",
    ),
    "transactionId": (lambda b: b.update(transactionId="x"), "names another transaction"),
    "txId": (
        lambda b: b["revisions"][0]["metadata"].update(txId="x"), "names another transaction",
    ),
    "redacted-hash": (
        lambda b: b["revisions"][0].update(data=None, dataHash=b["blockHash"]),
        "is not what its revision hash covers",
    ),
}  # fmt: skip
"""Changes to block 1, and what is said about them."""


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_contradictions_are_named(tmp_path: Path, book: Any, name: str) -> None:
    """Each changed member is found, and the block is named."""
    change, sentence = CONTRADICTIONS[name]
    change(book.blocks[1])

    with pytest.raises(Refused, match=sentence) as refused:
        check(book, tmp_path)
    assert refused.value.code == "QLDB_CONTRADICTION"
    assert "block 1" in str(refused.value)


UNPROVED: dict[str, Change] = {
    "data": lambda b: b["revisions"][0]["data"].update(VIN="another"),
    "data-added": lambda b: b["revisions"][0]["data"].update(new=1),
    "document-id": lambda b: b["revisions"][0]["metadata"].update(id="another"),
    "version": lambda b: b["revisions"][0]["metadata"].update(version=9),
    "metadata-added": lambda b: b["revisions"][0]["metadata"].update(new=1),
    "txTime": lambda b: b["revisions"][0]["metadata"].update(txTime=b["blockTimestamp"]),
    "statement": lambda b: b["transactionInfo"]["statements"][0].update(statement="DROP"),
    "table": lambda b: b["transactionInfo"]["documents"].popitem(),
    "transactionInfo": lambda b: b.update(transactionInfo=None),
    "revisions-cut-off": lambda b: b.update(revisions=[]),
    "data-cut-off": lambda b: b["revisions"][0].pop("data"),
}
"""Changes after which JSON leaves room for an innocent reason: types that it lost."""


@pytest.mark.parametrize("name", UNPROVED)
def test_what_json_cannot_prove_is_counted(tmp_path: Path, book: Any, name: str) -> None:
    """Each such change leaves something unproved, and the block is named."""
    UNPROVED[name](book.blocks[1])

    journal = check(book, tmp_path)

    assert journal.unproved >= 1
    assert journal.examples[0].startswith("block 1: ")


def test_a_block_of_another_history(tmp_path: Path, book: Any, empty_book: Any) -> None:
    """A block that is sound by itself but follows another one is found."""
    other = empty_book().add({"x": {"a": 1}}).add({"y": {"a": 2}})
    book.blocks[1] = other.blocks[1]

    with pytest.raises(Refused, match="block 1: it does not follow block 0"):
        check(book, tmp_path)


def test_a_block_of_another_strand(tmp_path: Path, book: Any) -> None:
    """One journal is one strand."""
    renamed = copy.deepcopy(book.blocks[2])
    renamed["blockAddress"]["strandId"] = "another"
    book.blocks[2] = renamed

    with pytest.raises(Refused, match="its strand another is not"):
        check(book, tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        lambda b: b.pop("blockAddress"),
        lambda b: b["blockAddress"].update(sequenceNo="1"),
        lambda b: b["blockAddress"].update(sequenceNo=True),
        lambda b: b["blockAddress"].update(sequenceNo=-1),
        lambda b: b.update(transactionId="a/b"),
        lambda b: b.pop("blockTimestamp"),
        lambda b: b.update(blockHash=b"short"),
        lambda b: b.update(previousBlockHash=b""),
        lambda b: b.update(entriesHashList={}),
        lambda b: b.update(entriesHashList=[1]),
        lambda b: b.update(revisions={}),
        lambda b: b.update(revisions=[1]),
        lambda b: b["revisions"][0].pop("hash"),
        lambda b: b["revisions"][0].pop("metadata"),
        lambda b: b["revisions"][0]["metadata"].update(version="x"),
        lambda b: b["revisions"][0]["metadata"].pop("txTime"),
        lambda b: b["transactionInfo"]["documents"]["JUJgkIcNbhS2goq8RqLuZ4"].update(
            tableName="x" * 129
        ),
    ],
)  # fmt: skip
def test_blocks_that_are_not_as_documented(tmp_path: Path, book: Any, change: Change) -> None:
    """A member that is missing or of another type is refused before anything is made of it."""
    change(book.blocks[1])

    with pytest.raises(Refused, match=r"\.json: ") as refused:
        check(book, tmp_path)
    assert refused.value.code == "QLDB_UNREADABLE"


def test_a_kept_digest_anchors_trust(tmp_path: Path, book: Any) -> None:
    """The digest of the whole journal, or of an earlier tip, holds; any other does not."""
    digest = book.digest
    check(book, tmp_path, digest=digest)
    book.add({"later": {"a": 1}})

    check(book, tmp_path / "later", digest=digest, tip=4)
    with pytest.raises(Refused, match="up to block 5 is") as refused:
        check(book, tmp_path / "again", digest=digest)
    assert refused.value.code == "QLDB_DIGEST"
    with pytest.raises(Refused, match="Block 9, the digest's tip, is not in this export"):
        check(book, tmp_path / "beyond", digest=digest, tip=9)


def test_a_part_of_a_journal_has_no_digest(tmp_path: Path, empty_book: Any) -> None:
    """A digest covers block 0; the chain of a later part can be checked, not held to a digest."""
    book = empty_book(first=7).add({"x": {"a": 1}}).add({"x": {"a": 2}})

    assert check(book, tmp_path).digest is None
    with pytest.raises(Refused, match="from block 0; this export begins later"):
        check(book, tmp_path / "again", digest=b"x" * 32)


def test_a_forged_journal_that_is_sound_in_itself_needs_the_digest(
    tmp_path: Path, book: Any, empty_book: Any
) -> None:
    """Whoever can write can compute all hashes anew; only a digest that was kept tells."""
    forged = empty_book().add({"JUJgkIcNbhS2goq8RqLuZ4": {"VIN": "forged"}})
    for _ in range(4):
        forged.add({})

    assert check(forged, tmp_path).unproved == 0
    with pytest.raises(Refused, match="not the one that was given"):
        check(forged, tmp_path / "again", digest=book.digest)


def test_examples_are_bounded(tmp_path: Path, empty_book: Any, typed: dict[str, Any]) -> None:
    """All are counted, some are named."""
    book = empty_book().add({f"d{n}": {"s": typed["symbol"]} for n in range(EXAMPLES_MAX + 5)})

    journal = check(book, tmp_path)

    assert (journal.unproved, len(journal.examples)) == (EXAMPLES_MAX + 5, EXAMPLES_MAX)


DOCUMENTS = st.dictionaries(
    st.sampled_from(["a", "b", "c"]),
    st.dictionaries(
        st.text(max_size=4),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=4),
            lambda inner: (
                st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2)
            ),
            max_leaves=4,
        ),
        max_size=3,
    ),
    max_size=3,
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(blocks=st.lists(DOCUMENTS, min_size=1, max_size=6), data=st.data())
def test_any_journal_and_any_flipped_hash(
    tmp_path: Path, empty_book: Any, blocks: list[dict[str, Any]], data: st.DataObject
) -> None:
    """Whatever was written is proved; then one bit of one hash is flipped, and it is refused."""
    book = empty_book()
    for documents in blocks:
        book.add(documents)
    journal = check(book, tmp_path)
    assert (journal.unproved, journal.digest) == (0, book.digest)
    assert all(a["blockHash"] == b["previousBlockHash"] for a, b in pairwise(book.blocks))

    block = data.draw(st.sampled_from(book.blocks))
    name = data.draw(st.sampled_from(["blockHash", "entriesHash"]))
    block[name] = flip(block[name])
    with pytest.raises(Refused, match=r"contradicts itself at block"):
        check(book, tmp_path)
