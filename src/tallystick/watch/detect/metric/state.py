"""What is known of a stream of a metric, as one record of a NumPy array."""

import numpy as np

MEMORY_MAX = 2_000
"""Past states that a new one is compared with."""
DELAY = 64
"""Points for which a state waits before it may be compared with: longer than its longest mean."""
SAMPLE_MAX = 512
"""Past values of which the stream's middle and scale are taken."""
DAY_BINS = 48
"""Parts of a day whose usual value is known."""
BINS = 400
"""Bins of the histogram of a family's surprise."""
STATE_SPANS = (1.0, 8.0, 50.0)
"""Points over which the coordinates of a state are averaged."""
FAMILIES = ("novelty", "seasonal")
"""Views of a stream that are judged one by one, in the order of the records' columns."""
LEVELS = 3
"""Thresholds that have a refractory period of their own."""

STREAM = np.dtype(
    [
        ("seen", "i8"),
        ("draw", "u8"),
        ("first_at", "f8"),
        ("anchor", "f8"),
        ("unit", "f8"),
        ("middle", "f8"),
        ("scale", "f8"),
        ("held", "i8"),
        ("sample", "f8", (SAMPLE_MAX,)),
        ("sampled", "i8"),
        ("means", "f8", (len(STATE_SPANS),)),
        ("memory", "f4", (len(STATE_SPANS), MEMORY_MAX)),
        ("memory_at", "f8", (MEMORY_MAX,)),
        ("remembered", "i8"),
        ("waiting", "f8", (len(STATE_SPANS), DELAY)),
        ("waiting_at", "f8", (DELAY,)),
        ("day", "f8", (DAY_BINS,)),
        ("day_seen", "f8", (DAY_BINS,)),
        ("smoothed", "f8", (len(FAMILIES),)),
        ("histogram", "f4", (len(FAMILIES), BINS)),
        ("counted", "f8"),
        ("alarm_evidence", "f8", (LEVELS,)),
        ("alarm_age", "f8", (LEVELS,)),
        ("last_at", "f8"),
        ("last_value", "f8"),
        ("last_score", "f8"),
        ("last_expected", "f8"),
        ("last_low", "f8"),
        ("last_high", "f8"),
        ("last_p", "f8", (len(FAMILIES),)),
        ("last_joint", "f8"),
        ("last_nearest", "i8"),
    ]
)
"""One stream; the fields `last_*` are of its last point and feed its explanation only."""
