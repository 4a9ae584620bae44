"""`tallystick ledger reconcile`: an operator answers for a database that is not what was signed."""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

import msgspec

from tallystick.clock import Clock, rfc3339
from tallystick.errors import Misconfigured, TallystickError
from tallystick.execution import decode, encode
from tallystick.execution.entries import keys_of
from tallystick.ledger import Ledger, Sealable
from tallystick.ledger.checkpoint import Checkpoint
from tallystick.ledger.guard import FileGuard, Head
from tallystick.ledger.notices import HeadText, LedgerReconciled
from tallystick.ledger.reconcile import continues, published_head, put_back
from tallystick.ledger.verify import Source, open_source
from tallystick.wiring.ledger import PUBLISHED, guard_path, open_ledger
from tallystick.wiring.settings import Settings

FOLLOWERS = (
    *(f"{name}{end}" for name in ("stream.db", "stream-places.db") for end in ("", "-wal", "-shm")),
    "detect.state",
)
"""What follows the ledger and may be ahead of it once entries are given up; it is made again."""

Say = Callable[[str], None]


class Reconciled(msgspec.Struct, frozen=True):
    """What was found and done; sizes are entries, `position` that of the entry that records it."""

    signed_size: int | None
    held_size: int
    recovered: int
    abandoned: int
    position: int | None
    set_aside: str | None = None
    """Where published files went that belong to the history that was given up."""


class Answer(msgspec.Struct, frozen=True):
    """Who answers for it and why; `abandon`: also for entries that are nowhere any more."""

    by: str
    reason: str
    abandon: bool = False


def run_reconcile(
    settings: Settings, clock: Clock, answer: Answer, published: str | None, say: Say
) -> Reconciled:
    """Bring database and guard together again, and write an entry that says so.

    What the database lacks is put back from the published files. What was signed and cannot be put
    back is given up only where the `answer` says so. `published`: a folder or URL of published
    files, by default the data folder's.

    Raises:
        Misconfigured, Corrupt: nothing was changed but what `say` told of.
    """
    with ExitStack() as stack:
        opened = stack.enter_context(open_ledger(settings, clock, guarded=False))
        path = guard_path(settings, opened.ring.name)
        lost = not path.exists()
        guard = stack.enter_context(closing(FileGuard(path)))
        where = published or str(settings.folder / PUBLISHED)
        source = stack.enter_context(closing(open_source(where)))
        at = rfc3339(clock.now_ns())
        done = asyncio.run(_reconcile(opened.ledger, guard, source, answer, at, say, lost=lost))
        if done.abandoned:
            for name in FOLLOWERS:
                _set_aside(settings.folder / name, opened.ledger.size)
        return done


async def _reconcile(
    ledger: Ledger,
    guard: FileGuard,
    source: Source,
    answer: Answer,
    at: str,
    say: Say,
    *,
    lost: bool,
) -> Reconciled:
    signed = guard.head()
    held = Head(ledger.size, ledger.root(ledger.size))
    say(f"The database holds {held.size} entries.")
    say(_what_was_signed(signed))
    published = published_head(ledger, source)
    ours = published is None or continues(ledger, published, source)
    recovered = 0
    if published is not None and ours and published.size > ledger.size:
        recovered = await put_back(ledger, published, source, _keys_of)
        say(f"Put back {recovered} entries from {source}.")
    given_up = _given_up(ledger, signed, published, ours)
    if given_up == 0 and recovered == 0 and not lost and _is_of(ledger, signed):
        say("The database is what was signed: there is nothing to reconcile.")
        return Reconciled(signed.size if signed else None, held.size, 0, 0, None)
    if given_up and not answer.abandon:
        raise Misconfigured(
            f"{given_up} signed entries are neither in the database nor in {source}. Bring a newer"
            " backup, or name other published files with --published; to go on without them, and"
            " have everybody who holds a receipt of them prove it: --abandon."
        )
    entry = LedgerReconciled(
        at=at,
        signed=None if signed is None else HeadText(signed.size, signed.root.hex()),
        held=HeadText(held.size, held.root.hex()),
        recovered=recovered,
        abandoned=bool(given_up),
        by=answer.by,
        reason=answer.reason,
    )
    # First the entry, then the guard: a crash between them leaves a ledger that is still refused.
    sealed = await ledger.append(ledger.size, [Sealable(encode(entry))])
    guard.reset(Head(ledger.size, ledger.root(ledger.size)))
    aside = None if ours else _set_aside(Path(str(source)), ledger.size)
    return Reconciled(
        signed.size if signed else None, held.size, recovered, given_up, sealed.first, aside
    )


def _what_was_signed(signed: Head | None) -> str:
    if signed is None:
        return "The guard is lost: it cannot be said what was signed last."
    return f"A head of {signed.size} entries was signed last."


def _is_of(ledger: Ledger, signed: Head | None) -> bool:
    if signed is None:
        return True
    return signed.size <= ledger.size and ledger.root(signed.size) == signed.root


def _given_up(ledger: Ledger, signed: Head | None, published: Checkpoint | None, ours: bool) -> int:
    """How many entries were signed, or even published, and will not be in this ledger."""
    count = 0
    if signed is not None and not _is_of(ledger, signed):
        count = max(1, signed.size - ledger.size)
    if published is not None and not ours:
        count = max(count, 1, published.size - ledger.size)
    return count


def _set_aside(path: Path, size: int) -> str | None:
    """Move what is of a history that was given up out of the way; it is evidence."""
    if not path.exists():
        return None
    aside = path.with_name(f"{path.name}.abandoned-{size}")
    path.rename(aside)
    return str(aside)


def _keys_of(data: bytes) -> tuple[str, ...]:
    try:
        return keys_of(decode(data))
    except msgspec.DecodeError as error:
        raise TallystickError(f"A published entry cannot be read: {error}.") from error
