"""The product on PostgreSQL: one server, two servers on one database, a database that goes away."""

import asyncio
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest

from tallystick.access import Tokens
from tallystick.clock import SystemClock
from tallystick.execution import LimitsText
from tallystick.execution.entries import AccountOpened, encode
from tallystick.ledger import Sealable
from tallystick.ledger.checkpoint import VerifierKey, parse_checkpoint
from tallystick.ledger.merkle import verify_consistency
from tallystick.ledger.tiles import decode_bundle, entries_path, tiles_of
from tallystick.ledger.verify import FolderSource, verify_ledger, verify_receipt
from tallystick.wiring.ledger import open_ledger
from tallystick.wiring.settings import Settings

pytestmark = pytest.mark.server

KILLS = int(os.environ.get("TALLYSTICK_TEST_KILLS", "15"))
"""Of the long test; the short one has five."""
LOAD_SECONDS_MAX = 0.35
CLIENTS = 12
ORDERS_BEFORE = 120
"""So many orders are acknowledged before something is broken, and again afterwards."""
DEADLINE_SECONDS = 60.0
SMALL = LimitsText(
    order_quantity_max="50000000", position_usd_max="1500000.00", collar_bps=500,
    duplicate_window_ms=1_000, duplicates_max=1_000,
)  # fmt: skip
"""Of an account that may hold one order of a million euros, and not two."""


class Receipt(msgspec.Struct):
    """The members that are compared."""

    position: int
    entry: str
    checkpoint: str


class Order(msgspec.Struct):
    """What became of it."""

    id: str
    state: str


class Answer(msgspec.Struct):
    """An answer to an order, as far as it is compared."""

    receipt: Receipt
    order: Order


def order(name: str, account: str = "demo", quantity: int = 100_000) -> bytes:
    """A small order at market."""
    return msgspec.json.encode(
        {
            "client_order_id": name, "account": account, "pair": "EUR/USD", "side": "buy",
            "quantity": str(quantity), "type": "market", "time_in_force": "FOK",
        }
    )  # fmt: skip


def receipt_of(body: bytes) -> Receipt:
    """The receipt in an answer."""
    return msgspec.json.decode(body, type=Answer).receipt


def until(good: Callable[[], Any]) -> Any:
    """What `good` gives once it gives something; fails at a deadline."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not (found := good()):
        assert time.monotonic() < deadline, found
    return found


def require_proved(answers: dict[str, bytes], vkey: str) -> None:
    """Every answer verifies offline, and no position was given twice."""
    key = VerifierKey.parse(vkey)
    for body in answers.values():
        assert verify_receipt(body, key).verdict == "clean"
    assert len({receipt_of(body).position for body in answers.values()}) == len(answers)


def require_held(server: Any, answers: dict[str, bytes]) -> None:
    """The server's ledger is whole, and has exactly one entry for each of these orders."""
    entries = entries_of(server)
    names = [e["order"]["client_order_id"] for e in entries if e["kind"] == "order_decided"]
    assert len(names) == len(set(names)), "one order, one entry"
    for name, body in answers.items():
        receipt = receipt_of(body)
        assert msgspec.json.decode(b64decode(receipt.entry)) == entries[receipt.position], name


def entries_of(server: Any) -> list[Any]:
    """All that the published files hold, once they have caught up; they verify as a whole."""
    with server.client() as client:
        size = parse_checkpoint(client.get("/v1/ledger/checkpoint").text).size
        until(lambda: parse_checkpoint(client.get("/ledger/checkpoint").text).size >= size)
    published = server.folder / "ledger"
    report = verify_ledger(FolderSource(published), VerifierKey.parse(server.vkey))
    assert report.verdict == "clean", report
    assert report.size is not None
    bundles = (tile for tile in tiles_of(report.size) if tile.level == 0)
    files = (published / entries_path(tile.index, tile.width) for tile in bundles)
    return [
        msgspec.json.decode(entry) for file in files for entry in decode_bundle(file.read_bytes())
    ]


@pytest.fixture
def database(postgres: Any) -> str:
    """The address of an empty schema."""
    return str(postgres.schema())


