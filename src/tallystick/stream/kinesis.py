"""The stream in Kinesis Data Streams: records by partition key, places in DynamoDB.

Records that are refused are put again, alone, until their time is over. Trimming is Kinesis' own:
by the stream's retention period, whatever anybody allows.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tallystick.clock import NS_PER_SECOND, Clock
from tallystick.errors import Misconfigured, PermanentError, TemporaryError
from tallystick.stream.kinesis_checkpoints import AT_TIMESTAMP, Checkpoints, Place
from tallystick.stream.kinesis_records import Record, records_of
from tallystick.stream.kinesis_shards import GroupReader, Pace, list_shards
from tallystick.stream.message import Envelope, Message
from tallystick.stream.stream import BEGIN, END, NOBODY, At, Batch, Lag, Offsets, Target

APPEND_SECONDS_MAX = 4.0
"""How long records that are refused are put again before the append fails."""
RETRY_SECONDS = 0.1
"""Before the first time; each further wait is twice as long."""
ANSWER_SECONDS_MAX = 10
"""How long the service may take to answer."""


@dataclass(frozen=True)
class KinesisPeer:
    """Where the service is; who we are comes from the environment, as with every AWS client."""

    region: str
    endpoint: str | None = None


class KinesisStream:
    """One stream, which must be there. `owner` names this reader among all there ever are."""

    def __init__(
        self, peer: KinesisPeer, stream: str, envelope: Envelope, clock: Clock, owner: str
    ) -> None:
        """Nothing is connected yet.

        Raises:
            Misconfigured: the client is not installed.
        """
        _client()
        self._peer = peer
        self._stream = stream
        self._envelope = envelope
        self._clock = clock
        self._owner = owner
        self._opened = AsyncExitStack()
        self._clients: tuple[Any, Any] | None = None
        self._readers: dict[str, GroupReader] = {}  # bounded by: the names of groups
        self._pace = Pace(clock)

    async def append(self, messages: Sequence[Message]) -> None:
        """Put all records; those of one key one request after the other."""
        events = [message.event or self._envelope(message) for message in messages]
        async with self._explained():
            kinesis, _ = await self._open()
            for request in records_of(events):
                await self._put(kinesis, request)

    async def read(self, group: str, limit: int, wait_seconds: float = 0.0) -> list[Batch]:
        """From all shards, parents before their children, within the shards' limits."""
        async with self._explained():
            return await (await self._reader(group)).read(limit, wait_seconds)

    async def commit(self, group: str, offsets: Offsets) -> None:
        """Keep the checkpoints; who was taken over goes on where it is then told to."""
        async with self._explained():
            reader = await self._reader(group)
            for shard, offset in offsets.items():
                try:
                    await reader.commit(shard, offset)
                except TemporaryError:
                    self._readers.pop(group, None)
                    raise

    async def seek(self, group: str, target: Target) -> None:
        """Move the checkpoints of all shards there are."""
        async with self._explained():
            kinesis, _ = await self._open()
            self._readers.pop(group, None)
            places = await self._places(kinesis, target)
            if group == NOBODY:
                (await self._reader(group)).start_at(next(iter(places.values()), Place()))
            elif places:
                checkpoints = await self._checkpoints(group)
                for shard, place in places.items():
                    await checkpoints.move(shard, place)

    async def lag(self, group: str) -> list[Lag]:
        """By shard; the messages are not counted by Kinesis, only their age is known."""
        async with self._explained():
            kinesis, _ = await self._open()
            kept = await (await self._checkpoints(group)).load()
            reader = self._readers.get(group)
            ages = {} if reader is None else {k: v.behind_ms for k, v in reader.shards.items()}
            return [
                Lag(shard, kept.get(shard, Place()).offset, None, ages.get(shard))
                for shard in await list_shards(kinesis, self._stream)
            ]

    async def trim(self, before: Offsets) -> None:
        """Nothing to do: records go when the stream's retention period is over."""

    async def close(self) -> None:
        """Let go of the connections."""
        self._clients = None
        self._readers.clear()
        await self._opened.aclose()

    async def _put(self, kinesis: Any, request: list[Record]) -> None:
        """Until every record was taken; those that were are not put again."""
        deadline_ns = self._clock.monotonic_ns() + int(APPEND_SECONDS_MAX * NS_PER_SECOND)
        pause = RETRY_SECONDS
        while True:
            answer = await kinesis.put_records(
                StreamName=self._stream,
                Records=[{"PartitionKey": key, "Data": data} for key, data in request],
            )
            if not answer["FailedRecordCount"]:
                return
            said = answer["Records"]
            reason = next(one["ErrorCode"] for one in said if "ErrorCode" in one)
            request = [
                record for record, one in zip(request, said, strict=True) if "ErrorCode" in one
            ]
            if self._clock.monotonic_ns() >= deadline_ns:
                raise TemporaryError(
                    f"Kinesis did not take {len(request):,} records of {self._stream}: {reason}."
                )
            await self._clock.sleep(pause)
            pause *= 2

    async def _places(self, kinesis: Any, target: Target) -> dict[str, Place]:
        if not isinstance(target, str | At):
            return {shard: Place.behind(offset) for shard, offset in target.items()}
        place = Place()
        if target != BEGIN:
            now_ns = self._clock.now_ns()
            at_ns = now_ns if target == END or not isinstance(target, At) else target.time_ns
            place = Place(AT_TIMESTAMP, time_ns=at_ns)
        return dict.fromkeys(await list_shards(kinesis, self._stream), place)

    async def _reader(self, group: str) -> GroupReader:
        if group not in self._readers:
            kinesis, _ = await self._open()
            checkpoints = None if group == NOBODY else await self._checkpoints(group)
            self._readers[group] = GroupReader(
                kinesis, self._stream, checkpoints, self._clock, self._pace
            )
        return self._readers[group]

    async def _checkpoints(self, group: str) -> Checkpoints:
        _, dynamodb = await self._open()
        return Checkpoints(dynamodb, f"{self._stream}-{group}", self._owner, self._clock)

    async def _open(self) -> tuple[Any, Any]:
        """Clients of both services, connected at the first use."""
        if self._clients is None:
            from aiobotocore.config import AioConfig  # noqa: PLC0415  an extra

            config = AioConfig(
                connect_timeout=ANSWER_SECONDS_MAX,
                read_timeout=ANSWER_SECONDS_MAX,
                retries={"max_attempts": 2, "mode": "standard"},
            )
            where = {"region_name": self._peer.region, "endpoint_url": self._peer.endpoint}
            session = _client()
            self._clients = (
                await self._opened.enter_async_context(
                    session.create_client("kinesis", config=config, **where)
                ),
                await self._opened.enter_async_context(
                    session.create_client("dynamodb", config=config, **where)
                ),
            )
        return self._clients

    @asynccontextmanager
    async def _explained(self) -> AsyncIterator[None]:
        """The client's errors in our words."""
        from botocore.exceptions import (  # noqa: PLC0415  an extra
            BotoCoreError,
            ClientError,
            NoCredentialsError,
            NoRegionError,
        )

        try:
            yield
        except (NoCredentialsError, NoRegionError) as error:
            raise Misconfigured(f"Kinesis: {error}") from error
        except BotoCoreError as error:
            raise TemporaryError(f"Kinesis is away: {error}") from error
        except ClientError as error:
            said = error.response.get("Error", {})
            code = str(said.get("Code"))
            if code == "ResourceNotFoundException":
                raise Misconfigured(
                    f"There is no stream {self._stream} in Kinesis in {self._peer.region}; make it"
                    f" with: aws kinesis create-stream --stream-name {self._stream}"
                ) from error
            sentence = f"Kinesis says {code}: {said.get('Message', '')}"
            if code in _PERMANENT:
                raise PermanentError(sentence) from error
            raise TemporaryError(sentence) from error


_PERMANENT = {"AccessDeniedException", "InvalidArgumentException", "ValidationException"}


def _client() -> Any:
    try:
        from aiobotocore.session import get_session  # noqa: PLC0415  an extra
    except ImportError as error:
        raise Misconfigured(
            "A stream in Kinesis needs the extra `aws`: pip install 'tallystick[aws]'."
        ) from error
    return get_session()
