"""The function that answers API Gateway: the product's own door, desk and ledger behind it."""

import asyncio
import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it ships none
import pytest
from aws_flood import Context, open_accounts, order, request
from aws_world import HOME, OTHER, VKEY, World, run_sql, table
from botocore.config import Config
from botocore.session import Session

from tallystick.clock import NS_PER_SECOND, ManualClock, SystemClock
from tallystick.errors import Forked, Misconfigured
from tallystick.ledger import Sealable
from tallystick.ledger.storage.postgres.store import READ_SECONDS_MAX
from tallystick.ledger.verify import verify_receipt
from tallystick.wiring.aws import clients
from tallystick.wiring.aws import order as function
from tallystick.wiring.aws import tokens as tokens_module
from tallystick.wiring.aws.runtime import open_parts


@pytest.fixture(autouse=True)
def cold() -> Iterator[None]:
    """The execution environment is new, and gone with the test."""
    function._orders = None
    yield
    if function._orders is not None:
        function._orders.close()
        function._orders = None


@pytest.fixture
def traded(inside: World) -> World:
    """A world whose accounts are open."""
    open_accounts(inside)
    return inside


def ask(world: World, method: str, path: str, body: Any = None, **more: Any) -> dict[str, Any]:
    """The function's answer to a request of the account `desk`."""
    return function.handler(request(method, path, world.tokens["desk"], body, **more), Context())


def test_an_order_is_answered_with_its_proof(traded: World) -> None:
    """201, a receipt that verifies offline, and the place where the order can be asked for."""
    answer = ask(traded, "POST", "/v1/orders", order("desk", "a-1"))
    assert answer["statusCode"] == 201
    assert verify_receipt(answer["body"].encode(), VKEY).verdict == "clean"
    (place,) = answer["multiValueHeaders"]["location"]
    story = ask(traded, "GET", place)
    assert json.loads(story["body"])["order"]["client_order_id"] == "a-1"


def test_a_retry_gets_the_same_answer(traded: World) -> None:
    """From this environment, and from the next one, which knows nothing but the ledger."""
    first = ask(traded, "POST", "/v1/orders", order("desk", "a-1"))
    again = ask(traded, "POST", "/v1/orders", order("desk", "a-1"))
    assert function._orders is not None
    function._orders.close()
    function._orders = None
    cold = ask(traded, "POST", "/v1/orders", order("desk", "a-1"))
    for retry in (again, cold):
        assert retry["body"] == first["body"]
        assert retry["multiValueHeaders"]["idempotency-replayed"] == ["true"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "/v1/orders", {"account": "desk"}, 422, "BAD_REQUEST"),
        ("POST", "/v1/orders", order("acct-0", "x"), 403, "FORBIDDEN"),
        ("GET", "/v1/orders/O-99", None, 404, "UNKNOWN_ORDER"),
        ("GET", "/v1/logs", None, 404, "NOT_FOUND"),
        ("GET", "/v1/prices/stream", None, 404, "NOT_FOUND"),
        ("DELETE", "/v1/positions", None, 405, "METHOD_NOT_ALLOWED"),
    ],
)
def test_refusals_are_the_doors_own(
    traded: World, method: str, path: str, body: Any, status: int, code: str
) -> None:
    """The same codes and sentences as the server's; what is elsewhere on AWS is not found."""
    answer = ask(traded, method, path, body)
    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (status, code)


@pytest.mark.usefixtures("traded")
def test_who_has_no_token_is_refused() -> None:
    """The door looks itself, whatever an authorizer in front of it did."""
    event = request("POST", "/v1/orders", "tally_nobodys", order("desk", "a-1"))
    assert function.handler(event, Context())["statusCode"] == 401


