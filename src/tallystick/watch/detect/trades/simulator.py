"""The simulated trading desk: all that the detectors see, in order of time, from one seed."""

import math
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from operator import itemgetter
from typing import Final

from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.fx import session
from tallystick.stream.message import Message
from tallystick.watch.detect.observation import LogSeen, QuoteSeen, TimeSeen
from tallystick.watch.detect.trades import calls
from tallystick.watch.detect.trades.calls import Line, Routes
from tallystick.watch.detect.trades.characters import act, populate
from tallystick.watch.detect.trades.client import Client
from tallystick.watch.detect.trades.desk import Desk
from tallystick.watch.detect.trades.dice import Dice
from tallystick.watch.detect.trades.hours import (
    HOUR_NS,
    Calendar,
    local_hour,
    moment_ns,
    month_end,
    open_at,
    share_of,
)
from tallystick.watch.detect.trades.life import live
from tallystick.watch.detect.trades.market import SOURCE, Market, Ticker
from tallystick.watch.detect.trades.plan import Plan
from tallystick.watch.detect.trades.planted import Planted
from tallystick.watch.detect.trades.recorded import Recorded, RecordedTick
from tallystick.watch.detect.trades.services import Services

Happening = Message | Line | QuoteSeen | LogSeen | TimeSeen
"""A ledger entry, the log line of an API call, a quote, a log volume, or the time."""
STEP_SECONDS: Final = 600
"""The simulation is worked out so far ahead, and no further."""


