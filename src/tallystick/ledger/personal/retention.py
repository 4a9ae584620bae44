"""Which duties to keep records forbid an erasure, and until when: policy in a file, not code.

    [[rule]]
    name = "records of trades"
    basis = "MiFID II, Article 16(7)"
    years = 5
    traded = true                     # only subjects with an account that traded
    fields = ["name", "national_id"]  # only subjects of whom one of these was recorded

A duty runs for whole years from the day of the newest activity: the subject's last recording or the
last trade of one of its accounts, whichever is later. It ends with the last hour of the same day
of the last year (Regulation (EEC, Euratom) No 1182/71, Article 3(2)(c)); days are UTC days.
"""

import calendar
import tomllib
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated

import msgspec

from tallystick.clock import rfc3339
from tallystick.errors import Misconfigured, Refused

YEARS_MAX = 100
RULES_MAX = 100
POLICY_BYTES_MAX = 65_536

_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One duty: the legal `basis` on which records of a subject are kept for so many years.

    A rule without conditions is for every subject; with both, both must hold.
    """

    name: _Text
    basis: _Text
    years: Annotated[int, msgspec.Meta(ge=1, le=YEARS_MAX)]
    traded: bool = False
    fields: tuple[_Text, ...] = ()

    def applies(self, known: "Known") -> bool:
        """Whether the duty is about such a subject."""
        concerned = not self.fields or not known.fields.isdisjoint(self.fields)
        return concerned and (known.traded_ns is not None or not self.traded)


class Known(msgspec.Struct, frozen=True):
    """What a retention rule asks about a subject; times are nanoseconds since the epoch."""

    subject: str
    fields: frozenset[str]
    recorded_ns: int
    traded_ns: int | None

    @property
    def newest(self) -> date:
        """The UTC day of its newest activity."""
        return _day(max(self.recorded_ns, self.traded_ns or 0))


class Retention(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rules of a policy file; none forbid nothing."""

    rule: Annotated[tuple[Rule, ...], msgspec.Meta(max_length=RULES_MAX)] = ()

    def require_end(self, known: Known, now_ns: int) -> None:
        """Go on only where no duty to keep the subject's records is left.

        Raises:
            Refused: `ERASURE_FORBIDDEN`, with the rule that ends last, its basis and the first
                possible date.
        """
        ends = [(first_day_after(known.newest, r.years), r) for r in self.rule if r.applies(known)]
        if not ends:
            return
        first, rule = max(ends, key=lambda end: end[0])
        if _day(now_ns) < first:
            raise Refused(
                "ERASURE_FORBIDDEN",
                f"Subject {known.subject} cannot be erased yet: the rule {rule.name!r}"
                f" ({rule.basis}) keeps records for {rule.years} years after the last activity,"
                f" which was on {known.newest}. The first possible date is {first}.",
            )


def read_retention(path: Path) -> Retention:
    """The policy in a TOML file.

    Raises:
        Misconfigured: it cannot be read, or is no such policy.
    """
    try:
        with path.open("rb") as file:
            data = file.read(POLICY_BYTES_MAX + 1)
        if len(data) > POLICY_BYTES_MAX:
            raise Misconfigured(f"{path} is larger than {POLICY_BYTES_MAX} bytes.")
        return msgspec.convert(tomllib.loads(data.decode()), Retention)
    except (OSError, ValueError, msgspec.ValidationError) as error:
        raise Misconfigured(f"{path} is no retention policy: {error}.") from error


def first_day_after(day: date, years: int) -> date:
    """The day after a period of whole years that runs from `day`.

    A period from 29 February ends on the last day of February where the year has no such day.
    """
    year = day.year + years
    last = calendar.monthrange(year, day.month)[1]
    return date(year, day.month, min(day.day, last)) + timedelta(days=1)


def latest(moments: Iterable[int | None]) -> int | None:
    """The latest of these moments, None where there is none."""
    return max((moment for moment in moments if moment is not None), default=None)


def _day(at_ns: int) -> date:
    return date.fromisoformat(rfc3339(at_ns)[:10])
