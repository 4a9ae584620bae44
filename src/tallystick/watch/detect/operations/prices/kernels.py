"""Kernel of the price feed: a batch of quotes and ticks of time, one after the other.

What is odd becomes a row of `Said.found` (columns F_*); the kernel gives the number of rows.
"""

import math

from tallystick.watch.detect.compiled import compiled
from tallystick.watch.detect.inlined import inlined
from tallystick.watch.detect.operations.kernels import Floats, Said, sketch_quantile
from tallystick.watch.detect.operations.prices import state as p
from tallystick.watch.detect.operations.prices.quality.kernels import (
    ABSURD_P,
    GAP_LEAST,
    MINUTE,
    crossed_p,
    end_minute,
    same_p,
    spread_absurd,
    tell_quote,
)
from tallystick.watch.detect.operations.prices.triangle.kernels import triangles_of_pair
from tallystick.watch.detect.operations.rhythm.kernels import (
    C_CELL,
    C_NOW,
    C_OPEN,
    R_AGE,
    R_LAST,
    R_TOLD,
    Rhythms,
    clock_tick,
    rhythm_event,
    rhythm_tick,
    usual_gap,
)

AGE_MIN_SECONDS = 10.0
"""No price is stale earlier."""
WHOLE_SECONDS = 5.0
"""While a source has quoted no pair for so long, no single pair of it is told."""


@compiled
def judge_prices(rows: p.QuoteRows, known: p.Known, alarm_p: float, said: Said) -> int:
    """Score every quote and every tick, in their order."""
    count = 0
    for row in range(len(rows.kind)):
        if rows.kind[row] == p.TICK:
            count = _tick(rows, row, known, alarm_p, said, count)
        else:
            count = _quote(rows, row, known, alarm_p, said, count)
    return count


@inlined
def _tick(
    rows: p.QuoteRows, row: int, known: p.Known, alarm_p: float, said: Said, count: int
) -> int:
    """A second later: who is silent?"""
    clock = known.clock
    before = int(clock[C_CELL])
    ended = clock_tick(clock, rows.at[row], rows.market_open[row] != 0)
    _count_pairs(known)
    minute = math.floor(clock[C_NOW] / MINUTE)
    for slot in range(known.sources_used):
        count = _judge_source(known, slot, row, ended, before, alarm_p, said, count)
    for slot in range(known.pairs_used):
        count = _judge_pair(known, slot, row, ended, before, alarm_p, said, count)
        if minute != known.pairs.price[slot, p.P_MINUTE]:
            count = end_minute(rows, row, known, slot, alarm_p, said, count)
    return count


@inlined
def _count_pairs(known: p.Known) -> None:
    """How many pairs each source quotes now."""
    known.sources.pairs[: known.sources_used] = 0.0
    for slot in range(known.pairs_used):
        source = int(known.pairs.price[slot, p.P_SOURCE]) - 1
        if source >= 0:
            known.sources.pairs[source] += 1.0


@inlined
def _judge_source(
    known: p.Known,
    slot: int,
    row: int,
    ended: bool,
    before: int,
    alarm_p: float,
    said: Said,
    count: int,
) -> int:
    """Is a source with several pairs silent as a whole?"""
    quotes, pairs, clock = known.sources.quotes, known.sources.pairs[slot], known.clock
    age = AGE_MIN_SECONDS
    p_value = rhythm_tick(quotes, slot, clock, ended, before, age, GAP_LEAST, alarm_p)
    if pairs > 1.0 and p_value < alarm_p:
        line = said.found[count]
        line[p.F_ROW], line[p.F_KIND], line[p.F_SLOT] = row, p.SILENT_SOURCE, slot
        line[p.F_P], line[p.F_F] = p_value, pairs
        _tell_silence(line, quotes, slot, clock)
        quotes.state[slot, R_TOLD] = 1.0
        count += 1
    return count


