"""Kernel of client access: a batch of calls, one after the other.

What is odd becomes a row of `Said.found` (columns F_*); the kernel gives the number of rows.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.compiled import compiled
from tallystick.watch.detect.operations.kernels import (
    BAD,
    RECENT,
    SHARE,
    Floats,
    Rows,
    Said,
    streak_start,
    streak_step,
)

Hashes = NDArray[np.uint64]

NEW_ADDRESS, NEW_KEY, DORMANT, DENIED = 0, 1, 2, 3
"""Kinds of findings about a client."""
F_ROW, F_KIND, F_SLOT, F_P, F_A, F_B, F_C, F_D, F_E = range(9)
FOUND_WIDTH = 9
UNAUTHENTICATED, FORBIDDEN = 401, 403
KNOWN = 32
"""Networks, and keys, that are remembered of an account; the least recently used goes first."""
A_CALLS, A_FIRST, A_NETWORKS, A_NETWORKS_AT, A_KEYS, A_KEYS_AT = range(6)
"""Columns of an account: calls, when it was first seen, and new networks (keys) it has shown,
decayed, and when they were last."""
ACCOUNT_WIDTH = 6
K_LAST, K_CALLS, K_LONGEST = range(3)
"""Columns of a key: when it was last used, how often, and its longest rest."""
KEY_WIDTH = 3
W_NOW, W_LAST, W_NETWORKS, W_NETWORKS_AT, W_KEYS, W_KEYS_AT = range(6)
"""The detector's own clock: watched seconds, and the stamp they were last counted at.

And how many established accounts showed a new network, or key, of late (decayed), and when."""
CLOCK_WIDTH = 6
STEP_SECONDS_MAX = 3_600.0
"""A jump of the stamps counts for no more than this: a clock that was set is no time."""
ESTABLISHED_CALLS = 20.0
ESTABLISHED_SECONDS = 7 * 86_400.0
"""An account (or key) is established after so many calls, and so long after the first."""
NOVELTY_PRIOR = 2e-5
"""New networks that an account which never showed one is believed to show in all its calls so far.

It is small on purpose: a desk trades from one or two networks for years."""
NOVELTY_HABIT = 3.0
"""An account that has shown so many new ones of late is not odd when it does again."""
NEIGHBOUR_FACTOR = 100.0
"""A new network beside a known one (of the same provider) is so much less odd, and not odd at all
of an account that has shown another new one of late."""
NOVELTY_DECAY_SECONDS = 30 * 86_400.0
CROWD_ACCOUNTS = 8.0
"""When so many established accounts show new ones within CROWD_SECONDS, they did not move."""
CROWD_SECONDS = 3_600.0
DORMANT_SECONDS_MIN = 30 * 86_400.0
DORMANT_FACTOR = 4.0
"""A key is dormant after at least a month, and so many times its longest rest."""
DORMANT_PRIOR = 1e-6
DENIED_PRIOR, DENIED_PRIOR_POINTS, DENIED_MIN = 0.02, 50.0, 0.001
"""A new caller is believed to be refused so seldom, as if so many calls had shown it: whoever
begins with refusals is odd at once. The usual share is never believed to be below the last."""


class ClientCalls(NamedTuple):
    """Calls in columns: a slot is -1 and a hash 0 where the call does not say.

    `callers` are the slots of the key (first column: refused as forbidden, 403) and of the network
    (second: as unauthenticated, 401).
    """

    accounts: Rows
    keys: Rows
    callers: Rows
    network_hash: Hashes
    wide_hash: Hashes
    key_hash: Hashes
    at: Floats
    status: Rows


class Clients(NamedTuple):
    """What is known of accounts, keys and callers, and the clock."""

    clock: Floats
    account: Floats
    networks: Hashes
    wides: Hashes
    keys: Hashes
    key: Floats
    caller: Floats


@compiled
def judge_clients(calls: ClientCalls, clients: Clients, alarm_p: float, said: Said) -> int:
    """Score every call by what is new about its client, and by the refusals before it."""
    count = 0
    best = np.empty(5)
    clock = clients.clock
    for row in range(len(calls.accounts)):
        _pass_time(clock, calls.at[row])
        best[:] = math.nan
        slot = calls.accounts[row]
        if slot >= 0:
            account = clients.account[slot]
            if account[A_CALLS] == 0.0:
                account[A_FIRST] = clock[W_NOW]
            line = said.found[count]
            what = calls.network_hash[row]
            near = _known_before(clients.wides[slot], calls.wide_hash[row])
            best[0] = _novelty(
                NEW_ADDRESS, what, clients.networks[slot], near, account, clock, line
            )
            if best[0] < alarm_p:
                line[F_ROW], line[F_SLOT] = row, slot
                count += 1
            line = said.found[count]
            best[1] = _novelty(
                NEW_KEY, calls.key_hash[row], clients.keys[slot], False, account, clock, line
            )
            if best[1] < alarm_p:
                line[F_ROW], line[F_SLOT] = row, slot
                count += 1
            account[A_CALLS] = min(account[A_CALLS] + 1.0, 1e9)
        slot = calls.keys[row]
        if slot >= 0:
            line = said.found[count]
            best[2] = _rest(clients.key[slot], clock[W_NOW], line)
            if best[2] < alarm_p:
                line[F_ROW], line[F_SLOT] = row, slot
                count += 1
        count = _refusals(calls, clients, row, alarm_p, best, said, count)
        said.p_values[row] = _together(best)
    return count


@compiled
def _refusals(
    calls: ClientCalls,
    clients: Clients,
    row: int,
    alarm_p: float,
    best: Floats,
    said: Said,
    count: int,
) -> int:
    """The runs of refusals of the call's key, and of its network."""
    for place in (0, 1):
        slot = calls.callers[row, place]
        if slot >= 0:
            denied = calls.status[row] == (FORBIDDEN if place == 0 else UNAUTHENTICATED)
            line = said.found[count]
            p_value = _refusal(clients.caller[slot], denied, calls.at[row], line)
            best[3 + place] = p_value
            if denied and p_value < alarm_p:
                line[F_ROW], line[F_SLOT], line[F_D] = row, slot, calls.status[row]
                count += 1
    return count


