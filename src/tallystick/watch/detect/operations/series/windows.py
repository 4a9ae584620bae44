"""Windows: from what happened in ten seconds to one number for each series."""

import math
from collections import OrderedDict
from collections.abc import Iterator
from statistics import median

import msgspec

from tallystick.watch.detect.observation import (
    CallSeen,
    LogSeen,
    Observation,
    OrderSeen,
    QuoteSeen,
)

WINDOW_SECONDS = 10.0
WINDOW_SECONDS_MAX = 15.0
"""A window that lasted longer (nobody ticked) is thrown away: it is no ten seconds."""
SAMPLES_MAX = 2_048
"""Most durations, and spreads, that are kept of a window; further ones are not looked at."""
SHARE_OF_MIN = 10
"""Fewer calls have no share of errors and no quantiles."""
IDLE_WINDOWS_MAX = 360
"""A thing of which nothing came for so long (an hour) has no series any more."""
USUAL_WINDOWS = 30.0
OFTEN_MIN, SELDOM_MAX = 3.0, 0.5
"""A thing has series from when it comes so often in a window, over some five minutes, until it
comes so seldom: there is nothing to be said of noughts and ones."""
KNOWN_WINDOWS = 360
"""A thing is judged when it has had series for so long (an hour)."""
SERVER_ERROR = 500
LINES_MAX = 10**9
"""More lines in one row are a broken row."""


class Point(msgspec.Struct, frozen=True, gc=False):
    """The number of one series in a window: `POST /v1/orders` `requests`.

    `value` is what the detector learns; where `logarithmic` it is the logarithm of 1 + the number.
    `known`: the thing has had series for long enough to be judged.
    """

    of: str
    feature: str
    value: float
    logarithmic: bool
    known: bool = False


class Counted(msgspec.Struct):
    """What came of one thing (a route, a pair, a service) in the window that is open.

    `idle`: windows in a row in which nothing came. `usual`: how much comes in a window lately, -1
    before the first one is over, and `shown` whether that is often enough for series; `windows`:
    for how long it has had some.
    """

    kind: str
    count: int = 0
    bad: int = 0
    total: float = 0.0
    samples: list[float] = msgspec.field(default_factory=list)  # bounded by: SAMPLES_MAX
    idle: int = 0
    usual: float = -1.0
    shown: bool = False
    windows: int = 0

    def learn(self) -> None:
        """The window is over."""
        count, usual = self.count, self.usual
        self.idle = 0 if count else self.idle + 1
        usual = float(count) if usual < 0 else usual + (count - usual) / USUAL_WINDOWS
        self.usual = usual
        self.shown = usual >= (SELDOM_MAX if self.shown else OFTEN_MIN)
        if self.shown and self.windows < KNOWN_WINDOWS:
            self.windows += 1

    def empty(self) -> None:
        """The next window begins."""
        self.count, self.bad, self.total = 0, 0, 0.0
        self.samples.clear()


class Windows:
    """Counts what comes; each `close` gives the window's points, in order of when things came."""

    def __init__(self, things_max: int) -> None:
        self._things: OrderedDict[str, Counted] = OrderedDict()
        self._limit = max(1, things_max)

    def __len__(self) -> int:
        return len(self._things)

    def add(self, seen: Observation) -> None:
        """Take one observation into the window that is open."""
        if type(seen) is CallSeen:
            thing = self._thing("route", seen.route)
            thing.count += 1
            thing.bad += seen.status >= SERVER_ERROR
            self._sample(thing, seen.duration_us / 1_000)
        elif type(seen) is QuoteSeen:
            thing = self._thing("quotes", seen.pair)
            thing.count += 1
            if 0 < seen.bid < seen.ask:
                self._sample(thing, (seen.ask - seen.bid) / seen.bid * 10_000)
        elif type(seen) is OrderSeen:
            if seen.event == "decided":
                thing = self._thing("orders", seen.pair)
                thing.count += 1
                thing.total += seen.quantity
        elif type(seen) is LogSeen:
            thing = self._thing("lines", f"{seen.index} {seen.service}")
            thing.count += min(max(seen.lines, 0), LINES_MAX)

    def close(self, market_open: bool, whole: bool) -> Iterator[Point]:
        """The points of the window, which is then empty; none where it was no whole one."""
        for name, thing in list(self._things.items()):
            thing.learn()
            if whole and thing.shown:
                of = name.partition(" ")[2]
                if thing.kind != "quotes" or market_open:
                    yield from _OF[thing.kind](of, thing)
            if thing.idle > IDLE_WINDOWS_MAX:
                del self._things[name]
            if thing.count:
                thing.empty()

    def save(self) -> list[tuple[str, Counted]]:
        """Everything counted."""
        return list(self._things.items())

    def load(self, saved: list[tuple[str, Counted]]) -> None:
        """Go on from there."""
        self._things = OrderedDict(saved[-self._limit :])

    def _thing(self, kind: str, of: str) -> Counted:
        name = f"{kind} {of}"
        thing = self._things.get(name)
        if thing is None:
            if len(self._things) >= self._limit:
                self._things.popitem(last=False)
            thing = self._things[name] = Counted(kind)
        elif not thing.count:
            self._things.move_to_end(name)
        return thing

    @staticmethod
    def _sample(thing: Counted, value: float) -> None:
        if len(thing.samples) < SAMPLES_MAX and 0 <= value < math.inf:
            thing.samples.append(value)


def _of_route(of: str, thing: Counted) -> Iterator[Point]:
    known = thing.windows >= KNOWN_WINDOWS
    yield Point(of, "route_requests", float(thing.count), False, known)
    if thing.count >= SHARE_OF_MIN:
        yield Point(of, "route_error_share", thing.bad / thing.count, False, known)
    if len(thing.samples) >= SHARE_OF_MIN:
        ordered = sorted(thing.samples)
        yield Point(of, "route_p50", math.log1p(median(ordered)), True, known)
        p99 = ordered[math.ceil(0.99 * len(ordered)) - 1]
        yield Point(of, "route_p99", math.log1p(p99), True, known)


def _of_quotes(of: str, thing: Counted) -> Iterator[Point]:
    known = thing.windows >= KNOWN_WINDOWS
    yield Point(of, "pair_quotes", math.log1p(thing.count), True, known)
    if thing.samples:
        yield Point(of, "pair_spread", math.log1p(median(thing.samples)), True, known)


def _of_orders(of: str, thing: Counted) -> Iterator[Point]:
    known = thing.windows >= KNOWN_WINDOWS
    yield Point(of, "pair_orders", float(thing.count), False, known)
    yield Point(of, "pair_volume", math.log1p(thing.total), True, known)


def _of_lines(of: str, thing: Counted) -> Iterator[Point]:
    known = thing.windows >= KNOWN_WINDOWS
    yield Point(of, "service_lines", math.log1p(thing.count), True, known)


_OF = {"route": _of_route, "quotes": _of_quotes, "orders": _of_orders, "lines": _of_lines}
