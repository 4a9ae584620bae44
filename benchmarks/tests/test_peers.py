"""The peers do honest work: on a real PostgreSQL, under load, and after a crash."""

import asyncio
import io
import os
import signal
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg  # type: ignore[import-untyped]  # it ships none
import httpx
import msgspec
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

import postgres
from naive.app import engine
from naive.chain import ChainError, link, verify
from tallystick.clock import SystemClock
from tallystick.wiring.load import Plan, Result, orders_of, put_load
from targets import Peer, Target, peer, peer_on

ORDER = {
    "client_order_id": "c-1", "account": "demo", "pair": "EUR/USD", "side": "buy",
    "quantity": "1000000", "type": "market", "time_in_force": "FOK",
}  # fmt: skip
STOPPED_AT = 60
"""Journal rows after which the crash comes."""
PEERS: tuple[Peer, ...] = ("naive", "tuned")

pytestmark = pytest.mark.server


@pytest.fixture(scope="module", params=PEERS)
def target(request: pytest.FixtureRequest) -> Iterator[Target]:
    """Each peer on an empty database."""
    with TemporaryDirectory() as name:  # pytest's own folders are closed to PostgreSQL's user
        folder = Path(name)
        folder.chmod(0o755)
        try:
            with peer(request.param, folder) as up:
                yield up
        except postgres.PostgresMissingError as missing:
            pytest.skip(str(missing))


def place(target: Target, **changes: object) -> httpx.Response:
    """The answer to one order."""
    headers = {"Authorization": f"Bearer {target.token}"}
    return httpx.post(f"{target.url}/v1/orders", json=ORDER | changes, headers=headers)


def chain_length(target: Target) -> int:
    """The length of the hash chain, recomputed."""
    headers = {"Authorization": f"Bearer {target.token}"}
    answer = httpx.get(f"{target.url}/v1/journal/verify", headers=headers, timeout=30)
    length: int = answer.raise_for_status().json()["length"]
    return length


def code_of(rejection: dict[str, str] | str) -> str:
    """The peers write rejections differently."""
    return rejection if isinstance(rejection, str) else rejection["code"]


def test_an_order_is_filled_and_chained(target: Target) -> None:
    """A market order fills at the ask, and its receipt names the row before it."""
    answer = place(target, client_order_id="filled").json()
    state = answer["order"].get("state") or answer["state"]
    assert (answer["rejection"], state) == (None, "filled")
    assert [(fill["price"], fill["amount"]) for fill in answer["fills"]] == [
        ("1.08250", "1082500.00")
    ]
    receipt = answer["receipt"]
    assert len(receipt["hash"]) == len(receipt["previous_hash"]) == 64
    if "entry" in receipt:
        assert receipt["hash"] == link(receipt["previous_hash"], receipt["entry"])


def test_a_retry_gets_the_first_answer(target: Target) -> None:
    """The same key is one order; another body under it is a conflict."""
    first, second = (place(target, client_order_id="retry").json() for _ in range(2))
    assert second["receipt"] == first["receipt"]
    conflict = place(target, client_order_id="retry", quantity="2000000")
    assert (conflict.status_code, conflict.json()["code"]) == (409, "IDEMPOTENCY_CONFLICT")


def test_retries_at_the_same_moment_are_one_order(target: Target) -> None:
    """Twenty simultaneous requests under one key leave one order."""

    async def run() -> set[int]:
        headers = {"Authorization": f"Bearer {target.token}"}
        async with httpx.AsyncClient(headers=headers, timeout=30) as client:
            body = ORDER | {"client_order_id": "at-once"}
            answers = await asyncio.gather(
                *(client.post(f"{target.url}/v1/orders", json=body) for _ in range(20))
            )
        return {answer.raise_for_status().json()["receipt"]["position"] for answer in answers}

    assert len(asyncio.run(run())) == 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"type": "limit", "time_in_force": "IOC", "price": "1.00000"}, "PRICE_NOT_MET"),
        ({"quantity": "99000000"}, "QUANTITY_LIMIT"),
    ],
    ids=["price", "quantity"],
)
def test_rejections_are_answered_and_chained(
    target: Target, changes: dict[str, object], code: str
) -> None:
    """An order that breaks a rule is rejected with a code, and has its journal row."""
    before = chain_length(target)
    answer = place(target, client_order_id=code, **changes).json()
    assert code_of(answer["rejection"]) == code
    assert answer["fills"] == []
    assert (answer["receipt"]["position"], chain_length(target)) == (before, before + 1)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"pair": "XXX/YYY"}, 422),
        ({"account": "nobody"}, 404),
        ({"quantity": 1000000}, 422),
        ({"surprise": 1}, 422),
        ({"type": "limit"}, 422),
    ],
    ids=["pair", "account", "number", "unknown-member", "no-price"],
)
def test_bad_orders_are_refused(target: Target, changes: dict[str, object], status: int) -> None:
    """What is no order does not become one."""
    before = chain_length(target)
    assert place(target, client_order_id="bad", **changes).status_code == status
    assert chain_length(target) == before


