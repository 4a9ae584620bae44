"""What matched, until it has arrived: the outbox of the event rules, its cursor and dead letters.

What an event matched and how far the ledger was looked at are one transaction: an entry is looked
at once, and what came of it cannot be lost.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from tallystick.clock import rfc3339
from tallystick.errors import Refused
from tallystick.limits import PAGE_ITEMS_MAX
from tallystick.stream.rules.database import Database

LEDGER_CURSOR = "ledger"
REASON_CHARACTERS_MAX = 500
"""How much of the reason of a failure is kept."""
OFFERED_KEPT_MAX = 100_000
"""Events beside the ledger whose ids are remembered: offering one again changes nothing."""
DEAD_KEPT_MAX = 100_000
"""Dead letters that are kept; beyond that the oldest makes room for the newest."""
_SEQ_MAX = 2**62


class Matched(msgspec.Struct, frozen=True):
    """One thing to deliver: `body` is JSON, `key` says it once."""

    key: str
    rule: str
    target: str
    event_id: str
    body: bytes


class Due(msgspec.Struct, frozen=True):
    """A delivery whose time has come; `attempts` were made before."""

    seq: int
    key: str
    rule: str
    target: str
    event_id: str
    body: bytes
    attempts: int
    created_at_ns: int


class DeadLetter(msgspec.Struct, frozen=True):
    """A delivery that was given up, and why; times are RFC 3339, `body` what would have been sent.

    `id` counts up; the newest are listed first.
    """

    id: int
    rule: str
    target: str
    event_id: str
    attempts: int
    created_at: str
    died_at: str
    reason: str
    body: msgspec.Raw


class Settled(msgspec.Struct, frozen=True):
    """What became of an attempt; `at_ns` is the next one's time, or that of now."""

    due: Due
    state: Literal["delivered", "pending", "dead"]
    at_ns: int
    reason: str = ""
    tried: bool = True


def leave_event(path: Path, event_id: str, event: bytes) -> bool:
    """Leave an event for the server of this file of rules, from another process, durably.

    Whether there is such a file; a server that runs finds it within seconds, else the next does.
    """
    if not path.exists():
        return False
    database = Database(path)
    try:
        Outbox(database).offer(event_id, event)
    finally:
        database.close()
    return True


def delivery_key(event: str, rule: str, target: str, replay: str | None = None) -> str:
    """The same for every attempt to bring one event to one target: 64 hex digits.

    `event` is the event's id behind its region: positions of two ledgers are alike.
    """
    members = [event, rule, target, *([] if replay is None else [replay])]
    return hashlib.sha256(msgspec.json.encode(members)).hexdigest()


