"""Alerts in the store: each once, with what was decided about it and what became of that."""

from collections.abc import Callable

import msgspec

from tallystick.clock import rfc3339
from tallystick.limits import PAGE_ITEMS_MAX
from tallystick.sqlite_file import SqliteFile
from tallystick.watch.notify.alert import Alert
from tallystick.watch.notify.outbox import State
from tallystick.watch.notify.policy import Decision, Deduplicated, Deliver

ALERTS_KEPT_MAX = 100_000
"""Alerts kept (and known by id); the oldest that are over and settled go first."""
UNDECIDED = Deliver(())
"""What stands until it is decided, in the same transaction."""


class Delivery(msgspec.Struct, frozen=True):
    """What became of an alert on one target; `next_attempt_at` (RFC 3339) while pending."""

    channel: str
    state: State
    attempts: int
    next_attempt_at: str | None
    last_error: str | None


class AlertRecord(msgspec.Struct, frozen=True):
    """An alert and all that is known of it: why it was sent or not, and whether it arrived.

    `swallowed` counts the later duplicates that it spoke for.
    """

    alert: Alert
    raised_at: str
    decision: Decision
    swallowed: int
    deliveries: tuple[Delivery, ...]


class KnownAlert(msgspec.Struct, frozen=True):
    """An alert of an id that was raised before; `ends`: it said that another one ended."""

    seq: int
    decision: Decision
    ends: bool


_decode_alert = msgspec.json.Decoder(Alert).decode
_decode_decision: Callable[[bytes], Decision] = msgspec.json.Decoder(Decision).decode
_encode = msgspec.json.Encoder().encode


class Alerts:
    """Of one file; each method is called inside its `reading` or `writing`."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def known(self, alert_id: str) -> KnownAlert | None:
        """The alert of this id, if it was raised before."""
        row = self._file.one("find_alert", id=alert_id)
        return None if row is None else KnownAlert(row[0], _decode_decision(row[1]), bool(row[2]))

    def add(self, alert: Alert, body: bytes, now_ns: int, *, ends: bool = False) -> int:
        """Keep it; its decision follows. Gives its place in the order of all."""
        row = self._file.one(
            "insert_alert",
            id=alert.id,
            fingerprint=alert.fingerprint,
            severity=alert.severity,
            now_ns=now_ns,
            alert=body,
            decision=_encode(UNDECIDED),
            ends=int(ends),
        )
        assert row is not None  # noqa: S101  INSERT ... RETURNING gives a row
        seq = int(row[0])
        oldest = seq - ALERTS_KEPT_MAX
        if oldest > 0:
            self._file.run("forget_members_of_old_alerts", seq=oldest)
            self._file.run("forget_old_alerts", seq=oldest)
        return seq

    def decide(self, seq: int, decision: Decision) -> None:
        """Keep what was decided about it."""
        delivers = int(isinstance(decision, Deliver))
        self._file.run("decide_alert", seq=seq, decision=_encode(decision), delivers=delivers)
        if isinstance(decision, Deduplicated):
            self._file.run("count_swallowed", id=decision.of)

    def expect(self, seq: int, incident: int) -> None:
        """The next message of this incident tells of it."""
        self._file.run("expect_to_be_told", alert=seq, incident=incident)

    def told(self, incident: int, transition: int) -> None:
        """This message tells of those that waited."""
        self._file.run("told_with", incident=incident, transition=transition)

    def recent(self, limit: int) -> list[AlertRecord]:
        """The last alerts, newest first, at most PAGE_ITEMS_MAX."""
        rows = self._file.run("recent_alerts", limit=max(0, min(limit, PAGE_ITEMS_MAX)))
        return [
            AlertRecord(
                alert=_decode_alert(alert),
                raised_at=rfc3339(raised_at_ns),
                decision=(decided := _decode_decision(decision)),
                swallowed=swallowed,
                deliveries=self._deliveries(seq, decided),
            )
            for seq, raised_at_ns, alert, decision, swallowed in rows
        ]

    def _deliveries(self, seq: int, decision: Decision) -> tuple[Delivery, ...]:
        found = tuple(
            Delivery(target, state, tries, rfc3339(at_ns) if state == "pending" else None, error)
            for target, state, tries, at_ns, error in self._file.run("deliveries_of", seq=seq)
        )
        if isinstance(decision, Deliver) and self._file.one("waits_to_be_told", seq=seq):
            # Its group gathers, or was told of a moment ago.
            waiting = decision.channels or ("group",)
            found += tuple(Delivery(each, "pending", 0, None, None) for each in waiting)
        return found
