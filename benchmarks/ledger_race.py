"""Races the ledger against bare journals and against Tessera, the same entries in the same run."""

import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from journals import Track, journal
from ledger_entries import Orders
from ledger_figures import AppendRound, PeerRound, Spread
from ledger_peer import Tessera
from ledger_tracks import Backend, LedgerTrack, open_track
from tallystick.ledger import Sealable

BATCHES = (1, 64, 1_024)
ENTRIES_A_ROUND = {1: 1_000, 64: 19_200, 1_024: 49_152}
"""About a second for the ledger; less than what makes SQLite's log begin anew."""
TURN_ENTRIES, TURN_SINGLES = 2_048, 20
"""How many entries each takes before it is the other's turn; the second for batches of one."""
WARM_SHARE = 8
"""A warm-up round has so many times fewer entries."""
PEER_ENTRIES = 65_536

Say = Callable[[str], None]
Databases = dict[Backend, Callable[[], str | None]]
"""Per backend: makes a new, empty database and gives its DSN; None is a file."""


@contextmanager
def scratch(folder: Path) -> Iterator[Path]:
    """A new folder in `folder`, gone afterwards."""
    made = Path(tempfile.mkdtemp(prefix="ledger-", dir=folder))
    made.chmod(0o755)
    try:
        yield made
    finally:
        shutil.rmtree(made)


def race(
    databases: Databases, orders: Orders, folder: Path, rounds: int, share: float, say: Say
) -> list[AppendRound]:
    """Rounds of every batch size on every backend; `share` shortens the rounds."""
    found: list[AppendRound] = []
    for backend, database in databases.items():
        with scratch(folder) as place, open_track(place / "data", database()) as ours:
            found += asyncio.run(
                _race(backend, ours, database(), orders, place, rounds, share, say)
            )
    return found


async def _race(
    backend: Backend,
    ours: LedgerTrack,
    dsn: str | None,
    orders: Orders,
    place: Path,
    rounds: int,
    share: float,
    say: Say,
) -> list[AppendRound]:
    found: list[AppendRound] = []
    async with journal(place / "bare", dsn) as bare:
        for batch in BATCHES:
            count = max(batch, round(ENTRIES_A_ROUND[batch] * share / batch) * batch)
            for number in range(rounds + 1):
                say(f"append, {backend}, batches of {batch:,}")
                some = count if number else max(batch, count // WARM_SHARE // batch * batch)
                batches = orders.batches(ours.ledger.size, some, batch)
                seconds, bare_seconds = await alternate(ours, bare, batches)
                folds = _fold(ours), _fold(bare)
                if number:
                    found.append(
                        AppendRound(
                            backend, batch, number, some, seconds, folds[0], bare_seconds, folds[1]
                        )
                    )
    return found


async def alternate(
    ours: Track, bare: Track, batches: Sequence[Sequence[Sealable]]
) -> tuple[float, float]:
    """Seconds for the ledger and for the bare journal, each with all batches.

    They take turns every few batches, so that a slow moment of the machine hits both.
    """
    took = {id(ours): 0.0, id(bare): 0.0}
    step = max(1, TURN_ENTRIES // len(batches[0])) if len(batches[0]) > 1 else TURN_SINGLES
    for turn, at in enumerate(range(0, len(batches), step)):
        for track in (ours, bare) if turn % 2 else (bare, ours):
            start = time.perf_counter()
            for batch in batches[at : at + step]:
                await track.append(batch)
            took[id(track)] += time.perf_counter() - start
    return took[id(ours)], took[id(bare)]


def _fold(track: Track) -> float:
    """Seconds that folding the write-ahead log takes."""
    start = time.perf_counter()
    track.fold()
    return time.perf_counter() - start


def race_peer(
    tessera: Tessera, orders: Orders, folder: Path, rounds: int, share: float, say: Say
) -> list[PeerRound]:
    """Rounds against the peer, without and with its index of duplicates."""
    count = max(tessera.adders, round(PEER_ENTRIES * share))
    found: list[PeerRound] = []
    for number in range(1, rounds + 1):
        for antispam in (False, True):
            say(f"peer, antispam {'on' if antispam else 'off'}")
            with scratch(folder) as place:
                batches = orders.batches(1, count, tessera.adders)
                figures = tessera.run(place, [e for batch in batches for e in batch], antispam)
                seconds, waits = _ours(place / "data", batches)
                found.append(PeerRound(antispam, number, figures, seconds, Spread.of(waits)))
    return found


def _ours(folder: Path, batches: Sequence[Sequence[Sealable]]) -> tuple[float, list[float]]:
    """Seconds for all batches in a new ledger, and for each."""
    with open_track(folder) as track:
        return asyncio.run(_timed(track, batches))


async def _timed(
    track: LedgerTrack, batches: Sequence[Sequence[Sealable]]
) -> tuple[float, list[float]]:
    waits = []
    start = time.perf_counter()
    for batch in batches:
        began = time.perf_counter()
        await track.append(batch)
        waits.append(time.perf_counter() - began)
    return time.perf_counter() - start, waits
