"""Series with a known shape: a trading day, a level that wanders, and noise."""

import numpy as np

from tallystick.watch.detect.forecast.hours import is_closed
from tallystick.watch.detect.forecast.series import Series

MONDAY = 1_767_571_200
"""2026-01-05 00:00 UTC, in seconds since the epoch."""


def seasonal(steps: int = 1_000, step: int = 3_600, seed: int = 1, noise: float = 0.3) -> Series:
    """Hourly volumes: ten times busier at the day's top, with a slowly wandering level."""
    chance = np.random.default_rng(seed)
    at = MONDAY + np.arange(2 * steps) * step
    at = at[~is_closed(at)][:steps]
    level = np.cumsum(chance.normal(0, 0.02, steps))
    hour = at % 86_400 / 3_600
    shape = 1.2 + np.sin((hour - 8) / 24 * 2 * np.pi)
    values = 100 * np.exp(shape + level + chance.normal(0, noise, steps))
    return Series("EUR/USD", "volume", "EUR", step, at, values)
