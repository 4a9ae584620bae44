"""Flapping: what opens and ends again and again is said once and then held open. Pure."""

from tallystick.clock import NS_PER_SECOND
from tallystick.watch.notify.config import FlapText

CHANGES_KEPT_MAX = 101
"""Openings and resolutions of one group that are remembered: more than any limit of the file."""


def with_change(changes_ns: tuple[int, ...], now_ns: int, flap: FlapText) -> tuple[int, ...]:
    """The openings and resolutions of late, and that of now."""
    since_ns = now_ns - flap.seconds * NS_PER_SECOND
    return (*(each for each in changes_ns if each > since_ns), now_ns)[-CHANGES_KEPT_MAX:]


def flaps(changes_ns: tuple[int, ...], now_ns: int, flap: FlapText) -> bool:
    """Whether there were more of them than may be."""
    since_ns = now_ns - flap.seconds * NS_PER_SECOND
    return sum(each > since_ns for each in changes_ns) > flap.changes


def flap_sentence(flap: FlapText) -> str:
    """Why an incident is held open."""
    return (
        f"It flaps: it opened and ended more than {flap.changes} times within {flap.seconds} s. "
        f"It stays open until nothing fired for {flap.quiet_seconds} s."
    )
