"""What people do with the archive: look, restore, hold, retain, delete. Every deed is an entry.

One deed at a time. It is refused as a whole or written down, said in the ledger, and then done;
what is cut off in between, a round of the archive ends.
"""

import asyncio
from collections.abc import Iterator

import msgspec

from tallystick.clock import rfc3339
from tallystick.errors import Refused
from tallystick.ids import new_guid
from tallystick.ledger.notices import (
    ArchiveDeleted,
    ArchiveRestored,
    LegalHoldReleased,
    LegalHoldSet,
    RetentionChanged,
)
from tallystick.watch.collect.archive.archivist import Archivist
from tallystick.watch.collect.archive.covered import Covered, hash_of
from tallystick.watch.collect.archive.deeds import Deeds
from tallystick.watch.collect.archive.holds import Hold, Holds
from tallystick.watch.collect.archive.keeping import Found, Keeping
from tallystick.watch.collect.archive.lock import LOCKED, Mode
from tallystick.watch.collect.archive.parts import PLACE, Part, Parts
from tallystick.watch.collect.archive.restores import Restore, Restores
from tallystick.watch.collect.archive.shelf import Shelf
from tallystick.watch.collect.archive.vault import Tier

RESTORE_PARTS_MAX = 10_000
"""Most parts of one restore."""
DEED_PARTS_MAX = 1_000
"""Most parts whose retention is changed, or which are deleted, at once."""
LOOKS_FIRST_MAX = 200
"""Of how many parts the vault is asked before a restore, in case they went cold unseen."""


class Done(msgspec.Struct, frozen=True):
    """A deed that is done: how many parts it changed, and its entry in the ledger."""

    id: str
    parts: int
    size: int
    position: int | None


