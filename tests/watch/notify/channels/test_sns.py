"""An SNS topic, against moto's SNS and SQS: what subscribers get."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import msgspec
import pytest
from moto.server import ThreadedMotoServer

from tallystick.errors import Misconfigured, PermanentError
from tallystick.watch.notify.channel import Channel
from tallystick.watch.notify.message import Message

Make = Callable[..., Message]
Open = Callable[..., Channel]
REGION = "eu-west-2"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The address of moto's server."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def topic(url: str, aws: None) -> Iterator[Callable[[str], tuple[str, Callable[[], Any]]]]:  # noqa: ARG001
    """Makes a topic with a queue behind it: (its ARN, what reads the queue)."""
    topics = boto3.client("sns", region_name=REGION, endpoint_url=url)
    queues = boto3.client("sqs", region_name=REGION, endpoint_url=url)

    def made(name: str) -> tuple[str, Callable[[], Any]]:
        fifo = {"FifoQueue": "true"} if name.endswith(".fifo") else {}
        queue = queues.create_queue(QueueName=name, Attributes=fifo)["QueueUrl"]
        fifo = {"FifoTopic": "true"} if fifo else {}
        arn = topics.create_topic(Name=name, Attributes=fifo)["TopicArn"]
        known = queues.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
        where = known["Attributes"]["QueueArn"]
        topics.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=where)

        def read() -> list[dict[str, Any]]:
            got = queues.receive_message(
                QueueUrl=queue, MaxNumberOfMessages=10, AttributeNames=["All"]
            )
            return [
                msgspec.json.decode(each["Body"]) | {"of": each.get("Attributes", {})}
                for each in got.get("Messages", [])
            ]

        return arn, read

    yield made
    topics.close()
    queues.close()


def published(open_channel: Open, options: dict[str, object], *messages: Message) -> list[str]:
    """Publish them all; their ids."""

    async def story() -> list[str]:
        channel = open_channel("sns", options)
        try:
            return [await channel.send(message) for message in messages]
        finally:
            await channel.close()

    return asyncio.run(story())


def test_a_subscriber_gets_json_and_attributes(
    topic: Any, url: str, open_channel: Open, make_message: Make
) -> None:
    """Machines get the message as JSON, and filter by its attributes; no link that acts."""
    arn, read = topic("alerts")
    message = make_message()
    (taken,) = published(open_channel, {"topic_arn": arn, "url": url}, message)
    (got,) = read()

    assert got["MessageId"] == taken
    assert got["Subject"] == "CRITICAL I-12: Latency of POST /v1/orders is above 250 ms"
    said = msgspec.json.decode(got["Message"])
    assert said["v"] == 2
    assert said["message"]["key"] == message.key
    assert "bearer" not in got["Message"]
    values = {name: each["Value"] for name, each in got["MessageAttributes"].items()}
    assert values == {
        "idempotency-key": message.key,
        "incident": "I-12",
        "action": "trigger",
        "severity": "critical",
    }


def test_a_fifo_topic_keeps_order_within_an_incident(
    topic: Any, url: str, open_channel: Open, make_message: Make
) -> None:
    """Group = incident, deduplication id = key."""
    arn, read = topic("alerts.fifo")
    message = make_message()
    published(open_channel, {"topic_arn": arn, "url": url}, message)
    (got,) = read()

    assert got["of"]["MessageGroupId"] == message.dedup_key
    assert got["of"]["MessageDeduplicationId"] == message.key


def test_a_topic_that_is_not_there_is_permanent(
    topic: Any, url: str, open_channel: Open, make_message: Make
) -> None:
    """Nobody makes it by waiting."""
    arn, _ = topic("other")
    with pytest.raises(PermanentError, match="404 NotFound"):
        published(open_channel, {"topic_arn": arn + "-gone", "url": url}, make_message())


@pytest.mark.parametrize("arn", ["", "alerts", "arn:aws:sqs:eu-west-2:123456789012:alerts"])
def test_an_arn_that_is_none_is_said_at_start(arn: str, open_channel: Open) -> None:
    """Its region stands in it."""
    with pytest.raises(Misconfigured, match="topic_arn is the ARN"):
        open_channel("sns", {"topic_arn": arn})
