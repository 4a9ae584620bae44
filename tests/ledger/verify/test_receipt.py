"""A receipt proves itself, and every change in it is found."""

import base64
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.clock import ManualClock
from tallystick.ledger.merkle import leaf_hash
from tallystick.ledger.verify import verify_receipt

Change = Callable[[dict[str, Any]], Any]


def dumped(value: Any) -> bytes:
    """As JSON bytes."""
    return json.dumps(value).encode()


def changed(value: dict[str, Any], change: Change) -> dict[str, Any]:
    """A deep copy after a change."""
    copy: dict[str, Any] = json.loads(json.dumps(value))
    change(copy)
    return copy


def resealed(receipt: dict[str, Any], entry: bytes) -> dict[str, Any]:
    """The receipt with another entry that its leaf hash fits."""
    encoded = base64.b64encode(entry).decode()
    return {**receipt, "entry": encoded, "leaf_hash": leaf_hash(entry).hex()}


@pytest.mark.parametrize("position", range(7))
def test_a_receipt_is_clean(log: Any, trades: list[bytes], position: int) -> None:
    """Every entry's receipt is accepted, alone and inside the answer, and says what was checked."""
    for value in (log.receipt(trades, position), log.answer(trades, position)):
        report = verify_receipt(dumped(value), log.key, clock=ManualClock())
        assert (report.verdict, report.exit_code) == ("clean", 0), report.reason
        assert (report.position, report.size, report.entries) == (position, 7, 1)
        assert report.bytes_hashed == len(trades[position])
        assert report.root == log.note(trades).split("\n")[2]


def test_without_a_key_it_cannot_be_told(log: Any, trades: list[bytes]) -> None:
    """Nobody pinned a key: the answer is 2 and says how to pin one."""
    report = verify_receipt(dumped(log.receipt(trades, 3)), None)
    assert (report.verdict, report.exit_code, report.position) == ("cannot_tell", 2, 3)
    assert "--vkey" in report.reason


def test_a_contradiction_is_found_without_a_key(log: Any, trades: list[bytes]) -> None:
    """What contradicts itself is tampered, whoever signed it."""
    receipt = {**log.receipt(trades, 3), "position": 2}
    assert verify_receipt(dumped(receipt), None).verdict == "tampered"


def test_another_key_is_named(log: Any, impostor: Any, trades: list[bytes]) -> None:
    """A ledger made anew under another key is tampering, and both key ids are said."""
    report = verify_receipt(dumped(impostor.receipt(trades, 3)), log.key)
    assert (report.exit_code, report.position) == (1, 3)
    assert log.key.key_id.hex() in report.reason
    assert impostor.key.key_id.hex() in report.reason


def test_a_checkpoint_of_another_log_is_refused(log: Any, trades: list[bytes]) -> None:
    """The pinned key signed it, but for a log of another name."""
    receipt = log.receipt(trades, 3)
    receipt["checkpoint"] = log.note(trades, origin="ledger.example/other")
    report = verify_receipt(dumped(receipt), log.key)
    assert report.exit_code == 1
    assert "ledger.example/other" in report.reason


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("whole_answer", [False, True])
def test_one_flipped_bit_is_found(
    log: Any, trades: list[bytes], indent: int | None, whole_answer: bool
) -> None:
    """Each bit of the file turned: found, unless the file still says the very same JSON value."""
    value = log.answer(trades, 2) if whole_answer else log.receipt(trades, 2)
    data = json.dumps(value, indent=indent, ensure_ascii=False).encode()
    assert verify_receipt(data, log.key).exit_code == 0
    for at in range(len(data)):
        for bit in range(8):
            flipped = data[:at] + bytes([data[at] ^ (1 << bit)]) + data[at + 1 :]
            if verify_receipt(flipped, log.key).exit_code == 0:
                assert json.loads(flipped) == value, (at, flipped[at])


@pytest.mark.parametrize("whole_answer", [False, True])
def test_one_flipped_byte_of_what_was_sent_is_found(
    log: Any, trades: list[bytes], whole_answer: bool
) -> None:
    """As the product sends it there is one spelling: every byte changed in several ways is found.

    What may be changed harmlessly is only what it does not send: white space between members, their
    order, and escapes inside strings.
    """
    value = log.answer(trades, 2) if whole_answer else log.receipt(trades, 2)
    data = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
    assert verify_receipt(data, log.key).exit_code == 0
    for at in range(len(data)):
        for flip in (0x01, 0x02, 0x20, 0x80, 0xFF):
            flipped = data[:at] + bytes([data[at] ^ flip]) + data[at + 1 :]
            assert verify_receipt(flipped, log.key).exit_code != 0, (at, flip)


