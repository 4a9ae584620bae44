"""Moments and lengths of time as options of commands: written as in log queries."""

from collections.abc import Iterator
from contextlib import contextmanager

from tallystick.errors import Refused


def moment(text: str) -> int:
    """A moment, RFC 3339 or from now (`+8h`, `-30m`), in nanoseconds since the epoch.

    Raises:
        Refused: it is none.
    """
    from tallystick.clock import SystemClock  # noqa: PLC0415  fast help
    from tallystick.watch.collect.query import parse_time  # noqa: PLC0415

    with _no_query():
        return parse_time(text, SystemClock().now_ns())


def length(text: str) -> int:
    """A length of time such as 30m, in seconds; 0 is none.

    Raises:
        Refused: it is none.
    """
    from tallystick.clock import NS_PER_SECOND  # noqa: PLC0415  fast help
    from tallystick.watch.collect.query.times import parse_span  # noqa: PLC0415

    if text == "0":
        return 0
    with _no_query():
        span = parse_span(text, 0)
    return span.ns // NS_PER_SECOND + span.months * 30 * 86_400


@contextmanager
def _no_query() -> Iterator[None]:
    """Whoever gave an option has written no query: where in it does not matter."""
    try:
        yield
    except Refused as refusal:
        raise Refused(refusal.code, str(refusal).partition(": ")[2] or str(refusal)) from None