class ArchiveDesk:
    """Methods that are not `async` block: call them from a thread."""

    def __init__(
        self,
        parts: Parts,
        shelf: Shelf,
        archivist: Archivist,
        deeds: Deeds,
        holds: Holds,
        restores: Restores,
        keeping: Keeping,
    ) -> None:
        self._parts = parts
        self._shelf = shelf
        self._archivist = archivist
        self._deeds = deeds
        self._holds = holds
        self._restores = restores
        self._keeping = keeping
        self._turn = asyncio.Lock()

    async def settle(self) -> None:
        """Say in the ledger what was written down and not said."""
        async with self._turn:
            await self._deeds.settle()

    def parts(self, covered: Covered, *, limit: int, after: str | None = None) -> list[Part]:
        """Archived parts in the order of their paths, from behind `after`."""
        found = (p for p in self._archived(covered) if after is None or p.path > after)
        return sorted(found, key=lambda part: part.path)[:limit]

    async def restore(
        self, covered: Covered, *, tier: Tier, days: int, by: str, reason: str
    ) -> Restore:
        """Have cold parts made readable; the job goes on by itself.

        Raises:
            Refused: `NOTHING_TO_RESTORE`; `PARTS_TOO_MANY`; `BAD_TIER`; `BAD_TIME`.
        """
        covered.require_order()
        async with self._turn:
            notice = await asyncio.to_thread(self._ask, covered, tier, days, by, reason)
            await self._deeds.settle()
            await asyncio.to_thread(self._restores.advance)
            return await asyncio.to_thread(self._restores.find, notice.restore)

    def restores(self) -> list[Restore]:
        """Every restore, newest first."""
        return self._restores.all()

    def find_restore(self, number: str) -> Restore:
        """One restore.

        Raises:
            Refused: `UNKNOWN_RESTORE`.
        """
        return self._restores.find(number)

    async def hold(self, covered: Covered, *, by: str, reason: str) -> Hold:
        """Put all parts that are covered, now or later, under legal hold; it counts at return.

        Raises:
            Refused: `HOLDS_TOO_MANY`; `BAD_TIME`.
        """
        covered.require_order()
        notice = LegalHoldSet(
            "", f"H-{new_guid()}", covered.index, covered.earliest, covered.latest, by, reason
        )
        async with self._turn:
            await asyncio.to_thread(self._holds.set, notice)
            await asyncio.to_thread(self._holds.apply)
            await self._deeds.settle()
            return await asyncio.to_thread(self._holds.find, notice.hold)

    async def release(self, number: str, *, by: str, reason: str) -> Hold:
        """End a legal hold.

        Raises:
            Refused: `UNKNOWN_HOLD`.
        """
        async with self._turn:
            await asyncio.to_thread(self._holds.release, LegalHoldReleased("", number, by, reason))
            await self._deeds.settle()
            await asyncio.to_thread(self._holds.apply)
            return await asyncio.to_thread(self._holds.find, number)

    def holds(self) -> list[Hold]:
        """Every legal hold, newest first."""
        return self._holds.all()

    async def retain(
        self, covered: Covered, *, mode: Mode, until_ns: int, bypass: bool, by: str, reason: str
    ) -> Done:
        """Lock archived parts until another date; all of them or none.

        Raises:
            Refused: `PART_LOCKED`; `NO_PARTS`; `PARTS_TOO_MANY`; `BAD_TIME`.
        """
        async with self._turn:
            found = await asyncio.to_thread(self._found, covered)
            self._keeping.require_change(found, mode, until_ns, bypass=bypass)
            notice = RetentionChanged(
                "", f"C-{new_guid()}", covered.index, covered.earliest, covered.latest,
                len(found), _hash(found), mode, rfc3339(until_ns), bypass, by, reason,
            )  # fmt: skip
            await asyncio.to_thread(self._deeds.write, notice)
            await self._deeds.settle()
            await asyncio.to_thread(self._keeping.change, found, notice, mode)
        return self._done(notice.change, found)

    async def delete(self, covered: Covered, *, bypass: bool, by: str, reason: str) -> Done:
        """Delete archived parts for good; all of them or none.

        Raises:
            Refused: `PART_LOCKED`; `NO_PARTS`; `PARTS_TOO_MANY`; `BAD_TIME`.
        """
        async with self._turn:
            found = await asyncio.to_thread(self._found, covered)
            await asyncio.to_thread(self._require_unheld, found)
            self._keeping.require_deletable(found, bypass=bypass)
            notice = ArchiveDeleted(
                "", f"D-{new_guid()}", covered.index, covered.earliest, covered.latest,
                len(found), sum(part.size for part, _ in found), _hash(found), bypass, by, reason,
            )  # fmt: skip
            await asyncio.to_thread(self._keeping.delete, found, notice)
            await self._deeds.settle()
            await asyncio.to_thread(self._keeping.advance)
        return self._done(notice.deletion, found)

    def _done(self, number: str, found: Found) -> Done:
        deed = self._deeds.find(number)
        position = None if deed is None else deed.position
        return Done(number, len(found), sum(part.size for part, _ in found), position)

    def _ask(
        self, covered: Covered, tier: Tier, days: int, by: str, reason: str
    ) -> ArchiveRestored:
        readable = [part for part in self._archived(covered) if part.state == "archived"]
        for part in readable[:LOOKS_FIRST_MAX]:
            self._archivist.look_at(part)
        cold = [part for part in self._archived(covered) if part.state in {"cold", "restoring"}]
        if not cold:
            raise Refused(
                "NOTHING_TO_RESTORE", "No part of this range is cold: all of it can be searched."
            )
        _require_few(len(cold), RESTORE_PARTS_MAX)
        found = [(part, self._shelf.storage_class(part)) for part in cold]
        notice = ArchiveRestored(
            "", f"R-{new_guid()}", covered.index, covered.earliest, covered.latest, len(cold),
            sum(part.size for part in cold), hash_of(cold), tier, days, by, reason,
        )  # fmt: skip
        self._restores.ask(notice, found)
        return notice

    def _found(self, covered: Covered) -> Found:
        """The archived parts of a range, and what the vault says of each."""
        covered.require_order()
        parts = list(self._archived(covered))
        if not parts:
            raise Refused("NO_PARTS", "No archived part is in this range.")
        _require_few(len(parts), DEED_PARTS_MAX)
        return [(part, self._shelf.look(part)) for part in parts]

    def _require_unheld(self, found: Found) -> None:
        """A hold that is not applied to the vault yet counts already."""
        held = next((part for part, _ in found if self._holds.cover(part)), None)
        if held is not None:
            sentence = f"{held.path} is under legal hold; the hold has to be released first."
            raise Refused(LOCKED, sentence)

    def _archived(self, covered: Covered) -> Iterator[Part]:
        return (p for p in self._parts.parts() if p.place == PLACE and covered.has(p))


def _hash(found: Found) -> str:
    return hash_of(part for part, _ in found)


def _require_few(count: int, most: int) -> None:
    if count > most:
        sentence = f"{count} parts are in this range, more than the {most} of one request."
        raise Refused("PARTS_TOO_MANY", f"{sentence} Narrow it.")
