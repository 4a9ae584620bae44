"""Moments and lengths of time as a query writes them: `-1h@h`, `now`, `@w1`, epoch, RFC 3339.

Calendar arithmetic is in UTC.
"""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Final

from tallystick.clock import NS_PER_SECOND, parse_rfc3339
from tallystick.watch.collect.query.wording import bad, shown

NS_MIN: Final = -(2**63) + 2
NS_MAX: Final = 2**63 - 2
"""What TIMESTAMP_NS holds; the next ones mean infinity to DuckDB."""
SPAN_NS_MAX: Final = 100 * 366 * 86_400 * NS_PER_SECOND
"""Longest span: 100 years."""
LIVE: Final = "rt"
"""`earliest=rt`: only what comes from now on."""
TIMES_SHOWN: Final = "-1h@h, now or 2026-11-22T04:00:00Z"
"""What times look like, in sentences."""

_UNITS = {
    "ns": "ns", "us": "us", "ms": "ms",
    "s": "s", "sec": "s", "secs": "s", "second": "s", "seconds": "s",
    "m": "m", "min": "m", "mins": "m", "minute": "m", "minutes": "m",
    "h": "h", "hr": "h", "hrs": "h", "hour": "h", "hours": "h",
    "d": "d", "day": "d", "days": "d",
    "w": "w", "week": "w", "weeks": "w",
    "mon": "mon", "month": "mon", "months": "mon", "M": "mon",
    "q": "q", "qtr": "q", "quarter": "q", "quarters": "q",
    "y": "y", "yr": "y", "year": "y", "years": "y",
}  # fmt: skip
_NS = {
    "ns": 1,
    "us": 1_000,
    "ms": 1_000_000,
    "s": NS_PER_SECOND,
    "m": 60 * NS_PER_SECOND,
    "h": 3_600 * NS_PER_SECOND,
    "d": 86_400 * NS_PER_SECOND,
    "w": 7 * 86_400 * NS_PER_SECOND,
}
_MONTHS = {"mon": 1, "q": 3, "y": 12}
_STEP = re.compile(r"([+-])(\d{0,6})([A-Za-z]+)|@(w[0-7]|[A-Za-z]+)", re.ASCII)
_SPAN = re.compile(r"(\d{1,9})?([A-Za-z]+)", re.ASCII)
_EPOCH = re.compile(r"-?\d{1,14}(\.\d{1,12})?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_STAMP = re.compile(r"(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2})(:\d{2})?(\.\d+)?", re.ASCII)
_US_STAMP = re.compile(r"(\d{2})/(\d{2})/(\d{4})(?::(\d{2}:\d{2}:\d{2}))?", re.ASCII)
_ZERO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Span:
    """A length of time: nanoseconds, or whole months of the calendar."""

    ns: int = 0
    months: int = 0


def parse_time(text: str, now_ns: int, at: int = 0) -> int:
    """The moment that the text names, in nanoseconds since the epoch.

    Forms: `now`, `rt` (now), `0` or any epoch in seconds, `-1h@h` (steps and snaps from now, one
    after the other), RFC 3339, a date, `YYYY-MM-DD hh:mm[:ss]` and `MM/DD/YYYY[:hh:mm:ss]` in UTC.

    Raises:
        Refused: `BAD_QUERY`; it is none of these.
    """
    words = text.strip().strip("'").removesuffix("()")
    for prefix in ("now", LIVE):
        if words.startswith(prefix):
            words = words[len(prefix) :]
            break
    else:
        absolute = _absolute(words)
        if absolute is not None:
            return min(max(absolute, NS_MIN), NS_MAX)
        if not words:
            raise _no_time(text, at)
    return min(max(_relative(words, now_ns, text, at), NS_MIN), NS_MAX)


def is_live(text: str) -> bool:
    """Whether the text names the live tail."""
    return text.strip().startswith(LIVE)


def parse_span(text: str, at: int) -> Span:
    """A length of time such as `5m`, `1d`, `1mon`, `30` (seconds)."""
    if text.isascii() and text.isdigit():
        text += "s"
    match = _SPAN.fullmatch(text)
    unit = _unit(match[2]) if match else None
    count = int(match[1] or 1) if match else 0
    if unit is None or count == 0:
        raise bad(at, f"{shown(text)} is no length of time such as 5m, 1h or 1d")
    span = Span(months=count * _MONTHS[unit]) if unit in _MONTHS else Span(ns=count * _NS[unit])
    if span.ns > SPAN_NS_MAX or span.months > 1_200:
        raise bad(at, f"{shown(text)} is too long a time")
    return span


