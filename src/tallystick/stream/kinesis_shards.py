"""How one group reads the shards of a stream: parents before children, within their limits."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tallystick.clock import NS_PER_SECOND, Clock
from tallystick.stream.kinesis_checkpoints import (
    AT_TIMESTAMP,
    SHARD_END,
    TRIM_HORIZON,
    Checkpoints,
    Place,
)
from tallystick.stream.kinesis_records import SPREAD, messages_of
from tallystick.stream.stream import Batch

READS_PER_SECOND = 5
"""GetRecords calls that a shard allows a second, of all groups together."""
READ_BYTES_PER_SECOND = 2_000_000
"""Bytes that a shard gives a second, to all groups together."""
RECORDS_PER_READ_MAX = 1_000
"""Most records in one read; Kinesis allows 10,000 and 10 MiB."""
BACK_OFF_SECONDS = 1.0
"""How long a shard is left alone that said it was read too much."""
REFRESH_SECONDS = 60
"""How often it is looked for new shards, and for another reader of the group."""


class Pace:
    """When each shard may be read again; shared by the groups of one process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due_ns: dict[str, int] = {}  # bounded by: the shards of the stream

    def due_ns(self, shard: str) -> int:
        """The moment from which the shard may be read."""
        return self._due_ns.get(shard, 0)

    def read(self, shard: str, size: int) -> None:
        """It was read, and gave so many bytes."""
        seconds = max(1 / READS_PER_SECOND, size / READ_BYTES_PER_SECOND)
        self._due_ns[shard] = self._clock.monotonic_ns() + int(seconds * NS_PER_SECOND)

    def refused(self, shard: str) -> None:
        """It said that it was read too much: others read it as well."""
        due_ns = self._clock.monotonic_ns() + int(BACK_OFF_SECONDS * NS_PER_SECOND)
        self._due_ns[shard] = due_ns


@dataclass
class ShardReader:
    """One shard of one group."""

    shard: str
    parents: list[str]
    place: Place
    """What was committed."""
    iterator: str | None = None
    read_to: int | None = None
    """The offset read last; None: from `place`."""
    ended: bool = False
    """Everything there will ever be was read."""
    behind_ms: int | None = None
    waiting: list[Batch] = field(default_factory=list)
    """Read and not given yet. bounded by: one read"""

    @property
    def finished(self) -> bool:
        """Whether its children may be read: all of it was given."""
        return self.place.checkpoint == SHARD_END or (self.ended and not self.waiting)