class Simulator:
    """One seeded stream. `planted` is complete before the first thing happens."""

    def __init__(self, plan: Plan, source: random.Random, recorded: Recorded | None = None) -> None:
        """`recorded`: real ticks that take the place of the simulated market's."""
        self.plan = plan
        self.recorded = recorded
        dice = Dice(source)
        self.dice = dice
        midnight = moment_ns(datetime.fromisoformat(plan.start).replace(tzinfo=UTC))
        self.start_ns = midnight + plan.hour * HOUR_NS
        self.end_ns = self.start_ns + plan.hours * HOUR_NS
        self.calendar = Calendar(midnight, plan.hours // 24 + 2, dice)
        self.market = Market(
            self.calendar, dice, self.start_ns,
            gap_seconds=plan.gap_seconds, gap_shape=plan.gap_shape,
        )  # fmt: skip
        self.routes = Routes(dice)
        self.desk = Desk(self.market, self.routes, dice)
        self.services = Services(dice)
        self.clients = populate(
            plan.accounts, dice, plan.activity, () if recorded is None else recorded.pairs
        )
        self.planted: list[Planted] = []

    def happenings(self) -> Iterator[Happening]:
        """Everything, in order of time. Can be asked for once."""
        desk = self.desk
        for client in self.clients:
            desk.open_account(self.start_ns, client)
        if self.plan.life:
            # Who has something planted on him has a quiet life: the two are not to be mixed up.
            quiet = [one for one in self.clients if not one.taken]
            live(desk, quiet, self.start_ns, self.end_ns)
        waiting: list[tuple[int, Happening]] = []
        end_ns = self.start_ns
        while end_ns < self.end_ns:
            step_ns = end_ns
            length_ns = self.calendar.step_ns(step_ns, STEP_SECONDS * NS_PER_SECOND)
            end_ns = min(step_ns + length_ns, self.end_ns)
            self._arrivals(step_ns, end_ns)
            self._beats(step_ns, end_ns)
            desk.run_until(end_ns)
            waiting += desk.out
            desk.out = []
            waiting.sort(key=itemgetter(0))
            cut = len(waiting)
            while cut and waiting[cut - 1][0] >= end_ns:
                cut -= 1
            for _at_ns, one in waiting[:cut]:
                yield one
            del waiting[:cut]

    def _arrivals(self, step_ns: int, end_ns: int) -> None:
        """Who will do something within this step, and the market's ticks."""
        dice, market = self.dice, self.market
        market.look(step_ns)
        is_open = session(step_ns).open
        self.routes.load = 0.9 + 0.15 * market.busy
        if self.recorded is not None:
            for symbol in self.recorded.pairs:
                for tick in self.recorded.until(symbol, end_ns):
                    self.desk.at(tick.at_ns, partial(self._recorded, market.tickers[symbol], tick))
        elif is_open:
            for ticker in market.tickers.values():
                self._ticks(ticker, step_ns, end_ns)
        for client in self.clients:
            if is_open or client.weekends:
                mean = self._rate(client, step_ns, is_open=is_open)
                if mean:
                    for _ in range(dice.poisson(mean * (end_ns - step_ns))):
                        at_ns = step_ns + int(dice.uniform() * (end_ns - step_ns))
                        self.desk.at(at_ns, partial(self._sitting, client, is_open))

    def _rate(self, client: Client, step_ns: int, *, is_open: bool) -> float:
        """How often the account comes within a nanosecond of this step, on average."""
        hour_ns = step_ns - step_ns % HOUR_NS
        if client.hour_ns != hour_ns:
            client.hour_ns = hour_ns
            client.hour_rate = self._hour_rate(client, hour_ns, is_open=is_open)
        rate = client.hour_rate * client.activity
        if rate and client.character != "robot":
            rate *= 1 + 0.8 * self.market.excitement.slow
        return rate

    def _hour_rate(self, client: Client, hour_ns: int, *, is_open: bool) -> float:
        """The same in this hour of a quiet day."""
        day, hour = local_hour(hour_ns, client.zone)
        share = share_of(client.hours, hour)
        if not share:
            return 0.0
        number = day.toordinal()
        if client.mood_day != number:
            client.mood_day = number
            client.mood = math.exp(0.3 * self.dice.normal())
        times = client.mood
        if not is_open or day.weekday() > 4:
            times *= client.weekends
        elif client.character != "algo" and not open_at(day, client.currency):
            times *= 0.15 if client.margin == "none" else 0.6
        if client.character in {"fund", "treasurer"}:
            times *= month_end(day)
        return client.orders_a_day * share * times / HOUR_NS

    def _sitting(self, client: Client, is_open: bool, at_ns: int) -> None:
        """The account comes: it looks around, and trades where the market is open."""
        dice, desk = self.dice, self.desk
        if dice.uniform() < client.poll_share:
            access = client.access(dice)
            for _ in range(1 + dice.poisson(1.0)):
                route = dice.one_of(_LOOKS)
                desk.call(at_ns, client, route, self._status(route), access)
                at_ns += dice.whole(50_000_000, 4_000_000_000)
        if is_open:
            desk.at(at_ns, lambda now: act(desk, client, now))

    def _status(self, route: calls.Route) -> int:
        """What a look around is answered with."""
        if self.routes.fails(route):
            return 503
        draw = self.dice.uniform()
        return 200 if draw > 0.006 else 404 if draw > 0.003 else 422 if draw > 0.0004 else 403

    def _ticks(self, ticker: Ticker, step_ns: int, end_ns: int) -> None:
        at_ns = max(ticker.next_ns, step_ns)
        while at_ns < end_ns:
            self.desk.at(at_ns, partial(self._tick, ticker))
            at_ns += self.market.next_gap_ns(ticker)
        ticker.next_ns = at_ns

    def _tick(self, ticker: Ticker, at_ns: int) -> None:
        if at_ns < ticker.silent_until:
            self.market.move(at_ns, ticker)
            return
        self.market.tick(at_ns, ticker)
        if self.plan.operations:
            self.desk.out.append((at_ns, _quote(ticker, at_ns)))
        self.desk.tick(at_ns, ticker)

    def _recorded(self, ticker: Ticker, tick: RecordedTick, at_ns: int) -> None:
        ticker.record(at_ns, tick.bid, tick.ask)
        self.desk.out.append((at_ns, _quote(ticker, at_ns)))
        self.desk.tick(at_ns, ticker)

    def _beats(self, step_ns: int, end_ns: int) -> None:
        """Have log volumes, and the time, said up to the end of the step."""
        every_ns = (1 if self.plan.operations else 60) * NS_PER_SECOND
        first_ns = (step_ns // every_ns + 1) * every_ns - 1
        for at_ns in range(first_ns, end_ns, every_ns):
            self.desk.at(at_ns, self._beat)

    def _beat(self, at_ns: int) -> None:
        out = self.desk.out
        at, at_seconds = rfc3339(at_ns), at_ns / NS_PER_SECOND
        if self.plan.operations:
            for seen in self.services.said(at, at_seconds, at_ns, self.market.busy):
                out.append((at_ns, seen))
        out.append((at_ns, TimeSeen(at, at_seconds)))


_LOOKS: Final = (
    calls.LOOK_PRICES, calls.LOOK_PRICES, calls.LOOK_ORDER, calls.LOOK_ORDER, calls.LOOK_ORDERS,
    calls.LOOK_POSITIONS, calls.LOOK_ACCOUNT, calls.PRECHECK, calls.LIMITS,
)  # fmt: skip


def _quote(ticker: Ticker, at_ns: int) -> QuoteSeen:
    scale = ticker.scale
    return QuoteSeen(
        rfc3339(at_ns), at_ns / NS_PER_SECOND, ticker.listing.symbol, ticker.bid / scale,
        ticker.ask / scale, SOURCE,
    )  # fmt: skip
