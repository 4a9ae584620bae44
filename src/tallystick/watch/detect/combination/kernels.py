"""The compiled half of `Rows`: an order as a row of numbers, by what its account did before."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.compiled import compiled

PLACES = 8
"""Pairs that an account's habits are kept of; the least recently used goes first. As many classes
has every other part of an order, too."""
PAIR, SIDE, KIND, SIZE, HOUR = range(5)
"""The parts of an order that are counted; sizes in half decades, hours by three (both wrap)."""
PARTS = 5
COUPLES = np.array(
    [[PAIR, SIDE], [PAIR, SIZE], [PAIR, KIND], [PAIR, HOUR], [SIZE, KIND], [SIDE, HOUR]]
)
"""Parts that are counted together, in the order of `features.COUPLES`."""
SINGLES = 9
"""Coordinates before the couples'."""
COORDINATES = SINGLES + len(COUPLES)
PRIOR = 2.0
"""So many orders are taken to have come as if their parts had nothing to do with each other."""
SAME_WEIGHT, SAME_SECONDS = 0.2, 600.0
"""An order in the pair and side of the one so shortly before counts so much: one deed in slices."""
ORDERS_KEPT = 2_000.0
"""At so many orders counts are halved: habits change."""
REACH_RATE = 0.05
KEPT = 32
"""Last orders of an account whose place and time are kept, to show what is usual."""
GAP_MIN, GAP_MAX, GAP_FIRST = 0.1, 30 * 86_400.0, 3_600.0
"""Seconds between orders: shorter and longer ones count as these; a first order's."""
DISTANCE_BPS_MAX = 10_000.0
DITHER = np.array([0.1, 0.3, 0.3, 0.3, 0.1, 0.1, 0.5, 0.5, 1.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5])
"""Each coordinate is judged with up to so much noise to either side: a finer difference is none.

Without it whoever never does something a little differently would be odd once he does. The noise is
made of the order's ledger position: the same order is always judged by the same numbers."""
TOGETHER_MAX = 1.0
"""Parts that come together more often than by chance are nothing odd: this is enough said."""


class Accounts(NamedTuple):
    """What is known of each account (the first axis); a slot of zeros is a stranger.

    `reach` is its usual distance of limits; `pairs` the numbers of its pairs and 1, 0 where a place
    is free; `single` and `both` count orders by each part's class and by two; `orders` is their
    total. `kept` counts what went into the ring of last orders, `kept_*` are their ledger
    positions, times, numbers of pairs, and quantities, negative where they sold.
    """

    seen: NDArray[np.int64]
    orders: NDArray[np.float64]
    last_at: NDArray[np.float64]
    last: NDArray[np.int64]
    reach: NDArray[np.float64]
    pairs: NDArray[np.int64]
    pair_at: NDArray[np.float64]
    single: NDArray[np.float32]
    both: NDArray[np.float32]
    kept: NDArray[np.int64]
    kept_position: NDArray[np.int64]
    kept_at: NDArray[np.float64]
    kept_pair: NDArray[np.int64]
    kept_quantity: NDArray[np.float64]


class Orders(NamedTuple):
    """Orders as columns; `limit` and `mid` are NaN where there is none."""

    account: NDArray[np.int64]
    position: NDArray[np.int64]
    at: NDArray[np.float64]
    pair: NDArray[np.int64]
    side: NDArray[np.int64]
    kind: NDArray[np.int64]
    quantity: NDArray[np.float64]
    limit: NDArray[np.float64]
    mid: NDArray[np.float64]


@compiled
def describe(
    orders: Orders, accounts: Accounts, rows: NDArray[np.float64], counts: NDArray[np.float64]
) -> None:
    """Fill the row of each order, then learn the order.

    `counts` gets, for each couple, how many orders had the one part, the other, both, and were
    counted at all.
    """
    classes = np.zeros((PARTS, 2), np.int64)
    shares = np.zeros((PARTS, 2))
    shares[:, 0] = 1.0
    for i in range(len(orders.account)):
        a, at = orders.account[i], orders.at[i]
        place = place_of(accounts, a, orders.pair[i])
        angle = 2 * math.pi * (at % 86_400.0) / 86_400.0
        size = math.log10(orders.quantity[i])
        row = rows[i]
        row[0] = size
        row[1] = distance(orders, i)
        if math.isnan(row[1]):
            row[1] = accounts.reach[a]
        else:
            accounts.reach[a] += REACH_RATE * (row[1] - accounts.reach[a])
        row[2] = gap(at, accounts.last_at[a], accounts.seen[a] > 0)
        row[3] = gap(at, accounts.pair_at[a, place], accounts.single[a, PAIR, place] > 0)
        row[4], row[5] = math.sin(angle), math.cos(angle)
        row[6] = 1.0 if orders.kind[i] == 1 else 0.0
        row[7] = orders.side[i]
        own = accounts.single[a, PAIR, place]
        row[8] = math.log2((own + PRIOR) / (accounts.orders[a] + PRIOR * PLACES))
        classes[PAIR, 0] = place
        classes[SIDE, 0] = 1 if orders.side[i] > 0 else 0
        classes[KIND, 0] = orders.kind[i]
        between(classes[SIZE], shares[SIZE], 2.0 * size)
        between(classes[HOUR], shares[HOUR], (at % 86_400.0) / 10_800.0)
        couple(accounts, a, classes, shares, row, counts[i])
        learn(accounts, a, place, at, orders.side[i], classes, shares)
        accounts.seen[a] += 1