def test_a_revoked_token_is_refused_soon(traded: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """When it is time to look at the secret again."""
    assert ask(traded, "GET", "/v1/positions")["statusCode"] == 200
    name = traded.environment["TALLYSTICK_TOKENS"]
    traded.client("secretsmanager").put_secret_value(SecretId=name, SecretString="[]")
    assert ask(traded, "GET", "/v1/positions")["statusCode"] == 200
    orders = function.environment()
    orders.tokens._look_ns = 0
    monkeypatch.setattr(tokens_module, "AGE_SECONDS", 0)
    tokens_module.parameters.clear_caches()
    deadline = time.monotonic() + 10
    while ask(traded, "GET", "/v1/positions")["statusCode"] != 401:
        assert time.monotonic() < deadline


def test_what_was_revoked_is_read_when_its_time_has_come(
    inside: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing in between keeps it for longer; while it cannot be read, what was read holds."""
    clock = ManualClock()
    name = inside.environment["TALLYSTICK_TOKENS"]
    kept = tokens_module.SecretTokens(name, tmp_path / "tokens.json", clock)
    assert kept.tokens.records()
    inside.client("secretsmanager").put_secret_value(SecretId=name, SecretString="[]")
    clock.advance(tokens_module.AGE_SECONDS)
    monkeypatch.setattr(kept, "_secret", "nowhere")
    kept.refresh()
    assert kept.tokens.records()
    monkeypatch.setattr(kept, "_secret", name)
    clock.advance(tokens_module.AGE_SECONDS)
    kept.refresh()
    assert kept.tokens.records() == []


def test_a_secret_is_not_waited_for_longer_than_a_request(inside: World) -> None:
    """Powertools' own client would wait for a minute, five times."""
    del inside
    provider = tokens_module._secrets(clients.client("secretsmanager"))
    assert provider.client.meta.config.read_timeout == clients.READ_SECONDS_MAX


def test_a_ledger_that_is_not_what_was_signed_is_answered_with_a_code(
    traded: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A problem like any other, and not API Gateway's; nothing of the ledger is shown."""

    def forked() -> bool:
        raise Forked("not of this history")

    monkeypatch.setattr(function.environment().trading.ledger, "catch_up", forked)
    answer = ask(traded, "GET", "/v1/positions")
    assert answer["statusCode"] == 500
    assert json.loads(answer["body"])["code"] == "INTERNAL"


def away(seconds: float = 0.2) -> Any:
    """A client of the guard's region, which does not answer."""
    config = Config(connect_timeout=seconds, retries={"total_max_attempts": 1})
    return Session().create_client(
        "dynamodb", region_name=OTHER, endpoint_url="http://127.0.0.1:9", config=config
    )


@pytest.mark.parametrize("known_ns", [0, 2**62], ids=["before-the-commit", "after-the-commit"])
def test_while_the_guards_region_is_away_no_order_is_answered(
    traded: World, monkeypatch: pytest.MonkeyPatch, known_ns: int
) -> None:
    """503 with a code; the same request, sent again when it is back, is done once.

    Before the commit the guard is asked, and nothing is stored; behind it, what is stored is not
    shown. Nobody goes on without it, and the environment is not lost.
    """
    assert ask(traded, "POST", "/v1/orders", order("desk", "a-1"))["statusCode"] == 201
    desk = function.environment()
    guard: Any = desk.trading.ledger._guard
    with monkeypatch.context() as lost:
        lost.setattr(guard, "_client", away())
        guard._until_ns = known_ns
        for _ in range(2):
            refused = ask(traded, "POST", "/v1/orders", order("desk", "a-2"))
            assert refused["statusCode"] == 503
            assert json.loads(refused["body"])["code"] == "UNAVAILABLE"
            assert "signed-head guard does not answer" in refused["body"]
            assert "127.0.0.1" not in refused["body"]
    answer = ask(traded, "POST", "/v1/orders", order("desk", "a-2"))
    assert answer["statusCode"] in {200, 201}
    assert verify_receipt(answer["body"].encode(), VKEY).verdict == "clean"
    again = ask(traded, "POST", "/v1/orders", order("desk", "a-2"))
    assert again["body"] == answer["body"]
    rows = desk.trading.ledger.rows(0, desk.trading.ledger.size)
    assert sum(b'"a-2"' in row.entry for row in rows) == 1


def test_a_guard_may_lie_in_either_region(traded: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `runbooks/promote_guard.py` has it: the head is carried over, the next process asks there.

    What was carried still fences: a head of another history there lets nobody sign.
    """
    assert ask(traded, "POST", "/v1/orders", order("desk", "a-1"))["statusCode"] == 201
    function.environment().close()
    function._orders = None
    address = traded.environment["TALLYSTICK_GUARD"]
    key = {"id": {"S": f"head {VKEY.name}"}}
    asked = {"TableName": address.rpartition("/")[2], "Key": key, "ConsistentRead": True}
    head = traded.client("dynamodb", OTHER).get_item(**asked)["Item"]
    name = table(traded, HOME, "guard")
    traded.client("dynamodb", HOME).put_item(TableName=name, Item=head)
    monkeypatch.setenv("TALLYSTICK_GUARD", f"dynamodb://{HOME}/{name}")
    assert ask(traded, "POST", "/v1/orders", order("desk", "a-2"))["statusCode"] == 201
    here = traded.client("dynamodb", HOME).get_item(TableName=name, Key=key)["Item"]
    assert int(here["tree_size"]["N"]) > int(head["tree_size"]["N"])
    function.environment().close()
    function._orders = None
    forged = {**here, "root": {"B": bytes(32)}}
    traded.client("dynamodb", HOME).put_item(TableName=name, Item=forged)
    refused = ask(traded, "POST", "/v1/orders", order("desk", "a-3"))
    assert refused["statusCode"] == 500
    assert json.loads(refused["body"])["code"] == "INTERNAL"


def test_others_orders_are_seen_at_once(traded: World) -> None:
    """Two environments: what one wrote the other has taken in before it answers."""
    one = function.environment()
    function._orders = None
    try:
        ask(traded, "POST", "/v1/orders", order("desk", "a-1", 5_000))
        event = request("GET", "/v1/positions", traded.tokens["desk"])
        answer = one.answer(function.APIGatewayProxyEvent(event))
        held = {b["currency"]: b["amount"] for b in json.loads(answer["body"])["balances"]}
        assert held["EUR"] == "5000.00"
    finally:
        one.close()


def test_who_lost_to_another_decides_again(traded: World) -> None:
    """The order is decided on what the other one left, in its turn; nobody is told of it."""
    orders = function.environment()
    refresh = orders.trading.refresh

    def overtaken() -> None:
        refresh()
        overtake(traded)
        orders.trading.refresh = refresh  # type: ignore[method-assign]  # once

    orders.trading.refresh = overtaken  # type: ignore[method-assign]
    answer = ask(traded, "POST", "/v1/orders", order("desk", "a-1"))
    assert answer["statusCode"] == 201
    assert orders.trading.patience.lost == 1
    assert verify_receipt(answer["body"].encode(), VKEY).verdict == "clean"
    again = ask(traded, "POST", "/v1/orders", order("desk", "a-2"))
    assert again["statusCode"] == 201


def overtake(world: World) -> None:
    """Somebody else appends."""

    async def append() -> None:
        parts = open_parts(world.environment, function.SystemClock())
        try:
            await parts.ledger.append(parts.ledger.size, [Sealable(b"raw: somebody else")])
        finally:
            parts.close()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, append()).result()


def test_a_crowd_is_told_to_come_back(traded: World) -> None:
    """503 with Retry-After when the turn does not come; nothing is done, and a retry is."""
    run_sql(traded.owner, f"ALTER ROLE {traded.role} SET lock_timeout = '100ms'")
    assert function._orders is not None
    function._orders.close()
    function._orders = None
    orders = function.environment()

    async def crowded() -> dict[str, Any]:
        connection = await asyncpg.connect(traded.owner)
        try:
            await connection.execute("BEGIN")
            await connection.fetchval("SELECT size FROM ledger_head FOR UPDATE")
            event = request("POST", "/v1/orders", traded.tokens["desk"], order("desk", "a-1"))
            return await asyncio.to_thread(function.handler, event, Context())
        finally:
            await connection.close()

    orders.trading.patience._crowd_ns = 2**62
    refused = asyncio.run(crowded())
    assert refused["statusCode"] == 503
    assert refused["multiValueHeaders"]["retry-after"] == ["1"]
    assert ask(traded, "POST", "/v1/orders", order("desk", "a-1"))["statusCode"] == 201


def test_a_turn_is_left_when_nothing_was_said(traded: World) -> None:
    """A request that ends without an entry does not keep the others waiting."""
    orders = function.environment()
    orders.trading.patience._crowd_ns = 2**62
    first = ask(traded, "POST", "/v1/orders", order("desk", "a-1"))
    again = ask(traded, "POST", "/v1/orders", order("desk", "a-1"))
    assert again["body"] == first["body"]
    assert not orders.trading.parts.store._writer.in_turn
    overtake(traded)


def test_a_broken_session_is_opened_again(traded: World) -> None:
    """An environment that stood still for long finds its sessions gone, and answers."""
    assert ask(traded, "POST", "/v1/orders", order("desk", "a-1"))["statusCode"] == 201
    who = f"usename = '{traded.role}'"
    run_sql(
        traded.owner,
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {who}",  # noqa: S608
    )
    assert ask(traded, "GET", "/v1/positions")["statusCode"] == 200
    assert ask(traded, "POST", "/v1/orders", order("desk", "a-2"))["statusCode"] in {201, 503}
    assert ask(traded, "POST", "/v1/orders", order("desk", "a-2"))["statusCode"] == 201


def test_sessions_that_nobody_answers_are_not_waited_for(traded: World) -> None:
    """An environment that stood still for long, and whose sessions somebody between forgot."""
    assert ask(traded, "POST", "/v1/orders", order("desk", "a-1"))["statusCode"] == 201
    orders = function.environment()
    store = orders.trading.parts.store

    async def stop_hearing() -> None:
        for line in (store._reader, store._writer):
            connection = await line.connection()
            connection._transport.pause_reading()

    store._loop.wait(stop_hearing(), 10)
    orders._asked_ns -= 2 * function.STILL_SECONDS * NS_PER_SECOND
    begun = time.monotonic()
    assert ask(traded, "POST", "/v1/orders", order("desk", "a-2"))["statusCode"] == 201
    assert time.monotonic() - begun < READ_SECONDS_MAX


def test_an_empty_guard_beside_a_ledger_is_refused(
    traded: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise any copy of the database could be signed by naming another table."""
    assert function._orders is not None
    function._orders.close()
    function._orders = None
    empty = table(traded, OTHER, "guard")
    monkeypatch.setenv("TALLYSTICK_GUARD", f"dynamodb://{OTHER}/{empty}")
    with pytest.raises(Misconfigured, match="TALLYSTICK_GUARD"):
        open_parts(os.environ, SystemClock()).close()


def test_nothing_is_set_in_a_session_that_is_shared(traded: World) -> None:
    """RDS Proxy would pin it: no SET, no LISTEN, no prepared statement with a name."""
    said: list[str] = []
    store = function.environment().trading.parts.store

    async def listen() -> None:
        for line in (store._reader, store._writer):
            connection = await line.connection()
            connection.add_query_logger(lambda record: said.append(record.query))

    store._loop.wait(listen(), 10)
    assert ask(traded, "POST", "/v1/orders", order("desk", "a-1"))["statusCode"] == 201
    assert said
    assert not [sql for sql in said if "set_config" in sql or sql.lstrip().startswith("SET")]
    assert not [sql for sql in said if "LISTEN" in sql]

    async def named() -> list[Any]:
        connection = await store._reader.connection()
        return list(await connection.fetch("SELECT name FROM pg_prepared_statements"))

    assert [row["name"] for row in store._loop.wait(named(), 10) if row["name"]] == []


@pytest.mark.parametrize("setting", ["synchronous_commit = off", "lock_timeout = 0"])
def test_a_role_without_its_settings_is_refused(inside: World, setting: str) -> None:
    """What a shared session cannot set for itself, the role has to bring; the start says so."""
    run_sql(inside.owner, f"ALTER ROLE {inside.role} SET {setting}")
    answer = ask(inside, "GET", "/healthz")
    assert answer["statusCode"] == 500
    assert "ALTER ROLE" in answer["body"] or function._orders is None


def test_a_start_that_fails_is_tried_again(inside: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret that cannot be read: 503, and the next request begins anew."""
    monkeypatch.setenv("TALLYSTICK_TOKENS", "nowhere")
    assert ask(inside, "GET", "/healthz")["statusCode"] == 503
    monkeypatch.setenv("TALLYSTICK_TOKENS", inside.environment["TALLYSTICK_TOKENS"])
    assert ask(inside, "GET", "/healthz")["statusCode"] == 200


def test_a_desk_that_ended_is_made_anew(traded: World) -> None:
    """Whatever ended it, the environment does not stay as it is."""
    before = function.environment()
    before.trading.task.cancel()
    before.loop.run_until_complete(asyncio.gather(before.trading.task, return_exceptions=True))
    assert ask(traded, "POST", "/v1/orders", order("desk", "a-1"))["statusCode"] == 201
    assert function.environment() is not before
