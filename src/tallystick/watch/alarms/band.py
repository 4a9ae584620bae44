"""What a series is expected to be, and how far it usually is from that: the band of an alarm.

The expectation is the idea of the metric detector (`watch/detect/metric`): what came about this
time of the day on earlier days, and while there is no such day, what came last; of both the median.
The spread is that of the errors which this expectation made. Strictly causal: a reading gets the
band that was known before it came. In plain Python, as the server's process loads no compiler.
"""

from collections import OrderedDict
from collections.abc import Sequence
from statistics import median

import msgspec

from tallystick.clock import NS_PER_SECOND
from tallystick.watch.alarms.evaluate import Reading, is_data

SERIES_MAX = 256
"""Series that have a band (about 50 KiB each); the least recently used goes first."""
READINGS_MIN = 60
"""Readings of a series before it has a band."""
SLOTS = 96
"""Parts of a day (UTC) whose values are compared with each other: quarters of an hour."""
_DAY_SECONDS = 86_400
_SLOT_SECONDS = _DAY_SECONDS // SLOTS
DAYS = 14
"""Earlier days that are remembered."""
_COMPARABLE_MIN = 3
_RECENT_KEPT = 100
_ERRORS_KEPT = 500
_NORMAL_80 = 2.56  # the middle 80 % of a normal distribution is this many standard deviations wide
_RANGE_SHARE = 0.01
_LEVEL_SHARE = 1e-7
_VALUE_MAX = 1e150


class Course(msgspec.Struct):
    """What is known of one series; bounded whatever comes.

    `slots` holds, of each part of the day, the days (since the epoch), mean values and how many
    values they are of, oldest first. `recent` is a ring of what came last, `errors` one of how far
    that was from what was expected.
    """

    seen: int = 0
    recent: list[float] = []
    slots: dict[int, list[tuple[int, float, int]]] = {}
    errors: list[float] = []

    def band(self, at_seconds: int, width: float) -> tuple[float, float] | None:
        """Between what a value at this moment is usual; None while too little is known."""
        if self.seen < READINGS_MIN:
            return None
        middle, spread = self.expected(at_seconds), self.spread()
        return middle - width * spread, middle + width * spread

    def expected(self, at_seconds: int) -> float:
        """What is expected at this moment."""
        day, slot = divmod(at_seconds // _SLOT_SECONDS, SLOTS)
        past = [
            mean
            for shift in (-1, 0, 1)
            for then, mean, _ in self.slots.get((slot + shift) % SLOTS, ())
            if then - (slot + shift) // SLOTS < day
        ]
        return median(past if len(past) >= _COMPARABLE_MIN else self.recent)

    def spread(self) -> float:
        """The standard deviation of the errors, robust against a tenth of them at either end."""
        ordered = sorted(self.errors)
        last = len(ordered) - 1
        inner = ordered[round(0.9 * last)] - ordered[round(0.1 * last)]
        whole = ordered[last] - ordered[0]
        return max(
            inner / _NORMAL_80, _RANGE_SHARE * whole, _LEVEL_SHARE * abs(median(self.recent))
        )

    def learn(self, at_seconds: int, value: float) -> None:
        """Take a reading in; a number that is out of all proportion as a very large one."""
        value = max(-_VALUE_MAX, min(value, _VALUE_MAX))
        if self.seen:
            _keep(self.errors, value - self.expected(at_seconds), self.seen, _ERRORS_KEPT)
        _keep(self.recent, value, self.seen, _RECENT_KEPT)
        self.seen += 1
        day, slot = divmod(at_seconds // _SLOT_SECONDS, SLOTS)
        days = self.slots.setdefault(slot, [])
        if days and days[-1][0] == day:
            _, mean, count = days[-1]
            days[-1] = (day, mean + (value - mean) / (count + 1), count + 1)
        else:
            days.append((day, value, 1))
            del days[:-DAYS]


def _keep(ring: list[float], value: float, number: int, most: int) -> None:
    """Put the value where the oldest of the last `most` stands, or behind them."""
    if len(ring) < most:
        ring.append(value)
    else:
        ring[number % most] = value


class _Saved(msgspec.Struct):
    form: str
    courses: dict[str, Course]


_FORM = "band 1"
_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Saved)


class Bands:
    """The bands of many series: of every period, in the order of time, each reading once."""

    def __init__(self, series_max: int = SERIES_MAX) -> None:
        self._limit = max(1, series_max)
        self._courses: OrderedDict[str, Course] = OrderedDict()

    def __len__(self) -> int:
        return len(self._courses)

    def expect(self, series: str, reading: Reading, width: float) -> Reading:
        """The reading with the band that was known before it; then it is learnt.

        Without data, or while too little is known, it comes back without a band.
        """
        course = self._courses.get(series)
        if course is None:
            if len(self._courses) >= self._limit:
                self._courses.popitem(last=False)
            course = self._courses[series] = Course()
        self._courses.move_to_end(series)
        at_seconds = reading.at_ns // NS_PER_SECOND
        band = course.band(at_seconds, width)
        if is_data(reading.value):
            course.learn(at_seconds, reading.value)
        return reading if band is None else reading._replace(low=band[0], high=band[1])

    def expect_all(self, series: str, readings: Sequence[Reading], width: float) -> list[Reading]:
        """`expect` for each of them, oldest first."""
        return [self.expect(series, reading, width) for reading in readings]

    def preview(self, series: str, reading: Reading, width: float) -> Reading:
        """The reading with its band, of a period that still runs: nothing is learnt."""
        course = self._courses.get(series)
        band = None if course is None else course.band(reading.at_ns // NS_PER_SECOND, width)
        return reading if band is None else reading._replace(low=band[0], high=band[1])

    def forget(self, series: str) -> None:
        """The series begins anew."""
        self._courses.pop(series, None)

    def snapshot(self) -> bytes:
        """Everything learnt, for `restore`."""
        return _ENCODER.encode(_Saved(_FORM, dict(self._courses)))

    def restore(self, data: bytes) -> None:
        """Go on from a snapshot.

        Raises:
            ValueError: the bytes are no snapshot of bands; nothing has changed.
        """
        try:
            saved = _DECODER.decode(data)
        except msgspec.DecodeError as error:
            raise ValueError("These bytes are no snapshot of bands.") from error
        if saved.form != _FORM:
            raise ValueError(f"A snapshot of {saved.form!r}, but these are {_FORM!r}.")
        self._courses = OrderedDict(list(saved.courses.items())[-self._limit :])
