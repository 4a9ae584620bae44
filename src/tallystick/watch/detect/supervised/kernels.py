"""Two compiled loops: the profile of cards and terminals as payments come, and a forest's scores.

Both see numbers only. `profile` keeps one state per card and terminal and moves three kinds of
pointers over the payments, which are sorted by time: the payment described, the labels that are
known by then, and what falls out of the windows. So a row takes constant time, and depends on
earlier payments and on labels older than the delay alone.
"""

import math

import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.compiled import compiled

DAY_SECONDS = 86_400
WINDOW_DAYS = (7, 30)
AGE_DAYS_MAX = 90.0
"""Longer ago than this is never."""
SPIKE_RATIO = 2.5
"""An amount so many times the card's usual one is a spike: it teaches the usual little."""
SPIKE_WEIGHT = 0.15
PRIOR_PAYMENTS = 1.0
"""A card's usual amount starts as that of all cards, worth so many payments."""
EVIDENCE_DAYS = 7.0
"""Evidence of spikes decays with this time constant."""
EVIDENCE_RATIO = 2.0
EVIDENCE_MAX = 3.0

# Columns of a card's state.
C_WEIGHT, C_SUM, C_LAST, C_SPIKE_AT, C_EVIDENCE, C_GOOD, C_GOOD_SUM, C_FRAUDS, C_FRAUD_AT = range(9)
C_FIELDS = 9
# Columns of a terminal's state, all of it from labels that are known.
T_FIRST_AT, T_LAST_AT, T_GOOD_AT, T_KNOWN_AT, T_RUN, T_PLAIN_RUN, T_RUN_RATIO = range(7)
T_RUN_CARD, T_RUN_CARDS, T_FIELDS = 7, 8, 9
# Sums over a window: of a card's payments, of a terminal's known ones.
W_COUNT, W_AMOUNT, W_SPIKES, W_FIELDS = range(4)
K_COUNT, K_FRAUDS, K_PLAIN, K_FIELDS = range(4)
# Columns of a forest's nodes.
N_FEATURE, N_MISSING_LEFT, N_LEFT, N_RIGHT = range(4)
V_THRESHOLD, V_VALUE = range(2)

NEVER = -1e12
FEATURE_COUNT = 16 + 7 * len(WINDOW_DAYS)

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@compiled
def profile(
    at: Ints,
    card: Ints,
    terminal: Ints,
    amount: Floats,
    fraud: NDArray[np.uint8],
    delay_seconds: int,
    out: NDArray[np.float32],
) -> None:
    """Describe every payment, in columns as `features.FEATURES` names them.

    `at` are seconds, ascending; `card` and `terminal` count from 0. Row i of `out` depends on the
    payments up to i and on the labels of those at or before `at[i] - delay_seconds`.
    """
    payments, windows = len(at), len(WINDOW_DAYS)
    cards = _cards(1 + card.max())
    terminals = _terminals(1 + terminal.max())
    in_window = np.zeros((windows, len(cards), W_FIELDS))
    known_window = np.zeros((windows, len(terminals), K_FIELDS))
    oldest, known_oldest = np.zeros(windows, np.int64), np.zeros(windows, np.int64)
    ratio = np.zeros(payments)
    everyone = np.zeros(2)
    known = 0
    for i in range(payments):
        for w in range(windows):
            span = WINDOW_DAYS[w] * DAY_SECONDS
            while at[oldest[w]] <= at[i] - span:
                j = oldest[w]
                _count(in_window[w, card[j]], amount[j], ratio[j], -1.0)
                oldest[w] += 1
        while known < i and at[known] <= at[i] - delay_seconds:
            k = known
            plain = ratio[k] < SPIKE_RATIO
            _learn_label(cards[card[k]], terminals[terminal[k]], at[k], amount[k], fraud[k])
            if fraud[k] and plain:
                _learn_plain_fraud(terminals[terminal[k]], at[k], ratio[k], card[k])
            for w in range(windows):
                _count_known(known_window[w, terminal[k]], fraud[k], plain, 1.0)
            known += 1
        for w in range(windows):
            span = WINDOW_DAYS[w] * DAY_SECONDS
            while known_oldest[w] < known and at[known_oldest[w]] <= at[i] - delay_seconds - span:
                j = known_oldest[w]
                plain = ratio[j] < SPIKE_RATIO
                _count_known(known_window[w, terminal[j]], fraud[j], plain, -1.0)
                known_oldest[w] += 1
        c, e = card[i], terminal[i]
        ratio[i] = _describe(out[i], at[i], amount[i], cards[c], terminals[e], everyone)
        _describe_run(out[i], at[i], terminals[e], cards)
        _describe_windows(out[i], amount[i], in_window[:, c], known_window[:, e])
        _learn(cards[c], everyone, at[i], amount[i], ratio[i])
        for w in range(windows):
            _count(in_window[w, c], amount[i], ratio[i], 1.0)


