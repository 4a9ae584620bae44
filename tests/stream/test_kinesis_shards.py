"""How a group reads shards that are split and merged, as Kinesis documents it.

moto moves the records of a split shard into its children and never ends an iterator, which Kinesis
does not do; so here stands a service of sixty lines that keeps to the documentation.
"""

import asyncio
import random
from hashlib import md5
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.clock import ManualClock
from tallystick.errors import TemporaryError
from tallystick.stream.event import Event
from tallystick.stream.kinesis_checkpoints import SHARD_END, TRIM_HORIZON, Place
from tallystick.stream.kinesis_records import SPREAD, records_of
from tallystick.stream.kinesis_shards import GroupReader, Pace

KEYS_END = 2**128


class Expired(Exception):  # noqa: N818  as the service calls it
    """An iterator is older than five minutes."""


class Throttled(Exception):  # noqa: N818  as the service calls it
    """More than five reads a second."""


class Invalid(Exception):  # noqa: N818  as the service calls it
    """A sequence number that is gone."""


class Shards:
    """The reading half of Kinesis: closed shards keep their records, and their iterators end."""

    class exceptions:  # noqa: N801  as the client has it
        """By the client's names."""

        ExpiredIteratorException = Expired
        ProvisionedThroughputExceededException = Throttled
        InvalidArgumentException = Invalid
        ResourceNotFoundException = KeyError

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._sequence = 1_000
        self.shards: dict[str, dict[str, Any]] = {}
        self.trouble: list[type[Exception]] = []
        self._add(0, KEYS_END, [])

    def _add(self, low: int, high: int, parents: list[str]) -> None:
        name = f"shardId-{len(self.shards):012}"
        self.shards[name] = {
            "low": low,
            "high": high,
            "parents": parents,
            "open": True,
            "records": [],
        }

    def _open(self) -> list[str]:
        names = [name for name, shard in self.shards.items() if shard["open"]]
        return sorted(names, key=lambda name: int(self.shards[name]["low"]))

    def split(self) -> None:
        """Split an open shard in the middle."""
        name = self._chance.choice(self._open())
        shard = self.shards[name]
        half = (shard["low"] + shard["high"]) // 2
        shard["open"] = False
        self._add(shard["low"], half, [name])
        self._add(half, shard["high"], [name])

    def merge(self) -> None:
        """Merge two neighbours."""
        names = self._open()
        if len(names) > 1:
            at = self._chance.randrange(len(names) - 1)
            one, two = self.shards[names[at]], self.shards[names[at + 1]]
            one["open"] = two["open"] = False
            self._add(one["low"], two["high"], names[at : at + 2])

    def put(self, events: list[Event]) -> None:
        """Each record into the shard of its key."""
        for request in records_of(events):
            for key, data in request:
                place = int.from_bytes(md5(key.encode()).digest(), "big")  # noqa: S324  theirs
                for shard in self.shards.values():
                    if shard["open"] and shard["low"] <= place < shard["high"]:
                        self._sequence += self._chance.randrange(1, 50)
                        shard["records"].append((self._sequence, data))

    async def list_shards(self, **_asked: Any) -> Any:
        """In no particular order, one a page."""
        listed = []
        for name, shard in self.shards.items():
            said = dict(
                zip(("ParentShardId", "AdjacentParentShardId"), shard["parents"], strict=False)
            )
            listed.append({"ShardId": name, **said})
        self._chance.shuffle(listed)
        return {"Shards": listed}

    async def get_shard_iterator(self, **asked: Any) -> Any:
        """Says where to begin."""
        first = 0
        if asked["ShardIteratorType"] == "AT_SEQUENCE_NUMBER":
            first = int(asked["StartingSequenceNumber"])
            if all(number != first for number, _ in self.shards[asked["ShardId"]]["records"]):
                raise Invalid
        return {"ShardIterator": f"{asked['ShardId']}/{first}"}

    async def get_records(self, *, ShardIterator: str, Limit: int) -> Any:  # noqa: N803  theirs
        """Some of the records; none now and then, as the service does."""
        if self.trouble:
            raise self.trouble.pop()
        name, first = ShardIterator.split("/")
        shard = self.shards[name]
        left = [record for record in shard["records"] if record[0] >= int(first)]
        some = left[: min(Limit, self._chance.randrange(0, 4))]
        ended = not shard["open"] and len(some) == len(left)
        after = some[-1][0] + 1 if some else int(first)
        return {
            "Records": [{"SequenceNumber": str(number), "Data": data} for number, data in some],
            "NextShardIterator": None if ended else f"{name}/{after}",
            "MillisBehindLatest": 0,
        }


