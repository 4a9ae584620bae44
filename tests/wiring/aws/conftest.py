"""Makes worlds for functions: a PostgreSQL with the roles of the guide, moto in AWS' place."""

import secrets
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
import structlog
from aws_lambda_powertools.utilities import parameters
from moto.server import ThreadedMotoServer

sys.path.insert(0, str(Path(__file__).parent))

from aws_world import World, furnished, run_sql

from tallystick.clock import SystemClock
from tallystick.wiring.aws import clients
from tallystick.wiring.aws.prepare import prepare


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """What a function set up for its log does not outlive the test."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    """Where moto answers for AWS."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    yield f"http://127.0.0.1:{server._server.port}"  # type: ignore[union-attr]  # it runs
    server.stop()


def founded(admin: str, endpoint: str) -> World:
    """An empty ledger in a schema of its own at this address, with the roles of the guide."""
    role = f"trader_{secrets.token_hex(4)}"
    word = secrets.token_hex(8)
    login = {"LEDGER": admin, "LEDGER_LOGIN": "address", "LEDGER_TLS": "off"}
    environment = {f"TALLYSTICK_{name}": value for name, value in login.items()}
    environment["TALLYSTICK_LEDGER_POOLED"] = "false"
    prepare(environment, SystemClock(), schema=role, role=role, password=word)
    parts = urlsplit(admin)
    dsn = urlunsplit(parts._replace(netloc=f"{role}:{word}@{parts.hostname}:{parts.port}"))
    return furnished(World(dsn, f"{admin}?search_path={role}", endpoint, {}, role), {})


@pytest.fixture
def world(postgres: Any, moto: str) -> Iterator[World]:
    """A world with an empty ledger, on the server that all tests of this worker share."""
    world = founded(postgres.dsn, moto)
    yield world
    run_sql(postgres.dsn, f"DROP SCHEMA {world.role} CASCADE", f"DROP ROLE {world.role}")


@pytest.fixture
def crowded(new_cluster: Callable[[], Any], moto: str) -> World:
    """A world on a server of its own, which takes as many sessions as fifty functions have."""
    cluster = new_cluster()
    cluster.start(max_connections="160")
    return founded(cluster.dsn, moto)


@pytest.fixture
def aws(moto: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """AWS without a ledger: secrets, tables, a bus; this process' environment names them."""
    yield from entered(furnished(World("", "", moto, {}, ""), {}), monkeypatch)


@pytest.fixture
def inside(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A world with an empty ledger, whose environment is this process'."""
    yield from entered(world, monkeypatch)


def entered(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Let this process be a function in that world; clients and secrets are not kept after it."""
    for name, value in world.environment.items():
        monkeypatch.setenv(name, value)
    clients.client.cache_clear()
    parameters.clear_caches()
    yield world
    clients.client.cache_clear()
    parameters.clear_caches()
