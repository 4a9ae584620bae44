"""A member of a consumer group of Kafka: what it reads, and what it commits."""

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import structlog

from tallystick.errors import Refused, TemporaryError
from tallystick.stream.event import UnreadableError, from_headers
from tallystick.stream.message import Message, message_of, unreadable
from tallystick.stream.stream import Batch

if TYPE_CHECKING:
    from confluent_kafka import Consumer, TopicPartition
    from confluent_kafka import Message as Delivered

_log = structlog.get_logger("stream")


class Member:
    """A member of a consumer group, and the thread that it lives in."""

    def __init__(self, consumer: "Consumer") -> None:
        self.consumer = consumer
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="kafka-read")

    def read(self, limit: int, wait_seconds: float) -> list[Batch]:
        """What is there, in the order of each partition."""
        first = self.consumer.poll(wait_seconds)
        if first is None:
            return []
        messages: dict[str, list[Message]] = {}
        offsets: dict[str, list[int]] = {}
        for one in [first, *self.consumer.consume(limit - 1, timeout=0)]:
            error, offset = one.error(), one.offset()
            if error is not None or offset is None:
                _log.info("stream.kafka_said", body="" if error is None else error.str())
                continue
            partition = str(one.partition())
            messages.setdefault(partition, []).append(_read(one))
            offsets.setdefault(partition, []).append(offset)
        return [Batch(name, messages[name], offsets[name]) for name in messages]


def _read(delivered: "Delivered") -> Message:
    said = delivered.headers() or []
    pairs = said.items() if isinstance(said, dict) else said
    headers = [(name, text.encode() if isinstance(text, str) else text) for name, text in pairs]
    value = delivered.value() or b""
    try:
        event = from_headers(headers, value)
    except UnreadableError as error:
        where = f"{delivered.topic()}/{delivered.partition()}/{delivered.offset()}"
        return unreadable(where, value, str(error), headers)
    return message_of(event)


def commit(consumer: "Consumer", offsets: "list[TopicPartition]", *, moving: bool = False) -> None:
    """Keep these offsets; `moving` those of a group of which this is no member.

    Raises:
        Refused: somebody is a member, and the group is to be moved.
        TemporaryError: the partitions are being handed out anew.
    """
    from confluent_kafka import KafkaError, KafkaException  # noqa: PLC0415  an extra

    lost = {
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.REBALANCE_IN_PROGRESS,
        KafkaError._STATE,  # noqa: SLF001  its name
    }
    try:
        consumer.commit(offsets=offsets, asynchronous=False)
    except KafkaException as error:
        if error.args[0].code() not in lost:
            raise
        if moving:
            raise Refused(
                "GROUP_IS_READ",
                "The group is being read, and Kafka moves only groups that nobody reads: stop its"
                " readers first.",
            ) from error
        raise TemporaryError("The group's partitions are being handed out anew.") from error
