"""Following the ledger over a real connection: in order, once, and on from where it broke off."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import httpx
import msgspec
import pytest

from tallystick.ledger import Sealable
from tallystick.ledger.merkle import leaf_hash
from tallystick.ledger.verify import verify_receipt

Reading = Callable[..., None]
FOLLOW = "/v1/ledger/follow"
MANY = 5_000
DEADLINE_SECONDS = 30


class Event(NamedTuple):
    """One event of the stream, or a comment (`event` empty)."""

    event: str
    id: int | None
    data: Any


@asynccontextmanager
async def following(
    room: Any, name: str | None = "operator", last: int | None = None, **query: Any
) -> AsyncIterator[AsyncIterator[Event]]:
    """A connection, as an iterator of its events."""
    headers = {} if last is None else {"Last-Event-ID": str(last)}
    params = {key.rstrip("_"): value for key, value in query.items()}
    async with (
        asyncio.timeout(DEADLINE_SECONDS),
        room.client(name) as client,
        client.stream("GET", FOLLOW, params=params, headers=headers) as response,
    ):
        assert response.status_code == 200, await response.aread()
        assert response.headers["content-type"].startswith("text/event-stream")
        yield events_of(response)


async def events_of(response: httpx.Response) -> AsyncIterator[Event]:
    """As a browser reads the stream (HTML standard, section 9.2.6)."""
    event, position, data = "", None, None
    async for line in response.aiter_lines():
        field, _, value = line.partition(": ")
        if field == "event":
            event = value
        elif field == "id":
            position = int(value)
        elif field == "data":
            data = msgspec.json.decode(value)
        elif line == "":
            yield Event(event, position, data)
            event, data = "", None


async def entries(stream: AsyncIterator[Event], count: int) -> list[Event]:
    """The next so many entries."""
    found: list[Event] = []
    if count:
        async for event in stream:
            if event.event == "entry":
                found.append(event)
                if len(found) == count:
                    break
    return found


async def append(room: Any, count: int) -> None:
    """So many entries, in batches of their own size."""
    first = room.ledger.size
    for start in range(first, first + count, 97):
        some = [Sealable(b"entry %d" % n) for n in range(start, min(start + 97, first + count))]
        await room.ledger.append(start, some)


def test_everything_while_it_is_appended(reading: Reading) -> None:
    """5,000 entries, some there before: each once, in order, with its exact bytes and leaf hash."""

    async def act(room: Any) -> None:
        await append(room, MANY // 2)
        async with following(room) as stream:
            appending = asyncio.create_task(append(room, MANY // 2))
            found = await entries(stream, MANY)
            await appending
        assert [event.id for event in found] == list(range(MANY))
        for event in found:
            data = event.data["entry"].encode()
            assert (event.data["position"], data) == (event.id, b"entry %d" % event.id)
            assert event.data["leaf_hash"] == leaf_hash(data).hex()

    reading(act)


def test_who_comes_back_gets_every_entry_once(reading: Reading) -> None:
    """Cut off again and again: `Last-Event-ID` goes on behind what was seen."""

    async def act(room: Any) -> None:
        await append(room, 300)
        found: list[int | None] = []
        last = None
        for count in (1, 7, 100, 92, 50, 100):
            async with following(room, last=last, from_=0) as stream:
                found += [event.id for event in await entries(stream, count)]
            last = found[-1]
            await append(room, 10)
        assert found == list(range(350))

    reading(act)


@pytest.mark.parametrize("start", [0, 3, 10, 12], ids=str)
def test_from_a_position_on(reading: Reading, start: int) -> None:
    """Also from one that is still to come: the stream waits for it."""

    async def act(room: Any) -> None:
        await append(room, 10)
        async with following(room, from_=start) as stream:
            await append(room, 10)
            found = await entries(stream, 20 - start)
        assert [event.id for event in found] == list(range(start, 20))

    reading(act)


def test_receipts_where_they_are_asked_for(reading: Reading) -> None:
    """Each entry with what proves it."""

    async def act(room: Any) -> None:
        await room.open("demo")
        for _ in range(20):
            await room.place()
        async with following(room, proofs=True) as stream:
            found = await entries(stream, 21)
        for event in found:
            receipt = event.data["receipt"]
            assert receipt["position"] == event.id
            assert base64.b64decode(receipt["entry"]).decode() == event.data["entry"]
            report = verify_receipt(msgspec.json.encode(receipt), room.ledger.vkey)
            assert report.verdict == "clean"

    reading(act)


def test_an_account_follows_its_own_entries(reading: Reading) -> None:
    """What is of others is passed over, and a heartbeat's id says how far it has come."""

    async def act(room: Any) -> None:
        await room.open("demo", "other")
        async with following(room, "demo") as stream:
            for n in range(8):
                await room.place("demo" if n % 3 == 0 else "other")
            found = await entries(stream, 4)
            assert [event.id for event in found] == [0, 2, 5, 8]
            assert {event.data["account"] for event in found} == {"demo"}
            async for event in stream:
                if event.id == 9:
                    break
            assert event.event == ""

    reading(act, heartbeat_seconds=0.05)


