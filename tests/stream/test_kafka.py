"""The stream in Kafka: what only a broker can do to it."""

import asyncio
import sys
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer

from tallystick.errors import Misconfigured, Refused, TemporaryError
from tallystick.ids import new_guid
from tallystick.stream import kafka as module
from tallystick.stream.event import Event, from_headers
from tallystick.stream.kafka import KafkaPeer, KafkaStream
from tallystick.stream.message import UNREADABLE_TYPE, Message
from tallystick.stream.stream import BEGIN

NOWHERE = "127.0.0.1:9"


def envelope(message: Message) -> Event:
    """An event of the account before the colon."""
    key = message.body.split(b":")[0].decode()
    return Event(
        str(message.position), "tests", "test.said", message.body,
        datacontenttype="text/plain", partitionkey=key,
    )  # fmt: skip


def stream_on(peer: KafkaPeer, name: str = "", **more: Any) -> KafkaStream:
    """A stream in a topic of its own."""
    return KafkaStream(peer, name or f"t-{new_guid()[:8]}", envelope, partitions=2, **more)


def said(first: int, end: int) -> list[Message]:
    """Messages of twenty accounts in turn."""
    return [Message(n, b"acc-%d:%d" % (n % 20, n)) for n in range(first, end)]


async def hear(stream: KafkaStream, group: str, count: int) -> list[Message]:
    """So many different messages, committed."""
    heard: list[Message] = []
    for _ in range(100):
        try:
            for batch in await stream.read(group, 500, wait_seconds=0.5):
                heard += batch.messages
                await stream.commit(group, {batch.partition: batch.offsets[-1]})
        except TemporaryError:
            continue
        if len({message.position for message in heard}) >= count:
            break
    return heard


async def until_taken(stream: KafkaStream, messages: list[Message]) -> None:
    """Append, again where that fails for now."""
    for _ in range(30):
        try:
            await stream.append(messages)
        except TemporaryError:
            continue
        return
    raise AssertionError("it was never taken")


def test_what_stands_in_a_topic(kafka: KafkaPeer) -> None:
    """CloudEvents in binary mode, keyed by account, for any client."""
    stream = stream_on(kafka)

    async def run() -> None:
        await stream.append(said(0, 6))
        await stream.close()

    asyncio.run(run())
    config = {"bootstrap.servers": kafka.servers, "group.id": new_guid()}
    reader = Consumer({**config, "auto.offset.reset": "earliest"})
    reader.subscribe([stream._topic])
    found: list[Any] = []
    while len(found) < 6:
        one = reader.poll(10)
        assert one is not None
        found.append(one)
    reader.close()
    for one in found:
        headers = dict(one.headers() or [])
        assert headers["ce_specversion"] == b"1.0"
        assert headers["content-type"] == b"text/plain"
        event = from_headers(list(headers.items()), one.value() or b"")
        assert event.partitionkey == (one.key() or b"").decode()
        assert event == envelope(Message(int(event.id), event.data))
    partition_of = {one.key(): one.partition() for one in found}
    assert all(partition_of[one.key()] == one.partition() for one in found)


def test_members_share_the_partitions(kafka: KafkaPeer) -> None:
    """Two processes of one group: everything is heard by one of them, each key by one in order."""

    async def run() -> tuple[list[Message], list[Message]]:
        one = stream_on(kafka)
        two = stream_on(kafka, one._topic)
        await one.append(said(0, 3))
        heard: tuple[list[Message], list[Message]] = ([], [])
        end = 3
        for _ in range(200):
            for stream, mine in ((one, heard[0]), (two, heard[1])):
                for batch in await stream.read("g", 100, wait_seconds=0.1):
                    mine.extend(batch.messages)
                    try:
                        await stream.commit("g", {batch.partition: batch.offsets[-1]})
                    except TemporaryError:
                        continue
            seen = {message.position for message in [*heard[0], *heard[1]]}
            if heard[0] and heard[1] and len(seen) == end:
                break
            if len(seen) == end:
                await one.append(said(end, end + 30))
                end += 30
        await one.close()
        await two.close()
        assert seen == set(range(end))
        return heard

    one, two = asyncio.run(run())
    assert one
    assert two


@pytest.mark.usefixtures("needs_real_kafka")
def test_a_group_that_is_read_elsewhere_is_not_moved(kafka: KafkaPeer) -> None:
    """A sentence says to stop its readers; then it is moved."""

    async def run() -> None:
        reader = stream_on(kafka)
        other = stream_on(kafka, reader._topic)
        await reader.append(said(0, 10))
        assert len(await hear(reader, "g", 10)) == 10
        with pytest.raises(Refused, match="stop its readers first") as refused:
            await other.seek("g", BEGIN)
        assert refused.value.code == "GROUP_IS_READ"
        await reader.close()
        await other.seek("g", BEGIN)
        assert len(await hear(other, "g", 10)) == 10
        await other.close()

    asyncio.run(run())


