"""What goes into records of Kinesis, and comes out of them.

A record is one CloudEvent in JSON, or (events of one partition key that are appended together) a
JSON array of them, CloudEvents' batch format: so they cannot be torn apart or change places when
some records of a request are refused.
"""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from tallystick.stream.event import Event, UnreadableError, from_json, to_json
from tallystick.stream.message import Message, message_of, unreadable

RECORD_BYTES_MAX = 900_000
"""Largest record made here; Kinesis takes 1 MiB, its key included."""
RECORD_EVENTS_MAX = 9_999
"""Most events in one record: what the lower digits of an offset can number."""
SPREAD = 10_000
"""An offset is a sequence number times this, and the number of the event in its record."""
REQUEST_RECORDS_MAX = 500
"""Most records of one PutRecords."""
REQUEST_BYTES_MAX = 4_500_000
"""Most bytes of one PutRecords; Kinesis takes 5 MiB, keys included."""
KEY_CHARACTERS_MAX = 256
"""Longest partition key."""

Record = tuple[str, bytes]
"""Partition key and data."""


def records_of(events: Sequence[Event]) -> Iterator[list[Record]]:
    """Requests to be made one after the other; in each, every partition key stands once.

    Kinesis may refuse some records of a request and take those behind them: as long as a key
    stands only once in it, its events keep their order.
    """
    waves: list[dict[str, Record]] = []
    wave_of: dict[str, int] = {}
    for key, data in _packed(events):
        number = wave_of.get(key, -1) + 1
        wave_of[key] = number
        if number == len(waves):
            waves.append({})
        waves[number][key] = (key, data)
    for wave in waves:
        yield from _requests(wave.values())


def messages_of(shard: str, sequence: int, data: bytes) -> tuple[list[Message], list[int]]:
    """The messages of one record, and their offsets."""
    first = sequence * SPREAD
    where = f"{shard}/{sequence}"
    try:
        if data[:1] == b"[":
            parts = [bytes(part) for part in msgspec.json.decode(data, type=list[msgspec.Raw])]
        else:
            parts = [data]
    except (msgspec.DecodeError, RecursionError) as error:
        return [unreadable(where, data, str(error))], [first]
    messages = []
    for part in parts:
        try:
            messages.append(message_of(from_json(part)))
        except UnreadableError as error:
            messages.append(unreadable(where, part, str(error)))
    return messages, list(range(first, first + len(messages)))


def _packed(events: Sequence[Event]) -> Iterator[Record]:
    """Records in the order of each key."""
    waiting: dict[str, list[bytes]] = {}
    sizes: dict[str, int] = {}
    for event in events:
        key = (event.partitionkey or event.source)[:KEY_CHARACTERS_MAX]
        text = to_json(event)
        kept = waiting.setdefault(key, [])
        size = sizes.get(key, 2)
        if kept and (size + len(text) > RECORD_BYTES_MAX or len(kept) == RECORD_EVENTS_MAX):
            yield key, _joined(kept)
            kept.clear()
            size = 2
        kept.append(text)
        sizes[key] = size + len(text) + 1
    for key, kept in waiting.items():
        yield key, _joined(kept)


def _joined(texts: list[bytes]) -> bytes:
    return texts[0] if len(texts) == 1 else b"[" + b",".join(texts) + b"]"


def _requests(records: Iterable[Record]) -> Iterator[list[Record]]:
    request: list[Record] = []
    size = 0
    for key, data in records:
        more = len(data) + len(key.encode())
        if request and (len(request) == REQUEST_RECORDS_MAX or size + more > REQUEST_BYTES_MAX):
            yield request
            request, size = [], 0
        request.append((key, data))
        size += more
    if request:
        yield request
