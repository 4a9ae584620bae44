"""Rhythms: gaps against what is expected, in watched seconds."""

import math
import random

import numpy as np

from tallystick.watch.detect.operations.kernels import BINS, SKETCH_WIDTH
from tallystick.watch.detect.operations.rhythm.kernels import (
    C_NOW,
    C_STEP,
    CELLS,
    CELLS_WIDTH,
    CLOCK_WIDTH,
    R_AGE,
    R_TOLD,
    RHYTHM_WIDTH,
    Rhythms,
    cell_of,
    clock_tick,
    rhythm_event,
    rhythm_tick,
    usual_gap,
)

TUESDAY = 1_790_683_200.0
HOUR = 3_600.0


class Beat:
    """One thing that comes again and again, and the clock that watches it."""

    def __init__(self, at: float = TUESDAY) -> None:
        self.clock = np.zeros(CLOCK_WIDTH)
        self.rhythms = Rhythms(
            np.zeros((1, RHYTHM_WIDTH)),
            np.zeros((1, CELLS_WIDTH)),
            np.zeros((1, SKETCH_WIDTH), np.float32),
        )
        self.at = at
        self.market_open = True

    def tick(self, seconds: int = 1) -> list[float]:
        """So many seconds of silence; the p-values of its age."""
        p_values = []
        for _ in range(seconds):
            self.at += 1.0
            before = int(self.clock[3])
            ended = clock_tick(self.clock, self.at, self.market_open)
            p_values.append(rhythm_tick(self.rhythms, 0, self.clock, ended, before, 10.0, 0.5, 1.0))
        return p_values

    def come(self, into: float = 0.0) -> float:
        """It comes, so long after the last tick; the p-value of the gap before it."""
        return rhythm_event(self.rhythms, 0, self.clock, self.at + into, 1e-6, 0.5)

    def usual(self, number: int = 2_000, mean: float = 3.0, seed: int = 1) -> None:
        """A past of exponential gaps."""
        chance = random.Random(seed)  # noqa: S311  a seeded law, no secret
        for _ in range(number):
            self.tick(1 + int(chance.expovariate(1 / mean)))
            self.come()

    @property
    def age(self) -> float:
        """Watched seconds since it came."""
        return float(self.rhythms.state[0, R_AGE])


def test_hours_have_cells() -> None:
    """A cell for each hour of a working day and of a weekend's day, UTC."""
    assert cell_of(TUESDAY // HOUR) == 12
    assert cell_of((TUESDAY + 4 * 24 * HOUR) // HOUR) == 24 + 12  # Saturday
    assert cell_of((TUESDAY + 6 * 24 * HOUR) // HOUR) == 12  # Monday
    assert cell_of(0.0) == 0


def test_a_silence_becomes_ever_less_likely() -> None:
    """Its p-value falls with each second, and passes one in a million after some dozen gaps."""
    beat = Beat()
    beat.usual()
    p_values = [p_value for p_value in beat.tick(200) if not math.isnan(p_value)]
    assert p_values == sorted(p_values, reverse=True)
    seconds = 200 - sum(p_value < 1e-6 for p_value in p_values)
    assert 30 < seconds < 150


def test_what_comes_in_its_rhythm_is_ordinary() -> None:
    """The gap's own p-value is about uniform."""
    beat = Beat()
    beat.usual()
    chance = random.Random(3)  # noqa: S311
    p_values = []
    for _ in range(2_000):
        beat.tick(1 + int(chance.expovariate(1 / 3.0)))
        p_values.append(beat.come())
    assert 0.05 < sum(p_value < 0.1 for p_value in p_values) / 2_000 < 0.2


def test_nothing_is_said_before_the_rhythm_is_known() -> None:
    """Fifty gaps come first."""
    beat = Beat()
    beat.usual(40)
    assert all(math.isnan(p_value) for p_value in beat.tick(500))


def test_a_slower_hour_is_no_silence() -> None:
    """When it slows down by and by, the recent rate follows."""
    beat = Beat()
    beat.usual(3_000, mean=1.0)
    for mean in (1.5, 2.2, 3.3, 5.0, 7.5, 11.0, 16.0):
        chance = random.Random(int(mean))  # noqa: S311
        for _ in range(150):
            assert not any(p < 1e-6 for p in beat.tick(1 + int(chance.expovariate(1 / mean))))
            beat.come()


def test_a_closed_market_does_not_count() -> None:
    """A weekend makes nothing old; the gap over it is not learnt."""
    beat = Beat()
    beat.usual()
    points = beat.rhythms.gaps[0, BINS]
    beat.market_open = False
    assert not any(p < 1e-6 for p in beat.tick(5_000))
    assert beat.age < 2
    assert math.isnan(beat.come())
    assert beat.rhythms.gaps[0, BINS] == points


def test_time_that_nobody_watched_does_not_count() -> None:
    """A process that stood still for a day finds everybody five seconds older; back is nothing."""
    beat = Beat()
    beat.usual()
    before = beat.age
    beat.at += 24 * HOUR
    beat.tick()
    assert beat.age == before + 5.0
    beat.at -= 10 * 24 * HOUR
    beat.tick()
    assert beat.age == before + 5.0
    now = beat.clock[C_NOW]
    clock_tick(beat.clock, math.nan, True)
    assert (beat.clock[C_STEP], beat.clock[C_NOW]) == (0.0, now)


def test_hours_in_which_it_never_comes_do_not_count() -> None:
    """What comes by day only is not missed at night, from the second night on."""
    beat = Beat(at=TUESDAY - 12 * HOUR)
    told = []
    for hour in range(24 * 5 - 12):
        for second in range(3_600):
            p_value = beat.tick()[0]
            if p_value < 1e-6:
                told.append(hour)
                beat.rhythms.state[0, R_TOLD] = 1.0
            if 8 <= hour % 24 < 18 and second % 5 == 0:
                beat.come()
    assert set(told) <= {18}  # the first evening
    assert beat.rhythms.cells[0, CELLS + 3] >= 2  # the night is known


def test_gaps_are_measured_between_the_ticks() -> None:
    """A tenth of a second after the tick, a tenth counts."""
    beat = Beat()
    beat.tick()
    beat.come(0.2)
    assert abs(beat.age + 0.2) < 1e-6
    beat.tick()
    assert abs(beat.age - 0.8) < 1e-6


def test_the_usual_gap_is_that_of_this_hour() -> None:
    """Quantiles of the gap, in seconds."""
    beat = Beat()
    beat.usual(4_000, mean=3.0)
    half, most = (usual_gap(beat.rhythms, 0, beat.clock, share, 0.5) for share in (0.5, 0.99))
    assert 1.5 < half < 5.0
    assert 8.0 < most < 30.0
