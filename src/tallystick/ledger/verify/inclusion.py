"""What a receipt and a tlog-proof have in common: an entry, its path, and a signed checkpoint."""

from collections.abc import Sequence
from typing import Any

from tallystick.ids import order_id
from tallystick.ledger.checkpoint import Checkpoint, NoteError
from tallystick.ledger.merkle import ProofError, leaf_hash, verify_inclusion
from tallystick.ledger.verify.canonical import decode_canonical
from tallystick.ledger.verify.report import CannotTell, Findings, Tampered, is_raw
from tallystick.ledger.verify.trust import Trust

_DECIDED = "order_decided"


def read_entry(entry: bytes, position: int) -> dict[str, Any]:
    """What the entry says, seen to be canonical and to name its own position; {} of raw bytes.

    Raises:
        Tampered: it is not.
    """
    if is_raw(entry):
        return {}
    try:
        facts: dict[str, Any] = decode_canonical(entry)
    except ValueError as error:
        raise Tampered(f"Entry {position} is not canonical JSON: {error}.", position) from error
    if facts.get("kind") == _DECIDED:
        order = facts.get("order")
        if not isinstance(order, dict) or order.get("id") != order_id(position):
            raise Tampered(f"The order in entry {position} has another entry's id.", position)
    return facts


def check_included(
    entry: bytes,
    position: int,
    path: Sequence[bytes],
    note: str,
    trust: Trust,
    findings: Findings,
) -> Checkpoint:
    """The entry, and no other, stands at `position` under a checkpoint that is trusted.

    Raises:
        Tampered: it does not, or nobody who is trusted signed the checkpoint.
        CannotTell: witnesses that are demanded are missing.
    """
    findings.add_entries((entry,))
    try:
        checkpoint = findings.open_checkpoint(note, trust)
    except NoteError as error:
        raise Tampered(f"The checkpoint fails. {error}", position) from error
    try:
        verify_inclusion(
            index=position,
            size=checkpoint.size,
            leaf=leaf_hash(entry),
            proof=path,
            root=checkpoint.root,
        )
    except ProofError as error:
        sentence = f"Entry {position} is not in the checkpoint's tree. {error}"
        raise Tampered(sentence, position) from error
    return checkpoint


def check_since(older: Checkpoint | None, newest: Checkpoint) -> str:
    """That one entry's checkpoint and an older one belong together, where that shows.

    Only a tree of the same size can be compared without the ledger itself; gives what to say.

    Raises:
        Tampered: two roots were signed for one size.
        CannotTell: the sizes differ.
    """
    if older is None:
        return ""
    if older.origin != newest.origin:
        raise CannotTell(f"The older checkpoint is of another log, {older.origin}.")
    if older.size != newest.size:
        raise CannotTell(
            f"That {newest.size} entries extend the {older.size} of the older checkpoint cannot be"
            " seen from one entry's proof. Verify the ledger itself with --since: a folder or URL."
        )
    if older.root != newest.root:
        raise Tampered(f"Two different trees of {older.size} entries were signed.")
    return ", and it is the tree of the older checkpoint"
