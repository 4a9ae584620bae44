"""Telling entries about subjects from all others."""

import msgspec
import pytest

from tallystick.errors import PermanentError
from tallystick.ledger.notices import SubjectErased, SubjectRecorded
from tallystick.ledger.personal.folding import decode_subject

AT = "2026-11-22T00:00:00.000000Z"
RECORDED = SubjectRecorded(AT, "S-1", None, {"name": "00" * 32}, "tester")
ERASED = SubjectErased(AT, "S-1", (0,), ("name",), "reason", None, "tester")


def encode(entry: object) -> bytes:
    """Canonical bytes."""
    return msgspec.json.encode(entry, order="sorted")


@pytest.mark.parametrize("entry", [RECORDED, ERASED], ids=["recorded", "erased"])
def test_an_entry_about_a_subject(entry: SubjectRecorded | SubjectErased) -> None:
    """Comes back as what it was."""
    assert decode_subject(encode(entry)) == entry


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"raw \x00 bytes",
        b'raw "kind":"subject_erased"',
        encode({"kind": "account_opened"}),
        encode({"document": msgspec.to_builtins(ERASED), "kind": "revision_imported"}),
        encode({"kind": "kill_switch_set", "reason": '"kind":"subject_erased"'}),
    ],
    ids=["empty", "raw", "raw_mark", "other", "nested", "quoted"],
)
def test_other_entries_are_passed_over(data: bytes) -> None:
    """Also those that carry the like of one inside: an imported document erases nobody."""
    assert decode_subject(data) is None


@pytest.mark.parametrize(
    "data",
    [
        encode(msgspec.structs.replace(ERASED, v=2)),
        encode({"kind": "subject_merged"}),
        encode({"kind": "subject_erased", "v": 2}),
    ],
    ids=["version", "kind", "form"],
)
def test_a_newer_one_is_never_guessed_at(data: bytes) -> None:
    """It might be an erasure: nothing goes on without knowing."""
    with pytest.raises(PermanentError, match="newer version"):
        decode_subject(data)
