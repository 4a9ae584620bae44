"""A tlog-proof proves its entry to whoever pinned the key, and every change in it is found."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tallystick.clock import ManualClock
from tallystick.ledger.checkpoint import VerifierKey
from tallystick.ledger.verify import verify_evidence, verify_proof

TESSERA_LOG = Path(__file__).resolve().parents[3] / "../shared/data/tlog/tessera-log"
TESSERA_VKEY = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"
INCLUSION_6_OF_15 = """\
ThcgoV2DYcK+VCxBUDWAlNxmLy2r7dq7dK7+OlgQKWs=
ycRkkNklus5eMVRUvkD1pK321vMrA+jjOiZKU8aOcY4=
zY1lN35vrXYAPixXSd59LsU29xUJtuW4o2dNNg5Y2Co=
5jLpqTgjsBDSEX6SgZiRnbTMdTuRd8bQ5tSsAOxe0Ks=
"""
FLIPS = (0x01, 0x20, 0x80)
"""Bits turned in each byte: a neighbour, the other case, what is no ASCII."""


@pytest.mark.parametrize("position", range(7))
def test_a_proof_is_clean(log: Any, trades: list[bytes], position: int) -> None:
    """With its entry inside or beside it, of every position; what was checked is said."""
    inside = log.proof(trades, position)
    beside = log.proof(trades, position, bare=True)
    for data, entry in ((inside, None), (inside, trades[position]), (beside, trades[position])):
        report = verify_proof(data, log.key, entry=entry, clock=ManualClock())
        assert (report.verdict, report.exit_code) == ("clean", 0), report.reason
        assert (report.position, report.size, report.entries) == (position, 7, 1)
        assert report.bytes_hashed == len(trades[position])
        assert report.notes == ()


@pytest.mark.skipif(not TESSERA_LOG.exists(), reason="../shared/data/tlog is not here")
def test_a_proof_of_somebody_elses_log() -> None:
    """Inclusion 6 of 15 in tessera's test log, under its published key (ledger.md 7.5 A)."""
    note = (TESSERA_LOG / "checkpoint.15").read_text()
    data = f"c2sp.org/tlog-proof@v1\nindex 6\n{INCLUSION_6_OF_15}\n{note}".encode()
    key = VerifierKey.parse(TESSERA_VKEY)
    report = verify_proof(data, key, entry=b"seven")
    assert (report.exit_code, report.position, report.size) == (0, 6, 15), report.reason
    assert "raw bytes" in report.notes[0]
    assert verify_proof(data, key, entry=b"eight").exit_code == 1
    assert verify_proof(data, key).exit_code == 2


def test_without_the_entry_it_cannot_be_told(log: Any, trades: list[bytes]) -> None:
    """A proof that does not hold its entry says how to give it."""
    report = verify_proof(log.proof(trades, 3, bare=True), log.key)
    assert (report.exit_code, report.position) == (2, 3)
    assert "--entry" in report.reason


def test_extra_data_of_another_program_is_noted(log: Any, trades: list[bytes]) -> None:
    """With the entry given, the extra line proves nothing, and that is said."""
    data = log.proof(trades, 3).replace(b"extra ", b"extra AAAA", 1)
    report = verify_proof(data, log.key, entry=trades[3])
    assert report.exit_code == 0, report.reason
    assert "extra line" in report.notes[0]


def test_without_a_key_it_cannot_be_told(log: Any, trades: list[bytes]) -> None:
    """Nobody pinned a key: 2; and a contradiction is found even so."""
    assert verify_proof(log.proof(trades, 3), None).exit_code == 2
    assert verify_proof(log.proof(trades, 3), None, entry=trades[2]).exit_code == 1


def test_another_key_is_named(log: Any, impostor: Any, trades: list[bytes]) -> None:
    """A proof made under another key is tampering."""
    report = verify_proof(impostor.proof(trades, 3), log.key)
    assert (report.exit_code, report.position) == (1, 3)
    assert impostor.key.key_id.hex() in report.reason


def test_another_position_is_found(log: Any, trades: list[bytes]) -> None:
    """The order in the entry is named for its position; the path leads from there alone."""
    for old, new in ((b"index 3", b"index 2"), (b"index 3", b"index 7")):
        report = verify_proof(log.proof(trades, 3).replace(old, new), log.key)
        assert report.verdict == "tampered"


@pytest.mark.parametrize("bare", [False, True])
def test_one_flipped_byte_is_found(log: Any, trades: list[bytes], bare: bool) -> None:
    """Every byte of the file, in several ways: none passes, for there is only one spelling."""
    data = log.proof(trades, 2, bare=bare)
    entry = trades[2] if bare else None
    assert verify_proof(data, log.key, entry=entry).exit_code == 0
    for at in range(len(data)):
        for flip in FLIPS:
            flipped = data[:at] + bytes([data[at] ^ flip]) + data[at + 1 :]
            assert verify_proof(flipped, log.key, entry=entry).exit_code != 0, (at, flip)


def test_any_edit_is_found(log: Any, trades: list[bytes]) -> None:
    """Bytes put in, taken out and replaced at random places, from a seed: none passes."""
    chance = random.Random(3)  # noqa: S311  a seed, no secret
    data = log.proof(trades, 2)
    for _ in range(500):
        at, cut = chance.randrange(len(data)), chance.randrange(4)
        edited = data[:at] + chance.randbytes(chance.randrange(3)) + data[at + cut :]
        if edited != data:
            assert verify_proof(edited, log.key).exit_code != 0, (at, edited)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda data: data.replace(b"@v1", b"@v2"), "first line"),
        (lambda data: data.replace(b"index", b"inde"), "index"),
        (lambda data: data.partition(b"\n\n")[0], "no empty line"),
        (lambda _: b"\xff", "UTF-8"),
    ],
)
def test_what_is_no_proof_cannot_be_judged(
    log: Any, trades: list[bytes], change: Callable[[bytes], bytes], reason: str
) -> None:
    """Another version or another file: 2, with a sentence."""
    report = verify_proof(change(log.proof(trades, 3)), log.key)
    assert report.exit_code == 2
    assert reason in report.reason


def test_the_form_is_seen(log: Any, trades: list[bytes]) -> None:
    """Whoever has some proof of an entry need not know which of the two forms it is in."""
    receipt = verify_evidence(json.dumps(log.receipt(trades, 3)).encode(), log.key)
    proof = verify_evidence(log.proof(trades, 3), log.key)
    assert (receipt.reason, receipt.size) == (proof.reason, proof.size)
    assert receipt.exit_code == proof.exit_code == 0
    assert verify_evidence(b"{}", log.key, entry=b"").exit_code == 2