def test_a_day_on_postgresql(serve: Any, database: str, tmp_path: Path, tallystick: Any) -> None:
    """Orders, receipts, page, API, published files, verify, follow, and a restart."""
    folder = tmp_path / "data"
    server = serve(folder, ledger=database)
    answers: dict[str, bytes] = {}
    with server.client() as client:
        for n in range(300):
            answer = client.post("/v1/orders", content=order(f"c-{n}"))
            assert answer.status_code == 201, answer.text
            answers[f"c-{n}"] = answer.content
        require_proved(answers, server.vkey)
        for path in (
            "/",
            "/docs",
            "/openapi.json",
            "/healthz",
            "/readyz",
            "/metrics",
            "/v1/orders",
        ):
            assert client.get(path).status_code == 200, path
        page = client.get("/v1/orders", params={"limit": 100}).json()["orders"]
        assert [each["client_order_id"] for each in page[:2]] == ["c-299", "c-298"]
        require_held(server, answers)
        told = tallystick("verify", server.url, "--vkey", server.vkey)
        assert told.returncode == 0, told.stdout + told.stderr
    assert server.stop() == 0
    assert not (folder / "ledger.db").exists()

    again = serve(folder, ledger=database)
    with again.client() as client:
        for name, body in answers.items():
            retried = client.post("/v1/orders", content=order(name))
            assert (retried.status_code, retried.content) == (201, body)
    assert again.stop() == 0
    assert again.said() == ""


def test_followers_hear_each_entry(serve: Any, database: str, tmp_path: Path) -> None:
    """`/v1/ledger/follow` says what was there and what comes, in order and once."""
    server = serve(tmp_path / "data", ledger=database)
    with server.client() as client:
        for n in range(5):
            client.post("/v1/orders", content=order(f"c-{n}"))
        with client.stream("GET", "/v1/ledger/follow", params={"from": 1}) as stream:
            heard: list[int] = []
            for line in stream.iter_lines():
                if line.startswith("data:"):
                    heard.append(msgspec.json.decode(line[5:].encode(), type=Position).position)
                    if len(heard) == 5:
                        with server.client() as other:
                            other.post("/v1/orders", content=order("c-5"))
                if len(heard) == 6:
                    break
    assert heard == [1, 2, 3, 4, 5, 6]


class Position(msgspec.Struct):
    """The one member of an event that is looked at."""

    position: int


def test_the_password_is_seen_nowhere(serve: Any, database: str, tmp_path: Path) -> None:
    """Not on the screen, not in logs, errors or files; not when the database is away, either."""
    secret = urlsplit(database).password
    assert secret is not None
    folder = tmp_path / "data"
    serve(folder, ledger=database).stop()
    said = []
    for address in (
        database,
        database.replace("search_path=", "search_path=none_of_"),
        database.replace(f":{urlsplit(database).port}/", ":1/"),
        database.replace("127.0.0.1", f"127.0.0.1:x{secret}x", 1),
        database.replace(f":{secret}@", f":{secret}wrong@"),
    ):
        ran = run_for_a_moment(folder, address)
        said.append(ran)
        assert secret not in ran, address.replace(secret, "***")
    assert "API reference" in said[0]
    assert all("tallystick: " in each for each in said[1:4]), said
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or secret.encode() not in path.read_bytes(), path