def _unit(word: str) -> str | None:
    return _UNITS.get(word) or _UNITS.get(word.lower())


def _absolute(words: str) -> int | None:
    if _EPOCH.fullmatch(words):
        try:
            return int(Decimal(words) * NS_PER_SECOND)
        except InvalidOperation:  # pragma: no cover  the expression allows numbers only
            return None
    stamp = words
    if _DATE.fullmatch(words):
        stamp = f"{words}T00:00:00Z"
    elif match := _STAMP.fullmatch(words):
        stamp = f"{match[1]}T{match[2]}{match[3] or ':00'}{match[4] or ''}Z"
    elif match := _US_STAMP.fullmatch(words):
        stamp = f"{match[3]}-{match[1]}-{match[2]}T{match[4] or '00:00:00'}Z"
    try:
        return parse_rfc3339(stamp)
    except ValueError:
        return None


def _relative(words: str, now_ns: int, text: str, at: int) -> int:
    moment, read = now_ns, 0
    while read < len(words):
        match = _STEP.match(words, read)
        if match is None:
            raise _no_time(text, at)
        read = match.end()
        try:
            moment = _snap(moment, match[4]) if match[4] else _step(moment, match)
        except (KeyError, OverflowError, ValueError):
            raise _no_time(text, at) from None
    return moment


def _step(moment: int, match: re.Match[str]) -> int:
    unit = _UNITS.get(match[3]) or _UNITS[match[3].lower()]
    count = int(match[2] or 1) * (1 if match[1] == "+" else -1)
    if unit in _NS:
        return moment + count * _NS[unit]
    at, rest = _datetime(moment)
    month = at.year * 12 + at.month - 1 + count * _MONTHS[unit]
    year, month = divmod(month, 12)
    day = min(at.day, monthrange(year, month + 1)[1])
    return _ns(at.replace(year=year, month=month + 1, day=day)) + rest


def _snap(moment: int, word: str) -> int:
    """Down to the beginning of the unit; `@w` and `@w0` is Sunday, `@w1` Monday."""
    if word[0] == "w" and word[1:].isdigit():
        return _week(moment, int(word[1:]) % 7)
    unit = _UNITS.get(word) or _UNITS[word.lower()]
    if unit == "w":
        return _week(moment, 0)
    if unit in _NS:
        return moment - moment % _NS[unit]
    at, _ = _datetime(moment)
    month = {"mon": at.month, "q": at.month - (at.month - 1) % 3, "y": 1}[unit]
    return _ns(at.replace(month=month, day=1, hour=0, minute=0, second=0, microsecond=0))


def _week(moment: int, weekday: int) -> int:
    day = _NS["d"]
    midnight = moment - moment % day
    passed = (midnight // day + 4 - weekday) % 7  # the epoch was a Thursday
    return midnight - passed * day


def _datetime(moment: int) -> tuple[datetime, int]:
    us, rest = divmod(moment, 1_000)
    return _ZERO + timedelta(microseconds=us), rest


def _ns(at: datetime) -> int:
    return (at - _ZERO) // timedelta(microseconds=1) * 1_000


def _no_time(text: str, at: int) -> Exception:
    return bad(at, f"{shown(text)} is no time such as {TIMES_SHOWN}")


_SQL_UNITS = {
    "us": "microsecond", "ms": "millisecond", "s": "second", "m": "minute", "h": "hour",
    "d": "day", "w": "week", "mon": "month", "q": "quarter", "y": "year",
}  # fmt: skip


def relative_steps(text: str, at: int) -> tuple[tuple[str, str, int], ...]:
    """The steps of `-1d@w1` for SQL: `("+", "day", -1)`, `("@", "week", 1)`."""
    steps: list[tuple[str, str, int]] = []
    read = 0
    while read < len(text):
        match = _STEP.match(text, read)
        snap = match[4] if match else None
        if match is None:
            raise _no_time(text, at)
        if snap and snap[0] == "w" and snap[1:].isdigit():
            steps.append(("@", "week", int(snap[1:]) % 7))
        else:
            unit = _SQL_UNITS.get(_unit(snap or match[3]) or "")
            if unit is None:
                raise _no_time(text, at)
            count = 0 if snap else int(match[2] or 1) * (1 if match[1] == "+" else -1)
            if unit == "quarter" and not snap:
                unit, count = "month", 3 * count
            steps.append(("@" if snap else "+", unit, count))
        read = match.end()
    return tuple(steps)