class Kept:
    """Checkpoints of one group, as the table keeps them; `taken` loses all of them to another."""

    def __init__(self) -> None:
        self.places: dict[str, Place] = {}
        self.mine = True

    async def claim(self, shard: str, _parents: list[str]) -> Place:
        """Where the shard goes on."""
        self.mine = True
        return self.places.setdefault(shard, Place())

    async def keep(self, shard: str, place: Place) -> None:
        """Keep it."""
        if not self.mine:
            raise TemporaryError("taken over")
        self.places[shard] = place

    async def is_mine(self, _shard: str) -> bool:
        """Whether nobody has taken it over."""
        return self.mine


def reader_of(service: Shards, kept: Kept, clock: ManualClock) -> GroupReader:
    """As a new process has it."""
    return GroupReader(service, "s", kept, clock, Pace(clock))  # type: ignore[arg-type]


STEPS = st.lists(
    st.sampled_from(["put", "split", "merge", "read", "restart", "trouble"]), max_size=40
)


@settings(max_examples=60, deadline=None)
@given(STEPS, st.integers(0, 2**32))
def test_order_and_completeness_whatever_is_split_and_merged(  # noqa: C901  steps
    steps: list[str], seed: int
) -> None:
    """Each key's events are heard in order, all of them, across restarts in between."""
    chance, clock = random.Random(seed), ManualClock()  # noqa: S311
    service, kept = Shards(chance), Kept()
    heard: list[tuple[str, int]] = []
    said = 0

    async def take(reader: GroupReader, reads: int) -> None:
        for _ in range(reads):
            for batch in await reader.read(chance.randrange(1, 9), 0):
                events = [message.event for message in batch.messages if message.event]
                heard.extend((event.partitionkey or "", int(event.id)) for event in events)
                if chance.random() < 0.7:
                    await reader.commit(batch.partition, batch.offsets[-1])
            clock.advance(30)

    async def run() -> None:
        nonlocal said
        reader = reader_of(service, kept, clock)
        for step in [*steps, "restart"]:
            if step == "put":
                keys = [f"k{chance.randrange(6)}" for _ in range(chance.randrange(1, 12))]
                events = [
                    Event(str(said + n), "s", "t", b"{}", partitionkey=k)
                    for n, k in enumerate(keys)
                ]
                said += len(keys)
                service.put(events)
            elif step == "restart":
                reader = reader_of(service, kept, clock)
            elif step == "read":
                await take(reader, 2)
            elif step == "trouble":
                service.trouble += [Expired, Throttled]
            else:
                getattr(service, step)()
        await take(reader, 40 * len(service.shards) + 40)

    asyncio.run(run())
    assert {number for _, number in heard} == set(range(said))
    for key in {key for key, _ in heard}:
        mine = list(dict.fromkeys(number for k, number in heard if k == key))
        assert mine == sorted(mine)


def filled(count: int) -> tuple[Shards, ManualClock]:
    """A service with so many events of one key."""
    service = Shards(random.Random(1))  # noqa: S311
    service.put([Event(str(n), "s", "t", b"{}", partitionkey="k") for n in range(count)])
    return service, ManualClock()


