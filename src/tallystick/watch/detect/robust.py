"""Robust statistics in bounded memory: what is usual here, and how rare is what came.

Three parts, used in a row. A `Profile` turns a value into a deviation from the entity's own recent
past (median and quantile spread, so that no single value moves them). A `Tail` turns deviations of
all entities into a p-value: their conformal rank, and beyond the 98 % quantile the predictive law
of an exponential tail. A `Streak` is for yes-or-no: a CUSUM of too many bad outcomes. Everything
is scored before it is learnt. Quantiles shrug off a tenth of outliers; what the tail's mean learns
is clipped (winsorised). So no outlier and no burst makes the next one look ordinary.
"""

import math
from array import array
from bisect import bisect_left, insort
from collections.abc import Iterable

from tallystick.watch.detect.score import P_VALUE_MIN

WARM_UP_POINTS = 20
"""Points an entity must have shown before anything about it is odd."""
PROFILE_POINTS = 128
"""Recent points that make an entity's profile."""
HABIT_POINTS = 3
"""An entity that has shown a value (or more) this often of late is not odd when it does again."""
HABIT_TOLERANCE = 1e-3
"""Values this near to each other are the same (windows keep single precision)."""
TAIL_POINTS = 2_048
"""Recent deviations, of all entities of one detector, that make its tail."""
TAIL_SHARE = 50
"""The tail begins above all but one in so many points: the 98 % quantile."""
TAIL_CLIP = 3.0
"""Mean excesses above the tail's beginning beyond which a deviation is learnt as this far."""
TAIL_MEAN_MIN = 0.25
"""Smallest mean excess believed, in spreads; a normal law has 0.37 above its 98 % quantile."""
PRIOR_POINTS = 1_024
PRIOR_SCALE = 0.6
"""A new tail starts with this many quantiles of a Laplace law of this scale (heavier than a normal
law), which real points displace one by one."""
STREAK_PRIOR_SHARE = 0.05
STREAK_PRIOR_POINTS = 10
"""A new streak believes in this share of bad outcomes as if it had seen so many outcomes."""
STREAK_SHARE_MIN = 0.02
STREAK_SHARE_MAX = 0.98
"""However rarely (or always) it went wrong, the usual share is believed to lie between these."""
STREAK_POINTS = 500.0
"""Outcomes over which the usual share is averaged."""
STREAK_CALM_MAX = 4.0
"""Evidence above which outcomes teach only a tenth: a storm is no habit yet."""
STREAK_EVIDENCE_MAX = 16.0
"""Evidence is not piled up beyond this, so that a storm that ended is soon forgotten."""

_Q10_TO_Q90_OF_NORMAL = 2.5631


class Window:
    """The last `size` values (single precision), in order of arrival and in order of size."""

    __slots__ = ("_next", "_ring", "_size", "ordered")

    def __init__(self, size: int, values: Iterable[float] = ()) -> None:
        self._size = size
        self._ring = array("f", values)[-size:]
        self._next = 0
        self.ordered = array("f", sorted(self._ring))

    def __len__(self) -> int:
        return len(self._ring)

    def add(self, value: float) -> None:
        """Take `value` in; the oldest goes when the window is full."""
        ring, ordered, at = self._ring, self.ordered, self._next
        if len(ring) < self._size:
            ring.append(value)
            insort(ordered, ring[-1])
            return
        del ordered[bisect_left(ordered, ring[at])]
        ring[at] = value
        insort(ordered, ring[at])
        self._next = (at + 1) % self._size

    def to_bytes(self) -> bytes:
        """The values, oldest first, as this machine's 4-byte floats."""
        return (self._ring[self._next :] + self._ring[: self._next]).tobytes()

    @classmethod
    def from_bytes(cls, size: int, data: bytes) -> "Window":
        """The window that `to_bytes` wrote.

        Raises:
            ValueError: the bytes are no finite 4-byte floats.
        """
        values = array("f")
        values.frombytes(data)
        if not all(map(math.isfinite, values)):
            raise ValueError("a window holds a value that is no number")
        return cls(size, values)


