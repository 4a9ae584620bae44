"""The outbox: alerts, decisions and deliveries in one SQLite file, durable before anyone is told.

Every method does its work in one transaction. SQL stands in sql/queries.sql.
"""

from collections.abc import Callable, Iterable
from importlib import resources
from pathlib import Path
from typing import Literal

import msgspec

from tallystick.clock import rfc3339
from tallystick.errors import Refused
from tallystick.limits import PAGE_ITEMS_MAX
from tallystick.sqlite_file import SqliteFile, named_queries
from tallystick.watch.notify.alert import ALERT_BYTES_MAX, Alert
from tallystick.watch.notify.policy import Decision, Deduplicated, Deliver, Sent, Silence

ALERTS_KEPT_MAX = 100_000
"""Alerts kept (and known by id); the oldest settled ones go first."""
SILENCES_MAX = 1_000
"""Most silences that have not ended."""
ERROR_CHARACTERS_MAX = 500
"""How much of a delivery's last error is kept."""

Judge = Callable[[Alert, int, Iterable[Silence], Sent | None], Decision]
"""`Policy.decide`: the alert, the moment, the active silences, the last one of its fingerprint."""
State = Literal["pending", "delivered", "dead"]


class Due(msgspec.Struct, frozen=True):
    """A delivery whose time has come; `attempts` were made before."""

    seq: int
    channel: str
    attempts: int
    alert: Alert


class Delivery(msgspec.Struct, frozen=True):
    """What became of an alert on one channel; `next_attempt_at` (RFC 3339) while pending."""

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


_SQL = resources.files(__package__) / "sql"
_SCHEMAS = (_SQL / "0001_outbox.sql",)
_QUERIES = named_queries(_SQL / "queries.sql")
_decode_alert = msgspec.json.Decoder(Alert).decode
_decode_decision: Callable[[bytes], Decision] = msgspec.json.Decoder(Decision).decode
_decode_silence = msgspec.json.Decoder(Silence).decode
_encode = msgspec.json.Encoder().encode


