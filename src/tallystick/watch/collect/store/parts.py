"""Parts: the sealed files of the log store, and what the manifest knows about each.

A part holds lines of one index and one hour (or one day, once it is old), sorted by time. Its path
is its name for ever; no other part ever gets it.
"""

import hashlib
from pathlib import Path
from typing import Literal, Protocol
from urllib.parse import quote

import msgspec

from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.errors import Refused

ColumnType = Literal["BIGINT", "DOUBLE", "VARCHAR", "BOOLEAN", "TIME6", "TIME9"]
"""How a member stands in a part; TIME6 and TIME9 are RFC 3339 stamps in UTC made from `_time`."""
State = Literal["hot", "archived", "cold", "restoring", "restored", "unreadable"]
LockMode = Literal["none", "governance", "compliance"]

_INDEX_CHARACTERS_MAX = 80  # Splunk's bound; longer names are cut in paths, never in the manifest
_SECONDS_PER_HOUR = 3_600
_SECONDS_PER_DAY = 86_400


class PartColumn(msgspec.Struct, frozen=True, omit_defaults=True):
    """A column: its type, and whether every value of that member stands in it."""

    type: ColumnType
    whole: bool = True


class Lock(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a part may not be removed: a mode until a moment, and a hold without an end."""

    mode: LockMode = "none"
    until_ns: int = 0
    legal_hold: bool = False

    def holds(self, now_ns: int) -> bool:
        """Whether the part must stay at this moment."""
        return self.legal_hold or (self.mode != "none" and now_ns < self.until_ns)


class Part(msgspec.Struct, frozen=True, omit_defaults=True):
    """One sealed file. Times are nanoseconds since the epoch, both bounds inclusive."""

    path: str
    index: str
    day: str
    hour: int | None
    rows: int
    size: int
    line_bytes: int
    first_seq: int
    last_seq: int
    min_time: int
    max_time: int
    columns: dict[str, PartColumn]
    sha256: str
    others: tuple[str, ...] | None = ()
    """Members that stand outside of the columns in some line; None: too many to name."""
    rest: bool = False
    """Whether it has the column `rest`: the members without a column, as JSON."""
    raw: bool = False
    """Whether it has the column `raw`: whole lines that no columns could hold exactly."""
    state: State = "hot"
    place: str = ""
    lock: Lock = Lock()


class ColdPartError(Refused):
    """The part is cold: it must be restored before it can be read."""

    state: State = "cold"

    def __init__(self, path: str) -> None:
        super().__init__("PART_COLD", f"{path} is in cold storage; restore it first.")
        self.path = path


class UnreadablePartError(ColdPartError):
    """The part is missing from its archive, or is not what was sealed."""

    state: State = "unreadable"


class PartSource(Protocol):
    """Where parts lie that the store does not keep itself."""

    def local(self, part: Part) -> Path | None:
        """The part's file when it lies on this machine; the store fetches where it may not read."""
        ...

    def fetch(self, part: Part, target: Path) -> None:
        """Write the part's bytes to `target`.

        Raises:
            ColdPartError: it must be restored first.
            TemporaryError: it cannot be reached now.
        """
        ...


class Slot(msgspec.Struct, frozen=True, order=True):
    """Where lines belong: an index and an hour since the epoch, or a whole day."""

    index: str
    hour: int
    day: bool = False

    def path(self, name: str) -> str:
        """The path of a part in this slot."""
        return f"{_folder(self.index)}/dt={self.date}{self._hour_folder}/part-{name}.parquet"

    @property
    def date(self) -> str:
        """The day in UTC: `2026-11-22`."""
        return rfc3339(self.hour * _SECONDS_PER_HOUR * NS_PER_SECOND)[:10]

    @property
    def hour_of_day(self) -> int | None:
        """From 0 to 23; None for a whole day."""
        return None if self.day else self.hour % 24

    @property
    def _hour_folder(self) -> str:
        return "" if self.day else f"/hh={self.hour % 24:02}"

    def of_day(self) -> "Slot":
        """The slot of the whole day that this one lies in."""
        return Slot(self.index, self.hour - self.hour % 24, day=True)


def slot_of(part: Part) -> Slot:
    """The slot that a part was sealed for."""
    hour = part.min_time // (_SECONDS_PER_HOUR * NS_PER_SECOND)
    slot = Slot(part.index, hour)
    return slot.of_day() if part.hour is None else slot


def file_hash(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _folder(index: str) -> str:
    """The index as one component of a path; what is too long or empty is told apart by a hash."""
    name = quote(index, safe="").replace(".", "%2E")
    if 0 < len(name) <= _INDEX_CHARACTERS_MAX:
        return f"index={name}"
    digest = hashlib.sha256(index.encode()).hexdigest()[:16]
    return f"index={name[:40]}~{digest}"
