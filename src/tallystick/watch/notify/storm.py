"""The storm guard: one incident speaks for hundreds that open at once. Pure.

It is counted for each route, so that what pages one team hides nothing from another. The incidents
of a storm are all there, each with its timeline; only their messages are held. A storm is over when
new ones have become rare and few of them are left: those then speak for themselves.
"""

import hashlib

import msgspec

from tallystick.watch.notify.config import StormText

LOOK_SECONDS = 10
"""How often it is looked whether a storm is over."""


def breaks_out(opened: int, storm: StormText) -> bool:
    """Whether one more is a storm, when so many opened within its seconds."""
    return opened >= storm.incidents


def is_over(opened: int, left: int, storm: StormText) -> bool:
    """Whether so few open now, and so few of them are left, that each may speak for itself."""
    return opened < storm.incidents and left <= storm.incidents


def storm_key(route: str, opened_ns: int) -> str:
    """The summary's key: 64 hex digits."""
    return hashlib.sha256(msgspec.json.encode(["storm", route, opened_ns])).hexdigest()


def storm_title(route: str, storm: StormText) -> str:
    """The summary's title, which stays the same while the numbers grow."""
    return (
        f"Storm: more than {storm.incidents} incidents of route {route} within {storm.seconds} s. "
        "This one speaks for all of them."
    )
