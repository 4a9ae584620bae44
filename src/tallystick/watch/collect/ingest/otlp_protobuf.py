"""OTLP in its binary encoding: an `ExportLogsServiceRequest`, walked message by message.

Each log record is decoded by itself, so that one that cannot be read costs no other, and a
body of a million empty records is refused before it fills the memory.
Source: opentelemetry-proto `collector/logs/v1/logs_service.proto`; Protocol Buffers "Encoding".
"""

import base64
from collections.abc import Iterable, Iterator
from typing import TypeVar

from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from tallystick.errors import Refused
from tallystick.watch.collect.ingest.batch import Writer
from tallystick.watch.collect.ingest.otlp import Origin, OtlpBatch, Record, Records, finite

_RESOURCE_LOGS = 1
_RESOURCE, _SCOPE_LOGS = 1, 2
_SCOPE, _LOG_RECORDS = 1, 2
_VARINT, _LENGTH = 0, 2
_FIXED = {1: 8, 5: 4}
"""Sizes of the wire types that have one."""
_VARINT_BYTES_MAX = 10
Span = tuple[int, int]
"""Where something begins and ends in the body."""
Decoded = TypeVar("Decoded", Resource, InstrumentationScope)


def parse_otlp_protobuf(
    body: bytes, *, received_ns: int, writer: Writer, request: bytes | None = None
) -> OtlpBatch:
    """The records of a request as lines.

    Raises:
        Refused: `BAD_PROTOBUF`, with the byte; `BODY_TOO_LARGE`, too many records.
    """
    records = Records(received_ns, writer)
    for resource_logs in _inside(body, (0, len(body)), _RESOURCE_LOGS):
        resource = _decoded(body, resource_logs, _RESOURCE, Resource)
        attributes = _attributes(resource.attributes)
        for scope_logs in _inside(body, resource_logs, _SCOPE_LOGS):
            scope = _decoded(body, scope_logs, _SCOPE, InstrumentationScope)
            own = _attributes(scope.attributes)
            origin = Origin(attributes, scope.name, scope.version, own).members()
            for start, end in _inside(body, scope_logs, _LOG_RECORDS):
                try:
                    record = _record(LogRecord.FromString(body[start:end]))
                except (DecodeError, RecursionError):
                    records.reject(f"it cannot be read at byte {start}")
                else:
                    records.take(record, origin)
    return records.batch(request)


def _decoded(body: bytes, span: Span, number: int, kind: type[Decoded]) -> Decoded:
    """The message in a field of another one; an empty one where there is none."""
    message = kind()
    for start, end in _inside(body, span, number):
        try:
            message.MergeFromString(body[start:end])
        except (DecodeError, RecursionError) as error:
            raise _bad(start, f"no {kind.DESCRIPTOR.name} can be read") from error
    return message


def _inside(body: bytes, span: Span, number: int) -> Iterator[Span]:
    """Where the messages of a field are within a message."""
    at, end = span
    while at < end:
        begin = at
        tag, at = _varint(body, at, end)
        wire = tag & 7
        if wire == _LENGTH:
            size, at = _varint(body, at, end)
            if size > end - at:
                raise _bad(begin, "a message is longer than what holds it")
            if tag >> 3 == number:
                yield at, at + size
            at += size
        elif wire == _VARINT:
            _, at = _varint(body, at, end)
        elif wire in _FIXED:
            at += _FIXED[wire]
        else:
            raise _bad(begin, f"there is no wire type {wire}")
        if at > end or tag >> 3 == 0:
            raise _bad(begin, "no field can be read")


def _varint(body: bytes, at: int, end: int) -> tuple[int, int]:
    value = 0
    for shift, index in enumerate(range(at, min(end, at + _VARINT_BYTES_MAX))):
        byte = body[index]
        value |= (byte & 0x7F) << (7 * shift)
        if byte < 0x80:
            return value, index + 1
    raise _bad(at, "a number has no end")


def _bad(at: int, what: str) -> Refused:
    return Refused("BAD_PROTOBUF", f"The body is no OTLP request at byte {at}: {what}.")


def _record(message: LogRecord) -> Record:
    return Record(
        message.time_unix_nano,
        message.observed_time_unix_nano,
        message.severity_number,
        message.severity_text,
        _value(message.body),
        _attributes(message.attributes),
        message.trace_id.hex(),
        message.span_id.hex(),
        message.flags,
        message.event_name,
        message.dropped_attributes_count,
    )


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, object]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> object:
    """What JSON has for it; bytes become base64, as in OTLP's own JSON."""
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    if kind == "kvlist_value":
        return _attributes(value.kvlist_value.values)
    if kind == "bytes_value":
        return base64.b64encode(value.bytes_value).decode()
    if kind == "double_value":
        return finite(value.double_value)
    return getattr(value, kind) if kind else None
