"""The same door as a long-lived process behind a load balancer, and the database it was given."""

import os
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it ships none
import httpx
import pytest
from aws_flood import Context, order
from aws_world import VKEY, World, run_sql

from tallystick.clock import SystemClock
from tallystick.errors import Misconfigured
from tallystick.ledger.verify import verify_receipt
from tallystick.wiring.aws import prepare as preparing

ROOT = Path(__file__).resolve().parents[3]
START = """
import asyncio, sys
from tallystick.clock import SystemClock
from tallystick.wiring.aws.serve import serve
asyncio.run(serve(SystemClock(), "127.0.0.1", int(sys.argv[1])))
"""
DAMAGED = """
from tallystick.errors import Corrupt
from tallystick.wiring.aws import runtime

def corrupt(_ledger):
    raise Corrupt("The ledger is not what it was.")

class Damaged(runtime.Trading):
    def __init__(self, parts):
        super().__init__(parts)
        type(self.ledger).catch_up = corrupt

from tallystick.wiring.aws import serve as serving
serving.Trading = Damaged
"""
SECONDS_MAX = 60.0


def free_port() -> int:
    """One that nobody listens on."""
    import socket  # noqa: PLC0415

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@pytest.mark.server
def test_it_serves_over_tls_until_it_is_told_to_end(world: World, tmp_path: Path) -> None:
    """An order is proved; another process' token and account are seen; SIGTERM ends it in order."""
    port = free_port()
    said = (tmp_path / "said").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-c", START, str(port)], stdout=said, stderr=subprocess.STDOUT,
        env={**os.environ, **world.environment, "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    try:
        with httpx.Client(base_url=f"https://127.0.0.1:{port}", verify=trusting) as client:
            deadline = time.monotonic() + SECONDS_MAX
            while not answers(client):
                assert process.poll() is None, (tmp_path / "said").read_text()[-2_000:]
                assert time.monotonic() < deadline
            limits = {
                "order_quantity_max": "50000000", "position_usd_max": "1000000.00",
                "collar_bps": 500, "duplicate_window_ms": 1_000, "duplicates_max": 10,
            }  # fmt: skip
            operator = {"Authorization": f"Bearer {world.tokens['operator']}"}
            body: dict[str, Any] = {"account": "desk", "limits": limits}
            assert client.post("/v1/accounts", json=body, headers=operator).status_code == 201
            trader = {"Authorization": f"Bearer {world.tokens['desk']}"}
            placed = client.post("/v1/orders", json=order("desk", "a-1"), headers=trader)
            assert placed.status_code == 201
            assert verify_receipt(placed.content, VKEY).verdict == "clean"
        process.terminate()
        assert process.wait(SECONDS_MAX) in {0, -15}
    finally:
        process.kill()
        process.wait()
        said.close()


@pytest.mark.server
def test_it_ends_when_it_can_follow_the_ledger_no_more(world: World, tmp_path: Path) -> None:
    """What would answer from an old book for ever is replaced by a new process instead."""
    process = subprocess.run(
        [sys.executable, "-c", DAMAGED + START, str(free_port())], timeout=SECONDS_MAX,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, text=True,
        env={**os.environ, **world.environment, "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    assert process.returncode == 1, process.stdout[-2_000:]
    assert "wiring.part_ended" in process.stdout
    assert "The ledger is not what it was." in process.stdout


def answers(client: httpx.Client) -> bool:
    """Whether the server takes requests."""
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


def test_preparing_again_changes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A deployment runs it each time; the function names what it made."""
    admin = world.owner.partition("?")[0]
    for name, value in world.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TALLYSTICK_LEDGER", admin)
    monkeypatch.setenv("TALLYSTICK_LEDGER_POOLED", "false")
    monkeypatch.setattr(preparing, "SCHEMA", world.role)
    for _ in range(2):
        preparing.prepare(os.environ, SystemClock(), schema=world.role, role=world.role)
    assert preparing.handler.__name__
    assert Context().function_name


def test_the_functions_role_cannot_change_an_entry(world: World) -> None:
    """Not even with the password: it may read and append."""
    for statement in (
        "UPDATE ledger_entries SET entry = ''", "DELETE FROM ledger_entries",
        "TRUNCATE ledger_keys", "DROP TABLE ledger_tiles", "UPDATE ledger_checkpoints SET note=''",
    ):  # fmt: skip
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            run_sql(world.dsn, statement)


@pytest.mark.parametrize("name", ["ledger; DROP SCHEMA x", "Ledger", "", "a-b"])
def test_names_that_are_no_words_are_refused(name: str) -> None:
    """They stand in statements where no parameter can."""
    with pytest.raises(Misconfigured, match="plain word"):
        preparing.prepare({}, SystemClock(), schema=name)