class Outbox:
    """Open at `path`; errors are `TemporaryError` (nothing was done) or `Corrupt`."""

    def __init__(self, path: Path) -> None:
        self._file = SqliteFile(path, "The outbox's file", _SCHEMAS, _QUERIES)

    def raise_alert(self, alert: Alert, judge: Judge, now_ns: int) -> Decision:
        """Store the alert, the judge's decision and its deliveries, all or nothing.

        An id that is known already gives the decision it got then, and changes nothing.

        Raises:
            Refused: `ALERT_TOO_LARGE`.
        """
        body = _encode(alert)
        if len(body) > ALERT_BYTES_MAX:
            raise Refused("ALERT_TOO_LARGE", f"An alert may have at most {ALERT_BYTES_MAX} bytes.")
        with self._file.writing():
            known = self._file.one("find_alert", id=alert.id)
            if known is not None:
                return _decode_decision(known[0])
            last = self._file.one("last_delivered", fingerprint=alert.fingerprint)
            silences = self._silences("active_silences", now_ns)
            decision = judge(alert, now_ns, silences, Sent(*last) if last else None)
            self._store(alert, body, decision, now_ns)
        return decision

    def next_due(self, channel: str, now_ns: int) -> Due | None:
        """The oldest alert's delivery on this channel whose time has come."""
        with self._file.reading():
            row = self._file.one("next_due", channel=channel, now_ns=now_ns)
        return Due(row[0], channel, row[1], _decode_alert(row[2])) if row else None

    def next_due_at(self, channel: str) -> int | None:
        """When the next delivery on this channel is due, nanoseconds since the epoch."""
        with self._file.reading():
            row = self._file.one("next_due_at", channel=channel)
        return row[0] if row else None

    def settle(self, due: Due, state: State, at_ns: int, error: str | None = None) -> None:
        """Note an attempt: it is `delivered`, `dead`, or `pending` again from `at_ns` on."""
        text = error and error[:ERROR_CHARACTERS_MAX]
        with self._file.writing():
            self._file.run(
                "settle", seq=due.seq, channel=due.channel, state=state, at_ns=at_ns, error=text
            )

    def recent(self, limit: int) -> list[AlertRecord]:
        """The last alerts, newest first, at most PAGE_ITEMS_MAX."""
        with self._file.reading():
            rows = self._file.run("recent_alerts", limit=max(0, min(limit, PAGE_ITEMS_MAX)))
            return [
                AlertRecord(
                    alert=_decode_alert(alert),
                    raised_at=rfc3339(raised_at_ns),
                    decision=_decode_decision(decision),
                    swallowed=swallowed,
                    deliveries=tuple(
                        Delivery(channel, state, tries, _stamp(state, at_ns), error)
                        for channel, state, tries, at_ns, error in self._file.run(
                            "deliveries_of", seq=seq
                        )
                    ),
                )
                for seq, raised_at_ns, alert, decision, swallowed in rows
            ]

    def add_silence(self, silence: Silence, now_ns: int) -> Silence:
        """Keep it under a new id, which the answer carries; one of the same key is given back.

        Raises:
            Refused: `SILENCES_TOO_MANY`.
        """
        with self._file.writing():
            known = self._known(silence.key)
            if known is not None:
                return known
            self._file.run("forget_old_silences", now_ns=now_ns, kept=SILENCES_MAX)
            count = self._file.one("count_open_silences", now_ns=now_ns)
            if count and count[0] >= SILENCES_MAX:
                raise Refused("SILENCES_TOO_MANY", f"There are {SILENCES_MAX} silences already.")
            row = self._file.one(
                "insert_silence",
                starts_at_ns=silence.starts_at_ns,
                ends_at_ns=silence.ends_at_ns,
                silence=_encode(silence),
            )
        assert row is not None  # noqa: S101  INSERT ... RETURNING gives a row
        return msgspec.structs.replace(silence, id=f"S-{row[0]}")

    def known_silence(self, key: str) -> Silence | None:
        """What was made under this key, ended or not: the last thousand are remembered."""
        with self._file.reading():
            return self._known(key)

    def end_silence(self, silence_id: str, now_ns: int) -> bool:
        """It ends now; False where there is no such silence, or it has ended."""
        number = silence_id.removeprefix("S-")
        if not (number.isascii() and number.isdigit() and len(number) < 16):
            return False
        with self._file.writing():
            return self._file.one("end_silence", number=int(number), now_ns=now_ns) is not None

    def silences(self, now_ns: int) -> list[Silence]:
        """Silences that have not ended, the oldest first."""
        with self._file.reading():
            return self._silences("open_silences", now_ns)

    def close(self) -> None:
        """Close the file; closing again is harmless."""
        self._file.close()

    def _store(self, alert: Alert, body: bytes, decision: Decision, now_ns: int) -> None:
        channels = decision.channels if isinstance(decision, Deliver) else ()
        row = self._file.one(
            "insert_alert",
            id=alert.id,
            fingerprint=alert.fingerprint,
            severity=alert.severity,
            now_ns=now_ns,
            alert=body,
            decision=_encode(decision),
            delivers=int(isinstance(decision, Deliver)),
        )
        assert row is not None  # noqa: S101  INSERT ... RETURNING gives a row
        for channel in channels:
            self._file.run("insert_delivery", seq=row[0], channel=channel, now_ns=now_ns)
        if isinstance(decision, Deduplicated):
            self._file.run("count_swallowed", id=decision.of)
        self._file.run("forget_old_alerts", seq=row[0] - ALERTS_KEPT_MAX)

    def _known(self, key: str) -> Silence | None:
        row = self._file.one("known_silence", key=key) if key else None
        if row is None:
            return None
        return msgspec.structs.replace(_decode_silence(row[1]), id=f"S-{row[0]}")

    def _silences(self, query: str, now_ns: int) -> list[Silence]:
        return [
            msgspec.structs.replace(_decode_silence(silence), id=f"S-{number}")
            for number, silence in self._file.run(query, now_ns=now_ns)
        ]


def _stamp(state: State, at_ns: int) -> str | None:
    return rfc3339(at_ns) if state == "pending" else None