async def drain(reader: GroupReader, clock: ManualClock, *, commit: bool = True) -> list[str]:
    """Everything there is."""
    found: list[str] = []
    for _ in range(60):
        for batch in await reader.read(100, 0):
            found += [message.event.id for message in batch.messages if message.event]
            if commit:
                await reader.commit(batch.partition, batch.offsets[-1])
        clock.advance(30)
    return found


def test_a_finished_shard_is_marked_and_not_read_again() -> None:
    """Its checkpoint is KCL's SHARD_END, and children go on from their own."""
    service, clock = filled(3)
    kept = Kept()
    reader = reader_of(service, kept, clock)
    assert asyncio.run(drain(reader, clock)) == ["0", "1", "2"]
    service.split()
    service.put([Event("3", "s", "t", b"{}", partitionkey="k")])
    assert asyncio.run(drain(reader, clock)) == ["3"]
    assert kept.places["shardId-000000000000"] == Place(SHARD_END)
    service.merge()
    assert asyncio.run(drain(reader_of(service, kept, clock), clock)) == []
    ends = [place.checkpoint for place in kept.places.values()]
    assert ends.count(SHARD_END) == 3
    assert ends.count(TRIM_HORIZON) == 1


def test_events_in_the_middle_of_a_record_are_not_heard_twice() -> None:
    """A checkpoint says how far into a record of several events the group came."""
    service, clock = filled(5)
    kept = Kept()

    async def run() -> None:
        reader = reader_of(service, kept, clock)
        batches: list[Any] = []
        while not batches:
            batches = await reader.read(2, 0)
            clock.advance(1)
        assert [message.position for message in batches[0].messages] == [0, 1]
        await reader.commit(batches[0].partition, batches[0].offsets[-1])
        assert kept.places["shardId-000000000000"].sub == 1
        assert kept.places["shardId-000000000000"].offset == batches[0].offsets[-1]
        assert batches[0].offsets[-1] % SPREAD == 1
        assert await drain(reader_of(service, kept, clock), clock) == ["2", "3", "4"]

    asyncio.run(run())


def test_a_place_that_expired_begins_at_the_oldest() -> None:
    """Its record is gone; so are those behind it, until the oldest that is kept."""
    service, clock = filled(2)
    kept = Kept()
    kept.places["shardId-000000000000"] = Place("7", 0)
    assert asyncio.run(drain(reader_of(service, kept, clock), clock)) == ["0", "1"]


def test_who_was_moved_goes_on_where_it_was_told_to() -> None:
    """It is looked for once a minute, also where nothing is committed."""
    service, clock = filled(2)
    kept = Kept()
    reader = reader_of(service, kept, clock)
    assert asyncio.run(drain(reader, clock)) == ["0", "1"]
    kept.places["shardId-000000000000"] = Place()
    kept.mine = False
    assert asyncio.run(drain(reader, clock)) == ["0", "1"]


def test_a_shard_that_the_stream_forgot_is_forgotten() -> None:
    """Its retention is over: its children are read."""
    service, clock = filled(2)
    service.split()
    service.put([Event("2", "s", "t", b"{}", partitionkey="k")])
    kept = Kept()
    reader = reader_of(service, kept, clock)
    asyncio.run(reader.refresh())
    del service.shards["shardId-000000000000"]
    assert asyncio.run(drain(reader, clock)) == ["2"]
    assert len(reader.shards) == 2


@pytest.mark.parametrize("limit", [1, 3, 100])
def test_no_read_gives_more_than_was_asked_for(limit: int) -> None:
    """What a record holds beyond it waits."""
    service, clock = filled(7)
    reader = reader_of(service, Kept(), clock)

    async def run() -> list[int]:
        found: list[int] = []
        for _ in range(40):
            batches = await reader.read(limit, 0)
            assert sum(len(batch.messages) for batch in batches) <= limit
            found += [message.position for batch in batches for message in batch.messages]
            clock.advance(1)
        return found

    assert asyncio.run(run()) == list(range(7))
