"""Entries about the ledger itself: its keys, its restores, what was imported and what was erased.

Like all entries they are canonical JSON with a `kind` and a version `v` (docs/decisions/0005);
whoever trades reads past them, whoever audits finds in them what the operator did.
"""

import msgspec


class HeadText(msgspec.Struct, frozen=True, gc=False):
    """A tree head in words of the wire: `root` is lower-case hex."""

    size: int
    root: str


class KeysChanged(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="keys_changed"):
    """From here on checkpoints are signed by exactly these keys (verifier key lines).

    The checkpoint that first covers this entry is still signed by a key that signed before, so
    whoever trusts the old key can follow to the new one.
    """

    at: str
    vkeys: tuple[str, ...]
    retired: tuple[str, ...]
    by: str
    reason: str
    v: int = 1


class LedgerReconciled(
    msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="ledger_reconciled"
):
    """The database was not what had been signed last, and an operator took responsibility.

    `signed` is the head that the guard held, `held` that of the database as it was found;
    `recovered` entries were put back from the published files. `abandoned` is whether entries that
    had been signed were given up: outsiders who saw them can prove it.
    """

    at: str
    signed: HeadText | None
    held: HeadText
    recovered: int
    abandoned: bool
    by: str
    reason: str
    v: int = 1


class SubjectRecorded(
    msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="subject_recorded"
):
    """Personal fields of a natural person were recorded; none of them stands here.

    `subject` is a pseudonym. `fields` maps each field's name to its commitment in lower-case hex,
    HMAC-SHA-256 under a random 32-byte blind (`ledger.personal.commitment`). Names and pseudonyms
    can never be erased; values and blinds can.
    """

    at: str
    subject: str
    account: str | None
    fields: dict[str, str]
    by: str
    v: int = 1


class SubjectErased(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="subject_erased"):
    """What the entries at `positions` committed to about `subject` can be read by nobody again.

    `fields` are the names that were recorded there, sorted.
    """

    at: str
    subject: str
    positions: tuple[int, ...]
    fields: tuple[str, ...]
    reason: str
    legal_basis: str | None
    by: str
    v: int = 1


Notice = KeysChanged | LedgerReconciled | SubjectRecorded | SubjectErased
"""Every kind that is about the ledger itself."""
