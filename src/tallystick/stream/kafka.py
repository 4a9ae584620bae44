"""The stream in a topic of Kafka, or of whatever else speaks its protocol.

Appending: an idempotent producer with `acks=all`, the message's key is the event's partition key.
What is not acknowledged in time is purged and the producer made anew, so that of each partition
the first messages of a batch are there and no later ones. Reading: one member of a consumer group
for each group, in a thread of its own, with offsets committed by hand. The client is librdkafka.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, TypeVar

import structlog

from tallystick.errors import Misconfigured, PermanentError, TallystickError, TemporaryError
from tallystick.stream.event import to_headers
from tallystick.stream.kafka_member import Member, commit
from tallystick.stream.message import Envelope, Message
from tallystick.stream.stream import BEGIN, NOBODY, At, Batch, Lag, Offsets, Target

if TYPE_CHECKING:
    from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

PARTITIONS = 8
"""Partitions of a topic that is made here."""
QUEUE_MESSAGES_MAX = 8_192
"""Most messages waiting for the brokers' acknowledgement."""
QUEUE_KIB_MAX = 65_536
"""And most KiB of them."""
FETCHED_KIB_MAX = 8_192
"""Most KiB fetched ahead for each group."""
ACKNOWLEDGE_SECONDS_MAX = 4.0
"""How long brokers may take to acknowledge a batch."""
ANSWER_SECONDS_MAX = 4.0
"""How long brokers may take to answer anything else."""
SESSION_MS = 10_000
"""A member that was killed gives up its partitions after this long."""
RECONNECT_MS_MAX = 1_000
"""Longest wait between attempts to reach a broker that was away."""
_YOUNG_SECONDS = 0.1
"""Between questions about a topic that was made just now and has no leader yet."""
_NS_PER_MS = 1_000_000
_T = TypeVar("_T")
Headers = list[tuple[str, str | bytes | None]]
"""As the client has them."""
_log = structlog.get_logger("stream")


@dataclass(frozen=True)
class KafkaPeer:
    """Where the brokers are (`host:port,host:port`), and further properties of librdkafka."""

    servers: str
    properties: Mapping[str, str]

    def config(self, **more: str | float | bool) -> dict[str, str | int | float | bool]:
        """The configuration of one client."""
        own = {name.replace("_", "."): value for name, value in more.items()}
        return {
            "bootstrap.servers": self.servers,
            "log_level": 0,  # what matters comes as an error of a call
            "reconnect.backoff.max.ms": RECONNECT_MS_MAX,
            **own,
            **self.properties,
        }