class GroupReader:
    """All shards of one group; `checkpoints` is None for the group that keeps no place."""

    def __init__(
        self, kinesis: Any, stream: str, checkpoints: Checkpoints | None, clock: Clock, pace: Pace
    ) -> None:
        self._kinesis = kinesis
        self._stream = stream
        self._checkpoints = checkpoints
        self._clock = clock
        self._pace = pace
        self.shards: dict[str, ShardReader] = {}  # bounded by: the shards of the stream
        self._start = Place()
        self._refresh_ns = 0

    def start_at(self, place: Place) -> None:
        """Where a group that keeps no place begins."""
        self._start = place

    async def read(self, limit: int, wait_seconds: float) -> list[Batch]:
        """At most `limit` messages of the shards that may be read now."""
        deadline_ns = self._clock.monotonic_ns() + int(wait_seconds * NS_PER_SECOND)
        while True:
            if self._clock.monotonic_ns() >= self._refresh_ns:
                await self.refresh()
            found = await self._round(limit)
            if found:
                return found
            now_ns = self._clock.monotonic_ns()
            if now_ns >= deadline_ns:
                return []
            due = [self._pace.due_ns(one.shard) for one in self._open()]
            wake_ns = min([deadline_ns, self._refresh_ns, *due])
            await self._clock.sleep(max(0.01, (wake_ns - now_ns) / NS_PER_SECOND))

    async def commit(self, shard: str, offset: int) -> None:
        """Keep that all up to `offset` was dealt with."""
        reader = self.shards.get(shard)
        if self._checkpoints is None or reader is None:
            return
        place = Place.behind(offset)
        done = reader.ended and not reader.waiting and offset == reader.read_to
        reader.place = Place(SHARD_END) if done else place
        await self._checkpoints.keep(shard, reader.place)

    async def refresh(self) -> None:
        """Look for new shards, and drop those that the stream has forgotten."""
        self._refresh_ns = self._clock.monotonic_ns() + REFRESH_SECONDS * NS_PER_SECOND
        listed = await list_shards(self._kinesis, self._stream)
        for name in [name for name in self.shards if name not in listed]:
            del self.shards[name]
        for name, parents in listed.items():
            reader = self.shards.get(name)
            if reader is None:
                place = self._start
                if self._checkpoints is not None:
                    place = await self._checkpoints.claim(name, parents)
                elif any(parent in self.shards for parent in parents):
                    place = Place()  # made since: all of it is new
                self.shards[name] = ShardReader(name, parents, place)
            elif self._checkpoints is not None and not await self._checkpoints.is_mine(name):
                place = await self._checkpoints.claim(name, parents)
                self.shards[name] = ShardReader(name, parents, place)

    def _open(self) -> list[ShardReader]:
        """Shards with something to give: those whose parents are finished, or forgotten."""
        return [
            one
            for one in self.shards.values()
            if not one.finished
            and all(self.shards[parent].finished for parent in one.parents if parent in self.shards)
        ]

    async def _round(self, limit: int) -> list[Batch]:
        found: list[Batch] = []
        for one in self._open():
            if not one.waiting and self._clock.monotonic_ns() >= self._pace.due_ns(one.shard):
                await self._fetch(one)
            while one.waiting and limit > 0:
                batch = one.waiting.pop(0)
                if len(batch.messages) > limit:
                    one.waiting.insert(0, _after(batch, limit))
                    batch = Batch(batch.partition, batch.messages[:limit], batch.offsets[:limit])
                found.append(batch)
                limit -= len(batch.messages)
        return found

    async def _fetch(self, one: ShardReader) -> None:
        """One GetRecords; what it gave waits in the reader."""
        errors = self._kinesis.exceptions
        try:
            if one.iterator is None:
                one.iterator = await self._iterator(one)
            answer = await self._kinesis.get_records(
                ShardIterator=one.iterator, Limit=RECORDS_PER_READ_MAX
            )
        except errors.ExpiredIteratorException:
            one.iterator = None
            return
        except errors.ResourceNotFoundException:  # the shard's retention is over
            self._refresh_ns = 0
            return
        except errors.ProvisionedThroughputExceededException:
            self._pace.refused(one.shard)
            return
        records = answer["Records"]
        self._pace.read(one.shard, sum(len(record["Data"]) for record in records))
        one.behind_ms = answer.get("MillisBehindLatest")
        one.iterator = answer.get("NextShardIterator")
        self._hold(one, records)
        if one.iterator is None:
            one.ended = True
            self._refresh_ns = 0  # its children
            dealt_with = one.read_to in {None, one.place.offset}
            if not one.waiting and self._checkpoints is not None and dealt_with:
                one.place = Place(SHARD_END)
                await self._checkpoints.keep(one.shard, one.place)

    def _hold(self, one: ShardReader, records: Any) -> None:
        seen = one.read_to if one.read_to is not None else one.place.offset
        batch = Batch(one.shard, [], [])
        messages: list[Any] = []
        offsets: list[int] = []
        for record in records:
            some, theirs = messages_of(one.shard, int(record["SequenceNumber"]), record["Data"])
            for message, offset in zip(some, theirs, strict=True):
                if seen is None or offset > seen:
                    messages.append(message)
                    offsets.append(offset)
        if messages:
            one.read_to = offsets[-1]
            batch = Batch(one.shard, messages, offsets)
            one.waiting.append(batch)

    async def _iterator(self, one: ShardReader) -> str:
        """From the record read last on: it may hold more events than were seen."""
        asked: dict[str, Any] = {"ShardIteratorType": TRIM_HORIZON}
        seen = one.read_to if one.read_to is not None else one.place.offset
        if seen is not None:
            asked = {
                "ShardIteratorType": "AT_SEQUENCE_NUMBER",
                "StartingSequenceNumber": str(seen // SPREAD),
            }
        elif one.place.checkpoint == AT_TIMESTAMP:
            at = datetime.fromtimestamp(one.place.time_ns / NS_PER_SECOND, UTC)
            asked = {"ShardIteratorType": AT_TIMESTAMP, "Timestamp": at}
        which = {"StreamName": self._stream, "ShardId": one.shard}
        try:
            answer = await self._kinesis.get_shard_iterator(**which, **asked)
        except self._kinesis.exceptions.InvalidArgumentException:  # trimmed since
            answer = await self._kinesis.get_shard_iterator(**which, ShardIteratorType=TRIM_HORIZON)
        return str(answer["ShardIterator"])


async def list_shards(kinesis: Any, stream: str) -> dict[str, list[str]]:
    """The parents of each shard, parents first: a split has one, a merge two."""
    found: dict[str, list[str]] = {}
    asked: dict[str, Any] = {"StreamName": stream}
    while True:
        answer = await kinesis.list_shards(**asked)
        for shard in answer["Shards"]:
            parents = (shard.get("ParentShardId"), shard.get("AdjacentParentShardId"))
            found[shard["ShardId"]] = [parent for parent in parents if parent]
        if not answer.get("NextToken"):
            return found
        asked = {"NextToken": answer["NextToken"]}


def _after(batch: Batch, count: int) -> Batch:
    return Batch(batch.partition, batch.messages[count:], batch.offsets[count:])