class Outbox:
    """Of one database; every method may be called from any thread."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def cursor(self) -> int | None:
        """The next ledger position to look at; None at the very first start."""
        with self._db.reading():
            row = self._db.one("cursor", name=LEDGER_CURSOR)
        return None if row is None else int(row[0])

    def keep(self, found: Sequence[Matched], now_ns: int, position: int | None = None) -> None:
        """Keep what matched, and that everything before `position` was looked at."""
        with self._db.writing():
            self.add(found, now_ns)
            if position is not None:
                self._db.run("keep_cursor", name=LEDGER_CURSOR, position=position)

    def add(self, found: Iterable[Matched], now_ns: int) -> None:
        """As part of a transaction of somebody else's."""
        events: dict[str, set[str]] = {}
        for each in found:
            events.setdefault(each.rule, set()).add(each.event_id)
            self._db.run(
                "add_delivery",
                key=each.key,
                rule=each.rule,
                target=each.target,
                event_id=each.event_id,
                body=each.body,
                now_ns=now_ns,
            )
        for rule, ids in events.items():
            self._db.run("count", rule=rule, target="", what="matched", number=len(ids))

    def waiting(self) -> dict[tuple[str, str], int]:
        """How many deliveries wait, by rule and target."""
        with self._db.reading():
            return {(rule, target): number for rule, target, number in self._db.run("waiting")}

    def due(self, rule: str, target: str, now_ns: int, limit: int) -> list[Due]:
        """Deliveries to a target whose time has come, the longest due first."""
        with self._db.reading():
            rows = self._db.run("due", rule=rule, target=target, now_ns=now_ns, limit=limit)
        return [Due(*row) for row in rows]

    def due_at(self, rule: str, target: str) -> int | None:
        """When the next delivery to a target is due."""
        with self._db.reading():
            row = self._db.one("due_at", rule=rule, target=target)
        return row[0] if row else None

    def settle(self, attempts: Sequence[Settled]) -> None:
        """Note what became of some attempts."""
        counted: Counter[tuple[str, str, str]] = Counter()
        with self._db.writing():
            for each in attempts:
                due = each.due
                reason = each.reason[:REASON_CHARACTERS_MAX]
                if each.state == "delivered":
                    self._db.run("delivered", seq=due.seq)
                elif each.state == "pending":
                    self._db.run("postponed", seq=due.seq, at_ns=each.at_ns, reason=reason)
                else:
                    self._db.run(
                        "died", seq=due.seq, at_ns=each.at_ns, reason=reason, tried=int(each.tried)
                    )
                outcome = "failed" if each.state == "pending" else each.state
                counted[due.rule, due.target, outcome] += 1
            if any(each.state == "dead" for each in attempts):
                self._db.run("forget_dead", kept=DEAD_KEPT_MAX)
            for (rule, target, what), number in counted.items():
                self._db.run("count", rule=rule, target=target, what=what, number=number)

    def counts(self) -> dict[tuple[str, str], dict[str, int]]:
        """What was counted since the file was made, by rule and target; "" for the whole rule."""
        found: dict[tuple[str, str], dict[str, int]] = {}
        with self._db.reading():
            for rule, target, what, number in self._db.run("counts"):
                found.setdefault((rule, target), {})[what] = number
        return found

    def dead(
        self, limit: int, before: int | None = None, rule: str | None = None,
        target: str | None = None,
    ) -> list[DeadLetter]:  # fmt: skip
        """Dead letters, the newest first."""
        with self._db.reading():
            rows = self._db.run(
                "dead",
                limit=max(0, min(limit, PAGE_ITEMS_MAX)),
                before=_SEQ_MAX if before is None else before,
                rule=rule,
                target=target,
            )
        return [
            DeadLetter(
                seq, name, whom, event, tries, rfc3339(created), rfc3339(died), reason or "",
                msgspec.Raw(body),
            )
            for seq, name, whom, event, tries, created, died, reason, body in rows
        ]  # fmt: skip

    def dead_count(self) -> int:
        """How many dead letters there are."""
        with self._db.reading():
            row = self._db.one("count_dead")
        return row[0] if row else 0

    def revive(
        self, now_ns: int, seq: int | None = None, rule: str | None = None,
        target: str | None = None,
    ) -> list[tuple[str, str]]:  # fmt: skip
        """Send dead letters again, from the first attempt on; gives their rules and targets."""
        with self._db.writing():
            return [
                (name, whom)
                for name, whom in self._db.run(
                    "revive", now_ns=now_ns, seq=seq, rule=rule, target=target
                )
            ]

    def discard(self, seq: int) -> None:
        """Throw a dead letter away.

        Raises:
            Refused: `UNKNOWN_DEAD_LETTER`.
        """
        with self._db.writing():
            if self._db.one("discard", seq=seq) is None:
                raise Refused("UNKNOWN_DEAD_LETTER", f"There is no dead letter {seq}.")

    def offer(self, event_id: str, event: bytes) -> None:
        """Keep an event that is no ledger entry until it is looked at; once under its id."""
        with self._db.writing():
            self._db.run("offer", id=event_id, event=event)

    def offered(self, limit: int) -> list[tuple[int, bytes]]:
        """Events that wait, in order, each with its number."""
        with self._db.reading():
            return [(seq, event) for seq, event in self._db.run("offered", limit=limit)]

    def take_offered(self, seqs: Sequence[int], found: Sequence[Matched], now_ns: int) -> None:
        """Keep what these events matched, and that they were looked at."""
        with self._db.writing():
            for seq in seqs:
                self._db.run("looked_at", seq=seq)
            self._db.run("forget_offered", kept=OFFERED_KEPT_MAX)
            self.add(found, now_ns)