@compiled
def _together(looks: Floats) -> float:
    """The smallest p-value times the looks there were (Bonferroni); NaN without any."""
    least, number = math.nan, 0.0
    for each in looks:
        if not math.isnan(each):
            least = each if math.isnan(least) else min(least, each)
            number += each < 1.0
    return least if math.isnan(least) else min(1.0, least * max(1.0, number))


@compiled
def _pass_time(clock: Floats, at: float) -> None:
    """Let the detector's clock go on by what a stamp says, within reason."""
    step = at - clock[W_LAST]
    if step > 0.0 or step < -STEP_SECONDS_MAX:
        clock[W_NOW] += min(max(step, 0.0), STEP_SECONDS_MAX)
        clock[W_LAST] = at


@compiled
def _known_before(known: Hashes, what: np.uint64) -> bool:
    """Whether it is known; it is now the most recently used, in the first place."""
    nothing = np.uint64(0)
    if what == nothing or known[0] == what:
        return bool(what != nothing)
    place, seen = KNOWN - 1, False
    for each in range(KNOWN):
        if known[each] == what:
            place, seen = each, True
            break
    for back in range(place):
        known[place - back] = known[place - back - 1]
    known[0] = what
    return seen


@compiled
def _novelty(
    kind: int,
    what: np.uint64,
    known: Hashes,
    near: bool,
    account: Floats,
    clock: Floats,
    line: Floats,
) -> float:
    """The p-value of what an account shows (NaN before it is established), which is then known.

    `near`: something beside it is known.
    """
    nothing = np.uint64(0)
    if what == nothing:
        return math.nan
    ordinary = 1.0 if account[A_CALLS] >= ESTABLISHED_CALLS else math.nan
    before, number = known[0], 0
    if before == what:
        return ordinary
    for each in range(KNOWN):
        number += known[each] != nothing
    if _known_before(known, what) or number == 0:
        return ordinary
    p_value = _new_p(kind, near, account, clock)
    line[F_KIND], line[F_P], line[F_A], line[F_B] = kind, p_value, account[A_CALLS], number
    line[F_C] = clock[W_NOW] - account[A_FIRST]
    # A float keeps 53 bits, a hash has 64: it goes in two halves.
    line[F_D], line[F_E] = before >> np.uint64(32), before & np.uint64(0xFFFFFFFF)
    return p_value


@compiled
def _new_p(kind: int, near: bool, account: Floats, clock: Floats) -> float:
    """How rare it is that this account shows something new; its habit learns it."""
    first = A_NETWORKS if kind == NEW_ADDRESS else A_KEYS
    crowd = W_NETWORKS if kind == NEW_ADDRESS else W_KEYS
    now, calls = clock[W_NOW], account[A_CALLS]
    passed = max(0.0, now - account[first + 1])
    habit = account[first] * math.exp(-passed / NOVELTY_DECAY_SECONDS)
    account[first], account[first + 1] = habit + 1.0, now
    if calls < ESTABLISHED_CALLS or now - account[A_FIRST] < ESTABLISHED_SECONDS:
        return math.nan
    if habit > NOVELTY_HABIT - 0.5 or (near and habit > 0.5):
        share: float = habit / (calls + 1.0)
        return min(1.0, share)
    moved = clock[crowd] * math.exp(-max(0.0, now - clock[crowd + 1]) / CROWD_SECONDS)
    clock[crowd], clock[crowd + 1] = moved + 1.0, now
    p_value: float = NOVELTY_PRIOR / (calls + 1.0)
    if near:
        p_value *= NEIGHBOUR_FACTOR
    return max(p_value, moved / (moved + 1_000.0)) if moved > CROWD_ACCOUNTS else p_value


@compiled
def _rest(key: Floats, now: float, line: Floats) -> float:
    """The p-value of a key's rest before this call (NaN before it is established)."""
    rest = max(0.0, now - key[K_LAST]) if key[K_CALLS] > 0.0 else 0.0
    p_value, longest = math.nan, max(key[K_LONGEST], 1.0)
    if key[K_CALLS] >= ESTABLISHED_CALLS:
        p_value = 1.0
        if rest >= DORMANT_SECONDS_MIN and rest >= DORMANT_FACTOR * longest:
            p_value = DORMANT_PRIOR * longest / rest
            line[F_KIND], line[F_P] = DORMANT, p_value
            line[F_A], line[F_B], line[F_C] = rest, key[K_LONGEST], key[K_CALLS]
    key[K_LONGEST] = max(key[K_LONGEST], rest)
    key[K_CALLS] = min(key[K_CALLS] + 1.0, 1e9)
    key[K_LAST] = now
    return p_value


@compiled
def _refusal(streak: Floats, denied: bool, at: float, line: Floats) -> float:
    """The p-value of a caller's run of refusals."""
    if streak[SHARE] == 0.0:
        streak_start(streak, DENIED_PRIOR)
    usual = streak[SHARE]
    p_value = streak_step(streak, denied, at, 0.0, DENIED_PRIOR_POINTS, DENIED_MIN)
    if denied:
        line[F_KIND], line[F_P] = DENIED, p_value
        line[F_A], line[F_B], line[F_C] = streak[BAD], streak[RECENT], usual
    return p_value
