"""An order as a row of numbers for a forest: what it is, and when it came."""

import math
from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

from tallystick.limits import ENTITIES_MAX
from tallystick.watch.detect.feature import Feature, named
from tallystick.watch.detect.observation import OrderSeen

NAME = "random_cut_forest"
DAY_SECONDS = 86_400.0
GAP_SECONDS_MAX = 30 * DAY_SECONDS
"""A longer time without an order counts as this."""
GAP_SECONDS_FIRST = 3_600.0
"""An account's first order counts as this long after the one before: that alone is nothing odd."""
DISTANCE_BPS_MAX = 10_000.0
FEATURES = named(
    Feature(
        "forest_quantity", "log10", "Size of the order in the base currency, as its logarithm.",
        "ledger", (NAME,),
    ),
    Feature(
        "forest_distance", "log bps",
        "How far its price lies from the middle of the market, above 0 where that is to the"
        " client's cost; the logarithm of 1 and the distance.",
        "ledger", (NAME,),
    ),
    Feature(
        "forest_gap", "log10 s", "Time since the account's order before, as its logarithm.",
        "ledger", (NAME,),
    ),
    Feature("forest_hour_sine", "", "Time of day (UTC) on a circle: its sine.", "ledger", (NAME,)),
    Feature(
        "forest_hour_cosine", "", "Time of day (UTC) on a circle: its cosine.", "ledger", (NAME,)
    ),
)  # fmt: skip
NAMES = tuple(FEATURES)
Times = OrderedDict[str, float]


class OrderRows:
    """Makes rows of orders; knows of each account when its last order was, of the newest accounts.

    Whatever the order says, its row is of finite numbers.
    """

    def __init__(self) -> None:
        self._last: Times = OrderedDict()

    def row(self, order: OrderSeen) -> NDArray[np.float64]:
        """The order's row."""
        angle = 2 * math.pi * (order.at_seconds % DAY_SECONDS) / DAY_SECONDS
        numbers = (
            math.log10(max(order.quantity, 1e-9)) if math.isfinite(order.quantity) else 0.0,
            _distance(order),
            math.log10(max(self._gap(order), 1e-3)),
            math.sin(angle) if math.isfinite(angle) else 0.0,
            math.cos(angle) if math.isfinite(angle) else 0.0,
        )
        return np.array(numbers)

    def snapshot(self) -> list[tuple[str, float]]:
        """The accounts' last orders, for `restore`."""
        return list(self._last.items())

    def restore(self, last: list[tuple[str, float]]) -> None:
        """Go on from a snapshot."""
        self._last = OrderedDict(last)

    def _gap(self, order: OrderSeen) -> float:
        before = self._last.get(order.account)
        if math.isfinite(order.at_seconds):
            self._last[order.account] = order.at_seconds
            self._last.move_to_end(order.account)
            if len(self._last) > ENTITIES_MAX:
                self._last.popitem(last=False)
        gap = GAP_SECONDS_FIRST if before is None else order.at_seconds - before
        return min(max(gap, 0.0), GAP_SECONDS_MAX) if math.isfinite(gap) else GAP_SECONDS_FIRST


def _distance(order: OrderSeen) -> float:
    """Signed logarithm of the distance from the market in basis points; 0 without one."""
    price = order.fill_price if order.fill_price is not None else order.limit_price
    if price is None or order.mid is None or not order.mid > 0:
        return 0.0
    bps = (price - order.mid) / order.mid * 10_000
    if not math.isfinite(bps):
        return 0.0
    cost = bps if order.side == "buy" else -bps
    return math.copysign(math.log1p(min(abs(cost), DISTANCE_BPS_MAX)), cost)
