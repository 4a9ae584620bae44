"""Verifies a whole published ledger: every entry is hashed again, every tile made again."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from tallystick.clock import Clock
from tallystick.ledger.checkpoint import SIGNATURE_MARK, Checkpoint, NoteError
from tallystick.ledger.merkle import EMPTY_ROOT
from tallystick.ledger.tiles import CHECKPOINT_PATH
from tallystick.ledger.verify.ahead import Ahead, bundles_and_tiles
from tallystick.ledger.verify.audit import Audit
from tallystick.ledger.verify.report import CannotTell, Findings, Report, Tampered, judge
from tallystick.ledger.verify.sources import Source, UrlSource
from tallystick.ledger.verify.trust import Pinned, Trust, trusting

Progress = Callable[[int, int], None]


def verify_ledger(
    source: Source,
    key: Pinned,
    progress: Progress | None = None,
    since: str | bytes | None = None,
    *,
    canonical_json: bool = False,
    clock: Clock | None = None,
) -> Report:
    """Check the ledger that `source` holds against its checkpoint, in one pass and O(log n) memory.

    `progress(done, total)` is told of entries. `since` is an older checkpoint of the same ledger:
    what it signed must be the beginning of this one. `canonical_json` also demands that form of
    every entry, as Tallystick writes them. In a folder every file with a tile's name is checked,
    needed or not.
    """
    trust = trusting(key)

    def check(findings: Findings) -> str:
        older = findings.open_older(since, trust)
        checkpoint = _newest(source, trust, findings)
        if older is not None:
            _check_grown(older, checkpoint)
        with _ahead(source, checkpoint.size) as files:
            audit = Audit(files, checkpoint, findings, older=older, canonical_json=canonical_json)
            audit.run(progress)
        beginning = f", and begins with the {older.size} of the older checkpoint" if older else ""
        return f"All {checkpoint.size} entries hash to what the pinned key signed{beginning}."

    return judge(check, trust, clock)


@contextmanager
def _ahead(source: Source, size: int) -> Iterator[Source]:
    """The source, read ahead where every file is a question to somebody far away."""
    if not isinstance(source, UrlSource):
        yield source
        return
    with closing(Ahead(source, bundles_and_tiles(size))) as ahead:
        yield ahead


def _newest(source: Source, trust: Trust, findings: Findings) -> Checkpoint:
    """The source's checkpoint; something that never was one is no evidence of anything."""
    data = source.fetch(CHECKPOINT_PATH)
    if data is None:
        raise CannotTell(f"There is no checkpoint in {source}.")
    try:
        return findings.open_checkpoint(data, trust)
    except NoteError as error:
        ours = any(data.startswith(f"{key.name}\n".encode()) for key in trust.keys)
        if SIGNATURE_MARK not in data and not ours:
            raise CannotTell(f"What is at {source} is not a ledger's checkpoint.") from error
        raise Tampered(f"The ledger's checkpoint fails. {error}") from error


def _check_grown(older: Checkpoint, newest: Checkpoint) -> None:
    if older.origin != newest.origin:
        raise CannotTell(f"The older checkpoint is of another log, {older.origin}.")
    if newest.size < older.size:
        raise Tampered(
            f"The ledger has {newest.size} entries, and had {older.size} before.", newest.size
        )
    if older.size == 0 and older.root != EMPTY_ROOT:
        raise Tampered("The older checkpoint of the empty ledger has not the empty root.")
