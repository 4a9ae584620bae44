"""Safe retry, for real: whatever is cut, late, killed or sent twice, each write happens once.

Clients send each request until it is acknowledged, always the same bytes under the same keys,
through a proxy that breaks connections. Afterwards the ledger is read: every order is there, and
once; and every request, sent once more, is answered with the very bytes of its first answer.
"""

import asyncio
import random
import re
from base64 import b64decode
from collections import Counter
from collections.abc import Callable, Coroutine
from itertools import count
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest

from tallystick.ledger.checkpoint import VerifierKey
from tallystick.ledger.verify import verify_receipt

pytestmark = pytest.mark.server

CLIENTS = 12
ROUNDS = 3
"""Of each client: orders, a batch, a replacement and two cancellations a round."""
BATCH = 20
AT_ONCE = 64
TIMEOUT_SECONDS = 0.7
"""A client's patience; the proxy holds some answers back for longer."""
PAUSE_SECONDS = 0.02
"""Before a request is sent again."""
ATTEMPTS_MAX = 2_000
GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "safe-retry.md"
GUIDE_ORDERS = 60
FAULTS = {
    "nothing": 50,
    "request lost": 10,
    "half a request": 10,
    "answer lost": 15,
    "half an answer": 10,
    "too late": 5,
}
"""What happens to a request, and how often, in percent."""
Disturb = Callable[["Scene"], Coroutine[Any, Any, None]]


class Write(msgspec.Struct, frozen=True):
    """One request as it is sent every time."""

    method: str
    path: str
    body: bytes = b""
    key: str | None = None


