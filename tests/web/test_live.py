"""The live hub: who hears what, and what happens to those who are slow, too many or late."""

import asyncio
from collections.abc import AsyncIterator, Callable

import httpx
import msgspec
import pytest
from starlette.applications import Starlette
from starlette.requests import Request

from tallystick import __version__
from tallystick.access import Principal, Scope
from tallystick.errors import Overloaded, Refused, ShuttingDown
from tallystick.web import LiveHub, live_route
from tallystick.web.live import frame_of

Fetch = Callable[[Starlette, str], httpx.Response]


def principal(account: str = "demo", *scopes: Scope) -> Principal:
    """Somebody who may read, and whatever else is named."""
    return Principal("test", account, frozenset({"read", *scopes}))


def events(data: bytes) -> list[tuple[str, object]]:
    """What a page reads from these bytes: (event, data) of each, heartbeats left out."""
    found = []
    for block in data.decode().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
        if "event" in lines:
            found.append((lines["event"], msgspec.json.decode(lines["data"])))
    return found


HELLO = (
    "hello",
    {"name": "test", "account": "demo", "scopes": ["read"], "version": __version__},
)


def test_first_word_is_hello() -> None:
    """A page learns from the stream itself whose token it holds."""

    async def main() -> bytes:
        with LiveHub().subscribe(principal()) as subscriber:
            return subscriber.take()

    assert events(asyncio.run(main())) == [HELLO]


def test_publish_reaches_every_follower_in_order() -> None:
    """Two followers hear the same events in the order in which they were said."""

    async def main() -> list[bytes]:
        hub = LiveHub()
        with hub.subscribe(principal()) as one, hub.subscribe(principal()) as two:
            hub.publish("price", {"prices": []})
            hub.publish("checkpoint", b'{"size":1}')
            return [one.take(), two.take()]

    said = [HELLO, ("price", {"prices": []}), ("checkpoint", {"size": 1})]
    assert [events(data) for data in asyncio.run(main())] == [said, said]


def test_nobody_listening_costs_nothing() -> None:
    """Without followers the data is not even encoded: an object that cannot be is no error."""
    LiveHub().publish("price", object())


def test_account_events_stay_with_the_account() -> None:
    """An account's orders are heard by it and by operators, by nobody else."""

    async def main() -> list[int]:
        hub = LiveHub()
        with (
            hub.subscribe(principal("a")) as own,
            hub.subscribe(principal("b")) as other,
            hub.subscribe(principal("b", "operate")) as operator,
        ):
            hub.publish("order", {"orders": []}, account="a")
            return [len(events(s.take())) - 1 for s in (own, other, operator)]

    assert asyncio.run(main()) == [1, 0, 1]


def test_scope_keeps_logs_from_traders() -> None:
    """Events reserved for a scope are heard by its holders only."""

    async def main() -> list[int]:
        hub = LiveHub()
        with (
            hub.subscribe(principal("a")) as trader,
            hub.subscribe(principal("a", "operate")) as operator,
        ):
            hub.publish("log", {"logs": []}, scope="operate")
            return [len(events(s.take())) - 1 for s in (trader, operator)]

    assert asyncio.run(main()) == [0, 1]


@pytest.mark.parametrize(
    ("waiting_max", "bytes_max", "kept"), [(3, 1 << 20, [2, 3, 4]), (99, 90, [3, 4])]
)
def test_slow_follower_loses_the_oldest_and_is_told(
    waiting_max: int, bytes_max: int, kept: list[int]
) -> None:
    """A full queue, in events or in bytes, drops from its front and says how many are gone."""

    async def main() -> tuple[bytes, bytes]:
        hub = LiveHub(waiting_max=waiting_max, bytes_max=bytes_max)
        with hub.subscribe(principal()) as subscriber:
            subscriber.take()
            for number in range(5):
                hub.publish("checkpoint", {"size": number})
            first = subscriber.take()
            hub.publish("checkpoint", {"size": 9})
            return first, subscriber.take()

    first, second = asyncio.run(main())
    missed = ("gap", {"missed": 5 - len(kept)})
    assert events(first) == [missed, *(("checkpoint", {"size": n}) for n in kept)]
    assert events(second) == [("checkpoint", {"size": 9})]