def run_for_a_moment(folder: Path, ledger: str) -> str:
    """All that a server says from its start to its end, which SIGTERM brings where it listens."""
    ours = {name: v for name, v in os.environ.items() if not name.startswith("TALLYSTICK_")}
    mine = {"DATA": str(folder), "PORT": "0", "LEDGER": ledger, "LOG_LEVEL": "debug"}
    with subprocess.Popen(
        [sys.executable, "-m", "tallystick", "serve"],
        env=ours | {f"TALLYSTICK_{name}": v for name, v in mine.items()},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if "verify receipt.json" in line:
                process.terminate()
    return said


@pytest.mark.parametrize("kills", [5, pytest.param(KILLS, marks=pytest.mark.slow)])
@pytest.mark.timeout(120 + 20 * KILLS)
def test_kill_9_under_load_loses_nothing(
    launch: Any, ask: Any, database: str, tmp_path: Path, kills: int
) -> None:
    """After each kill: receipts and files verify, retries get the same bytes, none is lost."""
    chance = random.Random(kills)  # noqa: S311  a reproducible choice of moments
    folder = tmp_path / "data"
    server = launch(folder, ledger=database).wait()
    key, numbers = VerifierKey.parse(server.vkey), count()
    held: dict[str, bytes] = {}
    for _ in range(kills):
        sent: list[str] = []

        def flow(sent: list[str] = sent) -> Iterator[tuple[str, str, bytes]]:
            for n in numbers:
                sent.append(f"c-{n}")
                yield f"c-{n}", "/v1/orders", order(f"c-{n}")

        async def load(server: Any = server, flow: Any = flow) -> Any:
            moment = chance.uniform(0.05, LOAD_SECONDS_MAX)
            asyncio.get_running_loop().call_later(moment, server.process.kill)
            return await ask(server.url, server.token, flow())

        answers = {name: answer for name, answer in asyncio.run(load()).items() if answer}
        assert all(status == 201 for status, _ in answers.values())
        server.kill()
        acknowledged = {name: body for name, (_, body) in answers.items()}
        require_proved(acknowledged, str(key))
        assert verify_ledger(FolderSource(folder / "ledger"), key).verdict == "clean"
        server = launch(folder, ledger=database).wait()
        retries = [(name, "/v1/orders", order(name)) for name in sent]
        again = asyncio.run(ask(server.url, server.token, retries))
        assert all(again[name] == (201, body) for name, body in acknowledged.items())
        held |= {name: again[name][1] for name in sent}
    require_held(server, held)
    assert server.stop() == 0
    assert server.said() == ""


class Crowd:
    """Clients that place different orders at several servers, each until it is acknowledged.

    On 503 a client waits as long as it is told and sends the same order again, at any server; on a
    connection that is cut or refused, at another one.
    """

    def __init__(self, servers: list[Any], seed: int) -> None:
        """Nothing is sent yet."""
        self.servers = servers
        self.held: dict[str, bytes] = {}
        """Every acknowledged order's answer, by its client_order_id."""
        self.unavailable = 0
        """How often it was said to come back later."""
        self.mortal: list[Any] = []
        """Servers that are killed meanwhile."""
        self._numbers = count()
        self._over = asyncio.Event()
        self._chance = random.Random(seed)  # noqa: S311  a reproducible choice of servers

    def run(self, meanwhile: Callable[[], None]) -> None:
        """Place orders as long as `meanwhile` runs, which it does in a thread of its own."""
        asyncio.run(self._run(meanwhile))

    def acknowledge(self, more: int) -> None:
        """From the other thread: wait until so many more orders are acknowledged."""
        wanted = len(self.held) + more
        until(lambda: len(self.held) >= wanted)

    async def _run(self, meanwhile: Callable[[], None]) -> None:
        self._over = asyncio.Event()
        clients = [asyncio.create_task(self._client()) for _ in range(CLIENTS)]
        try:
            await asyncio.to_thread(meanwhile)
        finally:
            self._over.set()
            await asyncio.gather(*clients)

    async def _client(self) -> None:
        async with httpx.AsyncClient(timeout=DEADLINE_SECONDS, trust_env=False) as http:
            while not self._over.is_set():
                name = f"n-{next(self._numbers)}"
                self.held[name] = await self._acknowledged(http, name)

    async def _acknowledged(self, http: httpx.AsyncClient, name: str) -> bytes:
        """The answer to an order that is tried until there is one; a fifth is sent to two."""
        while True:
            twice = self._chance.random() < 0.2
            servers = self._chance.sample(self.servers, 2 if twice and self.servers[1:] else 1)
            answers = await asyncio.gather(*(self._send(http, s, name) for s in servers))
            found = {body for body in answers if body is not None}
            assert len(found) <= 1, "the same key, the same answer"
            if found:
                return found.pop()

    async def _send(self, http: httpx.AsyncClient, server: Any, name: str) -> bytes | None:
        headers = {"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"}
        try:
            url = f"{server.url}/v1/orders"
            answer = await http.post(url, content=order(name), headers=headers)
        except httpx.TransportError:
            assert server in self.mortal, "only who is killed may cut a connection"
            await self._pause(0.05)
            return None
        if answer.status_code == 201:
            return answer.content
        assert answer.status_code == 503, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        self.unavailable += 1
        await self._pause(float(answer.headers["retry-after"]))
        return None

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._over.wait()


@pytest.fixture
def pair(serve: Any, database: str, tmp_path: Path) -> list[Any]:
    """Two servers with their own data folders, one key, one guard, one database."""
    guard = str(tmp_path / "guard")
    one, two = tmp_path / "one", tmp_path / "two"
    open_small_account(one, database, guard)
    shutil.copytree(one / "keys", two / "keys")
    shutil.copyfile(one / "tokens.json", two / "tokens.json")
    return [serve(folder, ledger=database, guard=guard) for folder in (one, two)]


def open_small_account(folder: Path, database: str, guard: str) -> None:
    """A new ledger with an account of tight limits, and a token for it."""
    settings = Settings(data=str(folder), ledger=database, guard=guard)
    with open_ledger(settings, SystemClock(), new=True) as opened:
        entry = encode(AccountOpened("2026-01-01T00:00:00.000000Z", "small", SMALL))
        asyncio.run(opened.ledger.append(0, [Sealable(entry)]))
    token = Tokens(folder / "tokens.json").issue("small trader", "small", ("trade", "read"))
    (folder / "small.token").write_text(token)


def test_two_servers_share_one_database(pair: list[Any]) -> None:
    """Under load on both: one log, one answer to a key, orders of one are seen at the other."""
    crowd = Crowd(pair, seed=2)
    crowd.run(lambda: crowd.acknowledge(4 * ORDERS_BEFORE))
    require_proved(crowd.held, pair[0].vkey)
    for server in pair:
        require_held(server, crowd.held)
    assert entries_of(pair[0]) == entries_of(pair[1])
    with pair[0].client() as one, pair[1].client() as two:
        for n in range(20):
            here, there = (one, two) if n % 2 else (two, one)
            placed = msgspec.json.decode(
                here.post("/v1/orders", content=order(f"v-{n}")).content, type=Answer
            )
            until(partial(sees, there, f"/v1/orders/{placed.order.id}"))
    assert [server.stop() for server in pair] == [0, 0]
    assert [server.said() for server in pair] == ["", ""]


def test_a_limit_holds_across_two_servers(pair: list[Any], tmp_path: Path) -> None:
    """Of forty orders at once at both, each as large as the limit allows, one is filled."""
    token = (tmp_path / "one" / "small.token").read_text()

    async def place() -> list[Answer]:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        async with httpx.AsyncClient(headers=headers, timeout=30, trust_env=False) as http:
            posts = (
                http.post(
                    f"{pair[n % 2].url}/v1/orders", content=order(f"s-{n}", "small", 1_000_000)
                )
                for n in range(40)
            )
            answers = await asyncio.gather(*posts)
        assert {answer.status_code for answer in answers} == {201}
        return [msgspec.json.decode(answer.content, type=Answer) for answer in answers]

    states = [answer.order.state for answer in asyncio.run(place())]
    assert sorted(states) == ["filled"] + 39 * ["rejected"]


def test_kill_9_of_one_of_two(pair: list[Any], serve: Any, database: str, tmp_path: Path) -> None:
    """The other goes on, and answers for what the dead one acknowledged; it may come back."""
    crowd = Crowd(pair, seed=3)

    def kill_one() -> None:
        crowd.acknowledge(ORDERS_BEFORE)
        crowd.mortal.append(pair[0])
        crowd.servers = pair[1:]
        pair[0].process.send_signal(signal.SIGKILL)
        crowd.acknowledge(ORDERS_BEFORE)

    crowd.run(kill_one)
    require_proved(crowd.held, pair[1].vkey)
    require_held(pair[1], crowd.held)
    with pair[1].client() as client:
        for name, body in crowd.held.items():
            assert client.post("/v1/orders", content=order(name)).content == body
    again = serve(tmp_path / "one", ledger=database, guard=str(tmp_path / "guard"))
    require_held(again, crowd.held)
    assert entries_of(again) == entries_of(pair[1])
    require_one_log(again, pair[1])
    assert pair[1].said() == again.said() == ""


def sees(client: httpx.Client, path: str) -> bool:
    """Whether there is something at the path."""
    return client.get(path).status_code == 200


def require_one_log(one: Any, other: Any) -> None:
    """The smaller of the two signed heads is the beginning of the larger one."""
    key = VerifierKey.parse(one.vkey)
    assert one.vkey == other.vkey
    with one.client() as client, other.client() as second:
        notes = [each.get("/v1/ledger/checkpoint").text for each in (client, second)]
        heads = sorted((parse_checkpoint(note) for note in notes), key=lambda head: head.size)
        query = {"from": heads[0].size, "to": heads[1].size}
        until(lambda: client.get("/v1/ledger/proof/consistency", params=query).is_success)
        answer = client.get("/v1/ledger/proof/consistency", params=query).json()
    verify_consistency(
        size1=heads[0].size,
        size2=heads[1].size,
        proof=[b64decode(item) for item in answer["proof"]],
        root1=heads[0].root,
        root2=heads[1].root,
    )
    assert key.name == heads[0].origin


def test_a_second_server_without_the_guard_is_refused(
    pair: list[Any], launch: Any, database: str, tmp_path: Path
) -> None:
    """With the keys alone, somebody else's copy could be signed: it says what to name."""
    shutil.copytree(pair[0].folder / "keys", tmp_path / "three" / "keys")
    third = launch(tmp_path / "three", ledger=database)
    assert third.process.wait(DEADLINE_SECONDS) == 2
    assert "signed-head guard" in third.said()
    assert "TALLYSTICK_GUARD" in third.said()
    with pair[1].client() as client:
        assert client.post("/v1/orders", content=order("after")).status_code == 201


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_the_database_goes_away_and_comes_back(
    serve: Any, cluster: Any, tmp_path: Path, how: str
) -> None:
    """503 and when to come back, then all by itself as before; nothing acknowledged is lost."""
    cluster.start()
    server = serve(tmp_path / "data", ledger=cluster.dsn)
    crowd = Crowd([server], seed=4)

    def away() -> None:
        with server.client() as client:
            crowd.acknowledge(ORDERS_BEFORE)
            getattr(cluster, how)()
            until(lambda: client.get("/readyz").status_code == 503)
            assert client.get("/readyz").json()["code"] == "UNAVAILABLE"
            assert client.get("/healthz").status_code == 200
            before = crowd.unavailable
            until(lambda: crowd.unavailable >= before + 2 * CLIENTS)
            cluster.start()
            until(lambda: client.get("/readyz").status_code == 200)
            crowd.acknowledge(ORDERS_BEFORE)

    crowd.run(away)
    require_proved(crowd.held, server.vkey)
    require_held(server, crowd.held)
    with server.client() as client:
        for name, body in crowd.held.items():
            assert client.post("/v1/orders", content=order(name)).content == body
    assert server.process.poll() is None
    assert server.stop() == 0


def test_an_end_while_the_database_is_away(serve: Any, cluster: Any, tmp_path: Path) -> None:
    """SIGTERM ends it in time and cleanly; the next start does what was left to do."""
    cluster.start()
    folder = tmp_path / "data"
    server = serve(folder, ledger=cluster.dsn)
    with server.client() as client:
        held = {
            f"c-{n}": client.post("/v1/orders", content=order(f"c-{n}")).content for n in range(9)
        }
        cluster.kill()
        assert client.post("/v1/orders", content=order("lost")).status_code == 503
    assert server.stop() == 0
    cluster.start()
    again = serve(folder, ledger=cluster.dsn)
    require_held(again, held)
    assert again.stop() == 0
