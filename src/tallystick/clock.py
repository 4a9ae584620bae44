"""The only place that knows the time; everybody else is handed a clock.

Wall-clock time is an `int` of nanoseconds since the Unix epoch, UTC. On the wire it is RFC 3339
with microseconds and `Z`.
"""

import asyncio
import re
import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Protocol

NS_PER_SECOND = 1_000_000_000
NS_PER_US = 1_000
_OWN_STAMP_CHARACTERS = 27
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STAMP = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}(\.[0-9]+)?"
    r"(Z|[+-]([01][0-9]|2[0-3]):[0-9]{2})"
)


class Clock(Protocol):
    """What time it is, and how to wait; a simulation hands out its own."""

    def now_ns(self) -> int:
        """Nanoseconds since the Unix epoch, UTC."""
        ...

    def monotonic_ns(self) -> int:
        """Nanoseconds of a clock that never goes back; only differences mean anything."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for this many seconds of this clock."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_ns(self) -> int:
        """Nanoseconds since the Unix epoch, UTC."""
        return time.time_ns()

    def monotonic_ns(self) -> int:
        """Nanoseconds since some moment of this boot."""
        return time.monotonic_ns()

    async def sleep(self, seconds: float) -> None:
        """Wait for this many real seconds."""
        await asyncio.sleep(seconds)

    def pause(self, seconds: float) -> None:
        """Wait for this many real seconds where there is no event loop."""
        time.sleep(seconds)


class ManualClock:
    """A clock that moves when it is told to: for simulations and tests."""

    def __init__(self, start_ns: int = 1_700_000_000 * NS_PER_SECOND) -> None:
        self._now_ns = start_ns

    def now_ns(self) -> int:
        """The moment it was moved to."""
        return self._now_ns

    def monotonic_ns(self) -> int:
        """The same moment; it never goes back."""
        return self._now_ns

    def advance(self, seconds: float) -> None:
        """Move forward; going back is a programmer's error."""
        assert seconds >= 0, "a clock never goes back"  # noqa: S101  programmer error
        self._now_ns += round(seconds * NS_PER_SECOND)

    async def sleep(self, seconds: float) -> None:
        """Move forward by this much and let others run once."""
        self.advance(seconds)
        await asyncio.sleep(0)


async def rest(waker: asyncio.Event, clock: Clock, until_ns: int | None) -> None:
    """Sleep until woken, or until that moment of the clock where there is one."""
    waits: set[asyncio.Task[object]] = {asyncio.create_task(waker.wait())}
    if until_ns is not None:
        seconds = max(0.0, (until_ns - clock.now_ns()) / NS_PER_SECOND)
        waits.add(asyncio.create_task(clock.sleep(seconds)))
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)


def rfc3339(at_ns: int) -> str:
    """RFC 3339 section 5.6 in UTC with microseconds: `2026-11-22T04:08:16.123456Z`.

    Nanoseconds are cut, never rounded up: a stamp must not lie in the future.
    """
    global _newest  # noqa: PLW0603  a memo of one value
    seconds, ns = divmod(at_ns, NS_PER_SECOND)
    text = f"{_to_the_second(seconds)}.{ns // NS_PER_US:06}Z"
    _newest = (text, at_ns - ns % NS_PER_US)
    return text


_newest = ("", 0)
"""The stamp made last and its time, replaced whole: it is mostly the next one that is read."""


@lru_cache(maxsize=64)
def _to_the_second(seconds: int) -> str:
    """Stamps come in bursts of one second: its part is made once."""
    year, month, day, hour, minute, second, *_ = time.gmtime(seconds)
    return f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"


def parse_rfc3339(text: str) -> int:
    """Nanoseconds since the epoch of an RFC 3339 stamp; digits past the microsecond are cut.

    Stricter than ISO 8601: no week dates, no space for the `T`, always a zone; and no leap second.

    Raises:
        ValueError: the text is not such a stamp.
    """
    if _STAMP.fullmatch(text) is None:
        raise ValueError(f"{text[:64]!r} is not an RFC 3339 stamp such as 2026-11-22T04:08:16Z")
    moment = datetime.fromisoformat(text)
    return (moment - _EPOCH) // timedelta(microseconds=1) * NS_PER_US


def parse_own_stamp(text: str) -> int:
    """Nanoseconds since the epoch of a stamp that `rfc3339` made; several times faster.

    Raises:
        ValueError: it is not in that form.
    """
    newest = _newest
    if text is newest[0]:
        return newest[1]
    if len(text) != _OWN_STAMP_CHARACTERS or text[19] != "." or text[26] != "Z":
        return parse_rfc3339(text)
    return _second_of(text[:19]) + int(text[20:26]) * NS_PER_US


@lru_cache(maxsize=64)
def _second_of(prefix: str) -> int:
    return parse_rfc3339(prefix + "Z")
