"""Appends a checked export to the ledger: what is there already is left, what is missing added."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import msgspec

from tallystick.errors import HeadMoved, KeyTaken, Refused
from tallystick.ledger.entry import Sealable
from tallystick.ledger.ledger import Ledger
from tallystick.ledger.notices import QldbImported, QldbRevision
from tallystick.ledger.qldb.check import Journal
from tallystick.ledger.qldb.entries import revision_entries
from tallystick.ledger.qldb.export import Export

BATCH_ENTRIES_MAX = 1_024
"""Entries in one commit of an import."""
BATCH_BYTES_MAX = 16 * 1024 * 1024
"""Bytes in one commit of an import, whichever is met first."""
ATTEMPTS_MAX = 100
"""How often one commit is tried while other writers keep appending before it."""
_DECODER: msgspec.json.Decoder[QldbRevision | QldbImported] = msgspec.json.Decoder(
    QldbRevision | QldbImported
)


@dataclass
class Outcome:
    """What an import did: `present` entries had been appended by an earlier run."""

    appended: int = 0
    present: int = 0


async def append_export(
    ledger: Ledger,
    export: Export,
    *,
    hash_only: bool = False,
    advance: Callable[[int], None] = lambda _: None,
) -> tuple[Journal, Outcome]:
    """Append every revision of the export; the journal is checked once more while it is read.

    It may be interrupted at any moment and run again: each commit is whole, and each revision is
    appended once. `advance(n)` is called when n more blocks are durable.

    Raises:
        Refused: the files do not hold any more what was checked; or `QLDB_CONTRADICTION`, the
            ledger holds another revision under the same address.
    """
    journal = Journal(export.typed)
    outcome = Outcome()
    batch: list[Sealable] = []
    size = blocks = 0
    for block in export:
        checked = journal.add(block)
        for each in checked.revisions:
            entries = revision_entries(checked, each, hash_only=hash_only)
            grown = size + sum(len(entry.entry) for entry in entries)
            if len(batch) + len(entries) > BATCH_ENTRIES_MAX or grown > BATCH_BYTES_MAX:
                await append_missing(ledger, batch, outcome)
                advance(blocks)
                batch, size, blocks = [], 0, 0
            batch += entries
            size += sum(len(entry.entry) for entry in entries)
        blocks += 1
    await append_missing(ledger, batch, outcome)
    advance(blocks)
    return journal, outcome


async def append_missing(ledger: Ledger, batch: list[Sealable], outcome: Outcome) -> None:
    """Append those of the batch that the ledger does not hold, in one commit.

    Raises:
        Refused: `QLDB_CONTRADICTION`.
        HeadMoved, KeyTaken: other writers were always faster.
    """
    for attempt in range(ATTEMPTS_MAX):
        missing = list(_missing(ledger, batch))
        try:
            await ledger.append(ledger.size, missing)
        except (HeadMoved, KeyTaken):
            if attempt == ATTEMPTS_MAX - 1:
                raise
            continue
        outcome.appended += len(missing)
        outcome.present += len(batch) - len(missing)
        return


def _missing(ledger: Ledger, batch: list[Sealable]) -> Iterator[Sealable]:
    """Those whose key is not settled; the others must say what the ledger says."""
    for each in batch:
        position = ledger.find(each.keys[0])
        if position is None:
            yield each
        elif _hashes(ledger.rows(position, 1)[0].entry) != _hashes(each.entry):
            raise Refused(
                "QLDB_CONTRADICTION",
                f"Entry {position} was imported from {each.keys[0]} before, and had other hashes.",
            )


def _hashes(entry: bytes) -> tuple[str, str | None]:
    """The hashes of QLDB in an entry of an import: equal ones are of the same history."""
    decoded = _DECODER.decode(entry)
    if isinstance(decoded, QldbImported):
        return decoded.last_block_hash, decoded.digest
    return decoded.block_hash, decoded.revision_hash
