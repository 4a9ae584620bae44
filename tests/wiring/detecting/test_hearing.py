"""What the server's parts say becomes observations; nothing of it waits."""

import asyncio
from pathlib import Path

import msgspec

from tallystick.api.calls import OrderLine
from tallystick.clock import NS_PER_SECOND, ManualClock
from tallystick.execution import Quote
from tallystick.money import Price
from tallystick.watch.collect.store import LogStore
from tallystick.watch.detect.observation import CallSeen, LogSeen, Observation, QuoteSeen, TimeSeen
from tallystick.wiring.detecting.hearing import Hearing

CLOCK = ManualClock()
CALL = {
    "event_name": "api.request_answered", "timestamp": "2026-11-22T10:00:00.000000Z",
    "http.request.method": "GET", "http.route": "/v1/orders", "http.response.status_code": 403,
    "duration_us": 812, "account": "acme", "auth.key": "0a1b2c3d4e5f",
    "client.address": "203.0.113.0/24",
}  # fmt: skip


def quote(bid: int, ask: int, pair: str = "EUR/USD") -> Quote:
    """A quote in points."""
    return Quote(pair, Price(bid), Price(ask), CLOCK.now_ns(), "lp-1")


def hearing(folder: Path) -> tuple[LogStore, list[Observation], Hearing]:
    """A hearing on an empty store, and what it offers."""
    offered: list[Observation] = []
    store = LogStore(folder, CLOCK)
    return store, offered, Hearing(offered.append, store, CLOCK)


def test_calls_say_who_called(tmp_path: Path) -> None:
    """The account, the key and the network; other lines are nothing, broken ones are counted."""
    store, offered, heard = hearing(tmp_path)
    heard.line(CALL)
    heard.line({"event_name": "wiring.started"})
    heard.line({"event_name": "api.request_answered"})
    line = OrderLine("2026-11-22T10:00:01Z", 640, "acme", "O-1", "filled", 7, "0a1b", "10.0.0.0/24")
    heard.order(line, 1_760_000_000 * NS_PER_SECOND)
    store.close()

    answered, placed = offered
    assert isinstance(answered, CallSeen)
    assert (answered.route, answered.status) == ("GET /v1/orders", 403)
    assert (answered.key, answered.address) == ("0a1b2c3d4e5f", "203.0.113.0/24")
    assert placed == CallSeen(
        "2026-11-22T10:00:01Z", 1_760_000_000.0, "POST /v1/orders", 201, 640, "acme",
        "10.0.0.0/24", "0a1b",
    )  # fmt: skip
    assert heard.unreadable == 1


def test_quotes_are_conflated_and_crossed_ones_are_not(tmp_path: Path) -> None:
    """The newest of a pair each tenth of a second; every second the time, and who logged."""
    store, offered, heard = hearing(tmp_path)

    async def run() -> None:
        """Two looks."""
        task = asyncio.create_task(heard.run())
        await asyncio.sleep(0)
        store.append([msgspec.json.encode({"service.name": "gate", "n": n}) for n in range(3)])
        heard.quotes([quote(108_500, 108_510), quote(108_520, 108_500), quote(108_600, 108_610)])
        CLOCK.advance(1.5)
        while not any(isinstance(each, LogSeen) for each in offered):
            CLOCK.advance(0.2)
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    store.close()

    quotes = [each for each in offered if isinstance(each, QuoteSeen)]
    assert [(each.bid, each.ask) for each in quotes] == [(1.0852, 1.085), (1.086, 1.0861)]
    (logged,) = [each for each in offered if isinstance(each, LogSeen)]
    assert (logged.index, logged.service, logged.lines) == ("tallystick", "gate", 3)
    assert any(isinstance(each, TimeSeen) for each in offered)