@inlined
def _judge_pair(
    known: p.Known,
    slot: int,
    row: int,
    ended: bool,
    before: int,
    alarm_p: float,
    said: Said,
    count: int,
) -> int:
    """Is a pair silent, or does its price stand still? Not again when its source was told."""
    pairs, clock = known.pairs, known.clock
    quotes, changes = pairs.quotes.state, pairs.changes.state
    age = AGE_MIN_SECONDS
    p_stale = rhythm_tick(pairs.quotes, slot, clock, ended, before, age, GAP_LEAST, alarm_p)
    p_frozen = rhythm_tick(pairs.changes, slot, clock, ended, before, age, GAP_LEAST, alarm_p)
    source = int(pairs.price[slot, p.P_SOURCE]) - 1
    if source >= 0 and known.sources.quotes.state[source, R_TOLD] > 0.0:
        quotes[slot, R_TOLD] = changes[slot, R_TOLD] = 1.0
        return count
    frozen = p_frozen < alarm_p and changes[slot, R_AGE] > quotes[slot, R_AGE]
    if not (p_stale < alarm_p or frozen) or _may_be_all(known, source):
        return count
    line = said.found[count]
    line[p.F_ROW], line[p.F_SLOT] = row, slot
    if p_stale < alarm_p:
        line[p.F_KIND], line[p.F_P], line[p.F_F] = p.STALE, p_stale, 0.0
        _tell_silence(line, pairs.quotes, slot, clock)
        quotes[slot, R_TOLD] = 1.0
    else:
        line[p.F_KIND], line[p.F_P] = p.FROZEN, p_frozen
        _tell_silence(line, pairs.changes, slot, clock)
        _tell_unchanged(line, pairs, slot)
    changes[slot, R_TOLD] = 1.0
    return count + 1


@inlined
def _may_be_all(known: p.Known, source: int) -> bool:
    """Whether the whole source may be about to fall silent: then it is told, not each pair."""
    if source < 0 or known.sources.pairs[source] < 2.0:
        return False
    silent: bool = known.sources.quotes.state[source, R_AGE] >= WHOLE_SECONDS
    return silent


@compiled
def _tell_silence(line: Floats, rhythms: Rhythms, slot: int, clock: Floats) -> None:
    """What the reason of a silence is made of."""
    line[p.F_A], line[p.F_B] = rhythms.state[slot, R_AGE], rhythms.state[slot, R_LAST]
    line[p.F_C] = usual_gap(rhythms, slot, clock, 0.5, GAP_LEAST)
    line[p.F_D] = usual_gap(rhythms, slot, clock, 0.99, GAP_LEAST)


@compiled
def _tell_unchanged(line: Floats, pairs: p.Pairs, slot: int) -> None:
    """How often the quote came again, and how often it usually does."""
    line[p.F_F] = pairs.price[slot, p.P_SAME]
    line[p.F_E] = math.exp(sketch_quantile(pairs.runs[slot], 0.99)) - 1.0


@inlined
def _quote(
    rows: p.QuoteRows, row: int, known: p.Known, alarm_p: float, said: Said, count: int
) -> int:
    """A quote: after what gap, unchanged how often, crossed or wide, and apart from others?"""
    clock, pairs, slot = known.clock, known.pairs, rows.slots[row]
    price, at, bid, ask = pairs.price[slot], rows.at[row], rows.bid[row], rows.ask[row]
    source = rows.sources[row]
    price[p.P_SOURCE] = source + 1.0
    p_gap = rhythm_event(pairs.quotes, slot, clock, at, alarm_p, GAP_LEAST)
    rhythm_event(known.sources.quotes, source, clock, at, alarm_p, GAP_LEAST)
    p_same = same_p(pairs, slot, bid, ask, at, clock, alarm_p)
    if p_same < alarm_p and pairs.changes.state[slot, R_TOLD] == 0.0:
        line = said.found[count]
        line[p.F_ROW], line[p.F_KIND], line[p.F_SLOT], line[p.F_P] = row, p.FROZEN, slot, p_same
        _tell_silence(line, pairs.changes, slot, clock)
        _tell_unchanged(line, pairs, slot)
        line[p.F_A] = at - pairs.changes.state[slot, R_LAST]
        pairs.changes.state[slot, R_TOLD] = 1.0
        count += 1
    price[p.P_BID], price[p.P_ASK], price[p.P_AT] = bid, ask, at
    price[p.P_QUOTES] += 1.0
    good, market_open = 0.0 < bid < ask < math.inf, clock[C_OPEN] > 0.0
    p_value, kind = crossed_p(price, good, clock) if market_open else math.nan, p.CROSSED
    if good and spread_absurd(price, bid, ask) and market_open:
        p_value, kind = ABSURD_P, p.WIDE
    if p_value < alarm_p:
        line = said.found[count]
        line[p.F_ROW], line[p.F_KIND], line[p.F_SLOT], line[p.F_P] = row, kind, slot, p_value
        tell_quote(line, price)
        count += 1
    elif good:
        price[p.P_GOOD_BID], price[p.P_GOOD_ASK], price[p.P_GOOD_AT] = bid, ask, at
        count = triangles_of_pair(known, slot, row, at, alarm_p, said, count)
    said.p_values[row] = _together(p_gap, p_value)
    return count


@inlined
def _together(one: float, other: float) -> float:
    """The smaller of two p-values, counted twice (Bonferroni); NaN where neither is one."""
    if math.isnan(one) or math.isnan(other):
        return other if math.isnan(one) else one
    return min(1.0, 2.0 * min(one, other))
