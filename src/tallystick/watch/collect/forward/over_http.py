"""Destinations over HTTP: how long they are waited for, and after which answers again."""

from tallystick.clock import Clock
from tallystick.posting import Poster
from tallystick.retry import AGAIN

SECONDS_MAX = 15.0
"""Longest wait for a connection, or between two pieces of an answer."""
MENDED = frozenset({401, 403})
"""A token can be mended while the lines wait in the store."""


def poster_to(url: str, clock: Clock) -> Poster:
    """Posts to a destination; its errors say how the answer began.

    Raises:
        Misconfigured: the URL cannot be used.
    """
    return Poster(
        url, clock, what="a destination", seconds_max=SECONDS_MAX, quotes=True, again=AGAIN | MENDED
    )
