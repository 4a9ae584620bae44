"""A limit overridden by hand: what an approver signs, and how anybody checks it.

The note is a C2SP signed note. Its text is one line a member, in one spelling only:

    tallystick/limit-override/v1
    scope account
    id demo
    limit order_quantity_max
    value 20000000
    at 2026-11-24T10:00:00.000000Z
    until 2026-11-24T12:00:00.000000Z
    reason a hedge that is larger than usual

The scope `all` has no `id`; a line `ledger NAME` behind the first one makes it good for the ledger
of that name alone. The note stands whole in the ledger's entry, so an auditor with the approver's
verifier key needs nothing else.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, get_args

import msgspec

from tallystick.clock import NS_PER_SECOND, parse_own_stamp, rfc3339
from tallystick.errors import Misconfigured, Refused
from tallystick.execution.book.limits import LIMIT_NAMES, bound_text, parse_bound
from tallystick.execution.entries import LimitOverridden, Scope
from tallystick.ledger.checkpoint import (
    NoteError,
    SignatureType,
    VerifierKey,
    key_id_of,
    note_text,
    signature_line,
    verify_signatures,
)
from tallystick.limits import APPROVERS_MAX, OVERRIDE_NOTE_CHARACTERS_MAX, REASON_CHARACTERS_MAX

if TYPE_CHECKING:
    from tallystick.keys import Signer

HEADING = "tallystick/limit-override/v1"
HOURS_MAX = 24
"""Longest time that a limit may be overridden, from the signature on."""
NS_MAX = HOURS_MAX * 3_600 * NS_PER_SECOND
SKEW_NS_MAX = 300 * NS_PER_SECOND
"""How far an approver's clock may be ahead of the ledger's."""
SCOPES: tuple[Scope, ...] = get_args(Scope)


class Approval(msgspec.Struct, frozen=True):
    """One limit of a scope is `value` from `at` until `until`, because of `reason`.

    Times are stamps of ours (RFC 3339, microseconds, Z); `ledger` names the only ledger that it is
    good for.
    """

    scope: Scope
    id: str | None
    limit: str
    value: str
    at: str
    until: str
    reason: str
    ledger: str | None = None

    def __str__(self) -> str:
        """The text that is signed."""
        members = msgspec.structs.asdict(self)
        said = [(name, members[name]) for name in _LINES if members[name] is not None]
        return "".join(f"{line}\n" for line in [HEADING, *(f"{n} {v}" for n, v in said)])


class Approved(msgspec.Struct, frozen=True):
    """An approval that `approver` (a key name) is seen to have signed."""

    approval: Approval
    approver: str
    note: str


_LINES = ("ledger", "scope", "id", "limit", "value", "at", "until", "reason")


def parse_approval(text: str) -> Approval:
    """The approval in a note's signed text.

    Raises:
        Refused: `BAD_OVERRIDE`, `UNKNOWN_LIMIT`; the sentence names the line.
    """
    heading, *lines = text.removesuffix("\n").split("\n")
    if heading != HEADING:
        raise _bad(f"Its first line is not {HEADING}.")
    said = dict(line.partition(" ")[::2] for line in lines)
    missing = [name for name in _LINES if name not in said and name not in {"id", "ledger"}]
    if missing:
        raise _bad(f"It has no line {missing[0]!r}.")
    try:
        approval = msgspec.convert({"id": None, **said}, Approval)
    except msgspec.ValidationError as error:
        raise _bad(f"Its scope is not one of {', '.join(SCOPES)}.") from error
    check_approval(approval)
    if str(approval) != text:
        raise _bad("Its lines are not in the one order and spelling that is signed.")
    return approval


def check_approval(approval: Approval) -> None:
    """An approval can be signed: each member is what it may be.

    Raises:
        Refused: `BAD_OVERRIDE`, `UNKNOWN_LIMIT`.
    """
    if (approval.id is None) != (approval.scope == "all"):
        raise _bad("The scope all has no id, every other scope has one.")
    if approval.limit not in LIMIT_NAMES:
        sentence = f"{approval.limit!r} is no limit; limits are {', '.join(LIMIT_NAMES)}."
        raise Refused("UNKNOWN_LIMIT", sentence, field="limit")
    try:
        value = bound_text(approval.limit, parse_bound(approval.limit, approval.value))
    except Refused as refusal:
        raise _bad(f"Its value: {refusal}") from refusal
    if value != approval.value or value.startswith("-"):
        raise _bad(f"Its value is to be written as {value.lstrip('-')}.")
    for name in ("at", "until"):
        stamp = getattr(approval, name)
        if _stamp(stamp) != stamp:
            raise _bad(f"Its {name} is no time such as 2026-11-24T12:00:00.000000Z.")
    reason = approval.reason
    if not 0 < len(reason) <= REASON_CHARACTERS_MAX or not reason.isprintable():
        raise _bad(f"A reason is one line of 1 to {REASON_CHARACTERS_MAX} printable characters.")


def check_period(approval: Approval, at_ns: int) -> None:
    """An approval is in force at a time, and not for too long.

    Raises:
        Refused: `OVERRIDE_EXPIRED`, `OVERRIDE_TOO_LONG`, `BAD_OVERRIDE` (signed in the future).
    """
    begin_ns, end_ns = parse_own_stamp(approval.at), parse_own_stamp(approval.until)
    if end_ns - begin_ns > NS_MAX:
        sentence = f"A limit can be overridden for {HOURS_MAX} hours at most."
        raise Refused("OVERRIDE_TOO_LONG", sentence, field="note")
    if begin_ns - at_ns > SKEW_NS_MAX:
        raise _bad(f"It was signed at {approval.at}, and now it is {rfc3339(at_ns)}.")
    if end_ns <= at_ns:
        sentence = f"The override ended at {approval.until}."
        raise Refused("OVERRIDE_EXPIRED", sentence, field="note")


def sign_approval(approval: Approval, signer: "Signer") -> str:
    """The note that overrides the limit.

    Raises:
        Refused: as `check_approval`, and `OVERRIDE_TOO_LONG`.
    """
    check_approval(approval)
    check_period(approval, parse_own_stamp(approval.at))
    text = str(approval)
    key_id = key_id_of(signer.name, signer.public_key)
    return note_text(text, [signature_line(signer.name, key_id, signer.sign(text.encode()))])


def read_note(note: str, approvers: Sequence[VerifierKey]) -> Approved:
    """The approval in a note, once one of the approvers is seen to have signed it.

    Raises:
        Refused: `BAD_OVERRIDE`, `UNKNOWN_APPROVER`, `UNKNOWN_LIMIT`.
    """
    if len(note) > OVERRIDE_NOTE_CHARACTERS_MAX:
        raise _bad(f"A note has at most {OVERRIDE_NOTE_CHARACTERS_MAX} characters.")
    try:
        checked = verify_signatures(note, approvers)
    except NoteError as error:
        raise _bad(str(error)) from error
    if not checked.keys:
        names = ", ".join(map(str, checked.unknown))
        sentence = f"Nobody who may approve signed the note; it is signed by {names}."
        raise Refused("UNKNOWN_APPROVER", sentence, field="note")
    return Approved(parse_approval(checked.text), checked.verified[0], note)


def check_entry(entry: LimitOverridden, approvers: Sequence[VerifierKey]) -> Approved:
    """What an auditor asks of an entry of the ledger: that its note says what it says.

    Raises:
        Refused: as `read_note` and `check_period`; `BAD_OVERRIDE` where the two contradict.
    """
    approved = read_note(entry.note, approvers)
    check_period(approved.approval, parse_own_stamp(entry.at))
    for name in ("scope", "id", "limit", "value", "until", "reason"):
        if getattr(approved.approval, name) != getattr(entry, name):
            raise _bad(f"The entry's {name} is not what was signed.")
    if entry.approver != approved.approver:
        raise _bad(f"The entry names {entry.approver}, the note is signed by {approved.approver}.")
    return approved


def read_approvers(lines: Iterable[str], source: str = "approvers") -> tuple[VerifierKey, ...]:
    """The verifier keys of those who may approve: one a line, empty lines and # comments between.

    Raises:
        Misconfigured: a line is no Ed25519 verifier key, a name comes twice, or there are too many.
    """
    keys: dict[str, VerifierKey] = {}
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        try:
            key = VerifierKey.parse(text)
        except Refused as refusal:
            raise Misconfigured(f"{source}, line {number}: {refusal}") from refusal
        if key.signature_type is not SignatureType.ED25519:
            raise Misconfigured(f"{source}, line {number}: this is the key of a witness.")
        if key.name in keys:
            raise Misconfigured(f"{source}, line {number}: {key.name} has a key already.")
        keys[key.name] = key
    if len(keys) > APPROVERS_MAX:
        raise Misconfigured(f"{source}: at most {APPROVERS_MAX} people may approve.")
    return tuple(keys.values())


def _stamp(text: str) -> str | None:
    try:
        return rfc3339(parse_own_stamp(text))
    except ValueError:
        return None


def _bad(sentence: str) -> Refused:
    return Refused("BAD_OVERRIDE", f"The override cannot be used. {sentence}", field="note")