def test_a_stranger_is_refused(target: Target) -> None:
    """Without the token there is no order."""
    wrong = {"Authorization": "Bearer x"}
    assert httpx.post(f"{target.url}/v1/orders", json=ORDER, headers=wrong).status_code == 401


def test_the_chain_holds_under_64_connections(target: Target) -> None:
    """Every concurrent order gets its own place in one unbroken chain."""
    before = chain_length(target)
    result, _ = asyncio.run(put(target, requests=300))
    assert (result.good, result.failures) == (300, [])
    assert chain_length(target) == before + 300


async def put(target: Target, requests: int) -> tuple[Result, list[bytes]]:
    """Load of 64 connections: result and kept answers."""
    keep = io.BytesIO()
    plan = Plan(
        url=target.url, token=target.token, prefix=f"run-{requests}", seconds=60, requests=requests
    )
    result, _ = await put_load(plan, orders_of(plan), SystemClock(), keep=keep)
    return result, keep.getvalue().splitlines()


@pytest.fixture
def cluster() -> Iterator[postgres.Server]:
    """A PostgreSQL that may be crashed."""
    try:
        with postgres.server() as server:
            yield server
    except postgres.PostgresMissingError as missing:
        pytest.skip(str(missing))


@pytest.mark.parametrize("name", PEERS)
def test_a_crash_loses_nothing_acknowledged(
    name: Peer, cluster: postgres.Server, tmp_path: Path
) -> None:
    """Peer and PostgreSQL are killed under load; every acknowledged row is there again."""

    async def crash_under_load(up: Target) -> list[bytes]:
        load = asyncio.create_task(put(up, requests=100_000))
        connection = await asyncpg.connect(cluster.dsn)
        while await connection.fetchval("SELECT count(*) FROM journal") < STOPPED_AT:
            assert not load.done()
        connection.terminate()
        os.kill(cluster.pid, signal.SIGQUIT)
        os.kill(up.pid, signal.SIGKILL)
        return (await load)[1]

    with peer_on(name, cluster.dsn, tmp_path / "peer.log") as up:
        lines = asyncio.run(crash_under_load(up))
    cluster.stop()
    cluster.start()
    kept = [msgspec.json.decode(line) for line in lines]
    acknowledged = [line["answer"]["receipt"] for line in kept if line["status"] == 201]
    rows = asyncio.run(journal(name, cluster.dsn))
    assert acknowledged
    assert all(rows[receipt["position"]] == receipt["hash"] for receipt in acknowledged)


@pytest.mark.parametrize("name", PEERS)
def test_tampering_breaks_the_chain(name: Peer, cluster: postgres.Server, tmp_path: Path) -> None:
    """One changed character in one row is found."""
    with peer_on(name, cluster.dsn, tmp_path / "peer.log") as up:
        asyncio.run(put(up, requests=5))
    assert len(asyncio.run(journal(name, cluster.dsn))) == 5
    asyncio.run(execute(cluster.dsn, "UPDATE journal SET payload = ' ' WHERE position = 2"))
    with pytest.raises(ChainError, match="journal row 2"):
        asyncio.run(journal(name, cluster.dsn))


async def execute(dsn: str, statement: str) -> None:
    """One statement."""
    connection = await asyncpg.connect(dsn)
    await connection.execute(statement)
    await connection.close()


async def journal(name: Peer, dsn: str) -> dict[int, str]:
    """Hash by position, when the whole chain is right."""
    if name == "tuned":
        return await tuned_journal(dsn)
    opened = engine(dsn)
    try:
        async with AsyncSession(opened) as session:
            length = await verify(session)
    finally:
        await opened.dispose()
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch("SELECT position, hash FROM journal")
    await connection.close()
    assert len(rows) == length
    return {row["position"]: row["hash"] for row in rows}


async def tuned_journal(dsn: str) -> dict[int, str]:
    """The same of the tuned peer, recomputed here from what its tables hold."""
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch("SELECT * FROM journal ORDER BY position")
    await connection.close()
    previous, found = bytes(32), {}
    for number, row in enumerate(rows):
        right = sha256(previous + row["payload"]).digest()
        if (row["position"], row["previous_hash"], row["hash"]) != (number, previous, right):
            raise ChainError(f"journal row {number} is not what was written")
        previous, found[number] = right, right.hex()
    return found
