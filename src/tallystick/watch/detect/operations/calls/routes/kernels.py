"""Kernel of route health: a batch of calls, one after the other.

What is odd becomes a row of `Said.found` (columns F_*); the kernel gives the number of rows.
"""

import math
from typing import NamedTuple

import numpy as np

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
    Rows,
    Said,
    Sketch,
    sketch_add,
    sketch_quantile,
    streak_start,
    streak_step,
)

FAILED, CRAWLED = 0, 1
"""Kinds of findings about a route."""
F_ROW, F_KIND, F_SLOT, F_P, F_A, F_B, F_C, F_D, F_E, F_F, F_G, F_H, F_I = range(13)
FOUND_WIDTH = 13
SERVER_ERROR = 500

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
FAILED_MIN, SLOW_MIN = 0.0005, 0.005
"""Usual shares of failed and slow calls below which nothing is believed: slow calls come
together more often than by chance."""
NEAR_CALLS = 1_000.0
"""Calls for which an example is kept before a faster one takes its place."""


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
        p_failed = streak_step(errors, failed, at, WARM_UP_OUTCOMES, SHARE_PRIOR_POINTS, FAILED_MIN)
        p_slow = streak_step(slow, crawled, at, WARM_UP_OUTCOMES, SHARE_PRIOR_POINTS, SLOW_MIN)
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
