"""Kernels of the detectors of API calls: a batch of calls, one after the other.

What is odd becomes a row of `Said.found` (columns F_*); the kernels give the number of rows.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.compiled import compiled
from tallystick.watch.detect.operations.kernels import (
    BAD,
    EVIDENCE,
    EVIDENCE_CALM_MAX,
    RECENT,
    SHARE,
    SHARE_PRIOR,
    SHARE_PRIOR_POINTS,
    WARM_UP_OUTCOMES,
    Floats,
    Sketch,
    sketch_add,
    sketch_quantile,
    streak_start,
    streak_step,
)

Rows = NDArray[np.int64]
Hashes = NDArray[np.uint64]

FAILED, CRAWLED = 0, 1
"""Kinds of findings about a route."""
NEW_ADDRESS, NEW_KEY, DORMANT, DENIED = 0, 1, 2, 3
"""Kinds of findings about a client."""
F_ROW, F_KIND, F_SLOT, F_P, F_A, F_B, F_C, F_D, F_E, F_F, F_G, F_H, F_I = range(13)
FOUND_WIDTH = 13
SERVER_ERROR = 500
UNAUTHENTICATED, FORBIDDEN = 401, 403

CALLS, SLOW_FROM, NEAR_AT, NEAR_US, NEAR_LEFT = range(5)
"""Columns of a route: calls seen, microseconds beyond which one is slow, the slowest ordinary call
of late and for how many more calls it is the nearest example."""
ROUTE_WIDTH = 5
RECENT_CALLS = 32
"""Last durations of a route, for what it does now."""
PROFILE_CALLS = 8_192.0
"""Calls that make a route's profile."""
LOOK_CALLS = 16
"""Calls between looks at the profile for where slow begins."""
SLOW_FACTOR = 3.0
"""A call is slow beyond so many times the route's 95 % duration."""
NEAR_CALLS = 1_000.0
"""Calls for which an example is kept before a faster one takes its place."""


class Said(NamedTuple):
    """Where a kernel writes: a p-value a row, and the findings."""

    p_values: Floats
    found: Floats


class RouteCalls(NamedTuple):
    """Calls in columns; status 0 where there is none."""

    slots: Rows
    at: Floats
    status: Rows
    duration_us: Floats


class Routes(NamedTuple):
    """What is known of the routes."""

    errors: Floats
    slow: Floats
    route: Floats
    recent: Floats
    profile: Sketch


@compiled
def judge_routes(
    calls: RouteCalls, routes: Routes, alarm_p: float, slow_us_min: float, said: Said
) -> int:
    """Score every call by its route's two streaks, failed and slow; then learn it."""
    count = 0
    for row in range(len(calls.slots)):
        slot, took, status = calls.slots[row], calls.duration_us[row], calls.status[row]
        if status == 0 or not 0.0 <= took < math.inf:
            continue  # the client went away, or the line is broken: nothing is said of the route
        errors, slow = routes.errors[slot], routes.slow[slot]
        route, profile = routes.route[slot], routes.profile[slot]
        _look(errors, slow, route, profile, slow_us_min)
        failed, crawled = status >= SERVER_ERROR, took > route[SLOW_FROM]
        usual_failed, usual_slow = errors[SHARE], slow[SHARE]
        at = calls.at[row]
        p_failed = streak_step(errors, failed, at, WARM_UP_OUTCOMES, SHARE_PRIOR_POINTS)
        p_slow = streak_step(slow, crawled, at, WARM_UP_OUTCOMES, SHARE_PRIOR_POINTS)
        routes.recent[slot, int(route[CALLS]) % RECENT_CALLS] = took
        if failed and p_failed < alarm_p:
            line = said.found[count]
            line[F_ROW], line[F_KIND], line[F_SLOT], line[F_P] = row, FAILED, slot, p_failed
            _tell_route(line, errors, usual_failed, route, routes.recent[slot], profile)
            count += 1
        if crawled and p_slow < alarm_p:
            line = said.found[count]
            line[F_ROW], line[F_KIND], line[F_SLOT], line[F_P] = row, CRAWLED, slot, p_slow
            _tell_route(line, slow, usual_slow, route, routes.recent[slot], profile)
            count += 1
        route[CALLS] += 1.0
        if not failed and not crawled:
            _keep_near(route, at, took)
        storm = crawled and slow[EVIDENCE] > EVIDENCE_CALM_MAX
        learnt = min(took, route[SLOW_FROM]) if storm else took
        sketch_add(profile, math.log(max(learnt, 1.0)), PROFILE_CALLS)
        if not (math.isnan(p_failed) or math.isnan(p_slow)):
            # Two looks at one call: the smaller p-value counts twice (Bonferroni).
            said.p_values[row] = min(1.0, 2.0 * min(p_failed, p_slow))
    return count


