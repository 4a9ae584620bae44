"""Verifies one receipt: entry, leaf hash, inclusion proof and signed checkpoint belong together."""

import json
import re
from typing import Annotated, Any

import msgspec

from tallystick.clock import Clock
from tallystick.ledger.checkpoint import decode_base64
from tallystick.ledger.merkle import leaf_hash
from tallystick.ledger.verify.canonical import decode_strict
from tallystick.ledger.verify.inclusion import check_included, check_since, read_entry
from tallystick.ledger.verify.report import CannotTell, Findings, Report, Tampered, judge
from tallystick.ledger.verify.trust import Pinned, trusting

_LEAF_HASH = re.compile(r"[0-9a-f]{64}")
_ANSWER_MEMBERS = {"order", "fills", "rejection", "receipt"}
_BESIDE = "linked"
"""The orders that came with the answered one; each has an entry of its own."""
_POSITION_MAX = 2**63 - 1


class _ReceiptText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A receipt as it travels in JSON."""

    position: Annotated[int, msgspec.Meta(ge=0, le=_POSITION_MAX)]
    entry: str
    leaf_hash: str
    inclusion: list[str]
    checkpoint: str


def verify_receipt(
    data: bytes,
    key: Pinned,
    *,
    since: str | bytes | None = None,
    clock: Clock | None = None,
) -> Report:
    """Check a receipt, or the whole answer to the order that carries one, as JSON bytes.

    Nothing but `data` and the pinned `key` is trusted or looked at. Whatever is not a receipt in
    the known form cannot be judged; any contradiction inside one is tampering. Without a key all
    may agree, and it still cannot be told who made it. `since` is an older checkpoint, compared
    where that can be done.
    """
    trust = trusting(key)

    def check(findings: Findings) -> str:
        older = findings.open_older(since, trust)
        receipt, answer = _read(data)
        findings.position = receipt.position
        entry, path = _unpack(receipt)
        _check_answer(read_entry(entry, receipt.position), answer, receipt.position)
        if _BESIDE in answer:
            findings.notes.append("What stands in `linked` has entries of its own: not checked.")
        checkpoint = check_included(
            entry, receipt.position, path, receipt.checkpoint, trust, findings
        )
        beside = check_since(older, checkpoint)
        at = receipt.position
        return f"Entry {at} is in the ledger whose checkpoint the pinned key signed{beside}."

    return judge(check, trust, clock)


def _read(data: bytes) -> tuple[_ReceiptText, dict[str, Any]]:
    """The receipt, and the members of the answer around it where there is one."""
    try:
        value = decode_strict(data)
    except ValueError as error:
        raise CannotTell(f"This is not readable JSON: {error}.") from error
    answer: dict[str, Any] = {}
    if isinstance(value, dict) and "receipt" in value:
        if value.keys() - {_BESIDE} != _ANSWER_MEMBERS:
            odd = ", ".join(sorted(value.keys() ^ _ANSWER_MEMBERS))
            raise CannotTell(
                f"This is not the answer to an order (see: {odd}); verify its receipt alone."
            )
        answer, value = value, value["receipt"]
    try:
        return msgspec.convert(value, _ReceiptText), answer
    except msgspec.ValidationError as error:
        raise CannotTell(f"This is not a receipt: {error}.") from error


def _unpack(receipt: _ReceiptText) -> tuple[bytes, list[bytes]]:
    """The entry, which its leaf hash fits, and its inclusion proof."""
    position = receipt.position
    entry = _base64(receipt.entry, "entry", position)
    if _LEAF_HASH.fullmatch(receipt.leaf_hash) is None:
        raise Tampered("The leaf hash is not 64 lower-case hexadecimal digits.", position)
    if receipt.leaf_hash != leaf_hash(entry).hex():
        raise Tampered(f"Entry {position} does not hash to the receipt's leaf hash.", position)
    return entry, [_base64(text, "inclusion proof", position) for text in receipt.inclusion]


def _check_answer(facts: dict[str, Any], answer: dict[str, Any], position: int) -> None:
    """The answer around a receipt says what its entry says."""
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
