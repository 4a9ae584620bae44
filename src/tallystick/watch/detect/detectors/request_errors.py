"""Request errors: does a route of the API fail, or crawl, far more often than usual?

Two CUSUMs a route: answers with a status of 500 and above, and answers that took far longer than
the route's own profile. One slow call is nothing; a run of them is something.
"""

import math

import msgspec

from tallystick.limits import ENTITIES_MAX
from tallystick.watch.detect.entities import Entities
from tallystick.watch.detect.observation import CallSeen, Observation
from tallystick.watch.detect.robust import (
    PROFILE_POINTS,
    WARM_UP_POINTS,
    Profile,
    Streak,
    StreakState,
    Window,
)
from tallystick.watch.detect.score import ALARM_P_MAX, Contribution, Reason, Score
from tallystick.watch.detect.wording import grouped, once_in, percent, rounded

SPREAD_MIN = 0.25
"""In logarithms of the duration."""
SLOW_FACTOR = 3.0
"""A call is slow beyond so many times the route's usual upper (95 %) duration ..."""
SLOW_US_MIN = 50_000.0
"""... and never below this many microseconds."""


class Route:
    """What is known of one route."""

    __slots__ = ("durations", "errors", "slow")

    def __init__(self, durations: Profile, errors: Streak, slow: Streak) -> None:
        self.durations = durations
        self.errors = errors
        self.slow = slow

    def slow_from_us(self) -> float:
        """Durations beyond this are slow; nothing is while the route warms up."""
        if len(self.durations.window) < WARM_UP_POINTS:
            return math.inf
        return max(SLOW_US_MIN, SLOW_FACTOR * math.exp(self.durations.usual()[1]))


class _Saved(msgspec.Struct):
    name: str
    durations: bytes
    errors: StreakState
    slow: StreakState


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(list[_Saved])


class RequestErrors:
    """Scores every answered call of a route by its run of failed or slow answers."""

    name = "request_errors"
    refractory_seconds = 60.0
    observes = CallSeen

    def __init__(self, entities_max: int = ENTITIES_MAX) -> None:
        self._routes: Entities[Route] = Entities(
            lambda: Route(Profile(SPREAD_MIN), Streak(), Streak()), entities_max
        )

    def observe(self, observation: Observation) -> Score | None:
        """Score the route's two streaks with this call in them."""
        if not isinstance(observation, CallSeen):
            return None
        route = self._routes.of(observation.route)
        slow_from = route.slow_from_us()
        failed, slow = observation.status >= 500, observation.duration_us > slow_from
        usual_share = route.errors.share
        p_failed = route.errors.observe(bad=failed)
        p_slow = route.slow.observe(bad=slow)
        reason = None
        if failed and p_failed is not None and p_failed < ALARM_P_MAX:
            reason = _failing(observation, route.errors, usual_share, p_failed)
        elif slow and p_slow is not None and p_slow < ALARM_P_MAX:
            reason = _crawling(observation, route, p_slow)
        route.durations.window.add(math.log1p(observation.duration_us))
        if p_failed is None or p_slow is None:
            return None
        # Two looks at one point: the smaller p-value counts twice (Bonferroni).
        return Score(observation.route, min(1.0, 2 * min(p_failed, p_slow)), reason)

    def snapshot(self) -> bytes:
        """All routes."""
        return _ENCODER.encode(
            [
                _Saved(name, r.durations.window.to_bytes(), r.errors.to_state(), r.slow.to_state())
                for name, r in self._routes
            ]
        )

    def restore(self, data: bytes) -> None:
        """Go on from a snapshot."""
        saved = _DECODER.decode(data)
        self._routes.replace((route.name, _route(route)) for route in saved)


def _route(saved: _Saved) -> Route:
    window = Window.from_bytes(PROFILE_POINTS, saved.durations)
    return Route(
        Profile(SPREAD_MIN, window), Streak.from_state(saved.errors), Streak.from_state(saved.slow)
    )


def _failing(call: CallSeen, errors: Streak, usual: float, p_value: float) -> Reason:
    came = f"{errors.bad} of the last {errors.recent} calls failed"
    expected = f"about {percent(usual)} fail"
    share = errors.bad / errors.recent
    return Reason(
        expected=expected,
        came=came,
        sentence=f"{call.route}: {came}; usually {expected} ({once_in(p_value)}).",
        contributions=(
            Contribution("failed share", "share", share, 0.0, usual, -math.log10(p_value)),
        ),
    )


def _crawling(call: CallSeen, route: Route, p_value: float) -> Reason:
    low, high = (rounded(math.expm1(edge) / 1_000) for edge in route.durations.usual())
    took = rounded(call.duration_us / 1_000)
    came = f"{route.slow.bad} of the last {route.slow.recent} calls were slow"
    expected = f"between {grouped(low)} and {grouped(high)} ms"
    return Reason(
        expected=expected,
        came=came,
        sentence=(
            f"{call.route}: {came}, this one took {grouped(took)} ms; usually a call takes "
            f"{expected} ({once_in(p_value)})."
        ),
        contributions=(Contribution("duration", "ms", took, low, high, -math.log10(p_value)),),
    )
