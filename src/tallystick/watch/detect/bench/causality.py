"""The proof that a detector sees no future: the same past under another future scores the same."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.bench.nab_score import Floats

Score = Callable[[Floats, Floats], Floats]
"""Scores of a whole series, given its times and values, by a detector that knows nothing yet."""
CUTS = (0.2, 0.5, 0.9)
"""Shares of a series after which another future begins."""


def first_leak(
    score: Score, at_seconds: Floats, values: Floats, cuts: Sequence[float] = CUTS
) -> int | None:
    """The first row whose score depends on a later row; None where none does.

    The series is scored as it is, and with everything after each cut changed: values far outside
    of all that came before (so that a minimum, a maximum or a mean of the whole would move), times
    ten times as far apart, and the end missing (so that a length would be noticed).
    """
    whole = score(at_seconds, values)
    for cut in cuts:
        rows = int(cut * len(values))
        for times, changed in _other_futures(at_seconds, values, rows):
            same = _equal(whole[:rows], score(times, changed)[:rows])
            if not same.all():
                return int(np.argmin(same))
    return None


def _other_futures(at_seconds: Floats, values: Floats, rows: int) -> list[tuple[Floats, Floats]]:
    spread = float(np.ptp(np.nan_to_num(values))) or 1.0
    wild = values.copy()
    wild[rows:] = 1e3 * spread * np.cos(np.arange(len(values) - rows))
    slow = at_seconds.copy()
    slow[rows:] += 9 * (slow[rows:] - slow[max(rows - 1, 0)])
    return [(slow, wild), (at_seconds[:rows], values[:rows])]


def _equal(one: Floats, other: Floats) -> NDArray[np.bool_]:
    return np.isclose(one, other, rtol=0, atol=0, equal_nan=True)
