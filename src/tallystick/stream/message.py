"""A message: the unit in which the stream speaks, and how a CloudEvent is made of it."""

import json
from collections.abc import Callable, Iterable

import msgspec

from tallystick.stream.event import Event

NO_POSITION = -1
"""The position of a message that is not one of ours."""
ENTRY_TYPE = "tallystick.entry"
"""Type of an entry whose kind is not said; else the kind follows behind a dot."""
LOG_TYPE = "tallystick.log"
UNREADABLE_TYPE = "tallystick.unreadable"
"""Type of what stood in a stream and was no CloudEvent."""
_BINARY = "application/octet-stream"


class Message(msgspec.Struct, frozen=True, gc=False):
    """One ledger entry, log line or dead letter on its way to those who watch.

    `position` is the entry's ledger position (the line's `log.seq`) and the message's id: consumers
    drop what they have seen by it. `body` is the exact bytes. `event` is the whole CloudEvent where
    the message came with one; otherwise the stream's envelope makes it when it is needed.
    """

    position: int
    body: bytes
    event: Event | None = None


Envelope = Callable[[Message], Event]
"""Makes the CloudEvent of a message that has none yet."""


class _Order(msgspec.Struct, gc=False):
    account: str | None = None


class _Entry(msgspec.Struct, gc=False):
    """What an entry says of itself."""

    kind: str = ""
    at: str | None = None
    account: str | None = None
    order: _Order | None = None


class _Line(msgspec.Struct, gc=False):
    timestamp: str | None = None
    trace_id: str | None = None
    span_id: str | None = None


_decode_entry = msgspec.json.Decoder(_Entry).decode
_decode_line = msgspec.json.Decoder(_Line).decode


def entry_envelope(origin: str) -> Envelope:
    """For entries of the ledger of that name. An account's entries keep their order."""

    def envelope(message: Message) -> Event:
        try:
            entry = _decode_entry(message.body)
        except (
            msgspec.DecodeError,
            RecursionError,
        ):  # bytes that are not of our making: POST /ledger/add
            return Event(
                str(message.position), origin, ENTRY_TYPE, message.body, datacontenttype=_BINARY
            )
        account = entry.order.account if entry.order is not None else entry.account
        return Event(
            str(message.position),
            origin,
            f"{ENTRY_TYPE}.{entry.kind}" if entry.kind else ENTRY_TYPE,
            message.body,
            time=entry.at,
            subject=account,
            partitionkey=account,
        )

    return envelope


def log_envelope(origin: str) -> Envelope:
    """For lines of the log store: `log.seq` is the id, the line the data."""

    def envelope(message: Message) -> Event:
        try:
            line = _decode_line(message.body)
        except (msgspec.DecodeError, RecursionError):
            line = _Line()
        traced = line.trace_id and line.span_id
        return Event(
            str(message.position),
            origin,
            LOG_TYPE,
            message.body,
            time=line.timestamp,
            traceparent=f"00-{line.trace_id}-{line.span_id}-01" if traced else None,
        )

    return envelope


def message_of(event: Event) -> Message:
    """The message that a CloudEvent carries; its position is the id where that is one of ours."""
    ours = event.id.isascii() and event.id.isdecimal() and len(event.id) <= 19
    return Message(int(event.id) if ours else NO_POSITION, event.data, event)


def unreadable(
    where: str, data: bytes, reason: str, headers: Iterable[tuple[str, bytes | None]] = ()
) -> Message:
    """What a stream holds at `where` and is no CloudEvent; its headers are kept as JSON."""
    said = {name: (value or b"").decode(errors="backslashreplace") for name, value in headers}
    extensions = {"reason": reason}
    if said:
        extensions["headers"] = json.dumps(said)
    event = Event(
        where, "tallystick", UNREADABLE_TYPE, data, datacontenttype=_BINARY, extensions=extensions
    )
    return Message(NO_POSITION, data, event)
