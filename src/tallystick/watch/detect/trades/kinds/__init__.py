"""The kinds of anomalies that can be planted: one for every feature that detection promises."""

from typing import Final

from tallystick.watch.detect.trades.kinds import abuse, fraud, operations
from tallystick.watch.detect.trades.kinds.kind import Deed, Kind, Stage

__all__ = ["KINDS", "Deed", "Kind", "Stage"]

KINDS: Final[dict[str, Kind]] = {
    one.name: one for one in (*abuse.KINDS, *fraud.KINDS, *operations.KINDS)
}
"""By name."""
