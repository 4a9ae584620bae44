"""Restores: cold parts made readable for some days, each a job that everybody can see.

    asked -> running -> readable -> expired

Who asked and why stands in the ledger before the vault is asked. What the vault says decides: a
part is readable when it says so, and cold again when its copy there is gone.
"""

from collections.abc import Callable, Sequence
from typing import Literal, cast

import msgspec
import structlog

from tallystick.clock import NS_PER_SECOND, Clock, rfc3339
from tallystick.errors import Corrupt, Refused
from tallystick.ledger.notices import ArchiveRestored
from tallystick.watch.collect.archive.database import Database
from tallystick.watch.collect.archive.deeds import Deeds
from tallystick.watch.collect.archive.parts import Part, Parts
from tallystick.watch.collect.archive.shelf import Shelf
from tallystick.watch.collect.archive.vault import WAIT_SECONDS, Tier

RESTORES_TOLD_MAX = 1_000
"""Most restores in one answer, newest first."""
PARTS_PER_ROUND = 200
"""Most parts of one restore that one round asks the vault about."""
_log = structlog.get_logger("archive")
RestoreState = Literal["asked", "running", "readable", "expired", "failed"]

_ASK = "INSERT INTO restores (id, asked_ns, eta_ns, state) VALUES (:id, :now, :eta, 'asked')"
_ASK_PART = "INSERT INTO restore_parts VALUES (:id, :path, 'asked')"
_OPEN = """
SELECT id, state, asked_ns, eta_ns, readable_ns, expires_ns FROM restores
WHERE state IN ('asked', 'running', 'readable') ORDER BY asked_ns
"""
_FIND = "SELECT id, state, asked_ns, eta_ns, readable_ns, expires_ns FROM restores WHERE id = :id"
_ALL = """
SELECT id, state, asked_ns, eta_ns, readable_ns, expires_ns FROM restores
ORDER BY asked_ns DESC LIMIT :limit
"""
_COUNT = "SELECT state, count(*) FROM restore_parts WHERE restore = :id GROUP BY state"
_PARTS = """
SELECT path FROM restore_parts WHERE restore = :id AND state = :state ORDER BY path LIMIT :limit
"""
_PART = "UPDATE restore_parts SET state = :state WHERE restore = :id AND path = :path"
_STATE = "UPDATE restores SET state = :state WHERE id = :id"
_READABLE = """
UPDATE restores SET state = 'readable', readable_ns = :now, expires_ns = :expires WHERE id = :id
"""


class Restore(msgspec.Struct, frozen=True):
    """One restore: who asked for what and why, and how far it is.

    `eta` is by when the vault usually has all of it, from the tier and the storage classes;
    `expires_at` is known once it is readable. `position` is its entry in the ledger.
    """

    id: str
    state: RestoreState
    by: str
    reason: str
    index: str | None
    earliest: str | None
    latest: str | None
    tier: Tier
    days: int
    parts: int
    parts_readable: int
    size: int
    asked_at: str
    eta: str
    readable_at: str | None
    expires_at: str | None
    position: int | None


_Row = tuple[str, RestoreState, int, int, int | None, int | None]


