"""Prices over a WebSocket: who may, what may be said, and how it ends; on a real server."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError

from tallystick.api import price_socket

DEADLINE_SECONDS = 20.0


@asynccontextmanager
async def socket(it: Any, query: str = "", **options: Any) -> AsyncIterator[ClientConnection]:
    """A connection, with the token in its header unless other headers are given."""
    options.setdefault("additional_headers", it.headers)
    url = it.url.replace("http", "ws", 1) + "/v1/prices/ws" + query
    async with connect(url, proxy=None, ping_interval=None, **options) as connection:
        yield connection


async def say(connection: ClientConnection, **message: Any) -> None:
    """One message."""
    await connection.send(json.dumps(message))


async def hear(connection: ClientConnection, *kinds: str) -> dict[str, Any]:
    """The next message of one of these types."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            message: dict[str, Any] = json.loads(await connection.recv())
            if message["type"] in kinds:
                return message


async def closed(connection: ClientConnection) -> tuple[int | None, str | None]:
    """How it ends."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        with suppress(ConnectionClosedError):
            async for _message in connection:
                continue
        await connection.wait_closed()
    return connection.close_code, connection.close_reason


def test_subscribe_hear_and_unsubscribe(shop: Any) -> None:
    """Only the pairs asked for, from a snapshot on; one pair less; then a ping."""

    async def scene() -> None:
        async with shop() as it, socket(it) as connection:
            it.price("EUR/USD", 108_000)
            assert (await hear(connection, "ready"))["name"] == "reader"
            await say(connection, type="subscribe", pairs=["EURUSD", "USD/JPY"])
            first = await hear(connection, "snapshot")
            assert [each["pair"] for each in first["prices"]] == ["EUR/USD"]
            assert first["unpriced"] == ["USD/JPY"]
            it.price("GBP/USD", 127_000)
            it.price("USD/JPY", 150_000)
            price = await hear(connection, "price")
            assert (price["pair"], price["bid"], price["missed"]) == ("USD/JPY", "150.000", 0)
            await say(connection, type="unsubscribe", pairs=["USD/JPY"])
            assert (await hear(connection, "unsubscribed"))["pairs"] == ["USD/JPY"]
            it.price("USD/JPY", 150_001)
            it.price("EUR/USD", 108_001)
            assert (await hear(connection, "price"))["pair"] == "EUR/USD"
            await say(connection, type="ping", id="p-1")
            assert (await hear(connection, "pong"))["id"] == "p-1"
            beat = await hear(connection, "heartbeat")
            assert beat["session"]["open"] is True

    asyncio.run(scene())


def test_a_cross_is_told_while_it_is_followed(shop: Any) -> None:
    """Whenever a leg moves; let go of, the board works it out no longer."""

    async def scene() -> None:
        async with shop() as it:
            it.price("EUR/USD", 108_000)
            it.price("USD/JPY", 150_000)
            async with socket(it, "?pairs=EUR/JPY") as connection:
                snapshot = await hear(connection, "snapshot")
                assert snapshot["prices"][0]["source"] == "cross via USD (test)"
                it.price("USD/JPY", 151_000)
                price = await hear(connection, "price")
                assert price["pair"] == "EUR/JPY"
                assert price["bid"] == "163.080"
                assert it.board._wanted == {"EUR/JPY": 1}
            async with asyncio.timeout(DEADLINE_SECONDS):
                while it.stream.count:
                    assert it.board is not None
                    await asyncio.sleep(0)
            assert not it.board._wanted

    asyncio.run(scene())


def test_reconnecting_loses_nothing_newest(shop: Any) -> None:
    """With the last id it gets the pairs that moved, at their newest."""

    async def scene() -> None:
        async with shop() as it:
            it.price("EUR/USD", 108_000)
            it.price("USD/JPY", 150_000)
            async with socket(it, "?pairs=EUR/USD,USD/JPY") as connection:
                last = (await hear(connection, "snapshot"))["id"]
                connection.transport.abort()
            for n in range(3):
                it.price("USD/JPY", 150_001 + n)
            async with socket(it) as connection:
                pairs = ["USD/JPY", "EUR/USD"]
                await say(connection, type="subscribe", pairs=pairs, resume=last)
                back = await hear(connection, "snapshot")
                assert (back["resumed"], back["gap"], back["missed"]) == (True, True, 2)
                assert [each["bid"] for each in back["prices"]] == ["150.003"]

    asyncio.run(scene())


def test_the_token_may_come_first(shop: Any) -> None:
    """For clients that cannot set a header: browsers."""

    async def scene() -> None:
        async with shop() as it, socket(it, additional_headers={}) as connection:
            await say(connection, type="auth", token=it.token)
            await hear(connection, "ready")
            await say(connection, type="subscribe")
            assert (await hear(connection, "snapshot"))["prices"] == []
            await say(connection, type="auth", token=it.token)
            assert (await hear(connection, "error"))["code"] == "BAD_REQUEST"

    asyncio.run(scene())


@pytest.mark.parametrize(
    "first",
    ['{"type":"auth","token":"tally_wrong"}', '{"type":"subscribe"}', "nonsense", "[1]"],
)
def test_without_a_good_token_it_ends(shop: Any, first: str) -> None:
    """4401, and the sentence that HTTP would say."""

    async def scene() -> None:
        async with shop() as it:
            async with socket(it, additional_headers={}) as connection:
                await connection.send(first)
                code, reason = await closed(connection)
                assert code == price_socket.UNAUTHENTICATED
                assert reason
                assert reason.endswith(".")
            wrong = {"Authorization": "Bearer tally_wrong"}
            async with socket(it, additional_headers=wrong) as connection:
                assert (await closed(connection))[0] == price_socket.UNAUTHENTICATED
            other = {"Authorization": f"Bearer {it.auditor}"}
            async with socket(it, additional_headers=other) as connection:
                assert (await closed(connection))[0] == price_socket.FORBIDDEN

    asyncio.run(scene())


def test_a_token_that_does_not_come_is_not_waited_for(
    shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """4408 after a while."""
    monkeypatch.setattr(price_socket, "PRICE_SOCKET_AUTH_SECONDS_MAX", 0.05)

    async def scene() -> None:
        async with shop() as it, socket(it, additional_headers={}) as connection:
            assert (await closed(connection))[0] == price_socket.AUTH_TIMED_OUT

    asyncio.run(scene())


def test_what_cannot_be_used_is_said_and_changes_nothing(shop: Any) -> None:
    """A code and a sentence each; the connection goes on."""

    async def scene() -> None:
        async with shop() as it, socket(it, "?pairs=EUR/XXX") as connection:
            assert (await hear(connection, "error"))["code"] == "UNKNOWN_PAIR"
            for message, code in (
                ("nonsense", "BAD_JSON"),
                ("{}", "BAD_REQUEST"),
                ('{"type":"sell"}', "VALUE_NOT_ALLOWED"),
                ('{"type":"subscribe","pears":[]}', "UNKNOWN_FIELD"),
                ('{"type":"subscribe","pairs":["EUR/XXX"]}', "UNKNOWN_PAIR"),
                ('{"type":"subscribe","pairs":["EUR/USD"],"resume":"x"}', "BAD_REQUEST"),
                ('{"type":"subscribe","pairs":"EUR/USD"}', "VALUE_NOT_ALLOWED"),
                ('{"type":"unsubscribe","pairs":["nothing"]}', "UNKNOWN_PAIR"),
            ):
                await connection.send(message)
                error = await hear(connection, "error")
                assert error["code"] == code
                assert error["detail"].endswith(".")
            (follower,) = it.stream._followers
            assert follower.pairs == {}
            await connection.send(b'{"type":"ping"}')
            await hear(connection, "pong")

    asyncio.run(scene())


def test_too_much_ends_it(shop: Any) -> None:
    """Too large a message, too many of them, one connection too many."""

    async def scene() -> None:
        async with shop() as it:
            async with socket(it) as connection:
                await connection.send('{"type":"ping","id":"' + "x" * 5_000 + '"}')
                assert (await closed(connection))[0] == price_socket.TOO_BIG
            async with socket(it) as connection:
                for _ in range(100):
                    await say(connection, type="ping")
                assert (await closed(connection))[0] == price_socket.TOO_MANY_MESSAGES
            async with asyncio.timeout(DEADLINE_SECONDS):
                while it.stream.count:
                    assert it.board is not None
                    await asyncio.sleep(0)
            async with (
                socket(it) as one,
                socket(it) as two,
                socket(it) as three,
                socket(it) as four,
            ):
                for each in (one, two, three, four):
                    await hear(each, "ready")
                async with socket(it) as fifth:
                    assert (await closed(fifth))[0] == price_socket.TRY_LATER

    asyncio.run(scene())


def test_it_ends_with_the_process(shop: Any) -> None:
    """1012 for whoever follows, and for whoever has not yet said its token."""

    async def scene() -> None:
        async with (
            shop() as it,
            socket(it) as connection,
            socket(it, additional_headers={}) as stranger,
        ):
            await say(connection, type="subscribe")
            await hear(connection, "snapshot")
            it.stream.close()
            for each in (connection, stranger):
                assert (await closed(each))[0] == price_socket.RESTART

    asyncio.run(scene())


def test_every_connection_has_its_line(shop: Any) -> None:
    """Counted like any other call when it is over."""

    async def scene() -> None:
        async with shop() as it:
            async with socket(it) as connection:
                await hear(connection, "ready")
            async with asyncio.timeout(DEADLINE_SECONDS):
                while not it.calls.counts:
                    assert it.board is not None
                    await asyncio.sleep(0)
            assert list(it.calls.counts) == [("GET", "/v1/prices/ws", 101)]

    asyncio.run(scene())
