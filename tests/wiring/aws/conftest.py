"""Makes worlds for functions: a PostgreSQL with the roles of the guide, moto in AWS' place."""

import secrets
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Lock, Thread
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
import structlog
from aws_lambda_powertools.utilities import parameters
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

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
    """Where moto answers for AWS, one call after the other.

    A write to an item of DynamoDB is whole or not there. Moto changes items in their place, value
    after value: who reads meanwhile would see the size of one head with the root of another.
    """
    answer, turn = DomainDispatcherApplication(create_backend_app), Lock()

    def in_turn(environ: Any, start_response: Any) -> list[bytes]:
        with turn:
            return list(answer(environ, start_response))

    server = make_server("127.0.0.1", 0, in_turn, threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


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
    roles = f"{world.role}, {world.role}_reader"
    run_sql(postgres.dsn, f"DROP SCHEMA {world.role} CASCADE", f"DROP ROLE {roles}")


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
