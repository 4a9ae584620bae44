"""What every destination promises, each against a real peer (`RINGS` in conftest)."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from tallystick.errors import TemporaryError
from tallystick.watch.collect.forward import DESTINATIONS, Destination, Numbered
from tallystick.watch.collect.forward.cloudwatch import CloudWatchSettings
from tallystick.watch.collect.forward.otlp import OtlpSettings
from tallystick.watch.collect.forward.splunk import SplunkSettings
from tallystick.watch.collect.forward.syslog import SyslogSettings


class Ring(Protocol):
    """A destination and its peer, as conftest makes them."""

    destination: Destination
    arrived: Callable[[int], Awaitable[list[int]]]
    interrupt: Callable[[], Awaitable[None]]


Rings = AbstractAsyncContextManager[Ring]
Numbers = Callable[..., list[Numbered]]


def test_every_destination_has_a_row_here() -> None:
    """A destination without a peer in this suite does not pass."""
    rows = {SplunkSettings, OtlpSettings, SyslogSettings, CloudWatchSettings}

    assert set(DESTINATIONS) == rows


def test_lines_arrive_whole_and_in_order(ring: Rings, numbered: Numbers) -> None:
    """Two batches: every line once, in the order given."""

    async def story() -> None:
        async with ring as opened:
            for first in (1, 101):
                assert await _send_until_taken(opened, numbered(first, 100)) == 0
            assert await opened.arrived(200) == list(range(1, 201))

    asyncio.run(story())


def test_a_peer_that_is_away_for_a_moment_loses_nothing(ring: Rings, numbered: Numbers) -> None:
    """The attempt fails as temporary, or arrives; sent until it is taken, every line is there."""

    async def story() -> None:
        async with ring as opened:
            await _send_until_taken(opened, numbered(1, 10))
            await opened.arrived(10)
            await opened.interrupt()
            await _send_until_taken(opened, numbered(11, 10))
            assert set(await opened.arrived(20)) == set(range(1, 21))

    asyncio.run(story())


def test_strange_lines_do_not_break_a_batch(ring: Rings, numbered: Numbers) -> None:
    """No time or none that is one, deep values, huge numbers, line feeds, quotes, all alphabets."""
    strange: list[dict[str, Any]] = [
        {"timestamp": "yesterday"},
        {"body": 'two\nlines "quoted" ] \\ Größe 汇率'},
        {"nested": {"a": [1, {"b": None}]}, "number.big": 2**70, "ratio": 0.25, "yes": True},
        {"trace_id": "not hex", "span_id": "00f067aa0ba902b7", "severity_text": "LOUD"},
        {"a name with spaces]=": "x", "host.name": "an umlaut: ü", "event_name": ""},
    ]

    async def story() -> None:
        async with ring as opened:
            sent = [numbered(n, 1, **members)[0] for n, members in enumerate(strange, start=1)]
            sent.append(Numbered(len(sent) + 1, b'{"number":6,"huge":1e999,"deep":[-1E400]}'))
            await _send_until_taken(opened, sent)
            assert set(await opened.arrived(len(sent))) == set(range(1, len(sent) + 1))

    asyncio.run(story())


async def _send_until_taken(opened: Ring, lines: list[Numbered]) -> int:
    """As the forwarder does it, without its pauses."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await opened.destination.send(lines)
            except TemporaryError:
                await asyncio.sleep(0.05)
