"""When an event happened: the times that senders write, digit for digit."""

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from tallystick.clock import NS_PER_SECOND, NS_PER_US, parse_rfc3339, rfc3339

LOOK_CHARACTERS = 128
"""How far into a text its time is looked for: Splunk's MAX_TIMESTAMP_LOOKAHEAD."""
_SECONDS_END = 13_569_465_600  # the year 2400: larger numbers are milliseconds
_MILLISECONDS_END = 253_402_300_800_000  # the year 10000: larger ones are nanoseconds
_NS_END = 2**63
_DAY_NS = 86_400 * NS_PER_SECOND
_TIME = re.compile(r"\d+(\.\d+)?", re.ASCII)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = f"(?P<month>{'|'.join(_MONTHS)})"
_CLOCK = r"(?P<clock>\d\d:\d\d:\d\d)"
_FRACTION = r"(?:[.,](?P<fraction>\d{1,9}))?"
_ZONE = r"(?P<zone>Z|[+-]\d\d:?\d\d)"
_FORMS = tuple(
    re.compile(form, re.ASCII)
    for form in (
        # RFC 3339 and ISO 8601, also with a space for the T, and without a zone, which is UTC
        rf"(?P<year>\d{{4}})-(?P<number>\d\d)-(?P<day>\d\d)[T ]{_CLOCK}{_FRACTION} ?{_ZONE}?",
        # the Common Log Format of web servers
        rf"(?P<day>\d\d)/{_MONTH}/(?P<year>\d{{4}}):{_CLOCK} {_ZONE}",
        # RFC 3164, which names no year
        rf"{_MONTH} +(?P<day>\d{{1,2}}) {_CLOCK}{_FRACTION}",
    )
)
_EPOCH = re.compile(r"\W{0,2}(\d{10}(?:\d{3})?(?:\.\d{1,9})?)(?!\d)", re.ASCII)
_NAMES = ("timestamp", "@timestamp", "time", "ts", "datetime", "date")
"""Members of an event object that may hold its time, the likeliest first."""


def epoch_ns(value: object) -> int:
    """Nanoseconds since the epoch of a number or text of seconds (or ms or ns, by its size).

    Raises:
        ValueError: it is no such time.
    """
    if isinstance(value, str):
        try:
            value = Decimal(value) if _TIME.fullmatch(value) else None
        except InvalidOperation:
            value = None
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not 0 <= value < _NS_END:
        raise ValueError("time is no number of seconds since 1970")
    if value < _SECONDS_END:
        return int(value * NS_PER_SECOND)
    if value < _MILLISECONDS_END:
        return int(value * 1_000_000)
    return int(value)


NO_TIME, SECOND, FINER = 0, 1, 2
"""How well an event says itself when it was: not at all, to the second, better."""


def precision(value: object) -> int:
    """How well a time of the form that `epoch_ns` takes says it."""
    if value is None:
        return NO_TIME
    if isinstance(value, str):
        return FINER if "." in value or len(value) > len("1789547400") else SECOND
    is_finer = isinstance(value, Decimal) or (isinstance(value, int) and value >= _SECONDS_END)
    return FINER if is_finer else SECOND


class OwnTimes:
    """Whether the events of a request say when they were, so well that it is told from others.

    All of them do, and one at least better than to the second: then a request that is the same
    to the byte is that one, sent again, and not a new one that has the same to say.
    """

    def __init__(self) -> None:
        self._worst, self._best = FINER, NO_TIME

    def add(self, told: int) -> None:
        """One more event."""
        self._worst = min(self._worst, told)
        self._best = max(self._best, told)

    def __bool__(self) -> bool:
        return self._worst > NO_TIME and self._best == FINER


def stamp(at_ns: int) -> str:
    """RFC 3339 with microseconds, or nanoseconds when there are any."""
    text = rfc3339(at_ns)
    below_us = at_ns % NS_PER_US
    return f"{text[:-1]}{below_us:03}Z" if below_us else text


def time_in(event: object, received_ns: int) -> int | None:
    """The time that an event tells of itself, in its text or in a member; None if it does not."""
    if isinstance(event, Mapping):
        times = (_time_of(event[name], received_ns) for name in _NAMES if name in event)
        return next((time for time in times if time is not None), None)
    return _time_of(event, received_ns) if isinstance(event, str) else None


def _time_of(value: object, received_ns: int) -> int | None:
    if not isinstance(value, str):
        try:
            return epoch_ns(value)
        except ValueError:
            return None
    text = value[:LOOK_CHARACTERS]
    for form in _FORMS:
        match = form.search(text)
        if match and (time := _calendar_ns(match.groupdict(), received_ns)) is not None:
            return time
    match = _EPOCH.match(text)
    return epoch_ns(match[1]) if match else None


def _calendar_ns(parts: dict[str, str | None], received_ns: int) -> int | None:
    """Nanoseconds of a date and time; without a year it is the last such day."""
    month = parts.get("number") or f"{_MONTHS.index(parts['month'] or '') + 1:02}"
    zone = parts.get("zone") or "Z"
    if zone != "Z" and ":" not in zone:
        zone = f"{zone[:3]}:{zone[3:]}"
    rest = f"-{month}-{(parts['day'] or '').zfill(2)}T{parts['clock']}{zone}"
    fraction_ns = int((parts.get("fraction") or "0").ljust(9, "0"))
    year = parts.get("year")
    this_year = int(rfc3339(received_ns)[:4])
    for each in (year,) if year else (f"{this_year + 1}", f"{this_year}", f"{this_year - 1}"):
        try:
            at_ns = parse_rfc3339(f"{each}{rest}") + fraction_ns
        except ValueError:  # there is no such day
            continue
        if year or at_ns <= received_ns + _DAY_NS:
            return at_ns if at_ns >= 0 else None
    return None