@given(at=st.integers(min_value=0), new=st.binary(max_size=3), old=st.integers(0, 3))
def test_any_edit_is_found(log: Any, trades: list[bytes], at: int, new: bytes, old: int) -> None:
    """Any few bytes replaced by any others: found, unless it is the same JSON value."""
    value = log.answer(trades, 2)
    data = json.dumps(value).encode()
    at %= len(data)
    edited = data[:at] + new + data[at + old :]
    if verify_receipt(edited, log.key).exit_code == 0:
        assert json.loads(edited) == value


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda r: r.update(position=3), "id"),
        (lambda r: r.update(leaf_hash=r["leaf_hash"].upper()), "lower-case"),
        (lambda r: r.update(leaf_hash=r["leaf_hash"][:-1]), "64"),
        (lambda r: r.update(leaf_hash="0" * 64), "does not hash"),
        (lambda r: r.update(entry=r["entry"] + "\n"), "not base64"),
        (lambda r: r.update(entry=r["entry"].rstrip("=")), "base64|hash"),
        (lambda r: r["inclusion"].pop(), "too short"),
        (lambda r: r["inclusion"].append(r["inclusion"][0]), "too long"),
        (lambda r: r["inclusion"].reverse(), "does not lead"),
        (lambda r: r["inclusion"].__setitem__(0, "AAAA"), "not 32 bytes"),
        (lambda r: r["inclusion"].__setitem__(0, "\ud800"), "not base64"),
        (lambda r: r.update(checkpoint=""), "blank line"),
        (lambda r: r.update(checkpoint=r["checkpoint"] + "\n"), "blank line"),
        (lambda r: r.update(checkpoint=r["checkpoint"].replace("\n7\n", "\n8\n")), "verify"),
        (lambda r: r.update(checkpoint="\ud800"), "UTF-8"),
    ],
)
def test_a_contradiction_is_tampering(
    log: Any, trades: list[bytes], change: Change, reason: str
) -> None:
    """Each part that does not fit the others is tampering, named with its entry."""
    receipt = changed(log.receipt(trades, 4), change)
    report = verify_receipt(dumped(receipt), log.key)
    assert (report.verdict, report.position) == ("tampered", receipt["position"])
    assert re.search(reason, report.reason), report.reason


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda a: a["order"].update(pair="EUR/CHF"), "order"),
        (lambda a: a["order"].update(extra=1), "order"),
        (lambda a: a["fills"][0].update(price="1.08252"), "fills"),
        (lambda a: a["fills"].clear(), "fills"),
        (lambda a: a.update(fills=None), "fills"),
        (lambda a: a.update(rejection={"code": "X", "reason": "Y"}), "rejection"),
        (lambda a: a.update(rejection=False), "rejection"),
    ],
)
def test_an_answer_must_say_what_its_entry_says(
    log: Any, trades: list[bytes], change: Change, reason: str
) -> None:
    """Around a true receipt the answer says something else: tampering."""
    report = verify_receipt(dumped(changed(log.answer(trades, 4), change)), log.key)
    assert (report.verdict, report.position) == ("tampered", 4)
    assert f"answer's {reason}" in report.reason


def test_an_answer_is_compared_by_type_too(log: Any) -> None:
    """`true` is not 1, though Python thinks so."""
    entries = [b'{"fills":[],"order":{"n":1},"rejection":null}']
    answer = log.answer(entries, 0)
    assert verify_receipt(dumped(answer), log.key).exit_code == 0
    answer["order"]["n"] = True
    assert verify_receipt(dumped(answer), log.key).exit_code == 1


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (b"{one", "not JSON"),
        (b'{"b":1,"a":2}', "canonical form"),
        (b'{"a": 1}', "canonical form"),
        (b'{"a":1,"a":1}', "canonical form"),
        (b'{"a":1.5}', "not an integer"),
        (b'{"a":-0}', "canonical form"),
        (b'{"a":"\\u00e9"}', "canonical form"),
        (b'{"kind":"order_decided","order":{"id":"O-1"}}', "another entry's id"),
        (b'{"kind":"order_decided"}', "another entry's id"),
        (b'{"a":' + b"[" * 60_000, "not JSON"),
    ],
)
def test_an_entry_that_the_product_never_writes(
    log: Any, trades: list[bytes], entry: bytes, reason: str
) -> None:
    """Signed and proved, but no entry of ours: it is not canonical, or names another position."""
    entries = [*trades, entry]
    report = verify_receipt(dumped(log.receipt(entries, 7)), log.key)
    assert (report.verdict, report.position) == ("tampered", 7)
    assert reason in report.reason


