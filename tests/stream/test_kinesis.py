"""The stream in Kinesis: refused records, resharding, limits, checkpoints; moto is the service."""

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from cloudevents.core.formats.json import JSONFormat
from hypothesis import given
from hypothesis import strategies as st

from tallystick.clock import ManualClock, SystemClock
from tallystick.errors import Misconfigured, TemporaryError
from tallystick.ids import new_guid
from tallystick.stream import kinesis as module
from tallystick.stream import kinesis_records as records
from tallystick.stream.event import Event, to_json
from tallystick.stream.kinesis import KinesisPeer, KinesisStream
from tallystick.stream.kinesis_checkpoints import Place
from tallystick.stream.kinesis_records import messages_of, records_of
from tallystick.stream.kinesis_shards import READ_BYTES_PER_SECOND, Pace
from tallystick.stream.message import UNREADABLE_TYPE, Message
from tallystick.stream.stream import BEGIN, Batch


def envelope(message: Message) -> Event:
    """An event of the account before the colon."""
    key = message.body.split(b":")[0].decode()
    return Event(
        str(message.position), "tests", "test.said", message.body,
        datacontenttype="text/plain", partitionkey=key or None,
    )  # fmt: skip


def said(first: int, end: int, accounts: int = 20) -> list[Message]:
    """Messages of some accounts in turn."""
    return [Message(n, b"acc-%d:%d" % (n % accounts, n)) for n in range(first, end)]


@pytest.fixture
def name(kinesis: KinesisPeer, make_stream: Callable[..., Coroutine[Any, Any, None]]) -> str:
    """A stream of two shards."""
    name = f"t-{new_guid()[:8]}"
    asyncio.run(make_stream(kinesis, name))
    return name


def stream_on(peer: KinesisPeer, name: str) -> KinesisStream:
    """The stream, as the next process would open it."""
    return KinesisStream(peer, name, envelope, SystemClock(), new_guid())


async def hear(stream: KinesisStream, group: str, count: int) -> list[Message]:
    """So many different messages, committed, in the order in which they come."""
    heard: list[Message] = []
    for _ in range(60):
        for batch in await stream.read(group, 500, wait_seconds=0.5):
            heard += batch.messages
            await stream.commit(group, {batch.partition: batch.offsets[-1]})
        if len({message.position for message in heard}) >= count:
            break
    return heard


def in_order(heard: list[Message]) -> bool:
    """Each account's messages came in order, repeats left out."""
    by_key: dict[bytes, list[int]] = {}
    for message in heard:
        by_key.setdefault(message.body.split(b":")[0], []).append(message.position)
    return all(list(dict.fromkeys(key)) == sorted(set(key)) for key in by_key.values())


KEYS = st.sampled_from([None, "a", "b", "c", "d" * 300])


