"""Entries about the ledger itself: its keys, its restores, what was imported and what was erased.

Like all entries they are canonical JSON with a `kind` and a version `v` (docs/decisions/0005);
whoever trades reads past them, whoever audits finds in them what the operator did.
"""

from typing import Any

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


class QldbRevision(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="qldb_revision"):
    """One version of a document from a QLDB journal, with the address and hashes it had there.

    Hashes are in base64 and times in Ion's spelling, both as QLDB wrote them. `data` is the
    document in the mapping of docs/guides/import-from-qldb.md; one that is too large for an entry
    stands as `data_part`, a piece of its canonical JSON, in `parts` entries. `data_hash` is the Ion
    hash of the data; without `data` it stands for what was redacted in QLDB (`redacted`) or left
    behind on purpose. `proved` False: the export was in JSON, and its data do not hash to
    `revision_hash` any more.
    """

    strand_id: str
    sequence_no: int
    block_hash: str
    block_timestamp: str
    transaction_id: str
    table_id: str | None
    table_name: str | None
    document_id: str
    version: int
    tx_time: str
    revision_hash: str
    data_hash: str | None
    proved: bool
    redacted: bool
    data: Any = None
    data_part: str | None = None
    part: int = 1
    parts: int = 1
    v: int = 1


class QldbImported(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="qldb_imported"):
    """All revisions of these blocks of a QLDB journal are in the ledger, and its chain held.

    `digest` is QLDB's digest at the last block, where the blocks begin with the first; and
    `digest_given` one that the operator had kept and that held. `unproved` counts what no hash
    covered; `hash_only` is whether data were left behind.
    """

    at: str
    manifest: str
    format: str
    strand_id: str
    first_sequence_no: int
    last_sequence_no: int
    blocks: int
    revisions: int
    redacted: int
    deleted: int
    unproved: int
    hash_only: bool
    last_block_hash: str
    digest: str | None
    digest_given: str | None
    v: int = 1


class ArchiveRestored(
    msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="archive_restored"
):
    """Somebody had cold parts of the log archive made readable for some days.

    Meant are the parts of `index` (None: all) that overlap [earliest, latest) (RFC 3339, None:
    open). `parts_hash` is `watch.collect.archive.covered.hash_of` the `parts` it covers.
    """

    at: str
    restore: str
    index: str | None
    earliest: str | None
    latest: str | None
    parts: int
    size: int
    parts_hash: str
    tier: str
    days: int
    by: str
    reason: str
    v: int = 1


class LegalHoldSet(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="legal_hold_set"):
    """From now on no log part of this range is deleted by anybody, be its retention over or not.

    That goes for parts that come later too. The range is meant as in `ArchiveRestored`.
    """

    at: str
    hold: str
    index: str | None
    earliest: str | None
    latest: str | None
    by: str
    reason: str
    v: int = 1


class LegalHoldReleased(
    msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="legal_hold_released"
):
    """A legal hold is over; what no other hold covers is kept by its retention alone."""

    at: str
    hold: str
    by: str
    reason: str
    v: int = 1


class RetentionChanged(
    msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="retention_changed"
):
    """Archived parts are locked in `mode` until `until`; members else as in `ArchiveRestored`.

    `bypass` is whether the right to bypass governance mode was used.
    """

    at: str
    change: str
    index: str | None
    earliest: str | None
    latest: str | None
    parts: int
    parts_hash: str
    mode: str
    until: str
    bypass: bool
    by: str
    reason: str
    v: int = 1


class ArchiveDeleted(
    msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="archive_deleted"
):
    """Archived parts were deleted for good; members as in `RetentionChanged`."""

    at: str
    deletion: str
    index: str | None
    earliest: str | None
    latest: str | None
    parts: int
    size: int
    parts_hash: str
    bypass: bool
    by: str
    reason: str
    v: int = 1


ArchiveNotice = (
    ArchiveRestored | LegalHoldSet | LegalHoldReleased | RetentionChanged | ArchiveDeleted
)
"""Every kind that is about the log archive."""


