"""Replays: a period of the ledger, which is the archive, said again to rules.

Each piece of a replay is one transaction: what matched and how far it came. So a replay goes on
after a crash where it was, and each of its events is delivered under a key of its own.
"""

import msgspec

from tallystick.clock import rfc3339
from tallystick.errors import Refused
from tallystick.ledger import Ledger
from tallystick.stream.rules.database import Database
from tallystick.stream.rules.outbox import Matched, Outbox

REPLAYS_KEPT_MAX = 1_000
"""Replays that have ended and are remembered."""
_BLOCK = 64


class Replay(msgspec.Struct, frozen=True):
    """A replay of the entries from `first` on and before `end`; `position` is the next one.

    `rule` None is all. A dry run counts what would match and delivers nothing. Times are RFC 3339.
    """

    name: str
    rule: str | None
    first: int
    position: int
    end: int
    from_time: str | None
    to_time: str | None
    dry_run: bool
    state: str
    matched: int
    started_at: str
    ended_at: str | None

    @property
    def done(self) -> float:
        """The part of it that is done, 0 to 1."""
        whole = self.end - self.first
        return (self.position - self.first) / whole if whole else 1.0


class Replays:
    """Of one database; every method may be called from any thread."""

    def __init__(self, database: Database, outbox: Outbox) -> None:
        self._db = database
        self._outbox = outbox

    def begin(
        self,
        name: str,
        rule: str | None,
        first: int,
        end: int,
        now_ns: int,
        *,
        times: tuple[int | None, int | None] = (None, None),
        dry_run: bool = False,
    ) -> Replay:
        """Note a replay; it is worked off beside what is new.

        Raises:
            Refused: `REPLAY_EXISTS`.
        """
        with self._db.writing():
            made = self._db.one(
                "add_replay",
                name=name,
                rule=rule,
                first=first,
                end=end,
                from_ns=times[0],
                to_ns=times[1],
                dry_run=int(dry_run),
                now_ns=now_ns,
            )
            if made is None:
                raise Refused("REPLAY_EXISTS", f"There is a replay {name!r} already.", field="name")
            self._db.run("forget_replays", kept=REPLAYS_KEPT_MAX)
            if first >= end:
                self._db.run("advance_replay", name=name, position=end, matched=0, now_ns=now_ns)
        return self.get(name)

    def get(self, name: str) -> Replay:
        """A replay by its name.

        Raises:
            Refused: `UNKNOWN_REPLAY`.
        """
        found = self.all(1, name)
        if not found:
            raise Refused("UNKNOWN_REPLAY", f"There is no replay {name!r}.")
        return found[0]

    def all(self, limit: int, name: str | None = None) -> list[Replay]:
        """Replays, the newest first."""
        with self._db.reading():
            return [_replay(row) for row in self._db.run("replays", limit=limit, name=name)]

    def running(self) -> tuple[Replay, int | None, int | None] | None:
        """The oldest one under way, and the times it is bounded by."""
        with self._db.reading():
            row = self._db.one("running_replay")
        return None if row is None else (_replay(row), row[5], row[6])

    def advance(
        self, replay: Replay, position: int, matched: int, found: list[Matched], now_ns: int
    ) -> None:
        """Keep what a piece matched, and where the next begins."""
        with self._db.writing():
            row = self._db.one(
                "advance_replay",
                name=replay.name,
                position=position,
                matched=matched,
                now_ns=now_ns,
            )
            if row is not None:  # it was not cancelled meanwhile
                self._outbox.add(found, now_ns)

    def cancel(self, name: str, now_ns: int) -> Replay:
        """Stop a replay; what it has matched is still delivered.

        Raises:
            Refused: `UNKNOWN_REPLAY`.
        """
        with self._db.writing():
            self._db.run("cancel_replay", name=name, now_ns=now_ns)
        return self.get(name)


def _replay(row: tuple[object, ...]) -> Replay:
    name, rule, first, position, end, from_ns, to_ns, dry_run, state, matched, began, ended = row
    return msgspec.convert(
        {
            "name": name,
            "rule": rule,
            "first": first,
            "position": position,
            "end": end,
            "from_time": _stamp(from_ns),
            "to_time": _stamp(to_ns),
            "dry_run": bool(dry_run),
            "state": state,
            "matched": matched,
            "started_at": _stamp(began),
            "ended_at": _stamp(ended),
        },
        Replay,
    )


def _stamp(at_ns: object) -> str | None:
    return rfc3339(at_ns) if isinstance(at_ns, int) else None


class _Stamped(msgspec.Struct):
    at: str = ""


_decode = msgspec.json.Decoder(_Stamped).decode


def time_of(body: bytes) -> str:
    """An entry's own stamp; empty where it has none."""
    if not body.startswith(b"{"):
        return ""
    try:
        return _decode(body).at
    except msgspec.DecodeError:
        return ""


def within(body: bytes, from_ns: int | None, to_ns: int | None) -> bool:
    """Whether an entry is of this period; one without a stamp is of none."""
    if from_ns is None or to_ns is None:
        return True
    return rfc3339(from_ns) <= time_of(body) < rfc3339(to_ns)


def position_at(ledger: Ledger, at_ns: int, size: int) -> int:
    """The first position whose entry, or one near it, is as late as this: by halves.

    Stamps grow with positions, but for entries that have none; the replay looks at each stamp.
    """
    wanted = rfc3339(at_ns)
    low, high = 0, size
    while low < high:
        middle = (low + high) // 2
        stamp = ""
        for row in ledger.rows(middle, min(_BLOCK, high - middle)):
            stamp = time_of(row.entry)
            if stamp:
                break
        if stamp and stamp < wanted:
            low = middle + 1
        else:
            high = middle
    return low