def test_strange_bytes_in_a_topic_are_given_as_unreadable(kafka: KafkaPeer) -> None:
    """With their headers; the messages behind them are heard."""
    stream = stream_on(kafka)

    async def run() -> list[Message]:
        await stream.append(said(0, 1))
        producer = Producer({"bootstrap.servers": kafka.servers})
        producer.produce(stream._topic, b"\xffnoise", b"acc-0", headers={"a": b"\xff"})
        producer.produce(stream._topic, None, b"acc-0")
        producer.flush(10)
        await stream.append(said(3, 4))
        heard = await hear(stream, "g", 3)  # of one position are two
        await stream.close()
        return heard

    heard = asyncio.run(run())
    assert sorted(message.position for message in heard) == [-1, -1, 0, 3]
    strange = next(message for message in heard if message.body == b"\xffnoise")
    assert strange.event is not None
    assert strange.event.type == UNREADABLE_TYPE
    assert "headers" in strange.event.extensions


def test_no_broker_is_a_temporary_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of everything; nothing waits for ever."""
    monkeypatch.setattr(module, "ANSWER_SECONDS_MAX", 0.3)
    stream = stream_on(KafkaPeer(NOWHERE, {}), acknowledge_seconds=0.2)
    stream_work = (
        lambda: stream.append(said(0, 1)),
        lambda: stream.read("g", 1),
        lambda: stream.lag("g"),
        lambda: stream.seek("g", BEGIN),
        lambda: stream.trim({"0": 1}),
    )

    async def run() -> None:
        for work in stream_work:
            with pytest.raises(TemporaryError, match="Kafka"):
                await work()
        await stream.close()

    asyncio.run(run())


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sentence says what to install."""
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    with pytest.raises(Misconfigured, match=r"pip install 'tallystick\[kafka\]'"):
        stream_on(KafkaPeer(NOWHERE, {}))


@pytest.mark.slow
def test_a_broker_that_is_killed_loses_nothing_and_tells_nothing_twice_out_of_order(
    kafka_broker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGKILL in the middle: appends fail with a sentence, then it goes on."""
    monkeypatch.setattr(module, "QUEUE_MESSAGES_MAX", 400)
    monkeypatch.setattr(module, "ANSWER_SECONDS_MAX", 1.0)
    broker = kafka_broker
    peer = KafkaPeer(broker.servers, {"session.timeout.ms": "1000", "heartbeat.interval.ms": "300"})

    async def run() -> list[Message]:
        stream = stream_on(peer, acknowledge_seconds=2.0)
        await until_taken(stream, said(0, 300))
        broker.kill()
        for _ in range(2):
            with pytest.raises(TemporaryError, match="Kafka"):
                await stream.append(said(300, 500))
        broker.start()
        await until_taken(stream, said(300, 500))
        heard = await hear(stream, "g", 500)
        await stream.close()
        return heard

    heard = asyncio.run(run())
    assert {message.position for message in heard} == set(range(500))
    for account in range(20):
        mine = [message.position for message in heard if message.position % 20 == account]
        first = list(dict.fromkeys(mine))
        assert first == sorted(first)


def test_a_full_queue_is_a_temporary_error(
    kafka: KafkaPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than fits is refused with a sentence; none of it follows what is said next."""
    monkeypatch.setattr(module, "QUEUE_KIB_MAX", 16)
    stream = stream_on(kafka)
    large = [Message(n, b"acc-0:" + b"x" * 4_000) for n in range(50)]

    async def run() -> None:
        await stream.append(said(0, 3))
        with pytest.raises(TemporaryError, match="The queue to Kafka is full"):
            await stream.append(large)
        await stream.append(said(3, 6))
        heard = await hear(stream, "g", 6)
        assert {message.position for message in heard} >= set(range(6))
        await stream.close()

    asyncio.run(run())


@pytest.mark.usefixtures("needs_real_kafka")
def test_trimmed_messages_are_gone(kafka: KafkaPeer) -> None:
    """DeleteRecords: a new group begins at the oldest that is left."""

    async def run() -> None:
        stream = stream_on(kafka)
        one = [Message(n, b"acc-0:%d" % n) for n in range(20)]
        await stream.append(one)
        (lag,) = [lag for lag in await stream.lag("g") if lag.messages]
        await stream.trim({lag.partition: 15})
        assert {lag.messages for lag in await stream.lag("g")} == {5, 0}
        heard = await hear(stream, "g", 5)
        assert [message.position for message in heard] == list(range(15, 20))
        await stream.close()

    asyncio.run(run())
