"""The archive as the composition root sees it: one round of work, how it is, and its desk.

A round moves what is due, asks the vault how parts are, takes restores on, applies holds and copies
the ledger; each is bounded, and goes on in the next round.
"""

import asyncio
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import cast

import msgspec
import structlog

from tallystick.clock import Clock, rfc3339
from tallystick.errors import ShuttingDown, TallystickError, TemporaryError
from tallystick.ledger.verify import Report, Trust
from tallystick.watch.collect.archive.archivist import Archivist
from tallystick.watch.collect.archive.database import Database
from tallystick.watch.collect.archive.deeds import Append, Deeds
from tallystick.watch.collect.archive.desk import ArchiveDesk
from tallystick.watch.collect.archive.holds import Holds
from tallystick.watch.collect.archive.keeping import Keeping
from tallystick.watch.collect.archive.ledger_archive import (
    LedgerArchive,
    LedgerArchived,
    verify_archived,
)
from tallystick.watch.collect.archive.parts import Part, Parts, PartSource
from tallystick.watch.collect.archive.restores import Restores
from tallystick.watch.collect.archive.rules import ArchiveRules
from tallystick.watch.collect.archive.shelf import Shelf, VaultPartSource
from tallystick.watch.collect.archive.vault import Vault
from tallystick.watch.collect.archive.verification import Verification, Verifier

ROUND_SECONDS = 60
"""Between two rounds, where the last one had no more to do."""
CLOSE_SECONDS_MAX = 2.0
"""Longest wait for a round that is under way when the process ends."""
_log = structlog.get_logger("archive")


class Amount(msgspec.Struct, frozen=True):
    """How many parts, and their bytes."""

    parts: int = 0
    size: int = 0


class ArchiveStatus(msgspec.Struct, frozen=True):
    """How the archive is: its rules, what it holds by state, and what is under way.

    `problem` is what stopped the last round, None where nothing did.
    """

    address: str
    after_days: int
    after_days_of: dict[str, int]
    mode: str
    years: float
    states: dict[str, Amount]
    due: Amount
    restores_running: int
    holds_active: int
    ledger: LedgerArchived | None
    verified: Verification | None
    round_at: str | None
    problem: str | None


