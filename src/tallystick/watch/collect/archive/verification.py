"""The verification of the archive: every part is hashed again, every lock looked at.

The archived ledger is verified as a stranger would, by the independent verifier.
"""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import msgspec
from msgspec.structs import replace

from tallystick.clock import Clock, rfc3339
from tallystick.errors import Corrupt, TallystickError, TemporaryError
from tallystick.ledger.verify import Report
from tallystick.watch.collect.archive.database import Database
from tallystick.watch.collect.archive.lock import in_words, keeps
from tallystick.watch.collect.archive.parts import PLACE, ColdPartError, Part, Parts
from tallystick.watch.collect.archive.shelf import Shelf

FINDINGS_MAX = 100
"""Most findings told; more are counted."""
_KEPT = "verification"
Outcome = Literal["clean", "tampered", "cannot_tell"]


class PartProblem(msgspec.Struct, frozen=True):
    """What is wrong with a part."""

    part: str
    problem: str


class Verification(msgspec.Struct, frozen=True):
    """How far a verification is, or how it ended.

    Of `cold` parts only presence and locks were checked; `unread` could not be reached. `ledger` is
    the verifier's sentence.
    `verdict` is None until it has ended.
    """

    started_at: str
    parts: int
    checked: int = 0
    bytes_hashed: int = 0
    cold: int = 0
    unread: int = 0
    problems: tuple[PartProblem, ...] = ()
    problems_total: int = 0
    ledger: str | None = None
    ledger_verdict: Outcome | None = None
    ended_at: str | None = None
    verdict: Outcome | None = None
    problem: str | None = None
    """What stopped it before its end."""


class Verifier:
    """Checks everything; one run at a time, in a thread of its own."""

    def __init__(
        self,
        parts: Parts,
        shelf: Shelf,
        database: Database,
        ledger: Callable[[], Report] | None,
        scratch: Path,
        clock: Clock,
        step: Callable[[str], None] = lambda _name: None,
    ) -> None:
        """`ledger` verifies the archived ledger; None where none is archived.

        `step` is told before each part, and may end the run by raising.
        """
        self._parts = parts
        self._shelf = shelf
        self._database = database
        self._ledger = ledger
        self._scratch = scratch
        self._clock = clock
        self._step = step
        kept = database.fact(_KEPT)
        self.newest = None if kept is None else msgspec.json.decode(kept, type=Verification)
        """The last one, or the one under way."""

    def begin(self) -> Verification:
        """What a run that starts now begins with."""
        archived = self._archived()
        self.newest = Verification(rfc3339(self._clock.now_ns()), len(archived))
        return self.newest

    def stop(self, problem: str) -> None:
        """It cannot go on."""
        if self.newest is not None:
            self.newest = replace(self.newest, problem=problem)

    def run(self) -> Verification:
        """Check everything, and keep what was found."""
        seen = self.begin()
        self._scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
        for part in self._archived():
            self._step("verifying")
            seen = self.newest = self._checked(part, seen)
        if self._ledger is not None:
            report = self._ledger_report()
            seen = replace(seen, ledger=report.reason, ledger_verdict=report.verdict)
        seen = replace(seen, ended_at=rfc3339(self._clock.now_ns()), verdict=_verdict(seen))
        self._database.keep(_KEPT, msgspec.json.encode(seen))
        self.newest = seen
        return seen

    def _archived(self) -> list[Part]:
        return [part for part in self._parts.parts() if part.place == PLACE]

    def _checked(self, part: Part, seen: Verification) -> Verification:
        try:
            stat = self._shelf.look(part)
            if not keeps(stat.lock, part.lock):
                locks = f"is {in_words(stat.lock)}, and should be {in_words(part.lock)}"
                seen = _told(seen, part, f"It {locks}.")
            with TemporaryDirectory(dir=self._scratch) as scratch:
                self._shelf.get(part, Path(scratch) / "part")
        except ColdPartError:
            return replace(seen, checked=seen.checked + 1, cold=seen.cold + 1)
        except TemporaryError:
            return replace(seen, checked=seen.checked + 1, unread=seen.unread + 1)
        except Corrupt as error:
            return _told(replace(seen, checked=seen.checked + 1), part, str(error))
        size = seen.bytes_hashed + part.size
        return replace(seen, checked=seen.checked + 1, bytes_hashed=size)

    def _ledger_report(self) -> Report:
        assert self._ledger is not None  # noqa: S101  asked before
        try:
            return self._ledger()
        except TallystickError as error:
            return Report(verdict="cannot_tell", reason=str(error))


def _told(seen: Verification, part: Part, problem: str) -> Verification:
    problems = (*seen.problems, PartProblem(part.path, problem))[:FINDINGS_MAX]
    return replace(seen, problems=problems, problems_total=seen.problems_total + 1)


def _verdict(seen: Verification) -> Outcome:
    """The worst of all; an archive without a ledger is judged by its parts."""
    if seen.problems_total or seen.ledger_verdict == "tampered":
        return "tampered"
    untold = seen.unread or seen.ledger_verdict == "cannot_tell"
    return "cannot_tell" if untold else "clean"
