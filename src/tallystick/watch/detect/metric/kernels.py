"""The loops of the metric detector: score a point, then learn it, in constant time and memory.

A stream is a record of `state.STREAM`, the configuration one of `state.NUMBERS`. The sizes of what
is remembered are taken from the record's arrays, so that other sizes compile anew.
"""

import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.compiled import compiled

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Rows = NDArray[np.int64]

_FAMILIES = 4

# Numbers beyond these are taken for these, so that no square or sum of them overflows.
_VALUE_MAX = 1e150
_RESIDUAL_MAX = 1e9
_UNITS_MAX = 1e12
_FAR = np.float32(3e38)
# Remembered numbers are rebased when level or scale are this many scales away from theirs.
_REBASE = 1e4
# A scale is at least this share of the level: less is rounding of floating point.
_SCALE_FLOOR = 1e-7
# Points between two measurements of the scale, and of which one is sampled once the sample is full.
_MEASURED_EVERY = 16
_SAMPLED_EVERY = 6
# With fewer past states or numbers than this nothing is compared; of a gauge one in four is kept.
_KEPT_MIN = 8
_GAUGE_EVERY = 4
# What is less than half a day ago is not another day; a part of a day keeps one value in 5 minutes,
# and with fewer comparable values than this the long mean is expected instead.
_DAY_SECONDS = 86_400.0
_SAME_DAY_SECONDS = 43_200.0
_DAY_VALUE_SECONDS = 299.0
_COMPARABLE_MIN = 3
# Bins of surprise are 3.25 % wide; beyond this share of the largest the tail is an exponential. A
# histogram is halved when it counts this many, and nothing is called rarer than this.
_BIN = 0.0325
_TAIL = 0.02
_COUNTED_MAX = 40_000.0
_P_MIN = 1e-12
# A stream's age in points, where it weighs evidence: not over, as it is at, and added to it.
_AGE_MAX = 25_000.0
_AGE_AT_PAR = 1_000.0
_AGE_FLOOR = 100.0
# What the refractory period holds back is told as this share of the level.
_HELD_BACK = 0.999


@compiled
def drawn(stream: np.void, below: int) -> int:
    """A number from 0 to `below` - 1 of the stream's own generator (Knuth's MMIX congruence)."""
    stream["draw"] = stream["draw"] * np.uint64(6364136223846793005) + np.uint64(
        1442695040888963407
    )
    return int(np.int64((stream["draw"] >> np.uint64(33)) % np.uint64(below)))


@compiled
def place(stream: np.void, kept: int, room: int) -> int:
    """Where the next thing is kept: the next free place, or that of one forgotten at random."""
    if kept < room:
        return kept
    return drawn(stream, room)


@compiled
def within(number: float, bound: float) -> float:
    """The number, or the nearest one of the same sign that is within the bound."""
    return max(min(number, bound), -bound)


@compiled
def units(stream: np.void, value: float) -> float:
    """A value in the numbers that are remembered."""
    return within((value - stream["anchor"]) / stream["unit"], _UNITS_MAX)


@compiled
def rebase(stream: np.void) -> None:
    """Remember in other numbers when the stream has left the scale or the level of the old."""
    anchor, unit = stream["anchor"], stream["unit"]
    middle, scale = stream["middle"], stream["scale"]
    near = abs(middle - anchor) < _REBASE * scale
    if near and unit < _REBASE * scale and scale < _REBASE * unit:
        return
    stream["anchor"], stream["unit"] = middle, scale
    for i in range(stream["states"].shape[0]):
        for j in range(stream["states"].shape[1]):
            stream["states"][i, j] = units(stream, stream["states"][i, j] * unit + anchor)
    for i in range(stream["day"].shape[0]):
        for j in range(stream["day"].shape[1]):
            stream["day"][i, j] = units(stream, stream["day"][i, j] * unit + anchor)


