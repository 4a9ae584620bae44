"""Whole runs against small real servers on loopback: pacing, counting, drops, retries, deaths."""

import asyncio
import io
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import msgspec
import pytest

from tallystick.clock import SystemClock
from tallystick.errors import Misconfigured, PermanentError
from tallystick.wiring.load import Plan, Price, Progress, Result, orders_of, put_load

LOOPBACK = "127.0.0.1"
Answerer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
NAME = re.compile(rb'"client_order_id":"([^"]+)"')


class Server:
    """Answers orders as the product does, and remembers them; `answer` may be replaced."""

    def __init__(self) -> None:
        self.orders: Counter[str] = Counter()
        self.waiting = self.most = 0
        self.cancelled: list[str] = []
        self.before: Callable[[], Awaitable[None]] | None = None

    def answer(self, head: bytes, body: bytes) -> tuple[int, bytes]:
        """Status and body of one answer."""
        if head.startswith(b"DELETE "):
            self.cancelled.append(head.split()[1].decode())
            return 200, b'{"order":{}}'
        found = [name.decode() for name in NAME.findall(body)]
        self.orders.update(found)
        answers = [placed(name, b'"limit"' in body) for name in found]
        if head.startswith(b"POST /v1/orders/batch "):
            return 200, b'{"answers":[%b]}' % b",".join(answers)
        return 201, answers[0]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until it ends."""
        while True:
            head, body = await read_request(reader)
            self.waiting += 1
            self.most = max(self.most, self.waiting)
            try:
                if self.before is not None:
                    await self.before()
                status, answer = self.answer(head, body)
                writer.write(whole(status, answer))
                await writer.drain()
            finally:
                self.waiting -= 1


def placed(name: str, rests: bool = False) -> bytes:
    """The answer to one order."""
    state = "new" if rests else "filled"
    order = {"id": f"O-{int(name[-9:])}", "client_order_id": name, "state": state}
    return msgspec.json.encode({"order": order, "fills": [], "rejection": None, "receipt": {}})


def whole(status: int, body: bytes) -> bytes:
    """An HTTP answer in one piece."""
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


async def read_request(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Head and body of one request."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
    return head, await reader.readexactly(length)


class Listener:
    """A TCP listener that gives each connection to `answerer`, and can end like a crash."""

    def __init__(self, answerer: Answerer) -> None:
        self._answerer = answerer
        self._server: asyncio.Server | None = None
        self._busy: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self.url = ""

    async def open(self, port: int = 0) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._connected, LOOPBACK, port)
        self.url = f"http://{LOOPBACK}:{self._server.sockets[0].getsockname()[1]}"

    def crash(self) -> None:
        """Nobody listens, and every connection is reset."""
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def end(self) -> None:
        """Wait for the connections to end; the client closes them."""
        assert self._server is not None
        self._server.close()
        await asyncio.wait_for(asyncio.gather(*self._busy), 10)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._busy.add(asyncio.get_running_loop().create_task(self._handle(reader, writer)))

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await self._answerer(reader, writer)
        self._writers.discard(writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


@asynccontextmanager
async def listening(answerer: Answerer) -> AsyncIterator[Listener]:
    """A listener until the client has gone."""
    listener = Listener(answerer)
    await listener.open()
    try:
        yield listener
    finally:
        await listener.end()


def plan(url: str, **changes: object) -> Plan:
    """A short plan against `url`."""
    asked = {"url": url, "token": "t", "prefix": "run", "connections": 8, "requests": 400}
    return msgspec.convert(asked | changes, Plan)


async def put(answerer: Answerer, **changes: object) -> tuple[Result, bytes]:
    """A run against a server that lives as long as it."""
    async with listening(answerer) as listener:
        asked = plan(listener.url, **changes)
        return await put_load(asked, orders_of(asked), SystemClock())


def test_every_request_is_answered_and_counted() -> None:
    """A closed run bounded by requests sends each once, and its figures add up."""
    server = Server()
    result, acknowledged = asyncio.run(put(server.serve))

    assert (result.requests, result.orders, result.good) == (400, 400, 400)
    assert (result.statuses, result.kinds) == ({"201": 400}, {"market": 400})
    assert (result.missing, result.wrong, result.ended) == (0, 0, "requests")
    assert 0 < result.latency_ms_p50 <= result.latency_ms_p99 <= result.latency_ms_max
    assert sum(result.latency_us_counts.values()) == 400
    assert sum(acknowledged) == 400
    assert set(server.orders.values()) == {1}
    assert server.most <= 8
    assert result.failures == []


def test_a_run_ends_with_its_time_and_its_warm_up_does_not_count() -> None:
    """The clock ends the run, no answer is missing, and what came before is left out."""
    server = Server()
    result, acknowledged = asyncio.run(
        put(server.serve, requests=None, seconds=0.2, warm_up_seconds=0.2)
    )

    assert (result.ended, result.missing, result.failures) == ("time", 0, [])
    assert 0 < result.requests < sum(acknowledged) == server.orders.total()


def test_an_open_loop_keeps_its_rate() -> None:
    """As many requests as the schedule says, whatever the answers do."""
    server = Server()
    result, _ = asyncio.run(
        put(server.serve, requests=None, rate=500, seconds=0.5, arrivals="constant")
    )

    assert result.requests == 250
    assert result.unsent == 0


def test_waiting_for_a_connection_counts() -> None:
    """A stall of the server is in the latency of all that should have begun meanwhile.

    One connection, a request every 10 ms, and a server that stops once for 300 ms: without
    coordinated omission about thirty requests wait long, not one.
    """
    server, clock = Server(), SystemClock()
    stalls = iter([False] * 5 + [True])

    async def stall() -> None:
        if next(stalls, False):
            await clock.sleep(0.3)

    server.before = stall
    result, _ = asyncio.run(
        put(server.serve, requests=None, rate=100, seconds=0.6, arrivals="constant", connections=1)
    )

    slow = sum(count for us, count in result.latency_us_counts.items() if us > 50_000)
    assert slow >= 15
    assert result.sent_late_ms_p99 > 100


def test_poisson_arrivals_have_the_rate_on_average() -> None:
    """The seeded schedule of 1,000 expected arrivals is within four standard deviations."""
    server = Server()
    result, _ = asyncio.run(put(server.serve, requests=None, rate=2_000, seconds=0.5))

    assert abs(result.requests - 1_000) < 4 * 1_000**0.5


def test_what_an_overloaded_server_never_got_is_said() -> None:
    """The schedule goes on without the server: what was not sent in time is `unsent`."""
    server = Server()

    async def slow() -> None:
        await SystemClock().sleep(0.1)

    server.before = slow
    result, _ = asyncio.run(
        put(
            server.serve,
            requests=None,
            rate=1_000,
            seconds=0.5,
            connections=2,
            answer_seconds=0.3,
            arrivals="constant",
        )
    )

    assert result.requests < 50
    assert 400 < result.unsent <= 500


def test_answers_may_come_in_pieces_or_chunks() -> None:
    """Head and body split anywhere are one answer, as are the chunks of RFC 9112 section 7.1."""
    number = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal number
        while True:
            _, body = await read_request(reader)
            found = NAME.search(body)
            assert found is not None
            text = whole(201, placed(found[1].decode()))
            pieces = (text[:5], text[5:40], text[40:60], text[60:])
            number += 1
            if number % 2:
                answer = placed(found[1].decode())
                head = b"HTTP/1.1 201 C\r\nTransfer-Encoding: chunked\r\n\r\n"
                chunk = b"%x\r\n%b\r\n" % (len(answer), answer)
                pieces = (head, chunk[:9], chunk[9:], b"0\r\n\r\n")
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)

    result, _ = asyncio.run(put(answer, requests=50))
    assert (result.good, result.failures) == (50, [])


def test_a_server_may_close_after_an_answer() -> None:
    """`Connection: close` is an end as good as any: a new connection takes over."""

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, body = await read_request(reader)
        found = NAME.search(body)
        assert found is not None
        answer = placed(found[1].decode())
        writer.write(whole(201, answer).replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))
        await writer.drain()

    result, _ = asyncio.run(put(once, requests=60, connections=3))
    assert (result.good, result.missing) == (60, 0)


def test_a_dying_server_leaves_missing_requests() -> None:
    """What was on its way when the server went is counted, and kept with status 0."""
    keep = io.BytesIO()

    async def run() -> Result:
        server, left = Server(), iter(range(12))
        async with listening(server.serve) as listener:

            async def die() -> None:
                if next(left, None) is None:
                    listener.crash()
                    raise ConnectionResetError

            server.before = die
            asked = plan(listener.url, connections=4)
            return (await put_load(asked, orders_of(asked), SystemClock(), keep=keep))[0]

    result = asyncio.run(run())
    assert (result.requests, result.missing, result.ended) == (12, 4, "lost")
    assert result.failures == ["4 requests were never answered"]
    kept = [msgspec.json.decode(line) for line in keep.getvalue().splitlines()]
    assert [line["answer"] for line in kept if line["status"] == 0] == [None] * 4
    assert len({line["request"]["client_order_id"] for line in kept}) == 16


def test_dropped_requests_are_sent_again_until_they_are_answered() -> None:
    """Connections cut before or at the answer: every order is acknowledged in the end."""
    server = Server()
    result, acknowledged = asyncio.run(put(server.serve, requests=300, drop=0.3, retry_seconds=20))

    assert result.dropped > 30
    assert result.retried >= result.dropped
    assert (result.good, result.missing, sum(acknowledged)) == (300, 0, 300)
    assert max(server.orders.values()) == 2, "the same bytes again: who does it twice is at fault"


def test_a_restart_loses_no_request() -> None:
    """A server that is away for a while is waited for."""

    async def run() -> tuple[Result, Server]:
        server, crashed = Server(), asyncio.Event()
        async with listening(server.serve) as listener:

            async def crash_once() -> None:
                if server.orders.total() >= 100 and not crashed.is_set():
                    listener.crash()
                    crashed.set()
                    raise ConnectionResetError

            server.before = crash_once
            asked = plan(listener.url, requests=None, rate=400, seconds=1.0, retry_seconds=20)
            load = asyncio.create_task(put_load(asked, orders_of(asked), SystemClock()))
            await crashed.wait()
            await SystemClock().sleep(0.1)
            await listener.open(int(listener.url.rpartition(":")[2]))
            return (await load)[0], server

    result, server = asyncio.run(run())
    assert (result.missing, result.wrong, result.unsent) == (0, 0, 0)
    assert result.retried >= 1
    assert result.good == len(server.orders)


def test_an_answer_that_never_comes_is_given_up() -> None:
    """After the time-out the connection is cut and its request is missing."""

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        await reader.read()
        writer.close()

    result, _ = asyncio.run(
        put(silent, requests=None, connections=2, seconds=0.3, answer_seconds=0.2)
    )
    assert result.requests == 0
    assert result.missing >= 2


def test_a_batch_counts_its_orders() -> None:
    """Every member's answer is looked at."""
    server = Server()
    result, acknowledged = asyncio.run(put(server.serve, batch=50, requests=10))

    assert (result.requests, result.orders, result.good) == (10, 500, 500)
    assert sum(acknowledged) == len(server.orders) == 500