def test_a_heartbeat_when_nothing_happens(reading: Reading) -> None:
    """The connection is seen to live, at once and then again and again; an empty ledger too."""

    async def act(room: Any) -> None:
        async with following(room) as stream:
            beats = [await anext(stream) for _ in range(3)]
            assert beats == [Event("", None, None)] * 3
            await append(room, 1)
            assert [event.id for event in await entries(stream, 1)] == [0]
            assert await anext(stream) == Event("", 0, None)

    reading(act, heartbeat_seconds=0.02)


def test_a_reader_that_stops_reading_costs_nothing(reading: Reading) -> None:
    """It is not read ahead for: others go on, and it gets everything when it reads again."""

    async def act(room: Any) -> None:
        async with following(room) as slow, following(room) as quick:
            await anext(slow)
            big = [Sealable(b"%d " % n + b"x" * 50_000) for n in range(400)]
            await room.ledger.append(0, big)
            assert len(await entries(quick, 400)) == 400
            assert room.followers.count == 2
            assert [event.id for event in await entries(slow, 400)] == list(range(400))

    reading(act)


def test_only_so_many_follow(reading: Reading) -> None:
    """One more is told to come back; a place is free again when somebody leaves."""

    async def act(room: Any) -> None:
        async with following(room) as one, following(room) as two:
            await anext(one)
            await anext(two)
            assert await room.refused(FOLLOW) == "503 UNAVAILABLE"
        async with asyncio.timeout(DEADLINE_SECONDS):
            while room.followers.count:
                await room.clock.sleep(0.01)
        async with following(room) as again:
            await anext(again)
            assert room.followers.count == 1

    reading(act, followers_max=2)


def test_streams_end_in_order_at_shutdown(reading: Reading) -> None:
    """The response ends whole, and nobody may begin to follow any more."""

    async def act(room: Any) -> None:
        await append(room, 3)
        async with following(room) as stream:
            await entries(stream, 3)
            room.followers.close()
            assert [event async for event in stream if event.event] == []
        assert await room.refused(FOLLOW) == "503 UNAVAILABLE"

    reading(act)


@pytest.mark.parametrize("last", ["-1", "x", "1.5", "9" * 16, "²"], ids=str)
def test_last_event_ids_that_are_no_positions(reading: Reading, last: str) -> None:
    """Refused before the stream begins."""

    async def act(room: Any) -> None:
        async with room.client("operator") as client:
            headers = {b"Last-Event-ID": last.encode()}
            response = await client.get(FOLLOW, headers=headers)
        assert (response.status_code, response.json()["code"]) == (422, "BAD_REQUEST")

    reading(act)


def test_who_may_follow(reading: Reading) -> None:
    """Readers, auditors and operators; nobody without a token."""

    async def act(room: Any) -> None:
        for name in ("demo", "auditor", "operator"):
            async with following(room, name) as stream:
                await anext(stream)
        assert await room.refused(FOLLOW, None) == "401 UNAUTHENTICATED"
        assert await room.refused(FOLLOW, "trader") == "403 FORBIDDEN"

    reading(act)
