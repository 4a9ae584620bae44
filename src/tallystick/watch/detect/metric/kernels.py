"""The loops of the metric detector: score a point, then learn it, in constant time and memory."""

import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.compiled import compiled
from tallystick.watch.detect.metric.state import (
    BINS,
    DAY_BINS,
    DELAY,
    FAMILIES,
    LEVELS,
    MEMORY_MAX,
    SAMPLE_MAX,
    STATE_SPANS,
)

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

_SPANS = np.array(STATE_SPANS)
_STATES = len(STATE_SPANS)
_FAMILIES = len(FAMILIES)
_DAY_SECONDS = 86_400.0
_LOWEST = -5.0
_WIDTH = 13.0 / BINS
_TAIL = 0.02
_P_MIN = 1e-12
_FAR = np.float32(3e38)
_VALUE_MAX = 1e15


@compiled
def drawn(stream: np.void, below: int) -> int:
    """A number from 0 to `below` of the stream's own generator (Knuth's MMIX congruence)."""
    stream["draw"] = stream["draw"] * np.uint64(6364136223846793005) + np.uint64(
        1442695040888963407
    )
    return int(np.int64((stream["draw"] >> np.uint64(33)) % np.uint64(below)))


@compiled
def measure(stream: np.void) -> None:
    """Take the stream's middle and scale from its sample of past values."""
    held = min(stream["sampled"], SAMPLE_MAX)
    ordered = np.sort(stream["sample"][:held])
    last = held - 1
    inner = ordered[int(0.9 * last)] - ordered[int(0.1 * last)]
    outer = ordered[int(np.ceil(0.98 * last))] - ordered[int(0.02 * last)]
    whole = ordered[last] - ordered[0]
    stream["middle"] = ordered[held // 2]
    floor = 1e-9 * abs(stream["middle"]) + 1e-12
    stream["scale"] = max(inner / 2.56, outer / 8.0, whole / 100.0, floor)


@compiled
def sample(stream: np.void, value: float) -> None:
    """Keep the value in the sample of past ones; a full sample forgets at random."""
    if stream["sampled"] < SAMPLE_MAX:
        stream["sample"][stream["sampled"]] = value
    elif drawn(stream, 6) == 0:
        stream["sample"][drawn(stream, SAMPLE_MAX)] = value
    stream["sampled"] += 1


@compiled
def nearest(memory: Singles, held: int, state: Singles, far: Singles) -> int:
    """Which of the remembered states is nearest; leaves the squared distances in `far`."""
    for j in range(held):
        far[j] = 0.0
    for i in range(memory.shape[0]):
        coordinate = state[i]
        for j in range(held):
            step = memory[i, j] - coordinate
            far[j] += step * step
    least = _FAR
    for j in range(held):
        least = min(least, far[j])
    for j in range(held):
        if far[j] == least:
            return j
    return -1


@compiled
def rank(histogram: Singles, counted: float, position: float) -> float:
    """The share of past surprises at least as large; beyond the 98 % quantile an exponential."""
    b = int(position)
    above = 0.0
    j = BINS
    while j > 0 and above < _TAIL * counted:
        j -= 1
        above += histogram[j]
    if b <= j:
        more = histogram[b] * (1.0 - (position - b))
        for i in range(b + 1, BINS):
            more += histogram[i]
        return float((more + 0.5) / (counted + 1.0))
    excess = 1.0
    for i in range(j, BINS):
        excess += histogram[i] * (i + 0.5 - j)
    mean = max(excess / (above + 1.0), 1.0)
    return float((above + 0.5) / (counted + 1.0) * np.exp(-(position - j) / mean))


@compiled
def judge(stream: np.void, family: int, residual: float, smoothing: float, soft: float) -> None:
    """Turn a family's residual into a p-value by the family's own past, and learn it."""
    seen = stream["seen"]
    span = min(max(seen / 40.0, 1.0), smoothing)
    surprise = np.log(residual + soft)
    mean = stream["smoothed"][family]
    mean = surprise if seen < 2 else mean + (surprise - mean) / span
    stream["smoothed"][family] = mean
    position = min(max((mean - _LOWEST) / _WIDTH, 0.0), BINS - 1e-6)
    histogram = stream["histogram"][family]
    p = rank(histogram, stream["counted"], position) if seen > 0 else 1.0
    stream["last_p"][family] = min(max(p, _P_MIN), 1.0)
    histogram[int(position)] += np.float32(1.0)


@compiled
def remember(stream: np.void, at: float) -> None:
    """Let the state that waited long enough into the memory, and the present one wait."""
    seat = stream["seen"] % DELAY
    if stream["seen"] >= DELAY:
        if stream["remembered"] < MEMORY_MAX:
            place = stream["remembered"]
        else:
            place = drawn(stream, MEMORY_MAX)
        for i in range(_STATES):
            stream["memory"][i, place] = stream["waiting"][i, seat]
        stream["memory_at"][place] = stream["waiting_at"][seat]
        stream["remembered"] += 1
    for i in range(_STATES):
        stream["waiting"][i, seat] = (stream["means"][i] - stream["anchor"]) / stream["unit"]
    stream["waiting_at"][seat] = at


@compiled
def novelty(stream: np.void, value: float, state: Singles, far: Singles) -> float:
    """How far the stream's state is from the nearest that it was in, in scales."""
    for i in range(_STATES):
        mean = stream["means"][i]
        mean += (value - mean) / min(_SPANS[i], stream["seen"] + 1.0)
        stream["means"][i] = mean
        state[i] = (mean - stream["anchor"]) / stream["unit"]
    held = min(stream["remembered"], MEMORY_MAX)
    stream["last_nearest"] = -1
    if held <= 8:
        return 0.0
    j = nearest(stream["memory"], held, state, far)
    stream["last_nearest"] = j
    return float(np.sqrt(far[j] / _STATES) * stream["unit"] / stream["scale"])


@compiled
def seasonal(stream: np.void, at: float, value: float) -> float:
    """How far the value is from the usual one of this time of the day, in scales; learns it."""
    b = min(int((at % _DAY_SECONDS) / _DAY_SECONDS * DAY_BINS), DAY_BINS - 1)
    usual = stream["day"][b]
    scale = stream["scale"]
    seen = stream["day_seen"][b]
    expected = usual if seen > 0 else stream["means"][_STATES - 1]
    stream["last_expected"] = expected
    step = value - usual
    if seen > 5:
        step = max(min(step, 4.0 * scale), -4.0 * scale)
    stream["day_seen"][b] = seen + 1.0
    stream["day"][b] = usual + step / min(seen + 1.0, 20.0)
    return float(abs(value - expected) / scale)


@compiled
def decide(stream: np.void, evidence: float, levels: Floats, rules: Floats) -> float:
    """The evidence that is told: held back during the refractory period of each level."""
    share, least, most, escalation, warm_up = rules[0], rules[1], rules[2], rules[3], rules[4]
    span = min(max(stream["seen"] * share, least), most)
    told = min(evidence, levels[0] * 0.999)
    for k in range(LEVELS):
        stream["alarm_age"][k] += 1.0
        if evidence >= levels[k] and stream["seen"] >= warm_up:
            age = stream["alarm_age"][k] - 1.0
            needed = stream["alarm_evidence"][k] * escalation * (1.0 - age / span)
            if evidence >= needed:
                stream["alarm_evidence"][k] = evidence
                stream["alarm_age"][k] = 0.0
                told = min(evidence, levels[k + 1] * 0.999) if k + 1 < LEVELS else evidence
    return float(told)


@compiled
def begin(stream: np.void, at: float, value: float) -> None:
    """A new stream's first point."""
    stream["first_at"] = at
    stream["anchor"] = value
    stream["unit"] = max(abs(value), 1e-9)
    stream["middle"] = value
    stream["scale"] = 1e-9 * abs(value) + 1e-12
    for i in range(_STATES):
        stream["means"][i] = value


@compiled
def observe(
    stream: np.void, ats: Floats, values: Floats, levels: Floats, rules: Floats, out: Floats
) -> None:
    """Score each point (evidence into `out`), then learn it; what is no number is passed over."""
    state = np.empty(_STATES, np.float32)
    far = np.empty(MEMORY_MAX, np.float32)
    for t in range(len(values)):
        at, value = ats[t], values[t]
        out[t] = 0.0
        if not (np.isfinite(at) and np.isfinite(value)):
            continue
        value = max(min(value, _VALUE_MAX), -_VALUE_MAX)
        seen = stream["seen"]
        if seen == 0:
            begin(stream, at, value)
        elif seen % 16 == 0 or (seen < 64 and seen % 4 == 0):
            measure(stream)
        judge(stream, 0, novelty(stream, value, state, far), rules[5], rules[6])
        judge(stream, 1, seasonal(stream, at, value), rules[5], rules[6])
        stream["counted"] += 1.0
        evidence = 0.0
        for family in range(_FAMILIES):
            evidence += np.log1p(-np.log10(stream["last_p"][family])) / _FAMILIES
        stream["last_joint"] = 10.0 ** -np.expm1(evidence)
        evidence *= (1000.0 / (seen + 100.0)) ** rules[7]
        out[t] = decide(stream, evidence, levels, rules)
        remember(stream, at)
        sample(stream, value)
        stream["seen"] = seen + 1
        stream["last_at"] = at
        stream["last_value"] = value
        stream["last_score"] = out[t]
