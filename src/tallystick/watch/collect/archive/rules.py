"""When a part goes to the archive, and how long it is locked there."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from tallystick.clock import NS_PER_SECOND
from tallystick.errors import Misconfigured
from tallystick.watch.collect.archive.parts import Lock, Part

NS_PER_DAY = 86_400 * NS_PER_SECOND
AFTER_DAYS = 30
"""Days after which a part is archived."""
LOCK_YEARS = 7
"""Years for which it is locked: what SOX and most tax codes ask for; MiFID II asks for 5."""
LOCK_YEARS_MAX = 100
DAYS_PER_YEAR = 365.2425


class Days(msgspec.Struct, frozen=True):
    """A number of days for every index, and others for some."""

    default: int
    own: Mapping[str, int] = {}

    def of(self, index: str) -> int:
        """The days of an index."""
        return self.own.get(index, self.default)


class ArchiveRules(msgspec.Struct, frozen=True):
    """After how many days, and locked how; counted from the newest line of a part."""

    after: Days = Days(AFTER_DAYS)
    mode: Literal["governance", "compliance"] = "governance"
    years: float = LOCK_YEARS

    def due(self, part: Part, now_ns: int) -> bool:
        """Whether the part's time has come."""
        return part.max_time + self.after.of(part.index) * NS_PER_DAY <= now_ns

    def lock_of(self, part: Part) -> Lock:
        """What keeps the part: `years` after its newest line, to the second."""
        return self.lock_at(part.max_time)

    def lock_at(self, at_ns: int) -> Lock:
        """What keeps something that is of this moment."""
        until_ns = at_ns + round(self.years * DAYS_PER_YEAR * NS_PER_DAY)
        return Lock(self.mode, -(-until_ns // NS_PER_SECOND) * NS_PER_SECOND)


def parse_days(text: str) -> Days:
    """Read `30`, or `30 audit=365 debug=7` with other numbers for some indexes.

    Raises:
        Misconfigured: it is not in that form.
    """
    default, own = AFTER_DAYS, {}
    for word in text.replace(",", " ").split():
        index, _, number = word.rpartition("=")
        if not (number.isascii() and number.isdigit()) or word.startswith("="):
            raise Misconfigured(f"Days are written as 30 or as 30 audit=365, not {text!r}.")
        if index:
            own[index] = int(number)
        else:
            default = int(number)
    return Days(default, own)


def require_years(years: float) -> float:
    """The years if they can be meant.

    Raises:
        Misconfigured: they cannot.
    """
    if not 0 < years <= LOCK_YEARS_MAX:
        raise Misconfigured(f"A lock lasts more than 0 and at most {LOCK_YEARS_MAX} years.")
    return years