class Archive:
    """Methods that are not `async` block: call them from a thread. `run` is one task."""

    def __init__(  # noqa: PLR0913  what it stands on
        self,
        parts: Parts,
        vault: Vault,
        rules: ArchiveRules,
        clock: Clock,
        *,
        folder: Path,
        append: Append,
        published: Path | None = None,
        trust: Callable[[], Trust] = Trust,
        step: Callable[[str], None] = lambda _name: None,
    ) -> None:
        """`folder` is the archive's own memory; `published` the ledger's tlog-tiles.

        `trust` names the keys by which the archived ledger is verified.
        """

        def go_on(name: str) -> None:
            if self._closing.is_set():
                raise ShuttingDown("The archive is being closed.")
            step(name)

        self._parts = parts
        self._rules = rules
        self._clock = clock
        self._vault = vault
        self._closing = threading.Event()
        self._busy = threading.Lock()
        self._database = Database(folder / "archive.db")
        self._deeds = Deeds(self._database, append, clock)
        self._shelf = Shelf(vault, self._database, clock)
        self._holds = Holds(self._database, self._deeds, parts, self._shelf)
        source = VaultPartSource(self._shelf)
        self.source: PartSource = source
        """For `LogStore.attach(PLACE, ...)`: how the store reads archived parts."""
        self._archivist = Archivist(parts, self._shelf, source, self._holds, rules, clock, go_on)
        self._restores = Restores(
            self._database, self._deeds, parts, self._shelf, self._archivist.look_at, clock, go_on
        )
        scratch = folder / "scratch"
        shutil.rmtree(scratch, ignore_errors=True)  # what a kill left
        self._ledger: LedgerArchive | None = None
        if published is not None:
            self._ledger = LedgerArchive(
                published, vault, self._database, rules.lock_at, scratch, clock, go_on
            )
        self._verifier = Verifier(
            parts, self._shelf, self._database,
            partial(self._verify_ledger, trust, scratch) if self._ledger else None,
            scratch, clock, go_on,
        )  # fmt: skip
        self._keeping = Keeping(self._database, self._deeds, parts, self._shelf, clock, go_on)
        self.desk = ArchiveDesk(
            parts, self._shelf, self._archivist, self._deeds, self._holds, self._restores,
            self._keeping,
        )  # fmt: skip
        """What people may do."""
        self._verifying: asyncio.Task[None] | None = None
        self._round_at: str | None = None
        self._problem: str | None = None

    def _verify_ledger(self, trust: Callable[[], Trust], scratch: Path) -> Report:
        assert self._ledger is not None  # noqa: S101  asked for only then
        if self._ledger.archived().volumes == 0:
            return Report(verdict="clean", reason="No volume of the ledger was due yet.")
        return verify_archived(self._vault, trust(), scratch, self._clock)

    async def run(self) -> None:
        """Work for ever, round after round; a ledger that is away stops nothing else."""
        while True:
            more = False
            try:
                await self.desk.settle()
            except TallystickError as error:
                _log.warning("archive.deeds_not_said", body=str(error))
            with suppress(TallystickError):  # told in the status and the log
                more = await asyncio.to_thread(self.round)
            await self._clock.sleep(0 if more else ROUND_SECONDS)

    def round(self) -> bool:
        """One round; whether there is more to do at once. A kill at any moment loses nothing.

        One thing that cannot be done does not keep the others from being done.

        Raises:
            TallystickError: the last thing that could not be done.
        """
        with self._busy:
            return self._round()

    def _round(self) -> bool:
        failed: list[TallystickError] = []
        more = False
        works = [self._holds.apply, self._keeping.advance, self._move, self._restores.advance]
        if self._ledger is not None:
            works.append(self._ledger.copy)
        for work in works:
            with self._gathered(failed):
                more = bool(work()) or more
        with self._gathered(failed):
            self._archivist.look()
        self._round_at = rfc3339(self._clock.now_ns())
        self._problem = str(failed[-1]) if failed else None
        if failed:
            raise failed[-1]
        return more

    def status(self) -> ArchiveStatus:
        """How the archive is."""
        states: dict[str, Amount] = {}
        due = Amount()
        now_ns = self._clock.now_ns()
        for part in self._parts.parts():
            states[part.state] = _plus(states.get(part.state), part)
            if not part.place and self._rules.due(part, now_ns):
                due = _plus(due, part)
        rules = self._rules
        return ArchiveStatus(
            self._shelf.address, rules.after.default, dict(rules.after.own), rules.mode,
            rules.years, states, due, self._restores.running(), self._holds.count(),
            self._ledger.archived() if self._ledger else None, self._verifier.newest,
            self._round_at, self._problem,
        )  # fmt: skip

    def verify(self) -> Verification:
        """Verify everything, which reads it all."""
        return self._verifier.run()

    def begin_verification(self) -> Verification:
        """Begin to verify in the background, unless that is under way; call it from the loop."""
        running = self._verifying
        if running is None or running.done():
            self._verifier.begin()
            self._verifying = asyncio.create_task(self._verify())
        return cast("Verification", self._verifier.newest)

    def verification(self) -> Verification | None:
        """The last verification, or the one under way."""
        return self._verifier.newest

    async def wait(self) -> None:
        """Wait for a verification that is under way."""
        if self._verifying is not None:
            await self._verifying

    def close(self) -> None:
        """End what is under way after its next step, and let go of database and vault.

        What takes longer is left behind: it may be cut off anywhere.
        """
        self._closing.set()
        waited = self._busy.acquire(timeout=CLOSE_SECONDS_MAX)
        self._database.close()
        self._vault.close()
        if waited:
            self._busy.release()

    async def _verify(self) -> None:
        try:
            await asyncio.to_thread(self._verifier.run)
        except (OSError, TallystickError) as error:
            self._verifier.stop(str(error))
            _log.warning("archive.verification_failed", body=str(error))

    @contextmanager
    def _gathered(self, failed: list[TallystickError]) -> Iterator[None]:
        try:
            yield
        except (OSError, TallystickError) as error:
            ours = error if isinstance(error, TallystickError) else TemporaryError(str(error))
            failed.append(ours)
            if not self._closing.is_set():
                _log.warning("archive.step_failed", body=str(error))

    def _move(self) -> bool:
        return self._archivist.move().more


def _plus(amount: Amount | None, part: Part) -> Amount:
    before = amount or Amount()
    return Amount(before.parts + 1, before.size + part.size)
