"""The trading clock: the market's own day begins at 17:00 in New York, and its week on Sunday."""

from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

NEW_YORK = ZoneInfo("America/New_York")
DAY_SECONDS = 86_400
WEEK_SECONDS = 7 * DAY_SECONDS
HOUR_SECONDS = 3_600
ROLL_SECONDS = 7 * HOUR_SECONDS
"""From 17:00 in New York to the midnight on which the trading day is dated."""
MONDAY_SECONDS = 4 * DAY_SECONDS
"""The epoch began on a Thursday: the first Monday came so much later."""

Seconds = NDArray[np.int64]


def in_trading_week(at: Seconds) -> Seconds:
    """How far each moment (seconds since the epoch) is into the trading week, 0 to a week.

    0 is Sunday 17:00 in New York; summer time is followed there, so that an hour of the trading
    week is the same hour for the market in summer and winter.
    """
    hours, place = np.unique(at // HOUR_SECONDS, return_inverse=True)
    local = [datetime.fromtimestamp(int(hour) * HOUR_SECONDS, NEW_YORK) for hour in hours]
    offsets = np.array([offset.total_seconds() for each in local if (offset := each.utcoffset())])
    shifted = at + offsets.astype(np.int64)[place] + ROLL_SECONDS
    week: Seconds = (shifted - MONDAY_SECONDS) % WEEK_SECONDS
    return week


def is_closed(at: Seconds) -> NDArray[np.bool_]:
    """Whether the market is closed: from Friday to Sunday 17:00 in New York."""
    return in_trading_week(at) >= 5 * DAY_SECONDS
