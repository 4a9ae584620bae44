"""How rare a number is: histograms of what came before, and the tails beyond them."""

import numpy as np

from tallystick.watch.detect.compiled import compiled
from tallystick.watch.detect.inlined import inlined
from tallystick.watch.detect.vector.state import BINS, F4, F8, Numbers, Shared

TAIL = 0.02
"""Beyond this share of a history an exponential tail is fitted."""
RATE_MIN = 0.25
"""The tail's mean excess is at least this, in bins."""
LOWS = np.array([-6.0, -3.0, 0.0, -16.0, 0.0])
STEPS = np.array([0.5, 0.25, 0.16, 0.25, 0.2])
"""Where the histograms of the looks, and of their sum, begin, and how wide their bins are."""
VALUES_STEP = 12.0 / BINS
VALUES_LOW = -VALUES_STEP * (BINS + 1) / 2
"""Where the histograms of deviations begin, as their area sines, and how wide their bins are."""


@inlined
def tail_p(
    own: F4, others: F8, others_rows: float, value: float, k: int, most: float
) -> tuple[float, float]:
    """The share of a history at or above the value, and the value as it is to be remembered.

    The history is one's own counts with the others', who count as so many rows. Below the tail the
    share is interpolated within its bin; beyond, it falls off exponentially with the tail's own
    mean excess, and is remembered as at most `most` of them: what is odd must not teach that
    oddness is usual faster than it comes.
    """
    at = max((value - LOWS[k]) / STEPS[k], 0.0)
    total, all_others = 0.0, 0.0
    for b in range(BINS):
        total += own[b]
        all_others += others[b]
    share = others_rows / all_others if all_others > 0.0 else 0.0
    total += share * all_others
    if total <= 0.0:
        return 1.0, value
    start, rate = tail_of(own, others, share, TAIL * total, most)
    if at >= start:
        kept = LOWS[k] + STEPS[k] * min(at, start + most * rate)
        return TAIL * np.exp((start - at) / rate), kept
    c = int(at)
    higher = (own[c] + share * others[c]) * (c + 1.0 - at)
    for b in range(c + 1, BINS):
        higher += own[b] + share * others[b]
    return min(max(higher / total, TAIL), 1.0), value


@inlined
def tail_of(own: F4, others: F8, share: float, limit: float, most: float) -> tuple[float, float]:
    """Where the last `limit` counts of a histogram begin, and their mean excess, in bins.

    Corrected for what was remembered as `most` mean excesses and was more.
    """
    above, excess = 0.0, 0.0
    b = BINS - 1
    here = own[b] + share * others[b]
    while b > 0 and above + here <= limit:
        above += here
        excess += here * (b + 0.5)
        b -= 1
        here = own[b] + share * others[b]
    inside = (limit - above) / here if here > 0.0 else 0.0
    start = b + 1.0 - inside
    excess += (limit - above) * (b + 1.0 - inside / 2)
    return start, max((excess / limit - start) / (1.0 - np.exp(-most)), RATE_MIN)


@inlined
def bin_of(at: float) -> int:
    """The histogram's bin at this place; the outermost take everything beyond."""
    if not at > 0.0:
        return 0
    return BINS - 1 if at >= BINS - 1 else int(at)


@inlined
def place_of(z: float) -> float:
    """Where a deviation is in the histograms of deviations, in bins."""
    return float((np.arcsinh(z) - VALUES_LOW) / VALUES_STEP)


@inlined
def rarity(shared: Shared, j: int, at: float) -> float:
    """How seldom deviations at this place are in this coordinate of all slots, in nats."""
    total = shared.values[j, BINS]
    if total <= 0.0:
        return 0.0
    here = shared.values[j, bin_of(at)]
    return float(-np.log((here + 1e-3 * shared.unit[0]) / total))


@inlined
def made_normal(shared: Shared, n: Numbers, j: int, z: float, at: float) -> float:
    """The deviation of a normal distribution that is as rare as z, at its place, is in this one."""
    if shared.counts[4] == 0 or not n.normal:
        return z
    low, high = shared.ends[j, 0], shared.ends[j, 2]
    if at <= low:
        return -normal_beyond(TAIL * np.exp((at - low) / shared.ends[j, 1]))
    if at >= high:
        return normal_beyond(TAIL * np.exp((high - at) / shared.ends[j, 3]))
    b = min(max(int(at - 0.5), 0), BINS - 2)
    share = min(max(at - 0.5 - b, 0.0), 1.0)
    return float((1.0 - share) * shared.normal[j, b] + share * shared.normal[j, b + 1])


@inlined
def normal_beyond(p: float) -> float:
    """The standard normal deviation that is exceeded with probability p <= 0.5.

    Abramowitz and Stegun 26.2.23; off by 0.00045 at most.
    """
    t = np.sqrt(-2.0 * np.log(max(p, 1e-300)))
    above = 2.515517 + t * (0.802853 + t * 0.010328)
    return float(t - above / (1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308))))


@compiled
def make_normal(shared: Shared, nobody: F4, most: float) -> None:
    """Read from the histograms of deviations how rare each is."""
    for j in range(shared.values.shape[0]):
        total, below = shared.values[j, BINS], 0.0
        for b in range(BINS):
            rank = (below + shared.values[j, b] / 2) / total
            below += shared.values[j, b]
            rank = min(max(rank, TAIL), 1.0 - TAIL)
            shared.normal[j, b] = normal_beyond(1.0 - rank) if rank > 0.5 else -normal_beyond(rank)
        forwards = shared.values[j, :BINS]
        backwards = forwards[::-1].copy()
        shared.ends[j, 2], shared.ends[j, 3] = tail_of(nobody, forwards, 1.0, TAIL * total, most)
        start, shared.ends[j, 1] = tail_of(nobody, backwards, 1.0, TAIL * total, most)
        shared.ends[j, 0] = BINS - start