@compiled
def _cards(count: int) -> Floats:
    cards = np.zeros((count, C_FIELDS))
    cards[:, C_LAST] = cards[:, C_SPIKE_AT] = cards[:, C_FRAUD_AT] = NEVER
    return cards


@compiled
def _terminals(count: int) -> Floats:
    terminals = np.zeros((count, T_FIELDS))
    terminals[:, :T_RUN] = NEVER
    return terminals


@compiled
def _count(sums: Floats, amount: float, ratio: float, sign: float) -> None:
    sums[W_COUNT] += sign
    sums[W_AMOUNT] += sign * amount
    if ratio >= SPIKE_RATIO:
        sums[W_SPIKES] += sign


@compiled
def _count_known(sums: Floats, fraud: int, plain: bool, sign: float) -> None:
    sums[K_COUNT] += sign
    if fraud:
        sums[K_FRAUDS] += sign
        if plain:
            sums[K_PLAIN] += sign


@compiled
def _learn_label(card: Floats, terminal: Floats, at: int, amount: float, fraud: int) -> None:
    """One more label is known."""
    terminal[T_KNOWN_AT] = at
    if fraud:
        terminal[T_RUN] += 1.0
        card[C_FRAUDS] = _decayed(card[C_FRAUDS], card[C_FRAUD_AT], at) + 1.0
        card[C_FRAUD_AT] = at
        return
    terminal[T_RUN] = terminal[T_PLAIN_RUN] = 0.0
    terminal[T_GOOD_AT] = at
    card[C_GOOD] += 1.0
    card[C_GOOD_SUM] += amount


@compiled
def _learn_plain_fraud(terminal: Floats, at: int, ratio: float, card: int) -> None:
    """A known fraud of an amount that is usual for its card points at the terminal."""
    if terminal[T_PLAIN_RUN] == 0.0:
        terminal[T_FIRST_AT] = at
        terminal[T_RUN_CARDS] = terminal[T_RUN_RATIO] = 0.0
        terminal[T_RUN_CARD] = -1.0
    if terminal[T_RUN_CARD] != card:
        terminal[T_RUN_CARDS] += 1.0
        terminal[T_RUN_CARD] = card
    terminal[T_PLAIN_RUN] += 1.0
    terminal[T_RUN_RATIO] += (ratio - terminal[T_RUN_RATIO]) / terminal[T_PLAIN_RUN]
    terminal[T_LAST_AT] = at


@compiled
def _decayed(sum_: float, then: float, now: float) -> float:
    return sum_ * math.exp((then - now) / (EVIDENCE_DAYS * DAY_SECONDS))


