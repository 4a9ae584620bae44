"""Prices over HTTP: the newest of each pair, and server-sent events that lose nothing newest."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

DEADLINE_SECONDS = 20.0


class Events:
    """A client of the stream: events one after another, and the last id it saw."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.aiter_lines()
        self.last_id = ""

    async def next(self, *names: str) -> tuple[str, Any]:
        """The next event of one of these names, or of any."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            event: dict[str, str] = {}
            async for line in self._lines:
                if line:
                    name, _, value = line.partition(": ")
                    event[name] = value
                elif event:
                    self.last_id = event.get("id", self.last_id)
                    if not names or event["event"] in names:
                        return event["event"], json.loads(event["data"])
                    event = {}
        raise EOFError


@asynccontextmanager
async def listening(it: Any, query: str = "", resume: str = "") -> AsyncIterator[Events]:
    """A stream that is open until the end of the block."""
    headers = it.headers | ({"Last-Event-ID": resume} if resume else {})
    async with (
        httpx.AsyncClient(headers=headers, timeout=DEADLINE_SECONDS) as client,
        client.stream("GET", f"{it.url}/v1/prices/stream{query}") as response,
    ):
        assert response.status_code == 200, await response.aread()
        assert response.headers["content-type"].startswith("text/event-stream")
        yield Events(response)


def test_prices_with_depth(shop: Any) -> None:
    """Every pair that has a price, its crosses too, with age, depth and value date."""

    async def scene() -> None:
        async with shop() as it, httpx.AsyncClient(base_url=it.url, headers=it.headers) as client:
            old = it.quote("USD/JPY", 150_000, age_seconds=61)
            it.board.update([it.quote("EUR/USD", 108_000), old])
            answer = (await client.get("/v1/prices")).json()
            prices = {each["pair"]: each for each in answer["prices"]}
            assert list(prices) == ["EUR/JPY", "EUR/USD", "USD/JPY"]
            euro = prices["EUR/USD"]
            assert (euro["bid"], euro["ask"]) == ("1.08000", "1.08010")
            assert euro["bids"] == [
                {"price": "1.08000", "quantity": "1000000.00"},
                {"price": "1.07999", "quantity": "2000000.00"},
            ]
            assert (euro["tradeable"], euro["reason"]) == (True, None)
            assert 0 <= euro["age_ms"] < 60_000
            assert euro["value_date"] > euro["at"][:10]
            for name in ("USD/JPY", "EUR/JPY"):
                assert prices[name]["reason"] == "STALE_PRICE"
                assert prices[name]["age_ms"] >= 61_000
            assert prices["EUR/JPY"]["source"] == "cross via USD (test)"
            assert answer["session"]["open"] is True
            it.open = False
            answer = (await client.get("/v1/prices?pairs=GBPUSD,eurusd,EUR/USD")).json()
            assert [each["reason"] for each in answer["prices"]] == ["MARKET_CLOSED"]
            assert answer["unpriced"] == ["GBP/USD"]

    asyncio.run(scene())


@pytest.mark.parametrize("path", ["/v1/prices", "/v1/prices/stream"])
@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("?pairs=EUR/XXX", "UNKNOWN_PAIR"),
        ("?pairs=USD/EUR", "UNKNOWN_PAIR"),
        ("?pairs=", "BAD_REQUEST"),
        ("?pairs=" + "EUR/USD," * 200, "BAD_REQUEST"),
        ("?pear=EUR/USD", "UNKNOWN_FIELD"),
    ],
)
def test_a_query_that_names_no_pair_is_refused(shop: Any, path: str, query: str, code: str) -> None:
    """With its code, before anything is streamed."""

    async def scene() -> None:
        async with shop() as it, httpx.AsyncClient(base_url=it.url, headers=it.headers) as client:
            answer = await client.get(path + query)
            assert 400 <= answer.status_code < 500
            assert answer.json()["code"] == code

    asyncio.run(scene())


def test_who_may(shop: Any) -> None:
    """Only a token that reads."""

    async def scene() -> None:
        async with shop() as it, httpx.AsyncClient(base_url=it.url) as client:
            for path in ("/v1/prices", "/v1/prices/stream"):
                assert (await client.get(path)).status_code == 401
                other = {"Authorization": f"Bearer {it.auditor}"}
                assert (await client.get(path, headers=other)).status_code == 403

    asyncio.run(scene())


def test_a_stream_begins_with_what_stands_and_goes_on(shop: Any) -> None:
    """A snapshot of all, then each update, with a heartbeat between however much is said."""

    async def scene() -> None:
        async with shop() as it:
            it.price("EUR/USD", 108_000)
            it.price("GBP/USD", 127_000)
            async with listening(it, "?pairs=EUR/USD,USD/JPY") as events:
                name, first = await events.next()
                assert name == "snapshot"
                assert [each["pair"] for each in first["prices"]] == ["EUR/USD"]
                assert first["unpriced"] == ["USD/JPY"]
                assert (first["resumed"], first["gap"], first["missed"]) == (False, False, 0)
                assert first["session"]["open"] is True
                it.price("GBP/USD", 127_001)
                it.price("EUR/USD", 108_001)
                _name, price = await events.next("price")
                assert (price["pair"], price["bid"], price["missed"]) == ("EUR/USD", "1.08001", 0)
                assert len(price["asks"]) == 2
                it.open = False
                _name, beat = await events.next("heartbeat")
                while beat["session"]["open"]:
                    _name, beat = await events.next("heartbeat")
                assert beat["untradeable"] == {
                    "EUR/USD": "MARKET_CLOSED", "USD/JPY": "MARKET_CLOSED",
                }  # fmt: skip

    asyncio.run(scene())


def test_a_client_that_comes_back_gets_what_moved(shop: Any) -> None:
    """Only the pairs that moved, at their newest, and how many updates it missed."""

    async def scene() -> None:
        async with shop() as it:
            for pair in ("EUR/USD", "GBP/USD", "USD/JPY"):
                it.price(pair, 100_000)
            async with listening(it) as events:
                await events.next("snapshot")
                it.price("EUR/USD", 100_001)
                await events.next("price")
                seen = events.last_id
            for n in range(5):
                it.price("GBP/USD", 100_010 + n)
            it.price("EUR/USD", 100_002)
            async with listening(it, resume=seen) as events:
                _name, back = await events.next("snapshot")
                assert (back["resumed"], back["gap"], back["missed"]) == (True, True, 4)
                bids = [(each["pair"], each["bid"]) for each in back["prices"]]
                assert bids == [("GBP/USD", "1.00014"), ("EUR/USD", "1.00002")]
                assert events.last_id == back["id"]
            async with listening(it, resume=back["id"]) as events:
                _name, none = await events.next("snapshot")
                assert (none["resumed"], none["gap"], none["prices"]) == (True, False, [])
            async with listening(it, "?pairs=EUR/USD", resume=back["id"]) as events:
                _name, other = await events.next("snapshot")
                assert (other["resumed"], other["gap"], other["missed"]) == (False, True, None)
                assert len(other["prices"]) == 1
            for n in range(100):
                it.price("GBP/USD", 100_100 + n)
            async with listening(it, resume=back["id"]) as events:
                _name, late = await events.next("snapshot")
                assert (late["resumed"], late["gap"], late["missed"]) == (True, True, None)
                assert [each["bid"] for each in late["prices"]] == ["1.00199"]

    asyncio.run(scene())


def test_an_id_of_another_process_begins_anew(shop: Any) -> None:
    """All that stands, and the flag; what is no id at all is refused."""

    async def scene() -> None:
        async with shop() as it:
            it.price("EUR/USD", 108_000)
            async with listening(it, resume="abc.5.00000000") as events:
                _name, first = await events.next("snapshot")
                assert (first["resumed"], first["gap"], first["missed"]) == (False, True, None)
                assert len(first["prices"]) == 1
            async with httpx.AsyncClient(base_url=it.url, headers=it.headers) as client:
                for bad in ("7", "a.b.c", "." * 70, "1.2."):
                    headers = {"Last-Event-ID": bad}
                    answer = await client.get("/v1/prices/stream", headers=headers)
                    assert answer.json()["code"] == "BAD_REQUEST"

    asyncio.run(scene())


def test_a_slow_client_gets_the_newest_and_holds_nothing_up(shop: Any) -> None:
    """It does not read while the market moves: what waits for it is one update a pair."""

    async def scene() -> None:
        async with shop() as it:
            it.price("EUR/USD", 1)
            async with listening(it, "?pairs=EUR/USD") as events:
                await events.next("snapshot")
                (follower,) = it.stream._followers
                for n in range(30_000):
                    it.price("EUR/USD", 100_000 + n)
                    assert len(follower._waiting) == 1
                    if n % 10 == 0:
                        await asyncio.sleep(0)
                missed = told = 0
                price: dict[str, Any] = {}
                while price.get("bid") != "1.29999":
                    _name, price = await events.next("price")
                    missed, told = missed + price["missed"], told + 1
                assert missed + told == 30_000
                assert missed > 0

    asyncio.run(scene())


def test_streams_are_bounded_and_end_with_the_process(shop: Any) -> None:
    """One too many is told to come back; all end when the process does."""

    async def scene() -> None:
        async with shop() as it:
            it.price("EUR/USD", 108_000)
            async with (
                listening(it) as first, listening(it), listening(it), listening(it),
                httpx.AsyncClient(base_url=it.url, headers=it.headers) as client,
            ):  # fmt: skip
                answer = await client.get("/v1/prices/stream")
                assert (answer.status_code, answer.json()["code"]) == (503, "UNAVAILABLE")
                assert "Retry-After" in answer.headers
                await first.next("snapshot")
                it.stream.close()
                with pytest.raises(EOFError):
                    await first.next("never")
                answer = await client.get("/v1/prices/stream")
                assert answer.status_code == 503

    asyncio.run(scene())


def test_the_websocket_is_no_ordinary_path(shop: Any) -> None:
    """A plain request is told what the path speaks."""

    async def scene() -> None:
        async with shop() as it, httpx.AsyncClient(base_url=it.url, headers=it.headers) as client:
            answer = await client.get("/v1/prices/ws")
            assert (answer.status_code, answer.json()["code"]) == (426, "UPGRADE_REQUIRED")
            assert answer.headers["upgrade"] == "websocket"

    asyncio.run(scene())
