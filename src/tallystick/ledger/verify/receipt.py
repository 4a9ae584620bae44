"""Verifies one receipt: entry, leaf hash, inclusion proof and signed checkpoint belong together."""

import json
import re
from typing import Annotated, Any

import msgspec

from tallystick.clock import Clock
from tallystick.ids import order_id
from tallystick.ledger.checkpoint import NoteError, VerifierKey, decode_base64
from tallystick.ledger.merkle import ProofError, leaf_hash, verify_inclusion
from tallystick.ledger.verify.canonical import decode_canonical, decode_strict
from tallystick.ledger.verify.report import CannotTell, Findings, Report, Tampered, judge

_LEAF_HASH = re.compile(r"[0-9a-f]{64}")
_ANSWER_MEMBERS = {"order", "fills", "rejection", "receipt"}
_POSITION_MAX = 2**63 - 1
_DECIDED = "order_decided"


class _ReceiptText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A receipt as it travels in JSON."""

    position: Annotated[int, msgspec.Meta(ge=0, le=_POSITION_MAX)]
    entry: str
    leaf_hash: str
    inclusion: list[str]
    checkpoint: str


def verify_receipt(data: bytes, key: VerifierKey | None, *, clock: Clock | None = None) -> Report:
    """Check a receipt, or the whole answer to the order that carries one, as JSON bytes.

    Nothing but `data` and the pinned `key` is trusted or looked at. Whatever is not a receipt in
    the known form cannot be judged; any contradiction inside one is tampering. Without a key all
    may agree, and it still cannot be told who made it.
    """

    def check(findings: Findings) -> str:
        receipt, answer = _read(data)
        findings.position = receipt.position
        _check(receipt, answer, key, findings)
        return f"Entry {receipt.position} is in the ledger whose checkpoint the pinned key signed."

    return judge(check, key, clock)


def _read(data: bytes) -> tuple[_ReceiptText, dict[str, Any]]:
    """The receipt, and the members of the answer around it where there is one."""
    try:
        value = decode_strict(data)
    except ValueError as error:
        raise CannotTell(f"This is not readable JSON: {error}.") from error
    answer: dict[str, Any] = {}
    if isinstance(value, dict) and "receipt" in value:
        if value.keys() != _ANSWER_MEMBERS:
            odd = ", ".join(sorted(value.keys() ^ _ANSWER_MEMBERS))
            raise CannotTell(
                f"This is not the answer to an order (see: {odd}); verify its receipt alone."
            )
        answer, value = value, value["receipt"]
    try:
        return msgspec.convert(value, _ReceiptText), answer
    except msgspec.ValidationError as error:
        raise CannotTell(f"This is not a receipt: {error}.") from error


def _check(
    receipt: _ReceiptText, answer: dict[str, Any], key: VerifierKey | None, findings: Findings
) -> None:
    position = receipt.position
    entry = _base64(receipt.entry, "entry", position)
    leaf = leaf_hash(entry)
    findings.entries, findings.bytes_hashed = 1, len(entry)
    if _LEAF_HASH.fullmatch(receipt.leaf_hash) is None:
        raise Tampered("The leaf hash is not 64 lower-case hexadecimal digits.", position)
    if receipt.leaf_hash != leaf.hex():
        raise Tampered(f"Entry {position} does not hash to the receipt's leaf hash.", position)
    _check_meaning(entry, answer, position)
    try:
        checkpoint = findings.open_checkpoint(receipt.checkpoint, key)
    except NoteError as error:
        raise Tampered(f"The receipt's checkpoint fails. {error}", position) from error
    proof = [_base64(text, "inclusion proof", position) for text in receipt.inclusion]
    try:
        verify_inclusion(
            index=position, size=checkpoint.size, leaf=leaf, proof=proof, root=checkpoint.root
        )
    except ProofError as error:
        sentence = f"Entry {position} is not in the checkpoint's tree. {error}"
        raise Tampered(sentence, position) from error


def _check_meaning(entry: bytes, answer: dict[str, Any], position: int) -> None:
    """The entry is canonical, its order is named for its position, the answer says the same."""
    try:
        facts = decode_canonical(entry)
    except ValueError as error:
        raise Tampered(f"Entry {position} is not canonical JSON: {error}.", position) from error
    if not isinstance(facts, dict):
        raise Tampered(f"Entry {position} is not a JSON object.", position)
    if facts.get("kind") == _DECIDED:
        order = facts.get("order")
        if not isinstance(order, dict) or order.get("id") != order_id(position):
            raise Tampered(f"The order in entry {position} has another entry's id.", position)
    said = {
        "order": facts.get("order"),
        "fills": facts.get("fills", []),
        "rejection": facts.get("rejection"),
    }
    for member, value in said.items():
        if answer and not _same(answer[member], value):
            raise Tampered(f"The answer's {member} is not what entry {position} says.", position)


def _same(one: Any, other: Any) -> bool:
    """Equal as JSON values: 1 is neither true nor 1.0, and members have no order."""
    try:
        return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    except RecursionError:
        return False


def _base64(text: str, what: str, position: int) -> bytes:
    try:
        return decode_base64(text)
    except ValueError as error:
        raise Tampered(f"The receipt's {what} is {error}.", position) from error