@compiled
def _days(now: int, then: float) -> float:
    """Midnights between two moments, at most AGE_DAYS_MAX."""
    if then == NEVER:
        return AGE_DAYS_MAX
    return min(now // DAY_SECONDS - then // DAY_SECONDS, AGE_DAYS_MAX)


@compiled
def _describe(
    row: NDArray[np.float32],
    at: int,
    amount: float,
    card: Floats,
    terminal: Floats,
    everyone: Floats,
) -> float:
    """The features that need no window; the ratio of the amount to the card's usual one."""
    prior = (everyone[1] + amount) / (everyone[0] + 1.0)
    usual = (card[C_SUM] + PRIOR_PAYMENTS * prior) / (card[C_WEIGHT] + PRIOR_PAYMENTS)
    good = (card[C_GOOD_SUM] + PRIOR_PAYMENTS * prior) / (card[C_GOOD] + PRIOR_PAYMENTS)
    ratio = amount / usual if usual > 0.0 else 1.0
    row[0] = amount
    row[1] = ratio
    row[2] = amount / good if good > 0.0 else 1.0
    row[3] = usual
    row[4] = _decayed(card[C_EVIDENCE], card[C_LAST], at)
    row[5] = min((at - card[C_SPIKE_AT]) / DAY_SECONDS, AGE_DAYS_MAX)
    row[6] = terminal[T_RUN]
    row[7] = terminal[T_PLAIN_RUN]
    row[8] = _days(at, terminal[T_FIRST_AT])
    row[9] = _days(at, terminal[T_GOOD_AT])
    row[10] = _days(at, terminal[T_LAST_AT])
    row[11] = _days(at, terminal[T_KNOWN_AT])
    return ratio


@compiled
def _describe_run(row: NDArray[np.float32], at: int, terminal: Floats, cards: Floats) -> None:
    """The terminal's run of plain frauds, and whether the last one's card explains it instead."""
    if terminal[T_PLAIN_RUN] == 0.0:
        row[12:16] = np.nan
        return
    last = cards[int(terminal[T_RUN_CARD])]
    row[12] = terminal[T_RUN_RATIO]
    row[13] = terminal[T_RUN_CARDS]
    row[14] = _decayed(last[C_EVIDENCE], last[C_LAST], at)
    row[15] = _decayed(last[C_FRAUDS], last[C_FRAUD_AT], at)


@compiled
def _describe_windows(
    row: NDArray[np.float32], amount: float, card: Floats, terminal: Floats
) -> None:
    column = 16
    for w in range(len(WINDOW_DAYS)):
        mean = card[w, W_AMOUNT] / card[w, W_COUNT] if card[w, W_COUNT] > 0.0 else 0.0
        row[column] = card[w, W_COUNT]
        row[column + 1] = amount / mean if mean > 0.0 else np.nan
        row[column + 2] = card[w, W_SPIKES]
        row[column + 3] = terminal[w, K_COUNT]
        row[column + 4] = terminal[w, K_FRAUDS]
        row[column + 5] = terminal[w, K_PLAIN]
        row[column + 6] = (
            terminal[w, K_FRAUDS] / terminal[w, K_COUNT] if terminal[w, K_COUNT] > 0.0 else 0.0
        )
        column += 7


@compiled
def _learn(card: Floats, everyone: Floats, at: int, amount: float, ratio: float) -> None:
    """The payment becomes part of what is usual for the card, a spike only a little."""
    spike = min(max(ratio - EVIDENCE_RATIO, 0.0), EVIDENCE_MAX)
    card[C_EVIDENCE] = _decayed(card[C_EVIDENCE], card[C_LAST], at) + spike
    card[C_LAST] = at
    weight = SPIKE_WEIGHT if ratio >= SPIKE_RATIO else 1.0
    if ratio >= SPIKE_RATIO:
        card[C_SPIKE_AT] = at
    else:
        everyone[0] += 1.0
        everyone[1] += amount
    card[C_WEIGHT] += weight
    card[C_SUM] += weight * amount


@compiled
def forest_scores(rows: Floats, roots: Ints, nodes: Ints, numbers: Floats, out: Floats) -> None:
    """Add to `out` what every tree says of every row.

    Nodes of all trees stand in one table, with the columns N_* and V_*; `roots` are where trees
    begin, a leaf has feature -1. A row goes left where its number is at most the threshold, NaN
    where N_MISSING_LEFT says.
    """
    for i in range(len(rows)):
        total = 0.0
        for root in roots:
            node = root
            while nodes[node, N_FEATURE] >= 0:
                number = rows[i, nodes[node, N_FEATURE]]
                if np.isnan(number):
                    goes_left = nodes[node, N_MISSING_LEFT] != 0
                else:
                    goes_left = number <= numbers[node, V_THRESHOLD]
                node = nodes[node, N_LEFT] if goes_left else nodes[node, N_RIGHT]
            total += numbers[node, V_VALUE]
        out[i] += total
