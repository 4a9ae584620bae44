"""Brings a restored database back to what was signed, from the files that were published.

The published folder holds every entry up to the newest head that outsiders saw. So an older backup
is not the end of a log: its missing entries are read from there, proved to be the ones that were
signed, and appended again at their old positions.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from tallystick.errors import Corrupt
from tallystick.ledger.checkpoint import Checkpoint, parse_body, verify_note
from tallystick.ledger.entry import Sealable
from tallystick.ledger.ledger import Ledger
from tallystick.ledger.merkle import leaf_hash
from tallystick.ledger.tiles import (
    CHECKPOINT_PATH,
    TILE_WIDTH,
    decode_bundle,
    entries_path,
)
from tallystick.ledger.verify.sources import Source

BATCH_ENTRIES = 1_024
"""Entries put back in one transaction."""

KeysOf = Callable[[bytes], Sequence[str]]
"""The idempotency keys that an entry settled, read from its bytes."""


def published_head(ledger: Ledger, source: Source) -> Checkpoint | None:
    """The published checkpoint; None where nothing is published.

    Raises:
        Corrupt: none of the ledger's keys signed it for this log.
    """
    data = source.fetch(CHECKPOINT_PATH)
    if data is None:
        return None
    checkpoint = parse_body(verify_note(data, ledger.vkeys).text)
    if checkpoint.origin != ledger.origin:
        raise Corrupt(f"What is published is of the log {checkpoint.origin}.")
    return checkpoint


def continues(ledger: Ledger, published: Checkpoint, source: Source) -> bool:
    """Whether the published log is the ledger's own history, or goes on from where it ends."""
    if published.size <= ledger.size:
        return ledger.root(published.size) == published.root
    leaves = (leaf_hash(entry) for entry in entries(source, ledger.size, published.size))
    return ledger.root_with(leaves) == published.root


async def put_back(ledger: Ledger, published: Checkpoint, source: Source, keys_of: KeysOf) -> int:
    """Append what the ledger lacks of the published log, which `continues` it; how many entries.

    Raises:
        Corrupt: the files changed meanwhile.
    """
    missing = entries(source, ledger.size, published.size)
    before = ledger.size
    while batch := list(islice(missing, BATCH_ENTRIES)):
        sealables = [Sealable(entry, tuple(keys_of(entry))) for entry in batch]
        await ledger.append(ledger.size, sealables)
    if ledger.root(published.size) != published.root:
        raise Corrupt("The published files changed while they were read.")
    return ledger.size - before


def entries(source: Source, start: int, end: int) -> Iterator[bytes]:
    """The published entries from position `start` up to, not including, `end`.

    Raises:
        Corrupt: some of them are missing.
    """
    for first in range(start - start % TILE_WIDTH, end, TILE_WIDTH):
        index, width = first // TILE_WIDTH, min(TILE_WIDTH, end - first)
        data = source.fetch(entries_path(index, width)) or source.fetch(entries_path(index))
        bundle = decode_bundle(data or b"")[:width]
        if len(bundle) != width:
            raise Corrupt(f"{entries_path(index, width)} is missing from {source}.")
        yield from bundle[max(0, start - first) :]