@pytest.mark.parametrize("entry", [b"one", b"[1]", b"", b"\x00\xff"])
def test_raw_bytes_are_proved_as_bytes(log: Any, trades: list[bytes], entry: bytes) -> None:
    """What cannot be an entry of ours is proved to be in the ledger, and said to be no more."""
    entries = [*trades, entry]
    report = verify_receipt(dumped(log.receipt(entries, 7)), log.key)
    assert (report.exit_code, report.entries) == (0, 1), report.reason
    assert "raw bytes" in report.notes[0]
    facts = {"order": {"id": "O-7"}, "fills": [], "rejection": None}
    answer = {**facts, "receipt": log.receipt(entries, 7)}
    assert verify_receipt(dumped(answer), log.key).exit_code == 1


def test_entries_of_other_kinds_are_proved_alike(log: Any) -> None:
    """A kind that this verifier does not know is judged by its bytes alone."""
    entries = [b'{"kind":"of the future","order":{"id":"O-12"},"v":9}', b'{"v":1}']
    assert verify_receipt(dumped(log.receipt(entries, 0)), log.key).exit_code == 0
    assert verify_receipt(dumped(log.receipt(entries, 1)), log.key).exit_code == 0
    moved = {**log.receipt(entries, 1), "position": 0}
    assert verify_receipt(dumped(moved), log.key).exit_code == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda r: r.update(extra=1),
        lambda r: r.pop("inclusion"),
        lambda r: r.update(position="4"),
        lambda r: r.update(position=True),
        lambda r: r.update(position=4.0),
        lambda r: r.update(position=-1),
        lambda r: r.update(position=10**30),
        lambda r: r.update(entry=None),
        lambda r: r.update(inclusion="AAAA"),
        lambda r: r.update(inclusion=[1]),
        lambda r: r.update(checkpoint=[]),
        lambda r: r.clear(),
    ],
)
def test_what_is_no_receipt_cannot_be_judged(log: Any, trades: list[bytes], change: Change) -> None:
    """Another shape is no evidence of tampering, nor of anything else."""
    receipt = changed(log.receipt(trades, 4), change)
    assert verify_receipt(dumped(receipt), log.key).verdict == "cannot_tell"
    answer = {**log.answer(trades, 4), "receipt": receipt}
    assert verify_receipt(dumped(answer), log.key).verdict == "cannot_tell"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"\xff\xfe",
        b"NaN",
        b'{"a":Infinity}',
        b"[" * 100_000,
        b"9" * 5000,
        b'{"receipt":{"receipt":{}}}',
    ],
)
def test_what_is_unreadable_cannot_be_judged(log: Any, data: bytes) -> None:
    """Bytes that are no JSON, or JSON that is no receipt: 2, with a sentence."""
    report = verify_receipt(data, log.key)
    assert (report.exit_code, report.position) == (2, None)


def test_a_member_that_stands_twice_is_refused(log: Any, trades: list[bytes]) -> None:
    """Two readers could see two receipts in one file, so none is accepted."""
    data = dumped(log.receipt(trades, 4))
    twice = data[:-1] + b', "position": 4}'
    assert json.loads(twice) == json.loads(data)
    report = verify_receipt(twice, log.key)
    assert report.exit_code == 2
    assert "twice" in report.reason


def test_an_answer_about_an_order_is_sent_to_its_receipt(log: Any, trades: list[bytes]) -> None:
    """What stands beside a receipt and is not proved by it is not waved through."""
    report = verify_receipt(dumped({**log.answer(trades, 4), "history": [4]}), log.key)
    assert report.exit_code == 2
    assert "history" in report.reason


def test_other_signatures_are_noted(log: Any, impostor: Any, trades: list[bytes]) -> None:
    """A witness's signature is not checked without its key, and the report says so."""
    receipt = log.receipt(trades, 4)
    receipt["checkpoint"] += impostor.note(trades).split("\n\n")[1]
    report = verify_receipt(dumped(receipt), log.key)
    assert report.exit_code == 0
    assert impostor.key.key_id.hex() in report.notes[0]


@given(value=st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_no_json_makes_it_fall_over(log: Any, value: Any) -> None:
    """Whatever stands in the parts, the verifier answers."""
    receipt = dict.fromkeys(("position", "entry", "leaf_hash", "inclusion", "checkpoint"), value)
    assert verify_receipt(dumped(receipt), log.key).exit_code == 2
    assert verify_receipt(dumped(value), log.key).exit_code == 2
