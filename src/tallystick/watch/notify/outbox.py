"""The outbox: messages that wait for their target, that arrived, and that were given up.

What is to be told is written with the change that it tells of, in one transaction. Of one incident
and target only the oldest message that waits is ever due: order is kept for each incident, and no
incident holds up another.
"""

from collections.abc import Collection, Sequence
from typing import Literal

import msgspec

from tallystick.clock import rfc3339
from tallystick.sqlite_file import Row, SqliteFile
from tallystick.watch.notify.alert import idempotency_key
from tallystick.watch.notify.message import Action, Message, Why, message_key

ERROR_CHARACTERS_MAX = 500
"""How much of a message's last error, and of a provider's id, is kept."""
TRANSITIONS_KEPT_MAX = 10_000
"""Messages of no incident (tests, heartbeats) that are kept, roughly."""
NO_INCIDENT = 0
"""The number of the incident of messages that have none."""

State = Literal["pending", "delivered", "dead"]


class Due(msgspec.Struct, frozen=True):
    """A message whose time has come; `attempts` were made before.

    The message is whole but for `ways` and `chart`, which are put in when it is sent.
    """

    id: int
    target: str
    attempts: int
    created_ns: int
    message: Message


class MessageRecord(msgspec.Struct, frozen=True):
    """A message to one target and what became of it; times are RFC 3339.

    `incident` is empty for one of no incident. `next_attempt_at` while pending.
    """

    id: int
    incident: str
    number: int
    target: str
    recipient: str
    action: Action
    why: Why
    state: State
    attempts: int
    created_at: str
    next_attempt_at: str | None
    settled_at: str | None
    last_error: str | None
    provider_id: str


class Addressed(msgspec.Struct, frozen=True):
    """One target of a message, and the person who is reached by it."""

    target: str
    recipient: str = ""


_decode = msgspec.json.Decoder(Message).decode
_encode = msgspec.json.Encoder().encode


class Messages:
    """Of one file; each method is called inside its `reading` or `writing`."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def add(
        self, incident: int, message: Message, to: Sequence[Addressed], now_ns: int
    ) -> tuple[int, int]:
        """A message for these targets: durable with the transaction.

        Gives the transition's id, and that of the last target's message.
        """
        row = self._file.one(
            "add_transition",
            incident=incident,
            number=message.number,
            action=message.action,
            why=message.why,
            message=_encode(message),
        )
        assert row is not None  # noqa: S101  INSERT ... RETURNING gives a row
        transition = int(row[0])
        # Groups open one incident after the other under one key: their keys must differ.
        scope = f"{message.dedup_key}/{message.incident}/{message.opened_ns}"
        if incident == NO_INCIDENT:
            scope += f"/{transition}"
        last = 0
        for each in to:
            added = self._file.one(
                "add_message",
                transition=transition,
                incident=incident,
                target=each.target,
                recipient=each.recipient,
                key=message_key(scope, each.target, message.number),
                now_ns=now_ns,
            )
            last = added[0] if added else last
        if incident == NO_INCIDENT:
            self._file.run("forget_loose_transitions", id=transition - TRANSITIONS_KEPT_MAX)
        return transition, last

    def next_due(self, target: str, now_ns: int) -> Due | None:
        """The oldest message for this target whose time and turn have come."""
        row = self._file.one("next_due", target=target, now_ns=now_ns)
        if row is None:
            return None
        number, key, recipient, attempts, created_ns, body = row
        message = msgspec.structs.replace(_decode(body), key=key, recipient=recipient)
        return Due(number, target, attempts, created_ns, message)

    def next_due_at(self, target: str) -> int | None:
        """When the next message for this target is due, nanoseconds since the epoch."""
        row = self._file.one("next_due_at", target=target)
        return row[0] if row else None

    def settle(
        self, message_id: int, state: State, at_ns: int, error: str | None, provider_id: str,
        *, tried: bool,
    ) -> tuple[int, str, str] | None:  # fmt: skip
        """Note an attempt; gives incident, recipient and why, or None where it was settled."""
        row = self._file.one(
            "settle",
            id=message_id,
            state=state,
            at_ns=at_ns,
            error=error and error[:ERROR_CHARACTERS_MAX],
            provider_id=provider_id[:ERROR_CHARACTERS_MAX],
            tried=int(tried),
        )
        if row is None:
            return None
        why = self._file.one("why_of", transition=row[2])
        assert why is not None  # noqa: S101  a message has its transition
        return row[0], row[1], why[0]

    def give_up_pending(self, target: str) -> set[int]:
        """What waits for it counts as given up for the escalation; the incidents concerned."""
        return {row[0] for row in self._file.run("give_up_pending", target=target)}

    def take_given_up(self, incident: int) -> list[str]:
        """Targets that were given up on since this was asked last."""
        return list(dict.fromkeys(row[0] for row in self._file.run("given_up", incident=incident)))

    def bury_unknown(self, known: Collection[str], now_ns: int) -> set[int]:
        """What waits for targets that are no longer there is dead; the incidents concerned."""
        found: set[int] = set()
        for (target,) in self._file.run("targets_pending"):
            if target not in known:
                error = f"There is no target {target!r} any more."
                rows = self._file.run("bury_target", target=target, now_ns=now_ns, error=error)
                found.update(row[0] for row in rows)
        return found

    def record(self, message_id: int) -> MessageRecord | None:
        """One message."""
        row = self._file.one("find_message", id=message_id)
        return None if row is None else _record(row)

    def of_incident(self, incident: int, limit: int) -> list[MessageRecord]:
        """Messages of an incident, the newest first."""
        rows = self._file.run("messages_of_incident", incident=incident, limit=limit)
        return [_record(row) for row in rows]

    def dead(self, limit: int, target: str | None = None) -> list[MessageRecord]:
        """Messages that were given up, of one target or of all, the newest first."""
        rows = self._file.run("dead_messages", limit=limit, target=target)
        return [_record(row) for row in rows]

    def replay(self, message_id: int, now_ns: int) -> bool:
        """It is pending again, as if it were new; False where it is not dead."""
        return self._file.one("replay_message", id=message_id, now_ns=now_ns) is not None

    def counts(self) -> dict[tuple[str, str], int]:
        """How many there are for each target in each state but delivered."""
        return {(row[0], row[1]): row[2] for row in self._file.run("count_messages")}

    def add_missing_keys(self) -> None:
        """Messages of a file of the older form get the keys that they were sent under."""
        while rows := self._file.run("messages_without_key"):
            for number, target, body in rows:
                alert = _decode(body).alerts[0]
                self._file.run("set_key", id=number, key=idempotency_key(alert.id, target))


def _record(row: Row) -> MessageRecord:
    (number, incident, transition, target, recipient, action, why, state, attempts, created_ns,
     at_ns, error, provider_id) = row  # fmt: skip
    at = rfc3339(at_ns)
    return MessageRecord(
        id=number,
        incident=f"I-{incident}" if incident else "",
        number=transition,
        target=target,
        recipient=recipient,
        action=action,
        why=why,
        state=state,
        attempts=attempts,
        created_at=rfc3339(created_ns),
        next_attempt_at=at if state == "pending" else None,
        settled_at=None if state == "pending" else at,
        last_error=error,
        provider_id=provider_id,
    )