@compiled
def _look(errors: Floats, slow: Floats, route: Floats, profile: Sketch, slow_us_min: float) -> None:
    """Begin with a route, or see from time to time where slow begins."""
    if route[CALLS] == 0.0:
        streak_start(errors, SHARE_PRIOR)
        streak_start(slow, SHARE_PRIOR)
    if route[CALLS] < WARM_UP_OUTCOMES:
        route[SLOW_FROM] = math.inf
    elif route[CALLS] % LOOK_CALLS == 0 or route[SLOW_FROM] == math.inf:
        usual = math.exp(sketch_quantile(profile, 0.95))
        route[SLOW_FROM] = max(slow_us_min, SLOW_FACTOR * usual)


@compiled
def _keep_near(route: Floats, at: float, took: float) -> None:
    """The slowest ordinary call of late is the nearest example to a slow one."""
    route[NEAR_LEFT] -= 1.0
    if took >= route[NEAR_US] or route[NEAR_LEFT] <= 0.0:
        route[NEAR_AT], route[NEAR_US], route[NEAR_LEFT] = at, took, NEAR_CALLS


@compiled
def _tell_route(
    line: Floats, streak: Floats, usual: float, route: Floats, recent: Floats, profile: Sketch
) -> None:
    """What the reason of a finding is made of."""
    line[F_A], line[F_B], line[F_C] = streak[BAD], streak[RECENT], usual
    line[F_D], line[F_E] = route[NEAR_AT], route[NEAR_US]
    line[F_F] = math.exp(sketch_quantile(profile, 0.5))
    line[F_G] = math.exp(sketch_quantile(profile, 0.95))
    line[F_H] = math.exp(sketch_quantile(profile, 0.99))
    number = min(RECENT_CALLS, max(1, int(streak[RECENT])))
    last = np.empty(number)
    for back in range(number):
        last[back] = recent[int(route[CALLS] - back) % RECENT_CALLS]
    line[F_I] = np.median(last)


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
"""The detector's own clock: watched seconds, and the stamp they were last counted at; and how many
established accounts showed something new of late."""
CLOCK_WIDTH = 6
STEP_SECONDS_MAX = 3_600.0
"""A jump of the stamps counts for no more than this: a clock that was set is no time that passed."""
ESTABLISHED_CALLS = 20.0
ESTABLISHED_SECONDS = 2 * 86_400.0
"""An account (or key) is established after so many calls, and so long after the first."""
NOVELTY_PRIOR = 2e-5
"""New networks that an account which never showed one is believed to show in all its calls so far.

It is small on purpose: a desk trades from one or two networks for years."""
NOVELTY_HABIT = 3.0
"""An account that has shown so many new ones of late is not odd when it does again."""
NOVELTY_DECAY_SECONDS = 30 * 86_400.0
CROWD_ACCOUNTS = 8.0
"""When so many established accounts show new ones within CROWD_SECONDS, it is not they who moved."""
CROWD_SECONDS = 3_600.0
DORMANT_SECONDS_MIN = 7 * 86_400.0
DORMANT_FACTOR = 4.0
"""A key is dormant after at least a week, and so many times its longest rest."""
DORMANT_PRIOR = 1e-6
DENIED_PRIOR, DENIED_PRIOR_POINTS = 0.02, 50.0
"""A new caller is believed to be refused so seldom, as if so many calls had shown it: whoever
begins with refusals is odd at once."""