def test_resting_orders_are_cancelled() -> None:
    """A cancellation names an order that an answer left open, each once."""
    server = Server()

    async def run() -> Result:
        async with listening(server.serve) as listener:
            asked = plan(listener.url, mix={"limit": 60, "cancel": 40}, pairs=["EUR/USD"])
            prices = {"EUR/USD": Price("EUR/USD", "1.08240", "1.08250")}
            return (await put_load(asked, orders_of(asked, prices), SystemClock()))[0]

    result = asyncio.run(run())

    assert result.kinds["cancel"] == len(server.cancelled) > 50
    assert len(set(server.cancelled)) == len(server.cancelled)
    assert result.failures == []


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (500, b"oops", "500 oops"),
        (201, b'{"order":{"client_order_id":"somebody-else"}}', "not our order"),
        (400, b'{"code":"BAD_JSON","detail":"no"}', "BAD_JSON"),
        (201, b'{"order":"run-000000000', "not our order"),
    ],
)
def test_wrong_answers_are_counted_and_the_first_is_kept(
    status: int, body: bytes, said: str
) -> None:
    """A run with wrong answers says so, with one of them to look at."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            writer.write(whole(status, body))
            await writer.drain()

    result, _ = asyncio.run(put(answer, requests=20))
    assert (result.wrong, result.good) == (20, 0)
    assert said in (result.complaint or "")
    assert len(result.failures) == 1


def test_to_be_told_to_come_back_is_no_mistake() -> None:
    """503 and 429 are answers: nothing was done."""

    async def busy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            writer.write(whole(503, b'{"code":"OVERLOADED"}'))
            await writer.drain()

    result, _ = asyncio.run(put(busy, requests=20))
    assert (result.pushed_back, result.wrong, result.codes) == (20, 0, {"OVERLOADED": 20})


@pytest.mark.parametrize("nonsense", [b"SSH-2.0-x\r\n\r\n", b"\0\0"], ids=["ssh", "nul"])
def test_what_is_no_http_is_an_error(nonsense: bytes) -> None:
    """A sentence, not wrong figures."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(nonsense)
        await writer.drain()

    with pytest.raises(PermanentError, match="does not speak HTTP"):
        asyncio.run(put(answer, connections=1, seconds=0.3))


def test_nobody_there_is_an_error() -> None:
    """Before anything was sent."""
    asked = plan("http://127.0.0.1:9")
    with pytest.raises(PermanentError, match="Cannot connect"):
        asyncio.run(put_load(asked, orders_of(asked), SystemClock()))


@pytest.mark.parametrize("url", ["ftp://x", "http://", "http://x:port", "x:80"])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    """With a sentence."""
    asked = plan("http://127.0.0.1:9")
    wrong = msgspec.structs.replace(asked, url=url)
    with pytest.raises(Misconfigured, match="not of the form"):
        asyncio.run(put_load(wrong, orders_of(asked), SystemClock()))


def test_progress_is_told() -> None:
    """Whoever watches hears how far it is."""
    heard: list[Progress] = []

    async def run() -> None:
        async with listening(Server().serve) as listener:
            asked = plan(listener.url, requests=None, seconds=0.6)
            await put_load(asked, orders_of(asked), SystemClock(), heard.append)

    asyncio.run(run())
    assert heard
    assert heard[-1].requests > 0
    assert heard[-1].seconds_all == pytest.approx(0.6)
