"""Overrides made by hand, and how often each schedule has changed: one SQLite file.

An override counts from when it was made, and one that has begun is only ended, never taken back:
who was on call stays told.
"""

from collections.abc import Callable
from importlib import resources
from pathlib import Path

import msgspec

from tallystick.errors import Refused
from tallystick.sqlite_file import Row, SqliteFile, named_queries

OVERRIDES_MAX = 1_000
"""Most overrides that have not ended."""
OVERRIDES_ENDED_KEPT_MAX = 2_000
"""Ended overrides that are kept; those that ended first go first."""
OVERRIDE_DAYS_MAX = 366
"""Longest override: what is for longer belongs into the schedule."""
OVERRIDE_REASON_CHARACTERS_MAX = 500
"""Longest reason of an override."""
_NS_PER_DAY = 86_400 * 10**9
_NS_MAX = 2**63 - 1
_NUMBER_DIGITS_MAX = 15


class NewOverride(msgspec.Struct, frozen=True):
    """One person instead of everybody else for a while; moments are nanoseconds since the epoch.

    `by` made it. The same `key` again gives what was made first; empty: none.
    """

    schedule: str
    person: str
    starts_ns: int
    ends_ns: int
    by: str
    reason: str = ""
    key: str = ""


class Override(NewOverride, frozen=True):
    """An override that was made; its `id` is `V-` and a number that counts up."""

    id: str = ""
    made_ns: int = 0


class Revision(msgspec.Struct, frozen=True):
    """How often a schedule has changed, and when it did last."""

    number: int
    changed_ns: int


_SQL = resources.files(__package__) / "sql"
_QUERIES = named_queries(_SQL / "queries.sql")
_decode: Callable[[bytes], Override] = msgspec.json.Decoder(Override).decode


class OverrideBook:
    """Open at `path`; errors are `TemporaryError` (nothing was done) or `Corrupt`.

    Every method is one transaction and may be called from any thread.
    """

    def __init__(self, path: Path) -> None:
        schemas = (_SQL / "0001_on_call.sql",)
        self._file = SqliteFile(path, "The file of overrides", schemas, _QUERIES)

    def overrides(self) -> tuple[Override, ...]:
        """All that are kept, the first made first."""
        with self._file.reading():
            return tuple(_override(row) for row in self._file.run("overrides"))

    def add(self, new: NewOverride, now_ns: int) -> Override:
        """Keep it; one that was made under the same key is given back.

        Raises:
            Refused: `ON_CALL_PERIOD`, `ON_CALL_UNEXPLAINED`, `ON_CALL_OVERRIDES_TOO_MANY`, or
                `IDEMPOTENCY_CONFLICT` where the key was used for something else.
        """
        _check(new)
        with self._file.writing():
            known = self._file.one("known_override", key=new.key) if new.key else None
            if known is not None:
                return _same(known, new)
            if new.ends_ns <= now_ns:
                raise Refused("ON_CALL_PERIOD", "This override would be over already.")
            self._file.run("forget_old_overrides", now_ns=now_ns, kept=OVERRIDES_ENDED_KEPT_MAX)
            count = self._file.one("count_open_overrides", now_ns=now_ns)
            if count and count[0] >= OVERRIDES_MAX:
                raise Refused(
                    "ON_CALL_OVERRIDES_TOO_MANY", f"There are {OVERRIDES_MAX} overrides already."
                )
            override = Override(**msgspec.structs.asdict(new), made_ns=now_ns)
            body = msgspec.json.encode(override)
            row = self._file.one(
                "insert_override",
                schedule=new.schedule,
                starts_ns=new.starts_ns,
                ends_ns=new.ends_ns,
                key=new.key or None,
                override=body,
            )
            self._file.run("count_change", schedule=new.schedule, now_ns=now_ns)
        assert row is not None  # noqa: S101  INSERT ... RETURNING gives a row
        return _override((row[0], new.ends_ns, body))

    def end(self, override_id: str, now_ns: int) -> bool:
        """It ends now, or never begins; False where there is none, or it has ended."""
        number = override_id.removeprefix("V-")
        if not (number.isascii() and number.isdigit() and len(number) <= _NUMBER_DIGITS_MAX):
            return False
        with self._file.writing():
            row = self._file.one("find_override", number=int(number))
            if row is None or _override(row).ends_ns <= now_ns:
                return False
            self._file.run("cut_override", number=int(number), now_ns=now_ns)
            self._file.run("count_change", schedule=_override(row).schedule, now_ns=now_ns)
        return True

    def revise(self, schedule: str, digest: str, now_ns: int) -> None:
        """Count a change where the definition is another than the last time."""
        with self._file.reading():
            row = self._file.one("revision", schedule=schedule)
        if row is None or row[1] != digest:
            with self._file.writing():
                self._file.run("set_revision", schedule=schedule, digest=digest, now_ns=now_ns)

    def revision(self, schedule: str) -> Revision:
        """Of a schedule that has been revised before."""
        with self._file.reading():
            row = self._file.one("revision", schedule=schedule)
        return Revision(row[0], row[2]) if row else Revision(0, 0)

    def close(self) -> None:
        """Close the file; closing again is harmless."""
        self._file.close()


def _override(row: Row) -> Override:
    """As it counts: from when it was made at the earliest, and until it was ended."""
    number, ends_ns, body = row
    override = _decode(body)
    starts_ns = max(override.starts_ns, override.made_ns)
    return msgspec.structs.replace(override, id=f"V-{number}", starts_ns=starts_ns, ends_ns=ends_ns)


def _same(row: Row, new: NewOverride) -> Override:
    asked = _decode(row[2])
    if msgspec.structs.replace(asked, made_ns=0) != Override(**msgspec.structs.asdict(new)):
        raise Refused("IDEMPOTENCY_CONFLICT", "This key was used for another override.")
    return _override(row)


def _check(new: NewOverride) -> None:
    length = new.ends_ns - new.starts_ns
    possible = new.starts_ns >= 0 and new.ends_ns <= _NS_MAX
    if not possible or not 0 < length <= OVERRIDE_DAYS_MAX * _NS_PER_DAY:
        raise Refused(
            "ON_CALL_PERIOD",
            f"An override must end after it starts, and lasts at most {OVERRIDE_DAYS_MAX} days.",
        )
    if not new.by.strip() or len(new.reason) > OVERRIDE_REASON_CHARACTERS_MAX:
        raise Refused(
            "ON_CALL_UNEXPLAINED",
            "An override says who made it, and why in at most "
            f"{OVERRIDE_REASON_CHARACTERS_MAX} characters.",
        )
