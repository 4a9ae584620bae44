"""Whom the verifier believes: several keys of one ledger, and a quorum of witnesses."""

import json
from pathlib import Path
from typing import Any

import pytest

from tallystick.ledger.checkpoint import VerifierKey, split_note
from tallystick.ledger.verify import (
    FolderSource,
    Report,
    Trust,
    trusting,
    verify_ledger,
    verify_proof,
    verify_receipt,
)
from tallystick.ledger.witness.policy import Policy

AT = 1_763_800_000
"""2025-11-22T08:26:40Z, in Unix seconds."""


def lines_of(note: str) -> str:
    """The signature lines of a note."""
    return note.partition("\n\n")[2]


def judged(log: Any, trades: list[bytes], note: str, trust: Trust) -> Report:
    """The verdict on a receipt with this checkpoint."""
    receipt = log.receipt(trades, 3) | {"checkpoint": note}
    return verify_receipt(json.dumps(receipt).encode(), trust)


def test_the_old_key_both_keys_and_the_new_key(
    log: Any, impostor: Any, trades: list[bytes]
) -> None:
    """While a ledger changes its key, whoever pinned both believes either, alone or together."""
    trust = Trust((impostor.key, log.key))
    old, new = log.note(trades), impostor.note(trades)
    for note in (old, new, old + lines_of(new)):
        report = judged(log, trades, note, trust)
        assert (report.exit_code, report.notes) == (0, ()), report.reason
    for key in (log.key, impostor.key):
        assert judged(log, trades, old + lines_of(new), Trust((key,))).exit_code == 0
    assert judged(log, trades, old, Trust((impostor.key,))).exit_code == 1


def test_one_pinned_signature_that_fails_spoils(
    log: Any, impostor: Any, trades: list[bytes]
) -> None:
    """However good the other: a known key's bad signature is never passed over."""
    spoilt = log.note(trades) + lines_of(impostor.note(trades[:-1]))
    trust = Trust((log.key, impostor.key))
    report = judged(log, trades, spoilt, trust)
    assert (report.verdict, report.position) == ("tampered", 3)
    assert impostor.key.key_id.hex() in report.reason
    assert judged(log, trades, spoilt, Trust((log.key,))).exit_code == 0


def test_each_key_speaks_for_its_own_log(log: Any, trades: list[bytes]) -> None:
    """A pinned key of another ledger does not vouch for this one."""
    other = VerifierKey.of("ledger.example/other", log.key.public_key)
    assert judged(log, trades, log.note(trades), Trust((other, log.key))).exit_code == 0
    foreign = log.note(trades, origin=other.name)
    assert judged(log, trades, foreign, Trust((other, log.key))).exit_code == 1


def test_a_witness_is_no_log(log: Any, trades: list[bytes]) -> None:
    """A witness's key that happens to have the log's name does not stand for the log."""
    note = log.note(trades)
    body, _ = split_note(note)
    only = body + "\n" + lines_of(log.cosign(note, AT)).split("\n")[1] + "\n"
    assert judged(log, trades, only, Trust((log.witness,))).exit_code == 1


def test_what_is_meant(log: Any) -> None:
    """One key, a whole trust, nobody."""
    assert trusting(log.key) == Trust((log.key,))
    assert trusting(Trust((log.key,))).keys == (log.key,)
    assert not trusting(None)


@pytest.fixture
def policy(log: Any, impostor: Any) -> Policy:
    """Two witnesses of which one is enough; its log is the one under test."""
    return Policy.parse(
        f"log {log.key}\nwitness a {log.witness}\nwitness b {impostor.witness}\n"
        "group g 1 a b\nquorum g\n"
    )


def test_a_quorum_of_witnesses(
    log: Any, impostor: Any, trades: list[bytes], policy: Policy
) -> None:
    """Enough cosignatures: clean, and each is named with its time. Too few: it cannot be told."""
    trust = Trust.under(policy)
    alone = judged(log, trades, log.note(trades), trust)
    assert alone.exit_code == 2
    assert "missing are a, b" in alone.reason
    seen = judged(log, trades, impostor.cosign(log.note(trades), AT), trust)
    assert seen.exit_code == 0, seen.reason
    stamp = "2025-11-22T08:26:40.000000Z"
    assert seen.notes == (f"The witness b cosigned the checkpoint at {stamp}.",)


def test_a_time_beyond_all_calendars(
    log: Any, impostor: Any, trades: list[bytes], policy: Policy
) -> None:
    """A witness may sign any second; it is shown as a number then."""
    note = impostor.cosign(log.note(trades), 2**62)
    report = judged(log, trades, note, Trust.under(policy))
    assert report.exit_code == 0, report.reason
    assert f"second {2**62}" in report.notes[0]


def test_a_false_cosignature_spoils(
    log: Any, impostor: Any, trades: list[bytes], policy: Policy
) -> None:
    """A witness of the policy that signed something else: tampered. A stranger's is only noted."""
    other = impostor.cosign(log.note(trades[:-1]), AT)
    note = log.note(trades) + lines_of(other).split("\n")[1] + "\n"
    assert judged(log, trades, note, Trust.under(policy)).exit_code == 1
    unasked = judged(log, trades, note, Trust((log.key,)))
    assert unasked.exit_code == 0
    assert "was not checked" in unasked.notes[0]


def test_the_policys_logs_are_pinned_beside_others(log: Any, impostor: Any, policy: Policy) -> None:
    """A policy that was written for the old key does no harm to the new one."""
    trust = Trust.under(policy, (impostor.key,))
    assert trust.keys == (impostor.key, log.key)


def test_a_quorum_is_wanted_of_ledgers_and_proofs_too(
    log: Any, trades: list[bytes], folder: Path, policy: Policy
) -> None:
    """The same rule for whatever has a checkpoint; an older one need not be witnessed."""
    trust = Trust.under(policy)
    before = (folder / "checkpoint").read_text()
    assert verify_ledger(FolderSource(folder), trust).exit_code == 2
    (folder / "checkpoint").write_text(log.cosign(before, AT))
    assert verify_ledger(FolderSource(folder), trust, since=before).exit_code == 0
    assert verify_proof(log.proof(trades, 3), trust).exit_code == 2


@pytest.mark.parametrize("form", ["receipt", "proof"])
def test_since_an_older_checkpoint(log: Any, trades: list[bytes], form: str) -> None:
    """One entry's proof shows growth only from the same size; another root there is a lie."""
    data, verify = log.proof(trades, 3), verify_proof
    if form == "receipt":
        data, verify = json.dumps(log.receipt(trades, 3)).encode(), verify_receipt
    same = verify(data, log.key, since=log.note(trades))
    assert same.exit_code == 0
    assert "the older checkpoint" in same.reason
    forked = verify(data, log.key, since=log.note(trades, root=bytes(32)))
    assert forked.exit_code == 1
    for older in (log.note(trades[:3]), log.note([], origin="other"), "nothing"):
        assert verify(data, log.key, since=older).exit_code == 2
    note = log.note(trades[:3], origin="other")
    assert verify(data, None, since=note).exit_code == 2
