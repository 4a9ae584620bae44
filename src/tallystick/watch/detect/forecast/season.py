"""What is usual for an hour of the week, learnt step by step, and how far a series is from it."""

import numpy as np

from tallystick.watch.detect.forecast.hours import DAY_SECONDS

FORGETTING_MIN = 0.1
"""A slot's newest value weighs at least so much."""
CLASS_WEIGHT = 2.0
"""The same hour of like days counts as so many values of the hour of the week."""
UNCLIPPED = 10
LEVEL_STEPS = 200.0
"""The level of all values, and their usual deviation, are means over about so many steps."""
CLIP = 3.0
"""A value further off than so many usual deviations teaches only as much as those."""


class Season:
    """Usual values by hour of the week; until a week is known, by hour of working or weekend days.

    A step is named by how far it is into the trading week, in seconds. Daily series have a slot a
    weekday.
    """

    def __init__(self, step_seconds: int) -> None:
        self._step = step_seconds
        self._per_day = max(1, DAY_SECONDS // step_seconds)
        self._week_mean, self._week_count = np.zeros((2, 7 * self._per_day))
        self._day_mean, self._day_count = np.zeros((2, 2 * self._per_day))
        self._all_mean = self._all_count = self._scale = 0.0

    def usual(self, in_week: int) -> float:
        """What is usual in this step, as far as it is known now."""
        week, day = self._slots(in_week)
        known = self._day_count[day]
        like = (known * self._day_mean[day] + self._all_mean) / (known + 1.0)
        count = self._week_count[week]
        return float((count * self._week_mean[week] + CLASS_WEIGHT * like) / (count + CLASS_WEIGHT))

    def learn(self, in_week: int, value: float) -> float:
        """Learn a step's value; gives how far it was from what was usual before."""
        week, day = self._slots(in_week)
        rest = value - self.usual(in_week)
        limit = CLIP * self._scale
        kept = rest if self._all_count < UNCLIPPED else min(max(rest, -limit), limit)
        value += kept - rest
        self._all_count += 1.0
        long = min(self._all_count, LEVEL_STEPS)
        self._scale += (abs(kept) - self._scale) / long
        self._all_mean += (value - self._all_mean) / long
        self._week_count[week] += 1.0
        self._day_count[day] += 1.0
        rate = max(1.0 / self._week_count[week], FORGETTING_MIN)
        self._week_mean[week] += rate * (value - self._week_mean[week])
        rate = max(1.0 / self._day_count[day], FORGETTING_MIN / 2.0)
        self._day_mean[day] += rate * (value - self._day_mean[day])
        return rest

    def _slots(self, in_week: int) -> tuple[int, int]:
        in_day = min(in_week % DAY_SECONDS // self._step, self._per_day - 1)
        weekend = in_week >= 5 * DAY_SECONDS
        return in_week // DAY_SECONDS * self._per_day + in_day, in_day + weekend * self._per_day