class Profile:
    """What is usual for one entity; `spread_min` keeps one that never varies from being brittle."""

    __slots__ = ("_spread_min", "window")

    def __init__(self, spread_min: float, window: Window | None = None) -> None:
        self._spread_min = spread_min
        self.window = Window(PROFILE_POINTS) if window is None else window

    def deviation(self, value: float) -> float | None:
        """Spreads above (or below, negative) the median; None while warming up."""
        ordered = self.window.ordered
        count = len(ordered)
        if count < WARM_UP_POINTS:
            return None
        tenth = count // 10
        spread = (ordered[-1 - tenth] - ordered[tenth]) / _Q10_TO_Q90_OF_NORMAL
        return (value - ordered[count // 2]) / max(spread, self._spread_min)

    def habit(self, value: float) -> float:
        """The share of the entity's own points that reach `value`; 0 below HABIT_POINTS points."""
        ordered = self.window.ordered
        reached = len(ordered) - bisect_left(ordered, value - HABIT_TOLERANCE)
        return reached / (len(ordered) + 1) if reached >= HABIT_POINTS else 0.0

    def usual(self) -> tuple[float, float]:
        """The 5 % and 95 % quantiles."""
        ordered = self.window.ordered
        twentieth = len(ordered) // 20
        return ordered[twentieth], ordered[-1 - twentieth]


class Tail:
    """How rare a deviation is, from the recent deviations of every entity together."""

    __slots__ = ("window",)

    def __init__(self, window: Window | None = None) -> None:
        self.window = Window(TAIL_POINTS, _prior()) if window is None else window

    def p_value(self, deviation: float) -> float:
        """The share of ordinary deviations that are at least this large, P_VALUE_MIN to 1.

        Above the tail's beginning u, with k excesses that sum to s: an exponential tail of unknown
        mean exceeds u + x with the predictive probability (1 + x/s)**-k, which is honest about how
        little k excesses know.
        """
        ordered = self.window.ordered
        count = len(ordered)
        number = count // TAIL_SHARE
        over = deviation - ordered[-number - 1]
        if over <= 0:
            return (count - bisect_left(ordered, deviation) + 1) / (count + 1)
        beyond = math.exp(-number * math.log1p(over / self._excess(number)))
        return max(P_VALUE_MIN, (number + 1) / (count + 1) * beyond)

    def learn(self, deviation: float) -> None:
        """Remember `deviation`, clipped where the tail has become thin."""
        ordered = self.window.ordered
        number = len(ordered) // TAIL_SHARE
        start = ordered[-number - 1]
        if deviation > start:
            deviation = min(deviation, start + TAIL_CLIP * self._excess(number) / number)
        self.window.add(deviation)

    def _excess(self, number: int) -> float:
        """By how much the largest `number` deviations exceed the tail's beginning, together."""
        ordered = self.window.ordered
        total = sum(ordered[-number:]) - number * ordered[-number - 1]
        return max(total, number * TAIL_MEAN_MIN)


StreakState = tuple[float, float, float, int, int]


class Streak:
    """Too many bad outcomes in a row, against the usual share (CUSUM of Page 1954).

    `share` is the usual share of bad outcomes, `evidence` the log-likelihood ratio in favour of
    a share half-way to "always". exp(-evidence) bounds how often ordinary outcomes pile up that
    much: the mean time between false alarms at h is at least exp(h) outcomes (Lorden 1971).
    """

    __slots__ = ("bad", "evidence", "outcomes", "recent", "share")

    def __init__(self) -> None:
        self.share = STREAK_PRIOR_SHARE
        self.outcomes = 0.0
        self.evidence = 0.0
        self.bad = self.recent = 0

    def observe(self, *, bad: bool) -> float | None:
        """The p-value of the streak up to here (None while warming up); then learns.

        `bad` of the `recent` outcomes since the evidence was last nothing were bad.
        """
        if not bad and not self.evidence:  # almost always: what speaks against is not counted
            warm = self.outcomes >= WARM_UP_POINTS
            self.bad = self.recent = 0
            self._learn(bad=False, pace=1.0)
            return 1.0 if warm else None
        usual = min(max(self.share, STREAK_SHARE_MIN), STREAK_SHARE_MAX)
        feared = (1 + usual) / 2
        step = math.log(feared / usual) if bad else math.log((1 - feared) / (1 - usual))
        warm = self.outcomes >= WARM_UP_POINTS
        evidence = min(max(0.0, self.evidence + step), STREAK_EVIDENCE_MAX) if warm else 0.0
        self.bad, self.recent = (self.bad + bad, self.recent + 1) if evidence else (0, 0)
        self.evidence = evidence
        self._learn(bad=bad, pace=1.0 if evidence <= STREAK_CALM_MAX else 0.1)
        return max(P_VALUE_MIN, math.exp(-evidence)) if warm else None

    def _learn(self, *, bad: bool, pace: float) -> None:
        self.outcomes = min(self.outcomes + pace, STREAK_POINTS)
        self.share += pace * (bad - self.share) / (self.outcomes + STREAK_PRIOR_POINTS)

    def to_state(self) -> StreakState:
        """Everything it knows."""
        return self.share, self.outcomes, self.evidence, self.bad, self.recent

    @classmethod
    def from_state(cls, state: StreakState) -> "Streak":
        """The streak that `to_state` wrote."""
        streak = cls()
        streak.share, streak.outcomes, streak.evidence, streak.bad, streak.recent = state
        return streak


def _prior() -> list[float]:
    """PRIOR_POINTS quantiles of a Laplace law, in an order that fades evenly."""
    stride = 389  # coprime to the number of points: neighbours in time are far apart in size
    ranks = ((i * stride % PRIOR_POINTS + 0.5) / PRIOR_POINTS for i in range(PRIOR_POINTS))
    return [
        PRIOR_SCALE * (math.log(2 * rank) if rank < 0.5 else -math.log(2 * (1 - rank)))
        for rank in ranks
    ]
