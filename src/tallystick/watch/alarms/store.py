"""What alarms must not forget, in one SQLite file: definitions, states, traces, alerts to be told.

A change of state commits together with the alert that tells of it; the alert goes when the notifier
has it. So a crash between the two tells it again, under the same id. SQL stands in sql/queries.sql.
"""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import msgspec

from tallystick.errors import Refused
from tallystick.sqlite_file import SqliteFile, named_queries
from tallystick.watch.alarms.alarm import Alarm, Trace
from tallystick.watch.alarms.board import TRACES_KEPT
from tallystick.watch.alarms.check import ALARMS_MAX
from tallystick.watch.alarms.series import read_key, series_key
from tallystick.watch.alarms.standing import Noted, Row, Standing, Work
from tallystick.watch.notify.alert import Alert

UNTOLD_READ_MAX = 100
"""Alerts that are read at once to be told."""
UNTOLD_MAX = 100_000
"""Alerts that wait for a notifier that takes none; the oldest go first, and are counted."""
DELETED_KEPT = 1_000
"""Deleted definitions whose version is remembered, so that it never counts backwards."""


class Definition(msgspec.Struct, frozen=True):
    """An alarm as it was made through the API; `version` counts its changes, from 1."""

    alarm: Alarm
    version: int
    changed_at_ns: int
    author: str


class Untold(msgspec.Struct, frozen=True):
    """An alert that the notifier has not taken yet."""

    seq: int
    alert: Alert


_SQL = resources.files(__package__) / "sql"
_SCHEMAS = (_SQL / "0001_alarms.sql",)
_QUERIES = named_queries(_SQL / "queries.sql")
_decode_alarm = msgspec.json.Decoder(Alarm).decode
_decode_standing = msgspec.json.Decoder(Standing).decode
_decode_trace = msgspec.json.Decoder(Trace).decode
_decode_alert = msgspec.json.Decoder(Alert).decode
_encode = msgspec.json.Encoder().encode


class AlarmStore:
    """Open at `path`; for any thread. Errors are `TemporaryError` (nothing was done), `Corrupt`."""

    def __init__(self, path: Path) -> None:
        self._file = SqliteFile(path, "The alarms' file", _SCHEMAS, _QUERIES)

    def definitions(self) -> list[Definition]:
        """The alarms that were made through the API, by name."""
        with self._file.reading():
            return [
                Definition(_decode_alarm(alarm), version, at_ns, author)
                for _, version, at_ns, author, alarm in self._file.run("definitions")
            ]

    def define(self, alarm: Alarm, author: str, now_ns: int, expected: int | None) -> Definition:
        """Keep an alarm, in the place of the one with its name; durable when it returns.

        `expected`: the version that it is to replace, 0: it must not be there yet, None: any.

        Raises:
            Refused: `ALARM_CHANGED`, `ALARMS_TOO_MANY`.
        """
        with self._file.writing():
            there = self._check(alarm.name, expected)
            count = self._file.one("count_definitions")
            if not there and count and count[0] >= ALARMS_MAX:
                raise Refused("ALARMS_TOO_MANY", f"There are {ALARMS_MAX:,} alarms already.")
            version = self._put(alarm.name, _encode(alarm), author, now_ns)
        return Definition(alarm, version, now_ns, author)

    def undefine(self, name: str, author: str, now_ns: int, expected: int | None) -> bool:
        """Forget a definition, as above; False: there is none.

        Raises:
            Refused: `ALARM_CHANGED`.
        """
        with self._file.writing():
            if not self._check(name, expected):
                return False
            self._put(name, None, author, now_ns)
            self._file.run("forget_traces", alarm=name)
            self._file.run("forget_deleted", kept=DELETED_KEPT)
        return True

    def rows(self) -> list[Row]:
        """Every series as it was stored last."""
        with self._file.reading():
            return [
                Row(alarm, read_key(series), _decode_standing(body))
                for alarm, series, body in self._file.run("series")
            ]

    def commit(self, work: Work, kept: Mapping[str, bytes]) -> int:
        """Store what has changed, all or nothing; `kept` values replace those of their name.

        Gives how many alerts were let go because too many wait to be told.
        """
        with self._file.writing():
            for row in work.rows:
                key = series_key(row.series)
                if row.standing is None:
                    self._file.run("forget_series", alarm=row.alarm, series=key)
                else:
                    body = _encode(row.standing)
                    self._file.run("keep_series", alarm=row.alarm, series=key, body=body)
            for alarm, series, trace in work.traces:
                body = _encode(trace)
                self._file.run("trace", alarm=alarm, series=series_key(series), trace=body)
            for alarm in {each.alarm for each in work.traces}:
                self._file.run("forget_old_traces", alarm=alarm, kept=TRACES_KEPT)
            for alert in work.alerts:
                self._file.run("leave", alert=_encode(alert))
            for name, body in kept.items():
                self._file.run("keep", name=name, body=body)
            return len(self._file.run("forget_untold", kept=UNTOLD_MAX)) if work.alerts else 0

    def untold(self) -> list[Untold]:
        """The oldest alerts that the notifier has not taken, at most UNTOLD_READ_MAX."""
        with self._file.reading():
            rows = self._file.run("untold", limit=UNTOLD_READ_MAX)
            return [Untold(seq, _decode_alert(alert)) for seq, alert in rows]

    def told(self, seq: int) -> None:
        """The notifier has this one."""
        with self._file.writing():
            self._file.run("told", seq=seq)

    def traces(self, alarm: str) -> list[Noted]:
        """The stored traces of an alarm, newest first."""
        with self._file.reading():
            rows = self._file.run("traces", alarm=alarm, limit=TRACES_KEPT)
            return [Noted(alarm, read_key(series), _decode_trace(trace)) for series, trace in rows]

    def kept(self, name: str) -> bytes | None:
        """The value of this name that was stored last."""
        with self._file.reading():
            row = self._file.one("kept", name=name)
        return None if row is None else bytes(row[0])

    def close(self) -> None:
        """Close the file; closing again is harmless."""
        self._file.close()

    def _check(self, name: str, expected: int | None) -> bool:
        """Whether there is a definition, and it is the one that is meant."""
        row = self._file.one("version", name=name)
        there = row is not None and bool(row[1])
        version = row[0] if row is not None and there else 0
        if expected is not None and expected != version:
            sentence = f"The alarm {name} is at version {version}, not {expected}: look again."
            if not there:
                sentence = f"There is no alarm {name} of version {expected}: look again."
            raise Refused("ALARM_CHANGED", sentence)
        return there

    def _put(self, name: str, alarm: bytes | None, author: str, now_ns: int) -> int:
        row = self._file.one("define", name=name, now_ns=now_ns, author=author, alarm=alarm)
        assert row is not None  # noqa: S101  INSERT ... RETURNING gives a row
        return int(row[0])