class Proxy:
    """Passes requests on to a server that may change, and breaks connections on the way."""

    def __init__(self, chance: random.Random) -> None:
        """`url` is the server's; `met` counts what was done to requests."""
        self.url = ""
        self.port = 0
        self.met: Counter[str] = Counter()
        self._chance = chance
        self._serving: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._server.close()
        for writer in self._serving.values():
            writer.transport.abort()
        await asyncio.gather(*self._serving)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving[task] = writer
        try:
            while await self._pass_on(await message(reader), reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            del self._serving[task]
            writer.transport.abort()

    async def _pass_on(
        self, request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """One request and its answer; False: the connection is to be cut."""
        fault = self._chance.choices(list(FAULTS), list(FAULTS.values()))[0]
        self.met[fault] += 1
        if fault == "request lost":
            return False
        answer = await self._ask(request, half=fault == "half a request")
        if fault == "answer lost" or not answer:
            return False
        if fault == "too late":
            await reader.read()  # until the client has lost its patience
            return False
        whole = fault != "half an answer"
        writer.write(answer if whole else answer[: len(answer) // 2])
        await writer.drain()
        return whole

    async def _ask(self, request: bytes, *, half: bool) -> bytes:
        """The server's answer; nothing where only half of the request is sent."""
        place = urlsplit(self.url)
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        try:
            writer.write(request[: len(request) // 2] if half else request)
            await writer.drain()
            return b"" if half else await message(reader)
        finally:
            writer.transport.abort()


async def message(reader: asyncio.StreamReader) -> bytes:
    """A whole HTTP request or answer, as it came."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = head.lower().partition(b"\r\ncontent-length:")[2].partition(b"\r")[0]
    return head + await reader.readexactly(int(length or 0))


class Scene:
    """Clients, the proxy between, and a server that may be another one a moment later."""

    def __init__(self, launch: Callable[..., Any], seed: int, **settings: str) -> None:
        """`launch` starts the server on its folder."""
        self.start = launch
        self.settings = settings
        self.chance = random.Random(seed)  # noqa: S311  a reproducible choice of moments
        self.proxy = Proxy(self.chance)
        self.server: Any = None
        self.held: dict[Write, bytes] = {}
        """The first answer to each request that was acknowledged."""
        self.repeated: Counter[str] = Counter()
        """Answers of stored things, by whether their headers said so."""
        self.over = False
        self._numbers = count()
        self._price = ""

    async def begin(self, folder: Any) -> None:
        """Start the server, for the first time or again."""
        server = await asyncio.to_thread(lambda: self.start(folder, **self.settings).wait())
        self.server = server
        self.proxy.url = server.url
        if not self._price:
            with server.client() as client:
                prices = {each["pair"]: each for each in client.get("/v1/prices").json()["prices"]}
            self._price = f"{float(prices['EUR/USD']['bid']) * 0.97:.5f}"

    async def run(self, folder: Any, disturb: Disturb) -> None:
        """Trade through the proxy while something happens, then look."""
        async with self.proxy:
            await self.begin(folder)
            clients = [asyncio.create_task(self._client(n)) for n in range(CLIENTS)]
            disturbing = asyncio.create_task(disturb(self))
            try:
                await asyncio.gather(*clients)
            finally:
                self.over = True
                await disturbing
        await self._all_again()

    def order(self, **changes: Any) -> dict[str, Any]:
        """An order under a new name."""
        return {
            "client_order_id": f"r-{next(self._numbers)}", "account": "demo", "pair": "EUR/USD",
            "side": "buy", "quantity": "1000", "type": "market", "time_in_force": "FOK",
        } | changes  # fmt: skip

    def resting(self, **changes: Any) -> dict[str, Any]:
        """One that rests."""
        limit = {"type": "limit", "time_in_force": "GTC", "price": self._price}
        return self.order(**limit, **changes)

    async def _client(self, number: int) -> None:
        url = f"http://127.0.0.1:{self.proxy.port}"
        async with httpx.AsyncClient(
            base_url=url, timeout=TIMEOUT_SECONDS, trust_env=False
        ) as http:
            for each in range(ROUNDS):
                await self._round(http, f"{number}-{each}")

    async def _round(self, http: httpx.AsyncClient, name: str) -> None:
        encode = msgspec.json.encode
        await self.acknowledged(http, Write("POST", "/v1/orders", encode(self.order())))
        keyed = Write("POST", "/v1/orders", encode(self.order()), f"order-{name}")
        await self.acknowledged(http, keyed)
        many = encode({"orders": [self.order() for _ in range(BATCH)]})
        await self.acknowledged(http, Write("POST", "/v1/orders/batch", many, f"batch-{name}"))
        first, second, third = self.resting(), self.resting(quantity="2000"), self.resting()
        for each in (first, third):
            await self.acknowledged(http, Write("POST", "/v1/orders", encode(each)))
        path = f"/v1/orders/@{first['client_order_id']}"
        await self.acknowledged(http, Write("PUT", path, encode(second)))
        for each in (second, third):
            path = f"/v1/orders/@{each['client_order_id']}"
            await self.acknowledged(http, Write("DELETE", path, key=f"c-{each['client_order_id']}"))

    async def acknowledged(self, http: httpx.AsyncClient, write: Write) -> bytes:
        """The answer to a request that is sent until there is one; some are sent twice at once."""
        for _attempt in range(ATTEMPTS_MAX):
            copies = 2 if self.chance.random() < 0.2 else 1
            found = await asyncio.gather(*(self._send(http, write) for _ in range(copies)))
            answers = {body for body in found if body is not None}
            if answers:
                (body,) = answers
                assert self.held.setdefault(write, body) == body
                if self.chance.random() < 0.8:
                    return body  # the others ask once more, as if they had not heard
            else:
                await asyncio.sleep(PAUSE_SECONDS)
        pytest.fail(f"never acknowledged: {write}")

    async def _send(self, http: httpx.AsyncClient, write: Write) -> bytes | None:
        headers = {"Authorization": f"Bearer {self.server.token}"}
        if write.key is not None:
            headers["Idempotency-Key"] = write.key
        try:
            answer = await http.request(
                write.method, write.path, content=write.body, headers=headers
            )
        except httpx.TransportError:
            return None
        if answer.status_code == 503 or b'"status":503' in answer.content:
            return None  # of a batch, some orders: the same batch again does the rest
        assert answer.status_code in {200, 201}, (write, answer.text)
        if write in self.held:
            self.repeated[answer.headers.get("idempotency-replayed", "not said")] += 1
        return answer.content

    async def _all_again(self) -> None:
        """Every request once more, past the proxy: the very same answers, and nothing new."""
        async with httpx.AsyncClient(base_url=self.server.url, timeout=30, trust_env=False) as http:
            size = (await self._size(http))["position"]
            for write, body in self.held.items():
                assert await self._send(http, write) == body, write
            assert (await self._size(http))["position"] == size

    async def _size(self, http: httpx.AsyncClient) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.server.token}"}
        found: dict[str, Any] = (await http.get("/v1/positions", headers=headers)).json()
        return found

    def require_once(self) -> None:
        """Every order that was sent is in the ledger, once; so is every cancellation."""
        assert self.repeated["true"]
        assert not self.repeated["not said"], "a stored answer says so"
        entries = entries_of(self.server)
        names = Counter(
            entry["order"]["client_order_id"]
            for entry in entries.values() if entry["kind"] == "order_decided"
        )  # fmt: skip
        ends = Counter(
            entry["order"]["id"] for entry in entries.values() if entry["kind"] == "order_cancelled"
        )
        sent = {order["client_order_id"] for write in self.held for order in orders_in(write)}
        assert names.keys() == sent
        assert set(names.values()) == {1}, "one order, one entry"
        assert set(ends.values()) <= {1}, "one cancellation, one entry"
        assert ends.total() == sum(write.method == "DELETE" for write in self.held)
        key = VerifierKey.parse(self.server.vkey)
        for body in self.held.values():
            answer = msgspec.json.decode(body)
            for each in answer.get("answers", [answer]):
                data = msgspec.json.encode(each)
                assert verify_receipt(data, key).verdict == "clean"
                receipt = each["receipt"]
                there = entries[receipt["position"]]
                assert msgspec.json.decode(b64decode(receipt["entry"])) == there


def orders_in(write: Write) -> list[dict[str, Any]]:
    """The orders in a request's body."""
    if not write.body:
        return []
    body: dict[str, Any] = msgspec.json.decode(write.body)
    found: list[dict[str, Any]] = body.get("orders", [body])
    return found


def entries_of(server: Any) -> dict[int, dict[str, Any]]:
    """Every entry of the ledger, by position."""
    found: dict[int, dict[str, Any]] = {}
    with server.client() as client:
        cursor: int | None = 0
        while cursor is not None:
            page = client.get("/v1/ledger/entries", params={"cursor": cursor, "limit": 1000}).json()
            found |= {
                each["position"]: msgspec.json.decode(each["entry"]) for each in page["entries"]
            }
            cursor = page["next_cursor"]
    return found


async def nothing(_scene: Scene) -> None:
    """Leave it to the proxy."""


def test_cut_connections_and_time_outs(launch: Any, tmp_path: Any) -> None:
    """Requests lost, cut in half, answers lost, cut or too late: nothing twice, nothing missing."""
    scene = Scene(launch, seed=1)
    asyncio.run(scene.run(tmp_path / "data", nothing))
    scene.require_once()
    assert scene.proxy.met.keys() == FAULTS.keys(), scene.proxy.met
    assert scene.server.stop() == 0
    assert scene.server.said() == ""


def test_kill_9_between_send_and_retry(launch: Any, tmp_path: Any) -> None:
    """The server dies under load and comes back, three times; retries find what was done."""
    folder = tmp_path / "data"

    async def kill(scene: Scene) -> None:
        """At moments of its own; the clients go on trying meanwhile."""
        for _ in range(3):
            await asyncio.sleep(scene.chance.uniform(0.1, 0.6))
            if scene.over:
                return
            await asyncio.to_thread(scene.server.kill)
            await scene.begin(folder)

    scene = Scene(launch, seed=2)
    asyncio.run(scene.run(folder, kill))
    scene.require_once()
    assert scene.server.stop() == 0
    assert scene.server.said() == ""


def test_database_sessions_that_are_killed(launch: Any, postgres: Any, tmp_path: Any) -> None:
    """On PostgreSQL: every session of the server is ended again and again, commits included."""

    async def end_sessions(scene: Scene) -> None:
        """As an operator would, or a network."""
        while not scene.over:
            await asyncio.sleep(scene.chance.uniform(0.05, 0.3))
            await asyncio.to_thread(
                postgres.run,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()",
            )

    scene = Scene(launch, seed=3, ledger=str(postgres.schema()))
    asyncio.run(scene.run(tmp_path / "data", end_sessions))
    scene.require_once()
    assert scene.server.stop() == 0


@pytest.mark.parametrize("batched", [False, True], ids=["single", "batch"])
def test_duplicates_at_once(serve: Any, tmp_path: Any, *, batched: bool) -> None:
    """The same request sixty-four times in parallel: one order, one answer to all."""
    server = serve(tmp_path / "data")
    base = {
        "account": "demo", "pair": "EUR/USD", "side": "buy", "quantity": "1000", "type": "market",
    }  # fmt: skip

    async def ask() -> list[tuple[int, bytes]]:
        """All at the same time, each on a connection of its own."""
        headers = {"Authorization": f"Bearer {server.token}", "Idempotency-Key": "one"}
        orders = [{"client_order_id": f"d-{n}", **base} for n in range(BATCH)]
        body: dict[str, Any] = {"orders": orders} if batched else orders[0]
        path = "/v1/orders/batch" if batched else "/v1/orders"
        limits = httpx.Limits(max_connections=AT_ONCE)
        async with httpx.AsyncClient(
            base_url=server.url, headers=headers, timeout=30, trust_env=False, limits=limits
        ) as http:
            found = await asyncio.gather(*(http.post(path, json=body) for _ in range(AT_ONCE)))
        return [(answer.status_code, answer.content) for answer in found]

    answers = asyncio.run(ask())
    assert len(set(answers)) == 1
    assert answers[0][0] == (200 if batched else 201)
    decided = [e for e in entries_of(server).values() if e["kind"] == "order_decided"]
    assert len(decided) == (BATCH if batched else 1)
    assert server.stop() == 0
    assert server.said() == ""


def test_the_client_in_the_guide(launch: Any, tmp_path: Any) -> None:
    """Its few lines are enough: through the same proxy, each order is placed once."""
    code = re.findall(r"^```python\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)[0]
    found: dict[str, Any] = {}
    exec(code, found)  # noqa: S102  it is the guide's, and the guide is ours
    scene = Scene(launch, seed=4)
    orders = [scene.order() for _ in range(GUIDE_ORDERS)]

    async def run() -> list[Any]:
        """The client in threads, as a client would be, and the proxy here."""
        async with scene.proxy:
            await scene.begin(tmp_path / "data")
            url = f"http://127.0.0.1:{scene.proxy.port}"
            place = found["place"]
            work = (asyncio.to_thread(place, url, scene.server.token, each) for each in orders)
            return await asyncio.gather(*work)

    answers = asyncio.run(run())
    assert [each["order"]["client_order_id"] for each in answers] == [
        each["client_order_id"] for each in orders
    ]
    decided = [e for e in entries_of(scene.server).values() if e["kind"] == "order_decided"]
    assert len(decided) == GUIDE_ORDERS
    assert scene.server.stop() == 0
