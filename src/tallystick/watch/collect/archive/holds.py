"""Legal holds: ranges of which nothing is deleted by anybody until the hold is released.

A hold counts from the moment that it is written down, before the ledger says it; a release counts
only once the ledger does. So in doubt everything stays.
"""

from typing import cast

import msgspec
import structlog

from tallystick.clock import parse_rfc3339
from tallystick.errors import Refused
from tallystick.ledger.notices import LegalHoldReleased, LegalHoldSet
from tallystick.watch.collect.archive.covered import Covered
from tallystick.watch.collect.archive.database import Database
from tallystick.watch.collect.archive.deeds import Deeds
from tallystick.watch.collect.archive.parts import PLACE, Part, Parts
from tallystick.watch.collect.archive.shelf import Shelf

HOLDS_MAX = 1_000
"""Most holds that are not released."""
HOLDS_TOLD_MAX = 1_000
"""Most holds in one answer, newest first."""
CHANGES_PER_ROUND = 500
"""Most parts that get or lose a hold in one round."""
_log = structlog.get_logger("archive")
_SET = "INSERT INTO holds (id) VALUES (:id)"
_RELEASE = "UPDATE holds SET released = 1 WHERE id = :id"
_ACTIVE = "SELECT id FROM holds WHERE released = 0 ORDER BY id"
_ALL = """
SELECT holds.id FROM holds JOIN deeds USING (id) ORDER BY deeds.number DESC LIMIT :limit
"""


class Hold(msgspec.Struct, frozen=True):
    """A legal hold; `position` and `released_position` are its entries in the ledger."""

    id: str
    index: str | None
    earliest: str | None
    latest: str | None
    set_at: str
    by: str
    reason: str
    position: int | None
    active: bool
    released_by: str | None = None
    released_reason: str | None = None
    released_at: str | None = None
    released_position: int | None = None


class Holds:
    """The holds there are, and the parts that they cover."""

    def __init__(self, database: Database, deeds: Deeds, parts: Parts, shelf: Shelf) -> None:
        self._database = database
        self._deeds = deeds
        self._parts = parts
        self._shelf = shelf
        self._covered: list[Covered] | None = None

    def set(self, hold: LegalHoldSet) -> None:
        """Write a hold down; it counts at once.

        Raises:
            Refused: `HOLDS_TOO_MANY`.
        """
        with self._database.writing():
            if len(self._database.rows(_ACTIVE)) >= HOLDS_MAX:
                raise Refused("HOLDS_TOO_MANY", f"There are {HOLDS_MAX} legal holds already.")
            self._database.do(_SET, id=hold.hold)
            self._deeds.write(hold)
        self._covered = None

    def release(self, release: LegalHoldReleased) -> None:
        """Write a release down; it counts when the ledger says it. Once more changes nothing.

        Raises:
            Refused: `UNKNOWN_HOLD`.
        """
        with self._database.writing():
            if self._deeds.find(release.hold) is None:
                raise Refused("UNKNOWN_HOLD", f"There is no legal hold {release.hold}.")
            if self._deeds.find(f"{release.hold} released") is None:
                self._deeds.write(release)

    def all(self) -> list[Hold]:
        """Every hold, newest first."""
        rows = self._database.rows(_ALL, limit=HOLDS_TOLD_MAX)
        return [self.find(str(found)) for (found,) in rows]

    def find(self, number: str) -> Hold:
        """One hold.

        Raises:
            Refused: `UNKNOWN_HOLD`.
        """
        deed = self._deeds.find(number)
        if deed is None or not isinstance(deed.notice, LegalHoldSet):
            raise Refused("UNKNOWN_HOLD", f"There is no legal hold {number}.")
        notice, released = deed.notice, self._deeds.find(f"{number} released")
        hold = Hold(
            number, notice.index, notice.earliest, notice.latest, notice.at, notice.by,
            notice.reason, deed.position, active=released is None or released.position is None,
        )  # fmt: skip
        if released is None:
            return hold
        release = cast("LegalHoldReleased", released.notice)
        return msgspec.structs.replace(
            hold,
            released_by=release.by,
            released_reason=release.reason,
            released_at=release.at or None,
            released_position=released.position,
        )

    def count(self) -> int:
        """How many count."""
        return len(self._database.rows(_ACTIVE))

    def cover(self, part: Part) -> bool:
        """Whether any hold that counts covers the part."""
        if self._covered is None:
            self._covered = [self._range(str(each)) for (each,) in self._database.rows(_ACTIVE)]
        return any(covered.has(part) for covered in self._covered)

    def apply(self) -> int:
        """Give parts the hold that they should have, or take it; how many were changed."""
        self._settle()
        changed = 0
        for part in self._parts.parts():
            held = self.cover(part)
            if held != part.lock.legal_hold and changed < CHANGES_PER_ROUND:
                try:
                    self._hold(part, held=held)
                except Refused as refusal:  # it was merged meanwhile: what it became is next
                    _log.warning("archive.part_not_held", part=part.path, body=str(refusal))
                changed += 1
        return changed

    def _settle(self) -> None:
        """What the ledger says released is released."""
        for (number,) in self._database.rows(_ACTIVE):
            released = self._deeds.find(f"{number} released")
            if released is not None and released.position is not None:
                self._database.do(_RELEASE, id=number)
                self._covered = None

    def _hold(self, part: Part, *, held: bool) -> None:
        """The vault first: what was cut off in between, the next round does again."""
        lock = part.lock
        if part.place == PLACE:
            lock = self._shelf.look(part).lock
            lock = self._shelf.lock(part, msgspec.structs.replace(lock, legal_hold=held)).lock
        self._parts.lock(part, msgspec.structs.replace(lock, legal_hold=held))

    def _range(self, number: str) -> Covered:
        hold = self.find(number)
        ends = (None if at is None else parse_rfc3339(at) for at in (hold.earliest, hold.latest))
        return Covered(hold.index, *ends)
