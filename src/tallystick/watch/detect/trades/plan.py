"""What to simulate: a seed, a scale, how many accounts, what is planted."""

import msgspec

from tallystick.watch.detect.trades.planted import Level, Scale


class Plan(msgspec.Struct, frozen=True):
    """One simulated stream.

    `start` is its first day (UTC midnight, RFC 3339 date), a Monday for weeks; `hour` the first
    hour and `hours` the length. Nothing is planted in the first `warm_up_hours`. `activity`
    multiplies everybody's orders. `gap_seconds` is the mean time between EUR/USD ticks on a London
    morning and `gap_shape` the shape of the Weibull law of such times. `operations`: quotes, log
    volumes and a tick of time each second are part of the stream; without them a tick of time comes
    each minute, and the market moves unseen.
    """

    start: str
    scale: Scale
    accounts: int
    hours: int
    hour: int = 0
    warm_up_hours: int = 0
    activity: float = 1.0
    gap_seconds: float = 60.0
    gap_shape: float = 0.7
    operations: bool = False
    life: bool = True
    """Whether accounts change for good, and the server restarts; see `life`."""
    kinds: tuple[str, ...] = ()
    each: int = 0
    """How many of each kind are planted."""
    level: Level = "moderate"


def weeks(start: str = "2026-03-02", *, accounts: int = 60, days: int = 35) -> Plan:
    """Five weeks of a desk: what accounts usually do becomes known in the first two."""
    return Plan(
        start=start, scale="weeks", accounts=accounts, hours=days * 24, warm_up_hours=14 * 24
    )


def day(start: str = "2026-03-10", *, accounts: int = 220, hours: int = 11) -> Plan:
    """A working day at the pace of life, from five in the morning UTC; three hours of warm-up."""
    return Plan(
        start=start, scale="day", accounts=accounts, hours=hours, hour=5, warm_up_hours=3,
        activity=6.0, gap_seconds=1.5, gap_shape=0.5, operations=True,
    )  # fmt: skip