@given(st.lists(st.tuples(KEYS, st.integers(0, 60)), max_size=60))
def test_requests_keep_each_key_in_order_and_every_limit(
    parts: list[tuple[str | None, int]],
) -> None:
    """In each request a key stands once; what is in them is what was given, key by key."""
    events = [
        Event(str(n), "s", "t", b"x" * size, datacontenttype="text/plain", partitionkey=key)
        for n, (key, size) in enumerate(parts)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(records, "RECORD_BYTES_MAX", 400)
        patch.setattr(records, "REQUEST_RECORDS_MAX", 3)
        patch.setattr(records, "REQUEST_BYTES_MAX", 1_000)
        requests = list(records_of(events))
    heard: dict[str, list[str]] = {}
    for request in requests:
        keys = [key for key, _ in request]
        assert len(keys) == len(set(keys)) <= 3
        assert all(0 < len(key) <= 256 for key in keys)
        assert len(request) == 1 or sum(len(k) + len(d) for k, d in request) <= 1_000
        for key, data in request:
            messages, offsets = messages_of("shard", 7, data)
            assert len(data) <= 400 or len(messages) == 1
            assert offsets == list(range(70_000, 70_000 + len(messages)))
            heard.setdefault(key, []).extend(str(message.position) for message in messages)
    wanted: dict[str, list[str]] = {}
    for event in events:
        wanted.setdefault((event.partitionkey or "s")[:256], []).append(event.id)
    assert heard == wanted


def test_what_stands_in_a_record() -> None:
    """One event in JSON, or several of one key in an array: the SDK reads each of them."""
    events = [envelope(message) for message in said(0, 5, 2)]
    ((first, second),) = records_of(events)
    for key, data in (first, second):
        for part in json.loads(data):
            event = JSONFormat().read(None, json.dumps(part))
            assert event.get_extension("partitionkey") == key
    ((alone,),) = records_of(events[:1])
    assert alone == ("acc-0", to_json(events[0]))
    assert JSONFormat().read(None, alone[1]).get_id() == "0"


@pytest.mark.parametrize("data", [b"", b"noise", b"[", b"[1]", b"[" * 20_000, b'{"a":1}'])
def test_strange_records_are_given_as_unreadable(data: bytes) -> None:
    """Whatever somebody put there."""
    messages, offsets = messages_of("shard", 3, data)
    assert len(messages) == len(offsets) == 1
    assert messages[0].event is not None
    assert messages[0].event.type == UNREADABLE_TYPE


class Refusing:
    """The service, that takes only some records of a request the first time it sees them."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.requests: list[list[bytes]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def put_records(self, **asked: Any) -> Any:
        """Take every third record only, once."""
        there = asked["Records"]
        self.requests.append([record["Data"] for record in there])
        if len(self.requests) % 2 == 0:
            return await self._inner.put_records(**asked)
        taken = there[::3]
        answer = await self._inner.put_records(StreamName=asked["StreamName"], Records=taken)
        said = iter(answer["Records"])
        refused = {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "x"}
        rows = [next(said) if n % 3 == 0 else refused for n in range(len(there))]
        return {"FailedRecordCount": len(there) - len(taken), "Records": rows}


def test_refused_records_are_put_again_alone_and_in_order(kinesis: KinesisPeer, name: str) -> None:
    """What was taken is not put twice; the order of each account holds."""

    async def run() -> None:
        stream = stream_on(kinesis, name)
        client, dynamodb = await stream._open()
        refusing = Refusing(client)
        stream._clients = (refusing, dynamodb)
        await stream.append(said(0, 200))
        await stream.append(said(200, 300))
        first, again = refusing.requests[:2]
        assert set(again) == set(first) - set(first[::3])
        heard = await hear(stream, "g", 300)
        assert [message.position for message in sorted(heard, key=lambda m: m.position)] == list(
            range(300)
        )
        assert in_order(heard)
        await stream.close()

    asyncio.run(run())


def test_records_that_are_never_taken_are_a_temporary_error(
    kinesis: KinesisPeer, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the service's reason; memory holds one batch and no more."""
    monkeypatch.setattr(module, "APPEND_SECONDS_MAX", 0.1)

    class Full:
        def __init__(self, inner: Any) -> None:
            self.exceptions = inner.exceptions

        async def put_records(self, **asked: Any) -> Any:
            rows = [{"ErrorCode": "ProvisionedThroughputExceededException"}] * len(asked["Records"])
            return {"FailedRecordCount": len(rows), "Records": rows}

    async def run() -> None:
        stream = stream_on(kinesis, name)
        client, dynamodb = await stream._open()
        stream._clients = (Full(client), dynamodb)
        with pytest.raises(TemporaryError, match=r"20 records .*ProvisionedThroughputExceeded"):
            await stream.append(said(0, 100))
        await stream.close()

    asyncio.run(run())


async def open_shards(client: Any, name: str) -> list[Any]:
    """Shards that still take records, in the order of their keys."""
    shards = (await client.list_shards(StreamName=name))["Shards"]
    still = [one for one in shards if "EndingSequenceNumber" not in one["SequenceNumberRange"]]
    return sorted(still, key=lambda one: int(one["HashKeyRange"]["StartingHashKey"]))


async def reshard(stream: KinesisStream, name: str) -> None:
    """Split the first open shard in the middle, then merge the last two."""
    client, _ = await stream._open()
    first = (await open_shards(client, name))[0]
    keys = first["HashKeyRange"]
    half = (int(keys["StartingHashKey"]) + int(keys["EndingHashKey"])) // 2
    await client.split_shard(
        StreamName=name, ShardToSplit=first["ShardId"], NewStartingHashKey=str(half)
    )
    still = await open_shards(client, name)
    await client.merge_shards(
        StreamName=name,
        ShardToMerge=still[-2]["ShardId"],
        AdjacentShardToMerge=still[-1]["ShardId"],
    )


def test_resharding_loses_nothing_and_keeps_the_order(kinesis: KinesisPeer, name: str) -> None:
    """Split and merged while it is read and between processes: parents before their children."""

    async def run() -> None:
        stream = stream_on(kinesis, name)
        await stream.append(said(0, 100))
        heard = await hear(stream, "g", 40)
        await reshard(stream, name)
        await stream.append(said(100, 200))
        heard += await hear(stream, "g", 200 - len(heard))
        assert {message.position for message in heard} == set(range(200))
        assert in_order(heard)
        await reshard(stream, name)
        await stream.append(said(200, 300))
        await stream.close()
        stream = stream_on(kinesis, name)
        more = await hear(stream, "g", 100)
        assert {message.position for message in more} >= set(range(200, 300))
        assert in_order([*heard, *more])
        every = await hear(stream, "new", 300)
        assert {message.position for message in every} == set(range(300))
        assert in_order(every)
        await stream.close()

    asyncio.run(run())


def test_checkpoints_are_kept_as_the_client_library_does(kinesis: KinesisPeer, name: str) -> None:
    """One item a shard, with the names that KCL gives them."""

    async def run() -> None:
        stream = stream_on(kinesis, name)
        await stream.append(said(0, 50))
        await hear(stream, "g", 50)
        _, dynamodb = await stream._open()
        items = (await dynamodb.scan(TableName=f"{name}-g"))["Items"]
        assert len(items) == 2
        for item in items:
            assert {"leaseKey", "leaseOwner", "leaseCounter", "checkpoint"} < item.keys()
            assert int(item["checkpoint"]["S"]) > 0
            assert int(item["checkpointSubSequenceNumber"]["N"]) >= 0
        await stream.close()

    asyncio.run(run())
    assert Place.behind(70_003) == Place("7", 3)
    assert Place("7", 3).offset == 70_003
    assert Place().offset is None


def test_who_is_taken_over_notices(kinesis: KinesisPeer, name: str) -> None:
    """Another reader of the group: the first cannot commit any more, nothing is lost."""

    async def run() -> None:
        one, two = stream_on(kinesis, name), stream_on(kinesis, name)
        await one.append(said(0, 40))
        batches: list[Batch] = []
        while not batches:
            batches = await one.read("g", 500, wait_seconds=0.5)
        assert await two.read("g", 1, wait_seconds=0.5)
        with pytest.raises(TemporaryError, match="taken"):
            await one.commit("g", {batches[0].partition: batches[0].offsets[-1]})
        await one.close()
        await two.seek("g", {})
        heard = await hear(two, "g", 40)
        assert {message.position for message in heard} == set(range(40))
        await two.close()

    asyncio.run(run())


def test_a_moved_group_goes_on_there_beside_its_reader(kinesis: KinesisPeer, name: str) -> None:
    """The command line moves it; the reader finds out at its next commit."""

    async def run() -> None:
        reader, operator = stream_on(kinesis, name), stream_on(kinesis, name)
        await reader.append(said(0, 40))
        assert len(await hear(reader, "g", 40)) == 40
        await operator.seek("g", BEGIN)
        await operator.close()
        await reader.append(said(40, 60, 1))
        heard: list[Message] = []
        for _ in range(40):
            for batch in await reader.read("g", 500, wait_seconds=0.5):
                heard += batch.messages
                try:
                    await reader.commit("g", {batch.partition: batch.offsets[-1]})
                except TemporaryError:
                    break
            if {message.position for message in heard} == set(range(60)):
                break
        assert {message.position for message in heard} == set(range(60))
        await reader.close()

    asyncio.run(run())


def test_shards_are_read_five_times_a_second_and_two_megabytes() -> None:
    """All groups together; one that was refused is left alone."""
    clock = ManualClock()
    pace = Pace(clock)
    now_ns = clock.monotonic_ns()
    assert pace.due_ns("a") == 0
    pace.read("a", 10)
    assert pace.due_ns("a") - now_ns == 200_000_000
    pace.read("a", 3 * READ_BYTES_PER_SECOND)
    assert pace.due_ns("a") - now_ns == 3_000_000_000
    pace.refused("b")
    assert pace.due_ns("b") - now_ns == 1_000_000_000


def test_groups_share_the_reads_of_a_shard(kinesis: KinesisPeer, name: str) -> None:
    """Three groups at once never read a shard more often than it allows."""

    async def run() -> None:
        stream = stream_on(kinesis, name)
        client, dynamodb = await stream._open()
        clock = SystemClock()
        reads: list[int] = []

        class Counting:
            def __getattr__(self, name: str) -> Any:
                return getattr(client, name)

            async def get_records(self, **asked: Any) -> Any:
                reads.append(clock.monotonic_ns())
                return await client.get_records(**asked)

        stream._clients = (Counting(), dynamodb)
        await stream.append(said(0, 60))
        heard = await asyncio.gather(*(hear(stream, group, 60) for group in "abc"))
        assert all({m.position for m in one} == set(range(60)) for one in heard)
        seconds = (reads[-1] - reads[0]) / 1e9
        assert len(reads) <= 2 * (5 * seconds + 3)
        await stream.close()

    asyncio.run(run())


def test_a_stream_that_is_not_there(kinesis: KinesisPeer) -> None:
    """A sentence says how to make it."""

    async def run() -> None:
        stream = stream_on(kinesis, "nowhere")
        with pytest.raises(Misconfigured, match="create-stream --stream-name nowhere"):
            await stream.append(said(0, 1))
        with pytest.raises(Misconfigured, match="no stream nowhere"):
            await stream.read("g", 1)
        await stream.close()

    asyncio.run(run())


def test_a_service_that_is_away_is_a_temporary_error(kinesis: KinesisPeer) -> None:
    """Nobody listens there."""

    async def run() -> None:
        stream = stream_on(KinesisPeer(kinesis.region, "http://127.0.0.1:9"), "any")
        with pytest.raises(TemporaryError, match="Kinesis is away"):
            await stream.append(said(0, 1))
        await stream.close()

    asyncio.run(run())


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sentence says what to install."""
    monkeypatch.setitem(sys.modules, "aiobotocore.session", None)
    with pytest.raises(Misconfigured, match=r"pip install 'tallystick\[aws\]'"):
        stream_on(KinesisPeer("eu-west-1"), "any")
