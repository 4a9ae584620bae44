"""Makes ledger entries of checked revisions, and of the import itself."""

from base64 import b64encode

import msgspec

from tallystick.ledger.entry import Sealable
from tallystick.ledger.notices import QldbImported, QldbRevision, key_of
from tallystick.ledger.qldb.check import Checked, CheckedBlock, Journal
from tallystick.ledger.qldb.plain import to_plain
from tallystick.limits import QLDB_PART_CHARACTERS_MAX

_ENCODER = msgspec.json.Encoder(order="sorted")


def revision_entries(
    block: CheckedBlock, checked: Checked, *, hash_only: bool = False
) -> list[Sealable]:
    """The entry of a revision; more than one, in order, where its data is too large for one.

    `hash_only` keeps the hash of the data and not the data, where a hash proved them.
    """
    entry = _entry(block, checked)
    if checked.data is None or (hash_only and checked.proved):
        return [_sealable(entry)]
    data = to_plain(checked.data)
    text = _ENCODER.encode(data).decode()
    if len(text) <= QLDB_PART_CHARACTERS_MAX:
        return [_sealable(msgspec.structs.replace(entry, data=data))]
    starts = range(0, len(text), QLDB_PART_CHARACTERS_MAX)
    return [
        _sealable(
            msgspec.structs.replace(
                entry,
                data_part=text[start : start + QLDB_PART_CHARACTERS_MAX],
                part=part,
                parts=len(starts),
            ),
        )
        for part, start in enumerate(starts, start=1)
    ]


def imported_entry(
    journal: Journal, *, at: str, manifest: str, digest: bytes | None, hash_only: bool
) -> Sealable:
    """The entry that ends an import; `digest` is the one that the operator kept, and that held."""
    last = journal.last
    assert last is not None, "nothing was imported"  # noqa: S101  programmer error
    assert journal.first is not None, "nothing was imported"  # noqa: S101
    entry = QldbImported(
        at=at,
        manifest=manifest,
        strand_id=last.strand_id,
        first_sequence_no=journal.first,
        last_sequence_no=last.sequence_no,
        blocks=journal.blocks,
        revisions=journal.revisions,
        redacted=journal.redacted,
        deleted=journal.deleted,
        unproved=journal.unproved,
        format="ion" if journal.typed else "json",
        hash_only=hash_only,
        last_block_hash=_base64(last.block_hash),
        digest=None if journal.digest is None else _base64(journal.digest),
        digest_given=None if digest is None else _base64(digest),
    )
    return _sealable(entry)


def _entry(block: CheckedBlock, checked: Checked) -> QldbRevision:
    revision, whole = checked.revision, block.block
    data_hash = checked.data_hash
    return QldbRevision(
        strand_id=whole.strand_id,
        sequence_no=whole.sequence_no,
        block_hash=_base64(whole.block_hash),
        block_timestamp=whole.timestamp,
        transaction_id=whole.transaction_id,
        table_id=revision.table_id,
        table_name=revision.table_name,
        document_id=revision.document_id,
        version=revision.version,
        tx_time=revision.tx_time,
        revision_hash=_base64(revision.hash),
        data_hash=None if data_hash is None else _base64(data_hash),
        proved=checked.proved,
        redacted=revision.data_hash is not None,
    )


def _base64(data: bytes) -> str:
    return b64encode(data).decode()


def _sealable(entry: QldbRevision | QldbImported) -> Sealable:
    key = key_of(entry)
    return Sealable(_ENCODER.encode(entry), () if key is None else (key,))
