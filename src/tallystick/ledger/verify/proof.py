"""Verifies one tlog-proof: a text of the C2SP standard that proves one entry."""

from tallystick.clock import Clock
from tallystick.errors import Corrupt
from tallystick.ledger.proof import is_proof, parse_proof
from tallystick.ledger.verify.inclusion import check_included, check_since, read_entry
from tallystick.ledger.verify.receipt import verify_receipt
from tallystick.ledger.verify.report import CannotTell, Findings, Report, judge
from tallystick.ledger.verify.trust import Pinned, trusting


def verify_evidence(
    data: bytes,
    key: Pinned,
    *,
    entry: bytes | None = None,
    since: str | bytes | None = None,
    clock: Clock | None = None,
) -> Report:
    """Check whichever proof of one entry these bytes are: a tlog-proof or a JSON receipt."""
    if is_proof(data) or entry is not None:
        return verify_proof(data, key, entry=entry, since=since, clock=clock)
    return verify_receipt(data, key, since=since, clock=clock)


def verify_proof(
    data: bytes,
    key: Pinned,
    *,
    entry: bytes | None = None,
    since: str | bytes | None = None,
    clock: Clock | None = None,
) -> Report:
    """Check a tlog-proof of `entry`, or of the entry in its own extra line.

    Nothing else is trusted or looked at. What is no tlog-proof, or names no entry, cannot be
    judged; any contradiction inside one is tampering.
    """
    trust = trusting(key)

    def check(findings: Findings) -> str:
        older = findings.open_older(since, trust)
        try:
            proof = parse_proof(data)
        except Corrupt as error:
            raise CannotTell(f"This is not a tlog-proof. {error}") from error
        findings.position = position = proof.index
        proved = proof.extra if entry is None else entry
        if proved is None:
            raise CannotTell("The proof does not hold the entry itself: name its file by --entry.")
        if proof.extra not in (None, proved):
            findings.notes.append("The proof's extra line is not the entry; nobody signed it.")
        read_entry(proved, position)
        checkpoint = check_included(
            proved, position, proof.hashes, proof.checkpoint, trust, findings
        )
        beside = check_since(older, checkpoint)
        return f"Entry {position} is in the ledger whose checkpoint the pinned key signed{beside}."

    return judge(check, trust, clock)
