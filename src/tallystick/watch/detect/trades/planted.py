"""What is planted, and the declaration that the bench holds findings against."""

from typing import Final, Literal

import msgspec

from tallystick.watch.detect.score import Family

Level = Literal["obvious", "moderate", "subtle"]
"""How hard it is to see; what it means for each kind stands with the kind."""
LEVELS: Final[tuple[Level, ...]] = ("obvious", "moderate", "subtle")
Scale = Literal["weeks", "day"]
"""Which simulation a kind needs: weeks of accounts' habits, or a day at the pace of life."""


class Planted(msgspec.Struct, frozen=True):
    """One anomaly, declared: what, who, from when to when, and whose finding counts.

    A finding counts from `start_ns` to `end_ns` and `grace_seconds` more, by one of `detectors`,
    when it is about one of `accounts`, `pairs`, `routes` or `services` (empty: whatever it is
    about). `note` says what was done, in numbers.
    """

    kind: str
    family: Family
    level: Level
    start_ns: int
    end_ns: int
    grace_seconds: float
    detectors: tuple[str, ...]
    note: str
    accounts: tuple[str, ...] = ()
    pairs: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
