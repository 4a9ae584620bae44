"""What is known of a stream of a metric, as one record of a NumPy array of about 83 KiB."""

import numpy as np

FAMILIES = ("novelty", "seasonal", "turbulence", "extremes")
"""Views of a stream that are judged one by one, in the order of the record's columns."""
STATE_MEANS = 3
"""Running means that make a state: of one point, of some, of many."""
GAUGE_DELAY_MAX = 288
"""Most points for which a gauge's number waits before others are compared with it."""
_STATES_MAX = 3_072
_STATE_DELAY = 16
_GAUGES = 2
_GAUGE_VALUES_MAX = 1_024
_DAY_PARTS = 96
_DAY_VALUES_MAX = 16
_SAMPLE_MAX = 1_024
_BINS = 256

STREAM = np.dtype(
    [
        ("seen", "i8"),
        ("draw", "u8"),
        ("first_at", "f8"),
        # Values in the arrays of f4 are (value - anchor) / unit: exact enough for any scale.
        ("anchor", "f8"),
        ("unit", "f8"),
        # Of the sample of past values: middle, robust scale, and the 2 % quantiles.
        ("sample", "f8", (_SAMPLE_MAX,)),
        ("sampled", "i8"),
        ("middle", "f8"),
        ("scale", "f8"),
        ("low", "f8"),
        ("high", "f8"),
        # novelty: past states, when they were, and those too recent to be compared with.
        ("means", "f8", (STATE_MEANS,)),
        ("states", "f4", (STATE_MEANS, _STATES_MAX)),
        ("states_at", "i4", (_STATES_MAX,)),
        ("states_kept", "i8"),
        ("recent_states", "f8", (STATE_MEANS, _STATE_DELAY)),
        ("recent_at", "f8", (_STATE_DELAY,)),
        # seasonal: values of each part of the day, and when they were.
        ("day", "f4", (_DAY_PARTS, _DAY_VALUES_MAX)),
        ("day_at", "i4", (_DAY_PARTS, _DAY_VALUES_MAX)),
        ("day_kept", "i4", (_DAY_PARTS,)),
        # turbulence and extremes: a number each, and its past.
        ("gauge", "f8", (_GAUGES,)),
        ("gauge_past", "f4", (_GAUGES, _GAUGE_VALUES_MAX)),
        ("gauge_kept", "i8", (_GAUGES,)),
        ("gauge_recent", "f4", (_GAUGES, GAUGE_DELAY_MAX)),
        # The families' own past: smoothed surprise, and the histogram of it.
        ("surprise", "f8", (len(FAMILIES),)),
        ("histogram", "f4", (len(FAMILIES), _BINS)),
        ("counted", "f8"),
        # The last alarm: its evidence, and the points since.
        ("alarm_evidence", "f8"),
        ("alarm_age", "f8"),
        # The last point, for its explanation only.
        ("last_at", "f8"),
        ("last_value", "f8"),
        ("last_told", "f8"),
        ("last_joint", "f8"),
        ("last_p", "f8", (len(FAMILIES),)),
        ("last_expected", "f8"),
        ("last_low", "f8"),
        ("last_high", "f8"),
        ("last_nearest_at", "f8"),
        ("last_nearest", "f8"),
    ]
)
"""One stream. What grows is bounded by an array's length; a full one forgets at random."""

BLANK = np.zeros((), STREAM)
"""A stream of which nothing is known yet."""
BLANK["last_nearest"] = np.nan

NUMBERS = np.dtype(
    [
        ("warm_up", "f8"),
        ("state_spans", "f8", (STATE_MEANS,)),
        ("turbulence_span", "f8"),
        ("turbulence_delay", "i8"),
        ("extremes_span", "f8"),
        ("extremes_delay", "i8"),
        ("softening", "f8", (len(FAMILIES),)),
        ("weights", "f8", (len(FAMILIES),)),
        ("emphasis", "f8"),
        ("smoothing", "f8"),
        ("smoothing_share", "f8"),
        ("age_power", "f8"),
        ("refractory_share", "f8"),
        ("refractory_min", "f8"),
        ("refractory_max", "f8"),
        ("escalation", "f8"),
        ("level", "f8"),
    ]
)
"""The configuration as the kernels read it; `level` is the evidence that alarms."""
