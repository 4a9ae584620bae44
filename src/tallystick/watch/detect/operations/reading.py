"""From log lines, quotes and clocks to what the detectors look at."""

from collections.abc import Iterable, Iterator, Mapping

from tallystick.clock import NS_PER_SECOND, parse_own_stamp, rfc3339
from tallystick.watch.detect.observation import (
    DURATION_US_MAX,
    CallSeen,
    LogSeen,
    Observation,
    QuoteSeen,
    TimeSeen,
    UnreadableError,
)

ANSWERED = "api.request_answered"
_METHOD = "http.request.method"
_ROUTE = "http.route"
_STATUS = "http.response.status_code"
_ADDRESS = "client.address"
_KEY = "auth.key"
TICKS_AT_ONCE_MAX = 3_600
"""Most seconds of a stream in which nothing happened that are ticked one by one."""


def call_seen(line: Mapping[str, object]) -> CallSeen | None:
    """The API call of this log line; None for a line of another event.

    `timestamp` may be RFC 3339 or nanoseconds since the epoch.

    Raises:
        UnreadableError: an `api.request_answered` line without its method, route, status code,
            duration_us or timestamp.
    """
    if line.get("event_name") != ANSWERED:
        return None
    stamp, method, route = line.get("timestamp"), line.get(_METHOD), line.get(_ROUTE)
    status, duration_us = line.get(_STATUS), line.get("duration_us")
    account, address, key = line.get("account"), line.get(_ADDRESS), line.get(_KEY)
    # Checked by hand: this is asked about every API call, and a general decoder costs three times
    # as much.
    if not (
        isinstance(stamp, (str, int))
        and isinstance(method, str)
        and isinstance(route, str)
        and isinstance(status, int)
        and isinstance(duration_us, (int, float))
        and (account is None or isinstance(account, str))
        and (address is None or isinstance(address, str))
        and (key is None or isinstance(key, str))
        and not isinstance(stamp, bool)
        and not isinstance(status, bool)
        and not isinstance(duration_us, bool)
    ):
        raise UnreadableError("a log line of an API call lacks what it must say")
    try:
        at_ns = stamp if isinstance(stamp, int) else parse_own_stamp(stamp)
        at = rfc3339(at_ns) if isinstance(stamp, int) else stamp
        if not 0 <= duration_us <= DURATION_US_MAX:
            raise UnreadableError(f"a call cannot take {duration_us} us")
        named = f"{method} {route}"
        return CallSeen(
            at, at_ns / NS_PER_SECOND, named, status, duration_us, account, address, key
        )
    except (ValueError, OverflowError, OSError) as error:
        raise UnreadableError(f"a log line cannot be read: {error}") from error


def quote_seen(
    pair: str, bid_points: int, ask_points: int, price_digits: int, at_ns: int, source: str
) -> QuoteSeen:
    """A quote in points, with the pair's digits after the point."""
    unit = 10.0**price_digits
    seconds = at_ns / NS_PER_SECOND
    return QuoteSeen(rfc3339(at_ns), seconds, pair, bid_points / unit, ask_points / unit, source)


def log_seen(index: str, service: str, lines: int, at_ns: int) -> LogSeen:
    """So many lines of a service in an index."""
    return LogSeen(rfc3339(at_ns), at_ns / NS_PER_SECOND, index, service, lines)


def time_seen(at_ns: int) -> TimeSeen:
    """It is now this late."""
    return TimeSeen(rfc3339(at_ns), at_ns / NS_PER_SECOND)


def ticking(observations: Iterable[Observation]) -> Iterator[Observation]:
    """The same, with a `TimeSeen` before the first of each whole second: for a replay.

    A longer time in which nothing happened than TICKS_AT_ONCE_MAX is skipped; stamps that go back
    make no ticks.
    """
    second: int | None = None
    for seen in observations:
        at = seen.at_seconds
        if 0 <= at < 4e9:
            now = int(at)
            first = now if second is None else max(second + 1, now - TICKS_AT_ONCE_MAX)
            for tick in range(first, now + 1):
                yield time_seen(tick * NS_PER_SECOND)
            second = now if second is None else max(second, now)
        yield seen
