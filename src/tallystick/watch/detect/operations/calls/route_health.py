"""Route health: does a route of the API fail, or crawl, far more often than it does?

Two CUSUMs a route against its own habit: answers with a status of 500 and above, and answers that
took far longer than the route's own 95 % duration. One slow call is nothing, a run is something.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from tallystick.limits import ENTITIES_MAX
from tallystick.watch.detect.observation import CallSeen, Observation
from tallystick.watch.detect.operations.calls.routes import kernels as k
from tallystick.watch.detect.operations.kernels import SKETCH_WIDTH, STREAK_WIDTH, Said
from tallystick.watch.detect.operations.slots import SavedSlots, Slots, pieces
from tallystick.watch.detect.operations.wording import stamp, surprise, time_of_day, took
from tallystick.watch.detect.score import (
    ALARM_P_MAX,
    Contribution,
    Example,
    Finding,
    Judged,
    Reason,
)
from tallystick.watch.detect.wording import grouped, once_in, percent, rounded

SLOW_US_MIN = 20_000.0
"""No call that took less than this many microseconds is slow, however fast the route usually is."""
REFRACTORY_SECONDS = 60.0
_COLUMNS = {
    "errors": ("f8", STREAK_WIDTH),
    "slow": ("f8", STREAK_WIDTH),
    "route": ("f8", k.ROUTE_WIDTH),
    "recent": ("f8", k.RECENT_CALLS),
    "profile": ("f4", SKETCH_WIDTH),
}
_STATUS_MAX = 999


class _Saved(msgspec.Struct, tag="routes", forbid_unknown_fields=True):
    routes: SavedSlots


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Saved)


class RouteHealth:
    """Scores every answered call of a route by its run of failed or slow answers."""

    names = ("route_errors", "route_latency")
    observes = (CallSeen,)

    def __init__(
        self,
        entities_max: int = ENTITIES_MAX,
        alarm_p: float = ALARM_P_MAX,
        slow_us_min: float = SLOW_US_MIN,
    ) -> None:
        self._routes = Slots(_COLUMNS, entities_max)
        self._alarm_p = alarm_p
        self._slow_us_min = slow_us_min

    def __len__(self) -> int:
        return len(self._routes)

    def observe(self, batch: Sequence[Observation]) -> Judged:
        """Score the two streaks of each call's route, with the call in them."""
        places = [place for place, seen in enumerate(batch) if type(seen) is CallSeen]
        p_values = np.full(len(batch), np.nan)
        findings: list[Finding] = []
        for piece in pieces(len(places), self._routes.limit):
            some = places[piece]
            judged, found = self._judge([batch[place] for place in some])  # type: ignore[misc]
            p_values[some] = judged
            findings += [self._finding(line, some[int(line[k.F_ROW])]) for line in found]
        return Judged(p_values.tolist(), findings)

    def snapshot(self) -> bytes:
        """All routes."""
        return _ENCODER.encode(_Saved(self._routes.save()))

    def restore(self, data: bytes) -> None:
        """Go on from a snapshot."""
        self._routes.load(_DECODER.decode(data).routes)

    def _judge(self, calls: list[CallSeen]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        routes = self._routes
        slots = routes.rows([call.route for call in calls])
        p_values = np.full(len(calls), np.nan)
        found = np.zeros((2 * len(calls) + 1, k.FOUND_WIDTH))
        seen = k.RouteCalls(
            slots,
            np.array([call.at_seconds for call in calls], np.float64),
            statuses(calls),
            np.array([call.duration_us for call in calls], np.float64),
        )
        known = k.Routes(
            routes.numbers("errors"),
            routes.numbers("slow"),
            routes.numbers("route"),
            routes.numbers("recent"),
            routes.sketches("profile"),
        )
        said = Said(p_values, found)
        number = k.judge_routes(seen, known, self._alarm_p, self._slow_us_min, said)
        return p_values, found[:number]

    def _finding(self, line: NDArray[np.float64], row: int) -> Finding:
        route = self._routes.name(int(line[k.F_SLOT]))
        failing = line[k.F_KIND] == k.FAILED
        return Finding(
            row=row,
            detector="route_errors" if failing else "route_latency",
            family="operations",
            entity=route,
            p_value=float(line[k.F_P]),
            refractory_seconds=REFRACTORY_SECONDS,
            reason=_failing(route, line) if failing else _crawling(route, line),
        )


def statuses(calls: Sequence[CallSeen]) -> NDArray[np.int64]:
    """The status of each call; 0 for what is none."""
    found = (call.status if 0 <= call.status <= _STATUS_MAX else 0 for call in calls)
    return np.fromiter(found, np.int64, len(calls))


def _failing(route: str, line: NDArray[np.float64]) -> Reason:
    p_value, bad, recent, usual = (float(line[at]) for at in (k.F_P, k.F_A, k.F_B, k.F_C))
    came = f"{bad:.0f} of the last {recent:.0f} calls failed"
    expected = f"about {percent(usual)} fail"
    return Reason(
        expected=expected,
        came=came,
        sentence=f"{route}: {came}; usually {expected} ({once_in(p_value)}).",
        contributions=(
            Contribution("failed_share", "share", bad / recent, 0.0, usual, surprise(p_value)),
        ),
        nearest=_nearest(route, line),
    )


def _crawling(route: str, line: NDArray[np.float64]) -> Reason:
    p_value, bad, recent, usual = (float(line[at]) for at in (k.F_P, k.F_A, k.F_B, k.F_C))
    p50, p95, p99, now = (float(line[at]) for at in (k.F_F, k.F_G, k.F_H, k.F_I))
    came = f"{bad:.0f} of the last {recent:.0f} calls were slow"
    expected = f"half within {took(p50)}, 99 % within {took(p99)}"
    low, high, took_ms = (rounded(each / 1_000) for each in (p50, p95, now))
    return Reason(
        expected=expected,
        came=came,
        sentence=(
            f"{route}: {came}, half of them over {grouped(took_ms)} ms; usually {expected} "
            f"({once_in(p_value)})."
        ),
        contributions=(
            Contribution("slow_share", "share", bad / recent, 0.0, usual, surprise(p_value)),
            Contribution("call_duration", "ms", took_ms, low, high, 0.0),
        ),
        nearest=_nearest(route, line),
    )


def _nearest(route: str, line: NDArray[np.float64]) -> Example | None:
    at, duration_us = float(line[k.F_D]), float(line[k.F_E])
    if not stamp(at):
        return None
    text = f"{route} answered in {took(duration_us)}{time_of_day(at)}"
    return Example(stamp(at), text)
