"""The SQS target against moto's server: messages arrive, and errors say what to do."""

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto.server import ThreadedMotoServer

from tallystick.clock import ManualClock
from tallystick.errors import Misconfigured, PermanentError, TemporaryError
from tallystick.stream.rules import TARGETS
from tallystick.stream.rules.database import Database
from tallystick.stream.rules.queues import Queues
from tallystick.stream.rules.runs import Runs
from tallystick.stream.rules.targets import Parcel, Surroundings

REGION = "eu-central-1"
PARCEL = Parcel("k" * 64, "r", "t", "7", b'{"id":"7"}')


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """A server on a free port of loopback."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def around(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Surroundings]:
    """What the target is made in."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    database = Database(tmp_path / "rules.db")
    yield Surroundings(ManualClock(), Queues(database), Runs(database))
    database.close()


def play(around: Surroundings, endpoint: str, queue: str, *parcels: Parcel) -> list[Any]:
    """Make the queue, send these at once, and receive what is there."""
    from aiobotocore.session import get_session  # noqa: PLC0415  an extra

    async def main() -> list[Any]:
        """Run on one loop."""
        session = get_session()
        async with session.create_client("sqs", region_name=REGION, endpoint_url=endpoint) as sqs:
            more = {"FifoQueue": "true"} if queue.endswith(".fifo") else {}
            made = await sqs.create_queue(QueueName=queue, Attributes=more)
            url = made["QueueUrl"]
            options = {"queue_url": url, "region": REGION, "endpoint": endpoint}
            target = TARGETS["sqs"](options, around)
            try:
                await asyncio.gather(*(target.send(parcel) for parcel in parcels))
            finally:
                await target.close()
            received = await sqs.receive_message(
                QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
            )
            return list(received.get("Messages", []))

    return asyncio.run(main())


def test_a_parcel_arrives_with_its_key(around: Surroundings, endpoint: str) -> None:
    """The body as it is, the key and the rule as attributes."""
    (message,) = play(around, endpoint, "plain", PARCEL)
    assert json.loads(message["Body"]) == {"id": "7"}
    attributes = message["MessageAttributes"]
    assert attributes["idempotency-key"]["StringValue"] == PARCEL.key
    assert attributes["rule"]["StringValue"] == "r"


def test_a_fifo_queue_drops_what_it_has(around: Surroundings, endpoint: str) -> None:
    """The key is the deduplication id."""
    assert len(play(around, endpoint, "ordered.fifo", PARCEL, PARCEL)) == 1


def test_a_queue_that_is_not_there_is_a_refusal(around: Surroundings, endpoint: str) -> None:
    """Nothing is tried again."""
    with pytest.raises(PermanentError, match="SQS answered 400"):
        send(around, f"{endpoint}/123456789012/nowhere", endpoint)


def test_nobody_there_is_temporary(around: Surroundings) -> None:
    """It may come back."""
    with pytest.raises(TemporaryError, match="SQS cannot be reached"):
        send(around, "http://127.0.0.1:1/123456789012/q", "http://127.0.0.1:1")


def test_a_large_parcel_is_refused_at_once(around: Surroundings) -> None:
    """SQS would not take it."""
    parcel = Parcel("k", "r", "t", "7", b'"' + b"x" * 300_000 + b'"')
    with pytest.raises(PermanentError, match="at most 262144 bytes"):
        send(around, "http://127.0.0.1:1/q", "http://127.0.0.1:1", parcel)


def test_without_the_extra_the_start_says_so(
    around: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And which one to install."""
    monkeypatch.setitem(sys.modules, "aiobotocore.session", None)
    with pytest.raises(Misconfigured, match=r"tallystick\[aws\]"):
        TARGETS["sqs"]({"queue_url": "x", "region": REGION}, around)


def send(around: Surroundings, url: str, endpoint: str, parcel: Parcel = PARCEL) -> None:
    """Send once, on a loop of its own."""

    async def main() -> None:
        """Run on one loop."""
        options = {"queue_url": url, "region": REGION, "endpoint": endpoint}
        target = TARGETS["sqs"](options, around)
        try:
            await target.send(parcel)
        finally:
            await target.close()

    asyncio.run(main())