@compiled
def keep(orders: Orders, accounts: Accounts) -> None:
    """Keep the orders in the rings of last orders: once all that is odd among them was told."""
    for i in range(len(orders.account)):
        a = orders.account[i]
        ring = accounts.kept[a] % KEPT
        accounts.kept[a] += 1
        accounts.kept_position[a, ring] = orders.position[i]
        accounts.kept_at[a, ring] = orders.at[i]
        accounts.kept_pair[a, ring] = orders.pair[i]
        accounts.kept_quantity[a, ring] = orders.quantity[i] * orders.side[i]


@compiled
def dither(positions: NDArray[np.int64], rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rows with noise (splitmix64 of position and coordinate; Steele, Lea and Flood 2014)."""
    noisy = rows.copy()
    for i in range(rows.shape[0]):
        x = np.uint64(positions[i]) * np.uint64(0xD1B54A32D192ED03)
        for j in range(rows.shape[1]):
            x += np.uint64(0x9E3779B97F4A7C15)
            z = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            z ^= z >> np.uint64(31)
            noisy[i, j] += DITHER[j] * (float(z >> np.uint64(11)) / 4503599627370496.0 - 1.0)
    return noisy


@compiled
def place_of(accounts: Accounts, a: int, pair: int) -> int:
    """The pair's place with the account; a new one takes a free place, or the longest unused."""
    oldest = 0
    for place in range(PLACES):
        if accounts.pairs[a, place] == pair + 1:
            return place
        if accounts.pairs[a, place] == 0:
            oldest = place
            break
        if accounts.pair_at[a, place] < accounts.pair_at[a, oldest]:
            oldest = place
    accounts.pairs[a, oldest] = pair + 1
    accounts.single[a, PAIR, oldest] = 0.0
    for c in range(len(COUPLES)):
        if COUPLES[c, 0] == PAIR:
            accounts.both[a, c, oldest] = 0.0
    return oldest


@compiled
def distance(orders: Orders, i: int) -> float:
    """Signed logarithm of a limit's distance from the middle, to the client's cost; NaN without."""
    bps = (orders.limit[i] / orders.mid[i] - 1.0) * 10_000.0 * orders.side[i]
    if math.isnan(bps):
        return math.nan
    return math.copysign(math.log1p(min(abs(bps), DISTANCE_BPS_MAX)), bps)


@compiled
def gap(at: float, before: float, known: bool) -> float:
    """Logarithm of the seconds since then; what never was counts as GAP_FIRST."""
    if not known:
        return math.log10(GAP_FIRST)
    return math.log10(min(max(at - before, GAP_MIN), GAP_MAX))


@compiled
def between(classes: NDArray[np.int64], shares: NDArray[np.float64], at: float) -> None:
    """The two classes around a place on the circle of all classes, and the share of each."""
    low = math.floor(at)
    classes[0], classes[1] = int(low) % PLACES, int(low + 1) % PLACES
    shares[0], shares[1] = low + 1.0 - at, at - low


@compiled
def couple(
    accounts: Accounts,
    a: int,
    classes: NDArray[np.int64],
    shares: NDArray[np.float64],
    row: NDArray[np.float64],
    counts: NDArray[np.float64],
) -> None:
    """How often two parts came together, over how often they would by chance."""
    total = accounts.orders[a]
    for c in range(len(COUPLES)):
        one, other = COUPLES[c, 0], COUPLES[c, 1]
        had, has, together = 0.0, 0.0, 0.0
        for x in range(2):
            had += shares[one, x] * accounts.single[a, one, classes[one, x]]
            has += shares[other, x] * accounts.single[a, other, classes[other, x]]
            for y in range(2):
                weight = shares[one, x] * shares[other, y]
                together += weight * accounts.both[a, c, classes[one, x], classes[other, y]]
        chance = had * has / total if total > 0.0 else 0.0
        row[SINGLES + c] = min(math.log2((together + PRIOR) / (chance + PRIOR)), TOGETHER_MAX)
        counts[c, 0], counts[c, 1], counts[c, 2], counts[c, 3] = had, has, together, total


@compiled
def learn(
    accounts: Accounts,
    a: int,
    place: int,
    at: float,
    side: int,
    classes: NDArray[np.int64],
    shares: NDArray[np.float64],
) -> None:
    """Count the order; of one deed in many slices mostly the first."""
    deed = 2 * place + (1 if side > 0 else 0)
    apart = abs(at - accounts.last_at[a])
    same = accounts.seen[a] > 0 and deed == accounts.last[a] and apart <= SAME_SECONDS
    weight = SAME_WEIGHT if same else 1.0
    accounts.last[a], accounts.last_at[a] = deed, at
    accounts.pair_at[a, place] = at
    if accounts.orders[a] >= ORDERS_KEPT:
        accounts.orders[a] /= 2
        accounts.single[a] /= 2
        accounts.both[a] /= 2
    accounts.orders[a] += weight
    for part in range(PARTS):
        for x in range(2):
            accounts.single[a, part, classes[part, x]] += weight * shares[part, x]
    for c in range(len(COUPLES)):
        one, other = COUPLES[c, 0], COUPLES[c, 1]
        for x in range(2):
            for y in range(2):
                accounts.both[a, c, classes[one, x], classes[other, y]] += (
                    weight * shares[one, x] * shares[other, y]
                )
