"""`tallystick demo`: the main job on real prices, live in the terminal.

A seeded flow of clients places orders against the product over HTTP, exactly as clients would.
Among them are anomalies that are planted and declared as planted; at the end the demo says which
of them were seen, and how to verify everything.
"""

import asyncio
import math
import random
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import httpx
import msgspec
import uvloop
from rich.console import Console
from rich.live import Live

from tallystick.clock import NS_PER_SECOND, Clock, SystemClock
from tallystick.execution import EcbAnchored, LeanTicks, LimitsText, Quote
from tallystick.execution.quotes.ecb import TICK_SECONDS, reference_rates
from tallystick.wiring.demo_orders import OrderBody, order_body, replacement
from tallystick.wiring.demo_screen import DemoState, draw, draw_summary
from tallystick.wiring.flow import CLIENTS, Flow, PlannedOrder
from tallystick.wiring.serve import server_of
from tallystick.wiring.settings import Settings
from tallystick.wiring.single import Single, warm_up

ECB_DAYS_MAX = 60
"""Most reference days that the demo's prices move through."""
DAY_SECONDS = 6.0
"""In this time prices move from one day's reference rates to the next's, in equal ratios."""
TICKS_SPEED = 60.0
"""Recorded ticks are replayed this many times faster than life."""
PAIRS_SECONDS_MAX = 5.0
"""How long the first price of each recorded pair is waited for."""
CONNECTIONS = 16
REQUEST_SECONDS_MAX = 30.0
REDRAWS_PER_SECOND = 5
CHANGE_SECONDS = 0.5
"""How long a client waits before it cancels or replaces an order of its own."""
CHANGES_WAITING_MAX = 10_000
DETECT_SECONDS_MAX = 300.0
"""How long detection may take to see the last order; at its first start it is compiled."""
SETTLE_SECONDS = 1.5
"""After the last order: time for the last anomalies, alerts and the last checkpoint."""
LIMITS = LimitsText(
    order_quantity_max="50000000",
    position_usd_max="5000000000.00",
    collar_bps=500,
    duplicate_window_ms=1_000,
    duplicates_max=5,
)


class DemoPlan(msgspec.Struct, frozen=True):
    """What the demo was asked to do."""

    ticks: Path | None
    orders: int
    rate: int
    seed: int
    keep: Path | None


def run_demo(plan: DemoPlan, *, as_json: bool) -> None:
    """Run it; prints the live screen and the summary, or with `as_json` the summary alone.

    Raises:
        TallystickError: it could not start.
    """
    uvloop.run(_demo(plan, Console(quiet=as_json), as_json=as_json))


async def _demo(plan: DemoPlan, console: Console, *, as_json: bool) -> None:
    clock = SystemClock()
    single, source, prices = _composed(plan, clock)
    warm_up(clock)
    await single.start()
    server = server_of(single)
    serving = asyncio.create_task(server.serve())
    try:
        while not server.started:
            await clock.sleep(0.01)
        single.listen_on(server.servers[0].sockets[0].getsockname()[1])
        pairs = await _priced(single, source, clock)
        flow = Flow(plan.orders, plan.rate, pairs, random.Random(plan.seed))  # noqa: S311  seeded
        state = DemoState(flow, single, prices)
        screen = console if console.is_terminal else Console(quiet=True)
        with Live(draw(state), console=screen, refresh_per_second=REDRAWS_PER_SECOND) as live:
            await _trade(plan, single, source, state, clock, live)
        summary = state.summary()
    finally:
        server.should_exit = True
        await serving
        await single.stop()
    # Until it stopped, prices went on moving, and orders that waited were filled or ended.
    summary = msgspec.structs.replace(summary, entries=single.ledger.size)
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(summary), indent=2).decode())
    console.print(draw_summary(summary))
    # Outside any frame, in one line: it is there to be copied.
    console.print(f"Verify all of it:\n\n{summary.verify}\n", soft_wrap=True, highlight=False)


def _composed(plan: DemoPlan, clock: Clock) -> tuple[Single, LeanTicks | EcbAnchored, str]:
    """The product with the demo's prices, their source, and where they come from in words."""
    folder = plan.keep or Path(".tallystick-demo") / f"{clock.now_ns() // NS_PER_SECOND}"
    settings = Settings(
        port=0,
        data=str(folder),
        ticks=None if plan.ticks is None else str(plan.ticks),
        ticks_speed=TICKS_SPEED,
        seed=plan.seed,
        alerts_terminal=False,
    )
    if plan.ticks is not None:
        ticks = LeanTicks(plan.ticks, speed=TICKS_SPEED)
        words = f"real ticks of {', '.join(ticks.pairs)}, replayed {TICKS_SPEED:.0f} times faster"
        return Single(settings, clock, sources=[ticks]), ticks, words
    seconds = plan.orders / plan.rate
    days = reference_rates(min(ECB_DAYS_MAX, 2 + math.ceil(seconds / DAY_SECONDS)))
    chance = random.Random(plan.seed)  # noqa: S311  a seeded simulation
    source = EcbAnchored(gradual([rates for _day, rates in days]), chance)
    words = (
        f"ECB reference rates of {days[0][0]:%d %b %Y} and on, a day in {DAY_SECONDS:.0f} seconds;"
        " moves between them are synthetic"
    )
    return Single(settings, clock, sources=[source]), source, words


def gradual(days: Sequence[Mapping[str, float]]) -> list[dict[str, float]]:
    """The days' rates, and between each two of them the steps of DAY_SECONDS in equal ratios.

    A currency that a day does not have is left out of the steps next to it.
    """
    steps = round(DAY_SECONDS / TICK_SECONDS)
    path = [
        {code: old[code] * (new[code] / old[code]) ** (step / steps) for code in old if code in new}
        for old, new in pairwise(days)
        for step in range(steps)
    ]
    return [*path, dict(days[-1])]


