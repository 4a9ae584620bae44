"""The naive peer does honest work: on a real PostgreSQL, under load, and after a crash."""

import asyncio
import io
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg  # type: ignore[import-untyped]  # it ships none
import httpx
import msgspec
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

import postgres
from load import Plan, Result, put_load
from naive.app import engine
from naive.chain import ChainError, link, verify
from targets import Target, naive, naive_on

ORDER = {
    "client_order_id": "c-1", "account": "demo", "pair": "EUR/USD", "side": "buy",
    "quantity": "1000000", "type": "market", "time_in_force": "FOK",
}  # fmt: skip
STOPPED_AT = 60
"""Journal rows after which the crash comes."""

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def peer() -> Iterator[Target]:
    """The peer on an empty database."""
    with TemporaryDirectory() as name:  # pytest's own folders are closed to PostgreSQL's user
        folder = Path(name)
        folder.chmod(0o755)
        try:
            with naive(folder, pin=False) as target:
                yield target
        except postgres.PostgresMissingError as missing:
            pytest.skip(str(missing))


def place(peer: Target, **changes: object) -> httpx.Response:
    """The answer to one order."""
    headers = {"Authorization": f"Bearer {peer.token}"}
    return httpx.post(f"{peer.url}{peer.path}", json=ORDER | changes, headers=headers)


def chain_length(peer: Target) -> int:
    """The length of the hash chain, recomputed by the peer."""
    headers = {"Authorization": f"Bearer {peer.token}"}
    answer = httpx.get(f"{peer.url}/v1/journal/verify", headers=headers, timeout=30)
    length: int = answer.raise_for_status().json()["length"]
    return length


def test_an_order_is_filled_and_chained(peer: Target) -> None:
    """A market order fills at the ask and its receipt's hash covers the entry."""
    answer = place(peer, client_order_id="filled").json()
    assert answer["rejection"] is None
    assert answer["order"]["state"] == "filled"
    assert [(fill["price"], fill["amount"]) for fill in answer["fills"]] == [
        ("1.08250", "1082500.00")
    ]
    receipt = answer["receipt"]
    assert receipt["hash"] == link(receipt["previous_hash"], receipt["entry"])


def test_a_retry_gets_the_first_answer(peer: Target) -> None:
    """The same key is one order; another body under it is a conflict."""
    first, second = (place(peer, client_order_id="retry").json() for _ in range(2))
    assert second["receipt"] == first["receipt"]
    conflict = place(peer, client_order_id="retry", quantity="2000000")
    assert (conflict.status_code, conflict.json()["code"]) == (409, "IDEMPOTENCY_CONFLICT")


def test_retries_at_the_same_moment_are_one_order(peer: Target) -> None:
    """Twenty simultaneous requests under one key leave one order."""

    async def run() -> set[int]:
        headers = {"Authorization": f"Bearer {peer.token}"}
        async with httpx.AsyncClient(headers=headers, timeout=30) as client:
            body = ORDER | {"client_order_id": "at-once"}
            answers = await asyncio.gather(
                *(client.post(f"{peer.url}{peer.path}", json=body) for _ in range(20))
            )
        return {answer.raise_for_status().json()["receipt"]["position"] for answer in answers}

    assert len(asyncio.run(run())) == 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"type": "limit", "price": "1.00000"}, "PRICE_NOT_MET"),
        ({"quantity": "99000000"}, "QUANTITY_LIMIT"),
    ],
)
def test_rejections_are_answered_and_chained(
    peer: Target, changes: dict[str, object], code: str
) -> None:
    """An order that breaks a rule is rejected with a code, and has its journal row."""
    answer = place(peer, client_order_id=code, **changes).json()
    assert answer["rejection"]["code"] == code
    assert (answer["order"]["state"], answer["fills"]) == ("rejected", [])
    assert answer["receipt"]["hash"] == link(
        answer["receipt"]["previous_hash"], answer["receipt"]["entry"]
    )


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"pair": "XXX/YYY"}, 422),
        ({"account": "nobody"}, 404),
        ({"quantity": 1000000}, 422),
        ({"surprise": 1}, 422),
        ({"type": "limit"}, 422),
    ],
)
def test_bad_orders_are_refused(peer: Target, changes: dict[str, object], status: int) -> None:
    """What is no order does not become one."""
    before = chain_length(peer)
    assert place(peer, client_order_id="bad", **changes).status_code == status
    assert chain_length(peer) == before


def test_a_stranger_is_refused(peer: Target) -> None:
    """Without the token there is no order."""
    answer = httpx.post(f"{peer.url}{peer.path}", json=ORDER, headers={"Authorization": "Bearer x"})
    assert answer.status_code == 401


def test_the_chain_holds_under_64_connections(peer: Target) -> None:
    """Every concurrent order gets its own place in one unbroken chain."""
    before = chain_length(peer)
    result, _ = asyncio.run(put(peer, requests=300))
    assert (result.statuses, result.expected) == ({"201": 300}, 300)
    assert chain_length(peer) == before + 300


async def put(peer: Target, requests: int) -> tuple[Result, list[bytes]]:
    """Load of 64 connections on the peer: result and kept answers."""
    keep = io.BytesIO()
    plan = Plan(url=peer.url, token=peer.token, seconds=60, requests=requests)
    result = await put_load(plan, keep)
    return result, keep.getvalue().splitlines()


@pytest.fixture
def cluster() -> Iterator[postgres.Server]:
    """A PostgreSQL that may be crashed."""
    try:
        with postgres.server() as server:
            yield server
    except postgres.PostgresMissingError as missing:
        pytest.skip(str(missing))


def test_a_crash_loses_nothing_acknowledged(cluster: postgres.Server, tmp_path: Path) -> None:
    """Peer and PostgreSQL are killed under load; every acknowledged row is there again."""

    async def crash_under_load(peer: Target) -> list[bytes]:
        load = asyncio.create_task(put(peer, requests=100_000))
        connection = await asyncpg.connect(cluster.dsn)
        while await connection.fetchval("SELECT count(*) FROM journal") < STOPPED_AT:
            assert not load.done()
        connection.terminate()
        os.kill(cluster.pid, signal.SIGQUIT)
        os.kill(peer.pid, signal.SIGKILL)
        return (await load)[1]

    with naive_on(cluster.dsn, tmp_path / "naive.log") as peer:
        lines = asyncio.run(crash_under_load(peer))
    cluster.stop()
    cluster.start()
    kept = [msgspec.json.decode(line) for line in lines]
    acknowledged = [line["answer"]["receipt"] for line in kept if line["status"] == 201]
    rows = asyncio.run(journal(cluster.dsn))
    assert acknowledged
    assert all(rows[receipt["position"]] == receipt["hash"] for receipt in acknowledged)


def test_tampering_breaks_the_chain(cluster: postgres.Server, tmp_path: Path) -> None:
    """One changed character in one row is found."""
    with naive_on(cluster.dsn, tmp_path / "naive.log") as peer:
        asyncio.run(put(peer, requests=5))
    assert len(asyncio.run(journal(cluster.dsn))) == 5
    asyncio.run(execute(cluster.dsn, "UPDATE journal SET payload = ' ' WHERE position = 2"))
    with pytest.raises(ChainError, match="journal row 2"):
        asyncio.run(journal(cluster.dsn))


async def execute(dsn: str, statement: str) -> None:
    """One statement."""
    connection = await asyncpg.connect(dsn)
    await connection.execute(statement)
    await connection.close()


async def journal(dsn: str) -> dict[int, str]:
    """Hash by position, when the whole chain is right."""
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
