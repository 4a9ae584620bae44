"""What share of ordinary orders is as odd as the vector detector says: its tail, measured."""

import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.score import P_VALUE_MIN

MEASURED = (
    (0.0, 0.0),
    (1.0, 0.9),
    (2.0, 1.9),
    (3.0, 2.8),
    (4.0, 3.6),
    (5.0, 4.2),
    (6.0, 4.7),
    (8.0, 6.0),
    (18.0, 12.0),
)
"""-log10 of a p-value of `VectorStreams`, and of the share of ordinary rows that reach it.

Its p-values are honest to about 1 in 1,000 and too small beyond: the tails of what is rare are
longer than an exponential one. Of 354,000 ordinary orders of 420 simulated accounts (seven clean
streams of `tallystick detect bench trades`) 1.6e-3 reached 1e-3, 2.3e-4 reached 1e-4, 5e-5 reached
1e-5, 6e-6 reached 1e-6 and none 1e-7. On clean rows of other kinds 5e-5 reached 1e-5, 2e-5 reached
1e-6 and about 1e-6 reached 1e-8. Each number here is the larger share of the two, and the line goes
on about as steeply, down to where nothing is called rarer: rather too quiet than too loud."""
_RAW, _HONEST = (np.array(column) for column in zip(*MEASURED, strict=True))


def honest(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share of ordinary orders that are at least this odd; NaN stays NaN."""
    powers = -np.log10(np.clip(p_values, 1e-300, 1.0))
    shares = 10.0 ** -np.interp(powers, _RAW, _HONEST)
    return np.where(np.isnan(p_values), np.nan, np.clip(shares, P_VALUE_MIN, 1.0))