class LogUnmasked(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="log_unmasked"):
    """Somebody read what had been taken out of a log line; nothing of it stands here.

    `seq` is the line's number in the log store, `index` the index it belongs to; `fields` are the
    JSON pointers (RFC 6901) of what was read, sorted, a member's name with `#` behind it.
    """

    at: str
    seq: int
    index: str
    fields: tuple[str, ...]
    by: str
    reason: str
    v: int = 1


class AnomalyJudged(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="anomaly_judged"):
    """Somebody said whether an anomaly was worth telling: `confirmed` or `dismissed`.

    The newest entry about an anomaly holds. `detector`, `entity`, `p_value` (a number as text),
    `sentence` and `position` (the entry that was odd) are the anomaly's own. `client` is its
    account: called `account`, the entry would stand among those that the account may list, and who
    is looked into must not be told. Like ones of this detector and entity (`scope` "stream"), or of
    every detector about this entity ("entity"), are judged by it; until `until` (RFC 3339) a
    dismissal holds them back by itself. `key` and `request` are as in every write: its idempotency
    key and the digest of the request.
    """

    at: str
    anomaly: str
    detector: str
    entity: str
    client: str | None
    verdict: str
    reason: str
    p_value: str
    sentence: str
    position: int | None
    scope: str
    until: str | None
    by: str
    key: str | None = None
    request: str | None = None
    v: int = 1


class BacktestSummary(msgspec.Struct, frozen=True, gc=False, rename={"from_": "from"}):
    """What a backtest came to; `digest` is the SHA-256 of its whole report, in lower-case hex.

    Entries [`from`, `to`) were replayed as `observed` observations. The promoted version found
    `found` anomalies, of which people had confirmed and dismissed so many, and missed so many that
    they had confirmed. `against` is the version beside it; it found `found_against`, `both` of them
    the same cases.
    """

    digest: str
    from_: int
    to: int
    observed: int
    found: int
    confirmed: int
    dismissed: int
    missed: int
    against: str | None
    found_against: int
    both: int


class ModelPromoted(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="model_promoted"):
    """From the next entry on, detection is done by the version `model`, and no more by `previous`.

    `scope` is "detect". A `rollback` goes back to the version before and needs no backtest. `key`
    and `request` are as in every write: its idempotency key and the digest of the request.
    """

    at: str
    model: str
    previous: str
    scope: str
    rollback: bool
    backtest: BacktestSummary | None
    reason: str
    by: str
    key: str | None = None
    request: str | None = None
    v: int = 1


Notice = (
    KeysChanged
    | LedgerReconciled
    | SubjectRecorded
    | SubjectErased
    | QldbRevision
    | QldbImported
    | ArchiveRestored
    | LegalHoldSet
    | LegalHoldReleased
    | RetentionChanged
    | ArchiveDeleted
    | LogUnmasked
    | AnomalyJudged
    | ModelPromoted
)
"""Every kind that is about the ledger itself."""


def key_of(notice: Notice) -> str | None:
    """The idempotency key under which a notice is appended once; most have none."""
    if isinstance(notice, QldbRevision):
        place = f"{notice.strand_id}/{notice.sequence_no}"
        name = f"qldb/{place}/{notice.document_id}/{notice.version}"
        return name if notice.part == 1 else f"{name}/{notice.part}"
    if isinstance(notice, SubjectErased):
        return erasure_key(notice.subject)
    if isinstance(notice, QldbImported):
        return f"qldb/{notice.strand_id}/{notice.first_sequence_no}-{notice.last_sequence_no}"
    if isinstance(notice, ArchiveNotice):
        return f"archive {archive_id(notice)}"
    if isinstance(notice, (AnomalyJudged, ModelPromoted)):
        return notice.key
    return None


def archive_id(notice: ArchiveNotice) -> str:
    """What names the deed that the notice tells; setting a hold and releasing it are two."""
    match notice:
        case ArchiveRestored():
            return notice.restore
        case LegalHoldSet():
            return notice.hold
        case LegalHoldReleased():
            return f"{notice.hold} released"
        case RetentionChanged():
            return notice.change
        case ArchiveDeleted():
            return notice.deletion


def erasure_key(subject: str) -> str:
    """The idempotency key of an erasure: it happens once, whichever process it is asked of."""
    return f"subject-erased {subject}"
