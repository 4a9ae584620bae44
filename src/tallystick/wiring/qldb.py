"""What `tallystick import qldb` does: check an export, append it, and say what was found."""

import asyncio
from base64 import b64encode
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
from rich.console import Console
from rich.progress import Progress

from tallystick.clock import Clock, rfc3339
from tallystick.errors import Refused
from tallystick.ledger.qldb import (
    Export,
    Journal,
    Outcome,
    append_export,
    append_missing,
    check_journal,
    imported_entry,
    open_export,
)
from tallystick.wiring.ledger import OpenLedger, open_ledger
from tallystick.wiring.progress import progress_on
from tallystick.wiring.settings import read_settings

_EXAMPLES_TOLD = 3
"""Unproved parts that a refusal names; the report names more."""


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator asked for; the command's options."""

    place: Path
    digest: bytes | None = None
    digest_tip: int | None = None
    hash_only: bool = False
    allow_unproved: bool = False
    quiet: bool = False


class Imported(msgspec.Struct, frozen=True):
    """What was found, and what was done: `appended` is None when only a check was asked for.

    Hashes are in base64, as QLDB wrote them. `digest_held` is None when no digest was given.
    """

    manifest: str
    format: str
    strand_id: str
    first_sequence_no: int
    last_sequence_no: int
    blocks: int
    revisions: int
    redacted: int
    deleted: int
    internal: int
    unproved: int
    unproved_examples: tuple[str, ...]
    last_block_hash: str
    digest: str | None
    digest_held: bool | None
    appended: int | None = None
    present: int | None = None
    ledger_size: int | None = None


def check_qldb(wishes: Wishes) -> Imported:
    """Check an export and append nothing; what is not proved is told, and no obstacle.

    Raises:
        Refused: a `QLDB_...` code.
    """
    export = open_export(wishes.place)
    with progress_on(Console(stderr=True, quiet=wishes.quiet)) as progress:
        return _facts(export, _check(export, wishes, progress), wishes)


def import_qldb(wishes: Wishes, environment: Mapping[str, str], clock: Clock) -> Imported:
    """Check everything, then append what is missing; nobody else may have the ledger meanwhile.

    Raises:
        Refused: a `QLDB_...` code; unless the files changed between, nothing was appended.
        Misconfigured, Corrupt: the ledger cannot be opened.
    """
    export = open_export(wishes.place)
    with (
        open_ledger(read_settings(environment), clock, new=True) as opened,
        progress_on(Console(stderr=True, quiet=wishes.quiet)) as progress,
    ):
        checked = _check(export, wishes, progress)
        if checked.unproved and not wishes.allow_unproved:
            raise Refused("QLDB_UNPROVED", _unproved(checked))
        outcome = asyncio.run(_append(export, wishes, opened, progress))
        return msgspec.structs.replace(
            _facts(export, checked, wishes),
            appended=outcome.appended,
            present=outcome.present,
            ledger_size=opened.ledger.size,
        )


def _check(export: Export, wishes: Wishes, progress: Progress) -> Journal:
    return check_journal(
        export,
        typed=export.typed,
        digest=wishes.digest,
        tip=wishes.digest_tip,
        advance=_bar(export, progress, "checking"),
    )


async def _append(
    export: Export, wishes: Wishes, opened: OpenLedger, progress: Progress
) -> Outcome:
    journal, outcome = await append_export(
        opened.ledger,
        export,
        hash_only=wishes.hash_only,
        advance=_bar(export, progress, "appending"),
    )
    entry = imported_entry(
        journal,
        at=rfc3339(opened.clock.now_ns()),
        manifest=export.manifest,
        digest=wishes.digest,
        hash_only=wishes.hash_only,
    )
    await append_missing(opened.ledger, [entry], outcome)
    return outcome


def _bar(export: Export, progress: Progress, doing: str) -> Callable[[int], None]:
    """A bar of the export's blocks, and what moves it."""
    bar = progress.add_task(doing, total=export.blocks)
    return lambda blocks: progress.advance(bar, blocks)


def _facts(export: Export, journal: Journal, wishes: Wishes) -> Imported:
    last = journal.last
    assert last is not None, "an export has blocks"  # noqa: S101  programmer error
    return Imported(
        manifest=export.manifest,
        format="ion" if journal.typed else "json",
        strand_id=last.strand_id,
        first_sequence_no=last.sequence_no + 1 - journal.blocks,
        last_sequence_no=last.sequence_no,
        blocks=journal.blocks,
        revisions=journal.revisions,
        redacted=journal.redacted,
        deleted=journal.deleted,
        internal=journal.internal,
        unproved=journal.unproved,
        unproved_examples=tuple(journal.examples),
        last_block_hash=b64encode(last.block_hash).decode(),
        digest=None if journal.digest is None else b64encode(journal.digest).decode(),
        digest_held=None if wishes.digest is None else True,
    )


def _unproved(journal: Journal) -> str:
    return (
        f"{journal.unproved} parts of the export are covered by no hash as they stand, so nothing"
        f" was appended. The first: {'; '.join(journal.examples[:_EXAMPLES_TOLD])}."
        " With --allow-unproved they are taken and marked."
    )