class KafkaStream:
    """One topic; made with `partitions` partitions where it is missing and the brokers allow it."""

    def __init__(
        self,
        peer: KafkaPeer,
        topic: str,
        envelope: Envelope,
        *,
        partitions: int = PARTITIONS,
        acknowledge_seconds: float = ACKNOWLEDGE_SECONDS_MAX,
    ) -> None:
        """Nothing is connected yet.

        Raises:
            Misconfigured: the client is not installed.
        """
        self._kafka = _client()
        self._peer = peer
        self._topic = topic
        self._envelope = envelope
        self._partitions = partitions
        self._acknowledge_seconds = acknowledge_seconds
        self._producer: Producer | None = None
        self._appending = ThreadPoolExecutor(1, thread_name_prefix="kafka-append")
        self._asking = ThreadPoolExecutor(1, thread_name_prefix="kafka-ask")
        self._start: dict[str, int] = {}
        self._members: dict[str, Member] = {}  # bounded by: the names of groups

    async def append(self, messages: Sequence[Message]) -> None:
        """Produce and wait until all are acknowledged by all in-sync replicas."""
        for start in range(0, len(messages), QUEUE_MESSAGES_MAX // 2):
            part = messages[start : start + QUEUE_MESSAGES_MAX // 2]
            await self._in(self._appending, partial(self._append, part))

    async def read(self, group: str, limit: int, wait_seconds: float = 0.0) -> list[Batch]:
        """From all partitions that the group's coordinator gave to this process."""
        if group not in self._members:
            await self._in(self._asking, self._ensure)
            self._members[group] = await self._in(self._asking, lambda: self._member(group))
        member = self._members[group]
        return await self._in(member.thread, lambda: member.read(limit, wait_seconds))

    async def commit(self, group: str, offsets: Offsets) -> None:
        """Keep the group's offsets with the brokers."""
        if not offsets or group == NOBODY:
            return
        there = self._at({partition: offset + 1 for partition, offset in offsets.items()})
        member = self._members.get(group)
        if member is None:
            await self._in(
                self._asking, lambda: self._simply(group, lambda one: commit(one, there))
            )
        else:
            await self._in(member.thread, lambda: commit(member.consumer, there))

    async def seek(self, group: str, target: Target) -> None:
        """Leave the group, move its offsets; the next read joins it again.

        Raises:
            Refused: members in other processes read the group; brokers move it only without them.
        """
        await self._leave(group)
        places = await self._in(
            self._asking, lambda: self._simply(group, lambda one: self._places(one, target))
        )
        if group == NOBODY:
            self._start = places
        elif places:
            there = self._at(places)
            await self._in(
                self._asking,
                lambda: self._simply(group, lambda one: commit(one, there, moving=True)),
            )

    async def lag(self, group: str) -> list[Lag]:
        """Committed offsets against the partitions' ends."""
        return await self._in(self._asking, lambda: self._simply(group, self._lag))

    async def trim(self, before: Offsets) -> None:
        """DeleteRecords; a broker that does not know it keeps its retention."""
        if before:
            await self._in(self._asking, lambda: self._trim(before))

    async def close(self) -> None:
        """Leave all groups; what was never acknowledged is dropped, and said again by its relay."""
        if self._producer is not None:
            self._producer.purge()
        for group in list(self._members):
            await self._leave(group)
        self._appending.shutdown()
        self._asking.shutdown()
        self._producer = None

    def _append(self, messages: Sequence[Message]) -> None:
        if self._producer is None:
            self._ensure()
            self._producer = self._kafka.Producer(
                self._peer.config(
                    enable_idempotence=True,
                    acks="all",
                    partitioner="murmur2_random",  # as Java's clients do
                    linger_ms=2,
                    compression_type="zstd",
                    message_timeout_ms=0,  # how long is said by flush, for the whole batch
                    queue_buffering_max_messages=QUEUE_MESSAGES_MAX,
                    queue_buffering_max_kbytes=QUEUE_KIB_MAX,
                )
            )
        producer, failures = self._producer, _Failures()
        try:
            for message in messages:
                event = message.event or self._envelope(message)
                key = None if event.partitionkey is None else event.partitionkey.encode()
                headers: Headers = list(to_headers(event))
                producer.produce(
                    self._topic, event.data, key, headers=headers, on_delivery=failures.hear
                )
        except BufferError as error:
            self._drop(producer)
            raise TemporaryError(
                f"The queue to Kafka is full ({QUEUE_MESSAGES_MAX:,} messages): the brokers take"
                " them slower than they come."
            ) from error
        waiting = producer.flush(self._acknowledge_seconds)
        if waiting or failures.first is not None:
            failure = failures.explained(waiting, self._topic)
            self._drop(producer)
            raise failure

    def _drop(self, producer: "Producer") -> None:
        """What waits must not follow behind what is appended next."""
        producer.purge()
        producer.flush(self._acknowledge_seconds)
        self._producer = None

    def _ensure(self) -> None:
        """The topic is there.

        Raises:
            Misconfigured: it is not, and the brokers do not let us make it.
            TemporaryError: no broker answers.
        """
        from confluent_kafka.admin import AdminClient  # noqa: PLC0415  an extra
        from confluent_kafka.cimpl import NewTopic  # noqa: PLC0415

        admin = AdminClient(self._peer.config())
        known = admin.list_topics(timeout=ANSWER_SECONDS_MAX).topics
        if self._topic in known and known[self._topic].error is None:
            return
        wanted = NewTopic(self._topic, self._partitions)
        made = admin.create_topics([wanted], request_timeout=ANSWER_SECONDS_MAX)[self._topic]
        try:
            made.result(ANSWER_SECONDS_MAX)
        except (self._kafka.KafkaException, TimeoutError) as refusal:
            # Somebody made it meanwhile, or brokers make topics when they are asked for them.
            there = admin.list_topics(self._topic, timeout=ANSWER_SECONDS_MAX)
            if there.topics[self._topic].error is not None:
                raise Misconfigured(
                    f"Kafka has no topic {self._topic}, and it cannot be made: {refusal}."
                ) from refusal

    def _member(self, group: str) -> "Member":
        consumer = self._consumer(group)
        if group == NOBODY:
            begin = self._kafka.OFFSET_BEGINNING
            numbers = self._numbers(consumer)
            consumer.assign(self._at({str(n): self._start.get(str(n), begin) for n in numbers}))
        else:
            consumer.subscribe([self._topic])
        return Member(consumer)

    def _consumer(self, group: str) -> "Consumer":
        consumer: Consumer = self._kafka.Consumer(
            self._peer.config(
                group_id=f"{self._topic}.{group}",
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                session_timeout_ms=SESSION_MS,
                queued_max_messages_kbytes=FETCHED_KIB_MAX,
                fetch_wait_max_ms=50,
                fetch_error_backoff_ms=50,
                topic_metadata_refresh_interval_ms=30_000,
            )
        )
        return consumer

    def _simply(self, group: str, work: "Callable[[Consumer], _T]") -> _T:
        """Work with the group's offsets without being a member."""
        self._ensure()
        consumer = self._consumer(group)
        young = {
            self._kafka.KafkaError.LEADER_NOT_AVAILABLE,
            self._kafka.KafkaError.NOT_LEADER_FOR_PARTITION,
            self._kafka.KafkaError.UNKNOWN_TOPIC_OR_PART,
            self._kafka.KafkaError.NOT_COORDINATOR,
            self._kafka.KafkaError.COORDINATOR_NOT_AVAILABLE,
            self._kafka.KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        }
        try:
            for _ in range(int(ANSWER_SECONDS_MAX / _YOUNG_SECONDS)):
                try:
                    return work(consumer)
                except self._kafka.KafkaException as error:
                    if error.args[0].code() not in young:
                        raise
                    consumer.poll(_YOUNG_SECONDS)  # subscribed to nothing: it only waits
            return work(consumer)
        finally:
            consumer.close()

    def _places(self, consumer: "Consumer", target: Target) -> dict[str, int]:
        """The offset to be read next, by partition."""
        if not isinstance(target, str | At):
            return {partition: offset + 1 for partition, offset in target.items()}
        numbers = self._numbers(consumer)
        found: dict[str, int] = {}
        if isinstance(target, At):
            ms = -(-target.time_ns // _NS_PER_MS)
            asked = [self._kafka.TopicPartition(self._topic, number, ms) for number in numbers]
            there = consumer.offsets_for_times(asked, timeout=ANSWER_SECONDS_MAX)
            found = {str(one.partition): one.offset for one in there if one.offset >= 0}
        for number in numbers:
            if str(number) not in found:  # of a time: nothing is newer
                one = self._kafka.TopicPartition(self._topic, number)
                ends = consumer.get_watermark_offsets(one, timeout=ANSWER_SECONDS_MAX)
                found[str(number)] = ends[0] if target == BEGIN else ends[1]
        return found

    def _lag(self, consumer: "Consumer") -> list[Lag]:
        asked = self._at(dict.fromkeys(map(str, self._numbers(consumer)), 0))
        found = []
        for one in consumer.committed(asked, timeout=ANSWER_SECONDS_MAX):
            low, high = consumer.get_watermark_offsets(one, timeout=ANSWER_SECONDS_MAX)
            committed = None if one.offset < 0 else one.offset - 1
            found.append(Lag(str(one.partition), committed, high - max(low, one.offset)))
        return found

    def _trim(self, before: Offsets) -> None:
        from confluent_kafka.admin import AdminClient  # noqa: PLC0415  an extra

        admin = AdminClient(self._peer.config())
        for one, asked in admin.delete_records(self._at(before)).items():
            try:
                asked.result(ANSWER_SECONDS_MAX)
            except self._kafka.KafkaException as error:
                unknown = self._kafka.KafkaError._UNSUPPORTED_FEATURE  # noqa: SLF001  its name
                if error.args[0].code() != unknown:
                    raise
                _log.info("stream.trim_unsupported", body=f"{one.topic}/{one.partition}")

    def _numbers(self, consumer: "Consumer") -> list[int]:
        known = consumer.list_topics(self._topic, timeout=ANSWER_SECONDS_MAX)
        return sorted(known.topics[self._topic].partitions)

    def _at(self, offsets: Offsets) -> "list[TopicPartition]":
        return [
            self._kafka.TopicPartition(self._topic, int(partition), offset)
            for partition, offset in offsets.items()
        ]

    async def _leave(self, group: str) -> None:
        member = self._members.pop(group, None)
        if member is not None:
            await self._in(member.thread, member.consumer.close)
            member.thread.shutdown()

    async def _in(self, thread: ThreadPoolExecutor, work: Callable[[], _T]) -> _T:
        """In a thread, with the client's errors in our words."""
        try:
            return await asyncio.get_running_loop().run_in_executor(thread, work)
        except self._kafka.KafkaException as error:
            raise TemporaryError(f"Kafka is away: {error.args[0].str()}.") from error
        except TimeoutError as error:
            raise TemporaryError("Kafka is away: it does not answer.") from error


def _client() -> ModuleType:
    try:
        import confluent_kafka  # noqa: PLC0415  an extra
    except ImportError as error:
        raise Misconfigured(
            "A stream in Kafka needs the extra `kafka`: pip install 'tallystick[kafka]'."
        ) from error
    return confluent_kafka


class _Failures:
    """Hears of each message of a batch; remembers the first that was not taken."""

    def __init__(self) -> None:
        self.first: KafkaError | None = None

    def hear(self, error: "KafkaError | None", _message: object) -> None:
        """Called by the client, in the thread that flushes."""
        if error is not None and self.first is None:
            self.first = error

    def explained(self, waiting: int, topic: str) -> TallystickError:
        """What became of the batch."""
        error = self.first
        if error is None:
            return TemporaryError(f"Kafka acknowledged not yet {waiting:,} messages of {topic}.")
        if error.code() == error.MSG_SIZE_TOO_LARGE:
            return PermanentError(f"Kafka takes no message of that size in {topic}.")
        return TemporaryError(f"Kafka did not take a message of {topic}: {error.str()}.")