class Restores:
    """The restores there are; `advance` takes them on, from one thread at a time."""

    def __init__(
        self,
        database: Database,
        deeds: Deeds,
        parts: Parts,
        shelf: Shelf,
        look_at: Callable[[Part], bool],
        clock: Clock,
        step: Callable[[str], None] = lambda _name: None,
    ) -> None:
        """`look_at` asks the vault about a part and marks what it says.

        `step` is told before the vault is asked, and may end the round by raising.
        """
        self._database = database
        self._deeds = deeds
        self._parts = parts
        self._shelf = shelf
        self._look_at = look_at
        self._clock = clock
        self._step = step

    def ask(self, notice: ArchiveRestored, parts: Sequence[tuple[Part, str]]) -> None:
        """Write a restore of these cold parts down, each with its storage class.

        Raises:
            Refused: `BAD_TIER`, a storage class among them has no such tier.
        """
        tier = cast("Tier", notice.tier)
        now_ns = self._clock.now_ns()
        wait = max(wait_seconds(storage_class, tier) for _, storage_class in parts)
        eta_ns = now_ns + wait * NS_PER_SECOND
        with self._database.writing():
            self._database.do(_ASK, id=notice.restore, now=now_ns, eta=eta_ns)
            for part, _ in parts:
                self._database.do(_ASK_PART, id=notice.restore, path=part.path)
            self._deeds.write(notice)

    def all(self) -> list[Restore]:
        """Every restore, newest first."""
        rows = self._database.rows(_ALL, limit=RESTORES_TOLD_MAX)
        return [self._told(cast("_Row", row)) for row in rows]

    def find(self, number: str) -> Restore:
        """One restore.

        Raises:
            Refused: `UNKNOWN_RESTORE`.
        """
        found = self._database.rows(_FIND, id=number)
        if not found:
            raise Refused("UNKNOWN_RESTORE", f"There is no restore {number}.")
        return self._told(cast("_Row", found[0]))

    def running(self) -> int:
        """How many are not readable yet."""
        return sum(1 for row in self._database.rows(_OPEN) if row[1] != "readable")

    def advance(self) -> bool:
        """Take every restore a step on; whether there is more to do at once."""
        known = {part.path: part for part in self._parts.parts()}
        more = [self._advance(cast("_Row", row), known) for row in self._database.rows(_OPEN)]
        return any(more)

    def _advance(self, row: _Row, known: dict[str, Part]) -> bool:
        number, state, _, _, _, expires_ns = row
        deed = self._deeds.find(number)
        if deed is None or deed.position is None:
            return False  # first the ledger says it
        notice = cast("ArchiveRestored", deed.notice)
        if state == "asked":
            return self._request(notice, known)
        if state == "running":
            return self._poll(notice, known)
        if expires_ns is not None and self._clock.now_ns() >= expires_ns:
            for part in self._those(number, "readable", known, limit=-1):
                self._look_at(part)
            self._database.do(_STATE, id=number, state="expired")
            _log.info("archive.restore_expired", restore=number)
        return False

    def _request(self, notice: ArchiveRestored, known: dict[str, Part]) -> bool:
        """Ask the vault for the parts; once more is no matter."""
        for part in self._those(notice.restore, "asked", known):
            self._step("asking")
            try:
                self._shelf.restore(part, notice.days, cast("Tier", notice.tier))
            except Corrupt as error:
                self._fail(notice.restore, part, error)
                continue
            self._look_at(part)
            self._mark(notice.restore, part.path, "running")
        if self._counts(notice.restore).get("asked"):
            return True
        self._database.do(_STATE, id=notice.restore, state="running")
        return False

    def _poll(self, notice: ArchiveRestored, known: dict[str, Part]) -> bool:
        """See which parts are readable by now."""
        until = []
        for part in self._those(notice.restore, "running", known):
            self._step("polling")
            try:
                stat = self._shelf.look(part)
            except Corrupt as error:
                self._fail(notice.restore, part, error)
                continue
            if self._shelf.state_of(stat) in {"restored", "archived"}:
                self._look_at(part)
                self._mark(notice.restore, part.path, "readable")
                until.append(stat.restored_until_ns)
        counts = self._counts(notice.restore)
        if not counts.get("running"):
            self._finish(notice, counts, [at for at in until if at is not None])
        return False

    def _finish(self, notice: ArchiveRestored, counts: dict[str, int], until: list[int]) -> None:
        if not counts.get("readable"):
            self._database.do(_STATE, id=notice.restore, state="failed")
            return
        now_ns = self._clock.now_ns()
        expires_ns = min(until, default=now_ns + notice.days * 86_400 * NS_PER_SECOND)
        self._database.do(_READABLE, id=notice.restore, now=now_ns, expires=expires_ns)
        _log.info("archive.restore_readable", restore=notice.restore, parts=counts["readable"])

    def _those(
        self, number: str, state: str, known: dict[str, Part], limit: int = PARTS_PER_ROUND
    ) -> list[Part]:
        rows = self._database.rows(_PARTS, id=number, state=state, limit=limit)
        paths = [str(path) for (path,) in rows]
        for path in paths:
            if path not in known:  # it was deleted meanwhile
                self._mark(number, path, "gone")
        return [known[path] for path in paths if path in known]

    def _fail(self, number: str, part: Part, error: Corrupt) -> None:
        _log.error("archive.part_missing", part=part.path, body=str(error))
        self._mark(number, part.path, "gone")

    def _mark(self, number: str, path: str, state: str) -> None:
        self._database.do(_PART, id=number, path=path, state=state)

    def _counts(self, number: str) -> dict[str, int]:
        rows = cast("list[tuple[str, int]]", self._database.rows(_COUNT, id=number))
        return dict(rows)

    def _told(self, row: _Row) -> Restore:
        number, state, asked_ns, eta_ns, readable_ns, expires_ns = row
        deed = self._deeds.find(number)
        assert deed is not None, "a restore is kept with its deed"  # noqa: S101  programmer error
        notice = cast("ArchiveRestored", deed.notice)
        return Restore(
            number, state, notice.by, notice.reason, notice.index, notice.earliest, notice.latest,
            cast("Tier", notice.tier), notice.days, notice.parts,
            self._counts(number).get("readable", 0), notice.size, rfc3339(asked_ns),
            rfc3339(eta_ns), _stamp(readable_ns), _stamp(expires_ns), deed.position,
        )  # fmt: skip


def wait_seconds(storage_class: str, tier: Tier) -> int:
    """How long a restore from this class usually takes at most; what is not cold takes no time.

    Raises:
        Refused: `BAD_TIER`, the class has no such tier.
    """
    waits = WAIT_SECONDS.get(storage_class)
    if waits is None:
        return 0
    if tier not in waits:
        sentence = f"{storage_class} has no tier {tier}; there are {' and '.join(waits)}."
        raise Refused("BAD_TIER", sentence, field="tier")
    return waits[tier]


def _stamp(at_ns: int | None) -> str | None:
    return None if at_ns is None else rfc3339(at_ns)
