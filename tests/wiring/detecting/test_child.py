"""The detection process's own decisions: what is told late alerts nobody."""

from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.watch.detect.score import Anomaly
from tallystick.wiring.detecting.child import LATE_HOURS_MAX, late_ones_held

NOW_NS = 1_760_000_000 * NS_PER_SECOND


def anomaly(hours: float, held: str | None = None) -> Anomaly:
    """One that happened so long ago."""
    at = rfc3339(round(NOW_NS - hours * 3_600 * NS_PER_SECOND))
    return Anomaly(
        id="order_size-1", detector="order_size", family="fraud", entity="acme", at=at,
        p_value=1e-9, expected="little", came="much", sentence="Much came.", contributions=(),
        held=held,
    )  # fmt: skip


def test_what_happened_long_ago_alerts_nobody() -> None:
    """It is kept and says so; what is fresh, or held for another reason, stays as it is."""
    fresh, late = anomaly(LATE_HOURS_MAX / 2), anomaly(30)
    dismissed = anomaly(30, "Dismissed twice.")
    told = late_ones_held([fresh, late, dismissed], NOW_NS)

    assert told[0] == fresh
    assert told[1].held == "It was found 30 hours after it happened."
    assert told[2] == dismissed