async def _priced(single: Single, source: LeanTicks | EcbAnchored, clock: Clock) -> list[str]:
    """The pairs that have a price, once all have one that will soon."""
    wanted = len(source.pairs) if isinstance(source, LeanTicks) else 1
    give_up_ns = clock.monotonic_ns() + int(PAIRS_SECONDS_MAX * NS_PER_SECOND)
    while len(single.board.all()) < wanted:
        if single.board.all() and clock.monotonic_ns() > give_up_ns:
            break
        await clock.sleep(0.05)
    return [quote.pair for quote in single.board.all()]


async def _trade(
    plan: DemoPlan,
    single: Single,
    source: LeanTicks | EcbAnchored,
    state: DemoState,
    clock: Clock,
    live: Live,
) -> None:
    tokens = {}
    for client in CLIENTS:
        await single.desk.open_account(client.account, LIMITS)
        tokens[client.account] = single.tokens.issue(client.account, client.account, ("trade",))
    planned = enumerate(state.flow)
    limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    async with httpx.AsyncClient(
        base_url=single.facts.url, limits=limits, timeout=REQUEST_SECONDS_MAX
    ) as http:
        state.begin()
        placer = _Placer(plan, single, state, clock, http, tokens)
        beside = [
            asyncio.create_task(_redraw(state, clock, live)),
            asyncio.create_task(_pass_days(source, clock)),
        ]
        try:
            async with asyncio.TaskGroup() as workers:
                for _ in range(CONNECTIONS):
                    workers.create_task(placer.work(planned))
            state.end()
            await _looked_at(single, clock)
            await clock.sleep(SETTLE_SECONDS)
        finally:
            for task in beside:
                task.cancel()
            live.update(draw(state), refresh=True)


async def _looked_at(single: Single, clock: Clock) -> None:
    """Wait until detection has seen every entry: at its first start it is compiled meanwhile."""
    give_up_ns = clock.monotonic_ns() + int(DETECT_SECONDS_MAX * NS_PER_SECOND)
    while single.detecting.process.stands().position < single.ledger.size:
        if clock.monotonic_ns() > give_up_ns:
            break
        await clock.sleep(0.05)


async def _redraw(state: DemoState, clock: Clock, live: Live) -> None:
    while True:
        live.update(draw(state))
        await clock.sleep(1 / REDRAWS_PER_SECOND)


async def _pass_days(source: LeanTicks | EcbAnchored, clock: Clock) -> None:
    """Let the reference rates move on, one step of `gradual` with each tick."""
    while isinstance(source, EcbAnchored):
        source.next_day()
        await clock.sleep(TICK_SECONDS)


class _Waiting(NamedTuple):
    """An order that its client will change if it still waits then."""

    due_ns: int
    name: str
    order_id: str
    order: PlannedOrder


class _Placer:
    """Places planned orders at the asked rate, each by whichever worker is free."""

    def __init__(
        self,
        plan: DemoPlan,
        single: Single,
        state: DemoState,
        clock: Clock,
        http: httpx.AsyncClient,
        tokens: dict[str, str],
    ) -> None:
        self._plan = plan
        self._single = single
        self._state = state
        self._clock = clock
        self._http = http
        self._tokens = tokens
        self._start_ns = clock.monotonic_ns()
        self._usual = 0
        self._waiting: deque[_Waiting] = deque(maxlen=CHANGES_WAITING_MAX)

    async def work(self, planned: Iterator[tuple[int, PlannedOrder]]) -> None:
        """Place orders until none is left, and change those that wait when their time comes."""
        for number, order in planned:
            await self._wait_for(order)
            name = f"demo-{number}"
            body = order_body(name, order, self._quote(order), self._clock.now_ns())
            answer = await self._send("POST", "/v1/orders", order, body)
            order_id = self._state.answered(order, answer.status_code, answer.content)
            if order_id is not None and order.then is not None:
                due_ns = self._clock.monotonic_ns() + int(CHANGE_SECONDS * NS_PER_SECOND)
                self._waiting.append(_Waiting(due_ns, name, order_id, order))
            while self._waiting and self._waiting[0].due_ns <= self._clock.monotonic_ns():
                await self._change(self._waiting.popleft())

    async def _change(self, waiting: _Waiting) -> None:
        """Cancel or replace it; the market may have been faster (409), which is no error."""
        order, path = waiting.order, f"/v1/orders/{waiting.order_id}"
        if order.then == "cancel":
            answer = await self._send("DELETE", path, order, None)
        else:
            now_ns = self._clock.now_ns()
            body = replacement(f"{waiting.name}-again", order, self._quote(order), now_ns)
            answer = await self._send("PUT", path, order, body)
        self._state.changed(answer.status_code, answer.content)

    async def _send(
        self, method: str, path: str, order: PlannedOrder, body: OrderBody | None
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._tokens[order.account]}"}
        return await self._http.request(method, path, json=body, headers=headers)

    def _quote(self, order: PlannedOrder) -> Quote:
        quote = self._single.board.get(order.pair)
        assert quote is not None, "clients deal in pairs that have prices"  # noqa: S101
        return quote

    async def _wait_for(self, order: PlannedOrder) -> None:
        """Keep the rate; a planted burst does not."""
        if order.planted is not None and order.planted.kind == "burst":
            return
        self._usual += 1
        due_ns = self._start_ns + self._usual * NS_PER_SECOND // self._plan.rate
        await self._clock.sleep(max(0.0, (due_ns - self._clock.monotonic_ns()) / NS_PER_SECOND))