@compiled
def measure(stream: np.void) -> None:
    """Take middle, scale and quantiles from the sample of past values."""
    held = min(stream["sampled"], len(stream["sample"]))
    ordered = np.sort(stream["sample"][:held])
    last = held - 1
    low, high = ordered[int(0.02 * last)], ordered[int(np.ceil(0.98 * last))]
    inner = ordered[int(0.9 * last)] - ordered[int(0.1 * last)]
    whole = ordered[last] - ordered[0]
    middle = ordered[held // 2]
    floor = _SCALE_FLOOR * abs(middle) + 1e-150
    stream["scale"] = max(inner / 2.56, (high - low) / 8.0, whole / 100.0, floor)
    stream["middle"], stream["low"], stream["high"] = middle, low, high
    rebase(stream)


@compiled
def sample(stream: np.void, value: float) -> None:
    """Keep the value in the sample, later one in six: it stands for a longer past."""
    room = len(stream["sample"])
    if stream["sampled"] < room or drawn(stream, _SAMPLED_EVERY) == 0:
        stream["sample"][place(stream, stream["sampled"], room)] = value
    stream["sampled"] += 1


@compiled
def nearest(past: Singles, held: int, state: Floats, far: Singles) -> int:
    """Which past state is nearest; leaves the squared distances in `far`."""
    for j in range(held):
        far[j] = 0.0
    for i in range(past.shape[0]):
        coordinate = np.float32(state[i])
        for j in range(held):
            step = past[i, j] - coordinate
            far[j] += step * step
    least = _FAR
    for j in range(held):
        least = min(least, far[j])
    for j in range(held):
        if far[j] <= least:
            return j
    return 0


@compiled
def novelty(stream: np.void, rules: np.void, value: float, far: Singles) -> float:
    """How far the state (value, short mean, long mean) is from any it was in, in scales."""
    means = stream["means"]
    for i in range(len(means)):
        means[i] += (value - means[i]) / min(rules["state_spans"][i], stream["seen"] + 1.0)
    states = stream["states"]
    held = min(stream["states_kept"], states.shape[1])
    stream["last_nearest"] = np.nan
    if held <= _KEPT_MIN:
        return 0.0
    state = np.empty(len(means))
    for i in range(len(means)):
        state[i] = units(stream, means[i])
    j = nearest(states, held, state, far)
    stream["last_nearest_at"] = stream["first_at"] + stream["states_at"][j]
    stream["last_nearest"] = states[0, j] * stream["unit"] + stream["anchor"]
    return float(np.sqrt(far[j] / len(means)) * stream["unit"] / stream["scale"])


@compiled
def keep_state(stream: np.void, at: float) -> None:
    """Let the oldest recent state join the past ones, and the present one wait in its place."""
    recent = stream["recent_states"]
    seat = stream["seen"] % recent.shape[1]
    if stream["seen"] >= recent.shape[1]:
        j = place(stream, stream["states_kept"], stream["states"].shape[1])
        for i in range(recent.shape[0]):
            stream["states"][i, j] = units(stream, recent[i, seat])
        stream["states_at"][j] = np.int32(
            within(stream["recent_at"][seat] - stream["first_at"], 2e9)
        )
        stream["states_kept"] += 1
    for i in range(recent.shape[0]):
        recent[i, seat] = stream["means"][i]
    stream["recent_at"][seat] = at


@compiled
def day_part(stream: np.void, at: float) -> int:
    """The part of the day (UTC) of a time."""
    parts = len(stream["day_kept"])
    return min(int((at % _DAY_SECONDS) / _DAY_SECONDS * parts), parts - 1)


@compiled
def seasonal(stream: np.void, at: float, value: float) -> float:
    """How far the value is from any about this time on earlier days, in scales.

    Leaves what was expected, and the band of what came then, for the explanation.
    """
    parts, room = stream["day"].shape
    now, scale = at - stream["first_at"], stream["scale"]
    here = units(stream, value)
    found, total, least, low, high = 0, 0.0, 1e300, 1e300, -1e300
    for part in range(day_part(stream, at) - 1, day_part(stream, at) + 2):
        b = part % parts
        for j in range(min(stream["day_kept"][b], room)):
            if abs(now - stream["day_at"][b, j]) > _SAME_DAY_SECONDS:
                then = stream["day"][b, j]
                found += 1
                total += then
                low, high = min(low, then), max(high, then)
                least = min(least, abs(here - then))
    if found < _COMPARABLE_MIN:
        usual = stream["means"][-1]
        stream["last_expected"] = usual
        stream["last_low"], stream["last_high"] = usual - 3.0 * scale, usual + 3.0 * scale
        return float(abs(value - usual) / scale)
    unit, anchor = stream["unit"], stream["anchor"]
    stream["last_expected"] = total / found * unit + anchor
    stream["last_low"] = low * unit + anchor - scale
    stream["last_high"] = high * unit + anchor + scale
    return float(least * unit / scale)


@compiled
def keep_day(stream: np.void, at: float, value: float) -> None:
    """Keep the value for later days, one in five minutes at most."""
    b = day_part(stream, at)
    kept, room = stream["day_kept"][b], stream["day"].shape[1]
    now = within(at - stream["first_at"], 2e9)
    if kept > 0 and abs(now - stream["day_at"][b, (kept - 1) % room]) < _DAY_VALUE_SECONDS:
        return
    stream["day"][b, kept % room] = units(stream, value)
    stream["day_at"][b, kept % room] = np.int32(now)
    stream["day_kept"][b] = kept + 1 if kept < 2 * room else room + (kept + 1) % room


@compiled
def gauge(stream: np.void, which: int, number: float, delay: int) -> float:
    """How far a number of the stream is from any that it was; learns it, compared with later."""
    past, recent = stream["gauge_past"][which], stream["gauge_recent"][which]
    held = min(stream["gauge_kept"][which], len(past))
    single = np.float32(number)
    least = _FAR
    for j in range(held):
        least = min(least, abs(past[j] - single))
    seat = stream["seen"] % delay
    if stream["seen"] >= delay and stream["seen"] % _GAUGE_EVERY == 0:
        past[place(stream, stream["gauge_kept"][which], len(past))] = recent[seat]
        stream["gauge_kept"][which] += 1
    recent[seat] = single
    return float(least) if held > _KEPT_MIN else 0.0


@compiled
def turbulence(stream: np.void, rules: np.void, value: float) -> float:
    """How unlike any past one the present spread around the long mean is, in its logarithm."""
    step = within((value - stream["means"][-1]) / stream["scale"], 20.0)
    stream["gauge"][0] += (step * step - stream["gauge"][0]) / min(
        rules["turbulence_span"], stream["seen"] + 1.0
    )
    spread = np.log(np.sqrt(stream["gauge"][0]) + 0.05)
    return gauge(stream, 0, spread, rules["turbulence_delay"])


@compiled
def extremes(stream: np.void, rules: np.void, value: float) -> float:
    """How unlike any past one the present share of extreme values (2 % at each end) is."""
    extreme = 1.0 if value > stream["high"] or value < stream["low"] else 0.0
    stream["gauge"][1] += (extreme - stream["gauge"][1]) / rules["extremes_span"]
    return gauge(stream, 1, stream["gauge"][1], rules["extremes_delay"])


@compiled
def rank(histogram: Singles, counted: float, position: float) -> float:
    """The share of past surprises at least as large; beyond the 98 % quantile an exponential."""
    b = int(position)
    j = len(histogram)
    above = 0.0
    excess = 1.0
    while j > 0 and above < _TAIL * counted:
        j -= 1
        excess += above
        above += histogram[j]
    if b <= j:
        more = histogram[b] * (1.0 - (position - b))
        for i in range(b + 1, len(histogram)):
            more += histogram[i]
        return float((more + 0.5) / (counted + 1.0))
    mean = max((excess + 0.5 * above) / (above + 1.0), 1.0)
    return float((above + 0.5) / (counted + 1.0) * np.exp(-(position - j) / mean))


@compiled
def judge(stream: np.void, rules: np.void, family: int, residual: float) -> float:
    """-log10 of a residual's p-value by the family's own past; learns the residual."""
    seen = stream["seen"]
    softening = rules["softening"][family]
    surprise = np.log1p(min(residual, _RESIDUAL_MAX) / softening)
    span = min(max(seen * rules["smoothing_share"], 1.0), rules["smoothing"])
    stream["surprise"][family] += (surprise - stream["surprise"][family]) / span
    histogram = stream["histogram"][family]
    position = min(stream["surprise"][family] / _BIN, len(histogram) - 1e-6)
    p = min(max(rank(histogram, stream["counted"], position), _P_MIN), 1.0)
    histogram[int(position)] += np.float32(1.0)
    stream["last_p"][family] = p
    return float(-np.log10(p))


@compiled
def weigh(stream: np.void, rules: np.void, at: float, value: float, far: Singles) -> float:
    """The evidence of all families that this point is odd: a power mean of log1p(-log10 p)."""
    residuals = (
        novelty(stream, rules, value, far),
        seasonal(stream, at, value),
        turbulence(stream, rules, value),
        extremes(stream, rules, value),
    )
    emphasis = rules["emphasis"]
    total = 0.0
    for family in range(_FAMILIES):
        surprise = np.log1p(judge(stream, rules, family, residuals[family]))
        total += rules["weights"][family] * surprise**emphasis
    stream["counted"] += 1.0
    if stream["counted"] >= _COUNTED_MAX:
        stream["counted"] *= 0.5
        for i in range(_FAMILIES):
            stream["histogram"][i] *= np.float32(0.5)
    return float((total / np.sum(rules["weights"])) ** (1.0 / emphasis))


@compiled
def tell(stream: np.void, rules: np.void, evidence: float) -> float:
    """The evidence that is told: within the refractory period only what is much stronger alarms.

    How much stronger than the last alarm falls with its age; what is held back is told as just
    under the alarm level.
    """
    span = min(
        max(stream["seen"] * rules["refractory_share"], rules["refractory_min"]),
        rules["refractory_max"],
    )
    needed = stream["alarm_evidence"] * rules["escalation"] * np.exp(-stream["alarm_age"] / span)
    stream["alarm_age"] += 1.0
    if stream["seen"] < rules["warm_up"] or evidence < max(rules["level"], needed):
        return float(min(evidence, rules["level"] * _HELD_BACK))
    stream["alarm_evidence"], stream["alarm_age"] = evidence, 0.0
    return evidence


@compiled
def begin(stream: np.void, at: float, value: float) -> None:
    """A stream's first point."""
    stream["first_at"] = at
    stream["anchor"] = value
    stream["unit"] = max(abs(value), 1e-12)
    stream["middle"] = stream["low"] = stream["high"] = value
    stream["scale"] = _SCALE_FLOOR * abs(value) + 1e-150
    for i in range(len(stream["means"])):
        stream["means"][i] = value


@compiled
def observe(stream: np.void, rules: np.void, ats: Floats, values: Floats, told: Floats) -> None:
    """Score each point of a stream (evidence into `told`), then learn it."""
    far = np.empty(stream["states"].shape[1], np.float32)
    for t in range(len(values)):
        told[t] = observe_point(stream, rules, ats[t], values[t], far)


@compiled
def observe_each(
    streams: NDArray[np.void], which: Rows, rules: np.void, at: float, values: Floats, p: Floats
) -> None:
    """Score, then learn, a point of each of several streams; `p` gets its p-value by each family.

    Those of the stream's point before where the value is no number.
    """
    far = np.empty(streams[0]["states"].shape[1], np.float32)
    for t in range(len(values)):
        stream = streams[which[t]]
        observe_point(stream, rules, at, values[t], far)
        p[t] = stream["last_p"]


@compiled
def observe_point(stream: np.void, rules: np.void, at: float, came: float, far: Singles) -> float:
    """Score a point, then learn it; its evidence. What is no number is passed over."""
    if not (np.isfinite(at) and np.isfinite(came)):
        return 0.0
    seen, value = stream["seen"], within(came, _VALUE_MAX)
    if seen == 0:
        begin(stream, at, value)
    elif seen % _MEASURED_EVERY == 0 or (seen < 4 * _MEASURED_EVERY and seen % 4 == 0):
        measure(stream)
    evidence = weigh(stream, rules, at, value, far)
    stream["last_joint"] = evidence
    age = min(seen, _AGE_MAX) + _AGE_FLOOR
    told = tell(stream, rules, evidence * (_AGE_AT_PAR / age) ** rules["age_power"])
    keep_state(stream, at)
    keep_day(stream, at, value)
    sample(stream, value)
    stream["last_at"], stream["last_value"], stream["last_told"] = at, value, told
    stream["seen"] = seen + 1
    return float(told)