class ClientCalls(NamedTuple):
    """Calls in columns: a slot is -1 and a hash 0 where the call does not say.

    `callers` are the slots of the key (first column: refused as forbidden, 403) and of the network
    (second: as unauthenticated, 401).
    """

    accounts: Rows
    keys: Rows
    callers: Rows
    network_hash: Hashes
    key_hash: Hashes
    at: Floats
    status: Rows


class Clients(NamedTuple):
    """What is known of accounts, keys and callers, and the clock."""

    clock: Floats
    account: Floats
    networks: Hashes
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
            best[0] = _novelty(NEW_ADDRESS, what, clients.networks[slot], account, clock, line)
            if best[0] < alarm_p:
                line[F_ROW], line[F_SLOT] = row, slot
                count += 1
            line = said.found[count]
            best[1] = _novelty(
                NEW_KEY, calls.key_hash[row], clients.keys[slot], account, clock, line
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
        for place in (0, 1):
            slot = calls.callers[row, place]
            if slot >= 0:
                denied = calls.status[row] == (FORBIDDEN if place == 0 else UNAUTHENTICATED)
                line = said.found[count]
                best[3 + place] = _refusal(clients.caller[slot], denied, calls.at[row], line)
                if denied and best[3 + place] < alarm_p:
                    line[F_ROW], line[F_SLOT], line[F_D] = row, slot, calls.status[row]
                    count += 1
        said.p_values[row] = _together(best)
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
def _novelty(
    kind: int, what: np.uint64, known: Hashes, account: Floats, clock: Floats, line: Floats
) -> float:
    """The p-value of what an account shows (NaN before it is established), which is then known."""
    nothing = np.uint64(0)
    if what == nothing:
        return math.nan
    established = account[A_CALLS] >= ESTABLISHED_CALLS
    if known[0] == what:
        return 1.0 if established else math.nan
    before, number, place = known[0], 0, KNOWN - 1
    for each in range(KNOWN):
        number += known[each] != nothing
    seen = False
    for each in range(KNOWN):
        if known[each] == what:
            place, seen = each, True
            break
    for back in range(place):
        known[place - back] = known[place - back - 1]
    known[0] = what
    if seen or number == 0:
        return 1.0 if established else math.nan
    p_value = _new_p(kind, account, clock)
    line[F_KIND], line[F_P], line[F_A], line[F_B] = kind, p_value, account[A_CALLS], number
    line[F_C] = clock[W_NOW] - account[A_FIRST]
    # A float keeps 53 bits, a hash has 64: it goes in two halves.
    line[F_D], line[F_E] = before >> np.uint64(32), before & np.uint64(0xFFFFFFFF)
    return p_value


@compiled
def _new_p(kind: int, account: Floats, clock: Floats) -> float:
    """How rare it is that this account shows something new; its habit learns it."""
    first = A_NETWORKS if kind == NEW_ADDRESS else A_KEYS
    crowd = W_NETWORKS if kind == NEW_ADDRESS else W_KEYS
    now, calls = clock[W_NOW], account[A_CALLS]
    passed = max(0.0, now - account[first + 1])
    habit = account[first] * math.exp(-passed / NOVELTY_DECAY_SECONDS)
    account[first], account[first + 1] = habit + 1.0, now
    if calls < ESTABLISHED_CALLS or now - account[A_FIRST] < ESTABLISHED_SECONDS:
        return math.nan
    if habit > NOVELTY_HABIT - 0.5:
        return min(1.0, habit / (calls + 1.0))
    moved = clock[crowd] * math.exp(-max(0.0, now - clock[crowd + 1]) / CROWD_SECONDS)
    clock[crowd], clock[crowd + 1] = moved + 1.0, now
    p_value = NOVELTY_PRIOR / (calls + 1.0)
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
    p_value = streak_step(streak, denied, at, 0.0, DENIED_PRIOR_POINTS)
    if denied:
        line[F_KIND], line[F_P] = DENIED, p_value
        line[F_A], line[F_B], line[F_C] = streak[BAD], streak[RECENT], usual
    return p_value
