"""The archive job: old parts are hashed, locked, uploaded, checked, and only then leave the disk.

    compact -> put (locked, checksum read back) -> remember where -> relocate (the hot copy goes)

Each step may be repeated and the manifest says last, so a kill between any two loses nothing and
doubles nothing: the next round takes the part up where it finds it.
"""

from collections.abc import Callable

import msgspec
import structlog
from msgspec.structs import replace

from tallystick.clock import Clock
from tallystick.errors import Corrupt, Refused
from tallystick.watch.collect.archive.holds import Holds
from tallystick.watch.collect.archive.lock import stricter
from tallystick.watch.collect.archive.parts import PLACE, Part, Parts
from tallystick.watch.collect.archive.rules import ArchiveRules
from tallystick.watch.collect.archive.shelf import Shelf, VaultPartSource

PARTS_PER_ROUND = 16
"""Most parts that one round moves."""
LOOKS_PER_ROUND = 200
"""Most archived parts that one round asks the vault about: lifecycle rules move them unasked."""
COMPACTIONS_PER_ROUND = 32

Step = Callable[[str], None]
"""Told of each step that is done; tests stop there."""
_log = structlog.get_logger("archive")


class Moved(msgspec.Struct, frozen=True):
    """What one round did."""

    parts: int = 0
    size: int = 0
    more: bool = False
    """Whether there is more to do at once."""


class Archivist:
    """Moves parts to the vault and keeps their state; called from one thread at a time."""

    def __init__(
        self,
        parts: Parts,
        shelf: Shelf,
        source: VaultPartSource,
        holds: Holds,
        rules: ArchiveRules,
        clock: Clock,
        step: Step = lambda _name: None,
    ) -> None:
        self._parts = parts
        self._shelf = shelf
        self._source = source
        self._holds = holds
        self._rules = rules
        self._clock = clock
        self._step = step

    def move(self) -> Moved:
        """Archive the oldest parts whose time has come, as many as one round may.

        Raises:
            Corrupt: a part is damaged; it stays where it is, and the others are archived.
        """
        if not self._due():
            return Moved()
        for _ in range(COMPACTIONS_PER_ROUND):
            if not self._parts.compact():
                break
            self._step("compacted")
        else:
            return Moved(more=True)  # what is large enough is cheaper to keep: merge on first
        due = self._due()
        moved = Moved()
        damaged: Corrupt | None = None
        for part in due:
            if moved.parts == PARTS_PER_ROUND:
                return replace(moved, more=True)
            try:
                self._archive(part)
            except Corrupt as error:
                _log.error("archive.part_damaged", part=part.path, body=str(error))
                damaged = error
                continue
            except Refused as refusal:  # it was merged, or is gone, meanwhile
                _log.warning("archive.part_not_moved", part=part.path, body=str(refusal))
                continue
            moved = Moved(moved.parts + 1, moved.size + part.size)
        if damaged is not None:
            raise damaged
        return moved

    def look(self) -> int:
        """Ask about parts that a search found cold, and those not asked about for longest.

        Gives how many had changed.
        """
        known = {part.path: part for part in self._parts.parts() if part.place == PLACE}
        changed = 0
        paths = self._source.take_suspects() | set(
            self._shelf.looked_at_longest_ago(LOOKS_PER_ROUND)
        )
        for path in sorted(paths):
            part = known.get(path)
            self._step("looking")
            if part is None:
                self._shelf.forget(path)
            else:
                changed += self.look_at(part)
        return changed

    def look_at(self, part: Part) -> bool:
        """Ask the vault about a part and mark what it says; whether that is news.

        A part that is gone is told in the log each time: nobody may get used to it.
        """
        try:
            stat = self._shelf.look(part)
            state = self._shelf.state_of(stat)
            if state == part.state:
                return False
            self._parts.mark(part, state)
        except Corrupt as error:
            _log.error("archive.part_missing", part=part.path, body=str(error))
            return False
        except Refused as refusal:  # it was deleted meanwhile
            _log.warning("archive.part_not_marked", part=part.path, body=str(refusal))
            return False
        return True

    def _due(self) -> list[Part]:
        now_ns = self._clock.now_ns()
        due = (p for p in self._parts.parts() if not p.place and self._rules.due(p, now_ns))
        return sorted(due, key=lambda part: (part.max_time, part.path))

    def _archive(self, part: Part) -> None:
        lock = stricter(self._rules.lock_of(part), part.lock)
        if self._holds.cover(part):
            lock = replace(lock, legal_hold=True)
        with self._parts.file(part) as file:
            self._step("read")
            stat = self._shelf.put(part, file, lock)
        self._step("put")
        state = self._shelf.state_of(stat)
        self._parts.relocate(part, PLACE, state=state, lock=stat.lock)
        self._step("relocated")
        _log.info(
            "archive.part_archived", part=part.path, size=part.size, state=state,
            until=stat.lock.until_ns, mode=stat.lock.mode,
        )  # fmt: skip
