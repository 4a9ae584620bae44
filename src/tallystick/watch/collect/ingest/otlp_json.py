"""OTLP in its JSON encoding: camel case, numbers of 64 bits as text, ids in hexadecimal.

Source: OpenTelemetry Protocol Specification 1.x, "JSON Protobuf Encoding".
"""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from tallystick.errors import Refused
from tallystick.limits import INGEST_EVENTS_MAX
from tallystick.watch.collect.ingest.batch import Writer
from tallystick.watch.collect.ingest.otlp import Origin, OtlpBatch, Record, Records, finite
from tallystick.watch.collect.ingest.reasons import reason_of

_OBJECTS_MAX = 20 * INGEST_EVENTS_MAX
"""Most objects in a body: every attribute has two."""
Whole = int | Annotated[str, Meta(pattern=r"^-?[0-9]{1,20}$")]
"""An integer, as a number or as text."""
Id = Annotated[str, Meta(pattern="^([0-9a-fA-F]{2})*$", max_length=64)]


class _Any(Struct, rename="camel", gc=False):
    string_value: str | None = None
    bool_value: bool | None = None
    int_value: Whole | None = None
    double_value: float | str | None = None
    array_value: "_Values | None" = None
    kvlist_value: "_Pairs | None" = None
    bytes_value: str | None = None


class _Values(Struct, gc=False):
    values: list[_Any] = []


class _Pair(Struct, gc=False):
    key: str = ""
    value: _Any | None = None


class _Pairs(Struct, gc=False):
    values: list[_Pair] = []


class _Attributed(Struct, gc=False):
    attributes: list[_Pair] = []


class _Scope(_Attributed, gc=False):
    name: str = ""
    version: str = ""


class _Record(_Attributed, rename="camel", gc=False):
    time_unix_nano: Whole = 0
    observed_time_unix_nano: Whole = 0
    severity_number: int = 0
    severity_text: str = ""
    body: _Any | None = None
    dropped_attributes_count: int = 0
    flags: int = 0
    trace_id: Id = ""
    span_id: Id = ""
    event_name: str = ""


class _ScopeLogs(Struct, rename="camel", gc=False):
    scope: _Scope | None = None
    log_records: list[msgspec.Raw] = []


class _ResourceLogs(Struct, rename="camel", gc=False):
    resource: _Attributed | None = None
    scope_logs: list[_ScopeLogs] = []


class _Request(Struct, rename="camel", gc=False):
    resource_logs: list[_ResourceLogs] = []


_request = msgspec.json.Decoder(_Request)
_record = msgspec.json.Decoder(_Record)


def parse_otlp_json(
    body: bytes, *, received_ns: int, writer: Writer, request: bytes | None = None
) -> OtlpBatch:
    """The records of a request as lines; each is read by itself.

    Raises:
        Refused: `BAD_JSON`; `BODY_TOO_LARGE`, too many records.
    """
    if body.count(b"{") > _OBJECTS_MAX:
        raise Refused("BODY_TOO_LARGE", f"The body may hold at most {_OBJECTS_MAX} objects.")
    records = Records(received_ns, writer)
    for resource_logs in _decoded(body).resource_logs:
        resource = resource_logs.resource or _Attributed()
        attributes = _attributes(resource.attributes)
        for scope_logs in resource_logs.scope_logs:
            scope = scope_logs.scope or _Scope()
            own = _attributes(scope.attributes)
            origin = Origin(attributes, scope.name, scope.version, own).members()
            for raw in scope_logs.log_records:
                try:
                    record = _record_of(_record.decode(raw))
                except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                    records.reject(reason_of(error))
                else:
                    records.take(record, origin)
    return records.batch(request)


def _decoded(body: bytes) -> _Request:
    try:
        return _request.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused("BAD_JSON", f"The body is no OTLP request: {reason_of(error)}.") from error


def _record_of(record: _Record) -> Record:
    return Record(
        max(int(record.time_unix_nano), 0),
        max(int(record.observed_time_unix_nano), 0),
        record.severity_number,
        record.severity_text,
        None if record.body is None else _value(record.body),
        _attributes(record.attributes),
        record.trace_id.lower(),
        record.span_id.lower(),
        record.flags,
        record.event_name,
        record.dropped_attributes_count,
    )


def _attributes(pairs: list[_Pair]) -> dict[str, object]:
    return {pair.key: None if pair.value is None else _value(pair.value) for pair in pairs}


def _value(value: _Any) -> object:
    """What JSON has for it."""
    if value.array_value is not None:
        return [_value(each) for each in value.array_value.values]
    if value.kvlist_value is not None:
        return _attributes(value.kvlist_value.values)
    if value.int_value is not None:
        return int(value.int_value)
    if isinstance(value.double_value, float):
        return finite(value.double_value)
    if value.double_value is not None:
        return _double(value.double_value)
    plain = (value.string_value, value.bool_value, value.bytes_value)
    return next((each for each in plain if each is not None), None)


def _double(text: str) -> object:
    try:
        return finite(float(text))
    except ValueError:
        return text
