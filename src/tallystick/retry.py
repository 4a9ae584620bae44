"""How long to stay away from somebody who said no: by their `Retry-After`, or by back-off."""

import random
from datetime import UTC
from email.utils import parsedate_to_datetime

from tallystick.clock import NS_PER_SECOND

RETRY_AFTER_SECONDS_MAX = 3_600
"""A peer cannot ask us to stay away for longer than this."""
AGAIN = frozenset({408, 425, 429})
"""HTTP statuses below 500 after which the same request may be taken a moment later."""


def back_off(
    attempts: int, first_seconds: float, seconds_max: float, chance: random.Random
) -> float:
    """Seconds to wait after so many failures: doubled each time, drawn from the upper half."""
    exponent = min(attempts - 1, 32)
    whole = min(first_seconds * 2.0**exponent, seconds_max)
    return whole * chance.uniform(0.5, 1.0)


def retry_after(text: str | None, now_ns: int) -> int:
    """`Retry-After` (RFC 9110 section 10.2.3), seconds or a date; 0 where it says nothing."""
    said = (text or "").strip()
    if said.isascii() and said.isdigit():
        return min(int(said[:9]), RETRY_AFTER_SECONDS_MAX)
    try:
        moment = parsedate_to_datetime(said)
    except ValueError:
        return 0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    wait = moment.timestamp() - now_ns / NS_PER_SECOND
    return min(max(0, round(wait)), RETRY_AFTER_SECONDS_MAX)
