"""What the kernels of prices work on: columns, and what stands in them."""

from typing import NamedTuple

from tallystick.watch.detect.operations.kernels import Floats, Rows, Sketch
from tallystick.watch.detect.operations.rhythm.kernels import Rhythms

QUOTE, TICK = 0, 1
"""Kinds of rows."""
STALE, FROZEN, SILENT_SOURCE, CROSSED, WIDE, APART = range(6)
"""Kinds of findings: no quote, no new price, no quote of a whole source; bid at or above ask, a
spread blown up, and a price apart from what two others make of it."""
F_ROW, F_KIND, F_SLOT, F_P, F_A, F_B, F_C, F_D, F_E, F_F = range(10)
"""Columns of a finding."""
FOUND_WIDTH = 10

P_BID, P_ASK, P_AT, P_SAME, P_QUOTES, P_SOURCE = range(6)
"""Columns of a pair: its last quote, how often it came again unchanged, quotes seen, and
its source's row plus 1."""
P_PERIOD, P_CROSSED_NOW, P_PERIODS, P_CROSSED_PERIODS, P_RUN, P_SHARE = range(6, 12)
"""The period it is in, whether it was crossed in it, all its periods and the crossed ones; crossed
quotes in a row, and the usual share of quotes that begin such a run."""
P_MINUTE, P_LEAST, P_IN_MINUTE, P_USUAL = range(12, 16)
"""The minute it is in, that minute's smallest spread and its quotes; the usual logarithm of it."""
P_GOOD_BID, P_GOOD_ASK, P_GOOD_AT = range(16, 19)
"""The last quote that was as it should be."""
PRICE_WIDTH = 19
X_RUN, X_SINCE, X_LEAST, X_TOLD, X_LEARNT, X_SPREADS = range(6)
"""Columns of a triangle: quotes in a row beyond all three spreads, since when, the least of them,
whether it was told, when it last learnt, and the error of the last in spreads."""
TRIANGLE_WIDTH = 6
PAIR_TRIANGLES_MAX = 24
"""Most triangles that one pair is part of."""


class QuoteRows(NamedTuple):
    """Quotes and ticks in columns; `rolling`: spreads are wide by the calendar."""

    kind: Rows
    slots: Rows
    sources: Rows
    at: Floats
    bid: Floats
    ask: Floats
    market_open: Rows
    rolling: Rows


class Pairs(NamedTuple):
    """What is known of the pairs: of their quotes, and of their changes."""

    price: Floats
    quotes: Rhythms
    changes: Rhythms
    spreads: Sketch
    runs: Sketch


class Sources(NamedTuple):
    """What is known of the sources; `pairs`: how many each quotes."""

    pairs: Floats
    quotes: Rhythms


class Triangles(NamedTuple):
    """Triples of pairs: rows and signs of the legs, what is known, and those of each pair."""

    legs: Rows
    signs: Floats
    state: Floats
    errors: Sketch
    of_pair: Rows


class Known(NamedTuple):
    """Everything, and how many rows of pairs and sources are in use."""

    clock: Floats
    pairs: Pairs
    sources: Sources
    triangles: Triangles
    pairs_used: int
    sources_used: int