def test_followers_are_limited_and_places_come_back() -> None:
    """One too many is told so; when one leaves there is room again."""

    async def main() -> None:
        hub = LiveHub(subscribers_max=1)
        with hub.subscribe(principal()):
            assert hub.listening == 1
            with pytest.raises(Overloaded), hub.subscribe(principal()):
                pass
        with hub.subscribe(principal()):
            assert hub.listening == 1
        assert hub.listening == 0

    asyncio.run(main())


def test_silence_is_filled_with_heartbeats() -> None:
    """A stream without events still says something, so that a dead connection is noticed."""

    async def main() -> list[bytes]:
        hub = LiveHub(heartbeat_seconds=0.001)
        with hub.subscribe(principal()) as subscriber:
            stream = hub.stream(subscriber)
            return [await anext(stream), await anext(stream), await anext(stream)]

    hello, *beats = asyncio.run(main())
    assert events(hello) == [HELLO]
    assert beats == [b": heartbeat\n\n"] * 2


def test_close_ends_a_waiting_stream_after_its_last_events() -> None:
    """At shutdown a stream gives out what waits and ends at once; newcomers are turned away."""

    async def read(stream: AsyncIterator[bytes]) -> bytes:
        return b"".join([data async for data in stream])

    async def main() -> bytes:
        hub = LiveHub()
        with hub.subscribe(principal()) as subscriber:
            reading = asyncio.create_task(read(hub.stream(subscriber)))
            await asyncio.sleep(0)
            hub.publish("checkpoint", {"size": 1})
            hub.close()
            said = await reading
        with pytest.raises(ShuttingDown), hub.subscribe(principal()):
            pass
        return said

    assert events(asyncio.run(main())) == [HELLO, ("checkpoint", {"size": 1})]


def test_unknown_event_is_a_programmers_error() -> None:
    """A misspelt event name is caught where it is said, not by a silent page."""
    with pytest.raises(AssertionError):
        frame_of("ordre", {})


def test_newlines_in_json_stay_inside_the_event() -> None:
    """Indented JSON is spread over data lines, as the event-stream format has it."""
    assert frame_of("log", b"{\n}") == b"event: log\ndata: {\ndata: }\n\n"


def test_route_streams_and_gives_the_place_back(fetch: Fetch) -> None:
    """`GET /v1/live` is an event stream that nothing on the way may keep."""
    hub = LiveHub()
    hub_closes_itself(hub)
    response = fetch(Starlette(routes=[live_route(hub, lambda _: principal())]), "/v1/live")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"
    assert events(response.content) == [HELLO]
    assert hub.listening == 0


def hub_closes_itself(hub: LiveHub) -> None:
    """Close the hub as soon as its first follower has been greeted."""
    original = hub.stream

    def stream(subscriber: object) -> AsyncIterator[bytes]:
        hub.close()
        return original(subscriber)  # type: ignore[arg-type]

    hub.stream = stream  # type: ignore[method-assign, assignment]


@pytest.mark.parametrize("error", [Refused("UNAUTHENTICATED", "Who are you?"), Overloaded()])
def test_refusals_come_before_the_stream_begins(fetch: Fetch, error: Exception) -> None:
    """A bad token or a full house is an ordinary error that the application can answer."""

    def refuse(_request: Request) -> Principal:
        raise error

    with pytest.raises(type(error)):
        fetch(Starlette(routes=[live_route(LiveHub(), refuse)]), "/v1/live")


def test_full_house_is_refused_before_the_stream_begins(fetch: Fetch) -> None:
    """The limit of followers is met before a byte of the response is sent."""
    hub = LiveHub(subscribers_max=0)
    with pytest.raises(Overloaded):
        fetch(Starlette(routes=[live_route(hub, lambda _: principal())]), "/v1/live")


def test_live_needs_the_scope_read(fetch: Fetch) -> None:
    """A token that may not read hears nothing."""
    blind = Principal("test", "demo", frozenset({"trade"}))
    with pytest.raises(Refused, match="may not read"):
        fetch(Starlette(routes=[live_route(LiveHub(), lambda _: blind)]), "/v1/live")
