"""What keeps archived parts from being deleted, changed by people; and deleting what may go.

Every change is refused as a whole before anything is done where one of its parts does not allow
it, and is an entry of the ledger before it is done.
"""

from collections.abc import Callable, Sequence

import msgspec
import structlog

from tallystick.clock import Clock, parse_rfc3339
from tallystick.errors import Refused
from tallystick.ledger.notices import ArchiveDeleted, RetentionChanged
from tallystick.watch.collect.archive.database import Database
from tallystick.watch.collect.archive.deeds import Deeds
from tallystick.watch.collect.archive.lock import (
    Mode,
    require_change,
    require_deletable,
    retains,
)
from tallystick.watch.collect.archive.parts import Lock, Part, Parts
from tallystick.watch.collect.archive.shelf import Shelf
from tallystick.watch.collect.archive.vault import Ref, Stat

_DELETE = "INSERT OR REPLACE INTO deletions VALUES (:path, :deed, :ref, :bypass)"
_LEAVING = """
SELECT path, ref, bypass FROM deletions JOIN deeds ON deeds.id = deletions.deed
WHERE deeds.position IS NOT NULL ORDER BY path
"""
_GONE = "DELETE FROM deletions WHERE path = :path"
_log = structlog.get_logger("archive")
Found = Sequence[tuple[Part, Stat]]
"""Parts, and what the vault says of each."""


class Keeping:
    """Retention and deletion of parts; deeds that were said are done here."""

    def __init__(
        self,
        database: Database,
        deeds: Deeds,
        parts: Parts,
        shelf: Shelf,
        clock: Clock,
        step: Callable[[str], None] = lambda _name: None,
    ) -> None:
        """`step` is told before a part is deleted, and may end the round by raising."""
        self._database = database
        self._deeds = deeds
        self._parts = parts
        self._shelf = shelf
        self._clock = clock
        self._step = step

    def require_change(self, found: Found, mode: Mode, until_ns: int, *, bypass: bool) -> None:
        """Refuse a change of retention that any lock forbids.

        Raises:
            Refused: `PART_LOCKED`; `BAD_TIME`, the date is over.
        """
        now_ns = self._clock.now_ns()
        if until_ns <= now_ns:
            raise Refused("BAD_TIME", "A retention ends in the future.", field="until")
        for part, stat in found:
            wanted = _changed(stat.lock, mode, until_ns)
            require_change(part.path, stat.lock, wanted, now_ns, bypass=bypass)

    def change(self, found: Found, deed: RetentionChanged, mode: Mode) -> None:
        """Lock the parts as the entry says."""
        until_ns = parse_rfc3339(deed.until)
        for part, stat in found:
            wanted = _changed(stat.lock, mode, until_ns)
            locked = self._shelf.lock(part, wanted, bypass=deed.bypass)
            self._parts.lock(part, locked.lock)

    def require_deletable(self, found: Found, *, bypass: bool) -> None:
        """Refuse to delete what any lock keeps.

        Raises:
            Refused: `PART_LOCKED`; the sentence names the part, its lock and its date.
        """
        now_ns = self._clock.now_ns()
        for part, stat in found:
            require_deletable(part.path, stat.lock, now_ns, bypass=bypass)

    def delete(self, found: Found, deed: ArchiveDeleted) -> None:
        """Write down that these parts are to be deleted, and the deed."""
        with self._database.writing():
            self._deeds.write(deed)
            for part, stat in found:
                self._database.do(
                    _DELETE, path=part.path, deed=deed.deletion, ref=str(stat.ref),
                    bypass=int(deed.bypass),
                )  # fmt: skip

    def advance(self) -> bool:
        """Delete what the ledger says is deleted; whether there was anything.

        A lock that came meanwhile wins: its part stays, and that is told in the log.
        """
        known = {part.path: part for part in self._parts.parts()}
        rows = self._database.rows(_LEAVING)
        for path, ref, bypass in rows:
            self._step("deleting")
            try:
                self._shelf.delete(path, Ref.parse(ref), bypass=bool(bypass))
                if path in known:
                    self._forget(known[path])
            except Refused as refusal:
                _log.warning("archive.part_not_deleted", part=path, body=str(refusal))
            self._database.do(_GONE, path=path)
        return bool(rows)

    def _forget(self, part: Part) -> None:
        """Out of the manifest, which keeps what is locked."""
        if retains(part.lock, self._clock.now_ns()):
            part = self._parts.lock(part, Lock())
        self._parts.remove([part])


def _changed(lock: Lock, mode: Mode, until_ns: int) -> Lock:
    return msgspec.structs.replace(lock, mode=mode, until_ns=until_ns)
