"""OTLP over HTTP as a destination: OpenTelemetry collectors and whoever takes their protocol.

Source: OTLP 1.x specification, `ExportLogsServiceRequest`; protobuf, gzip.
"""

import gzip
from collections.abc import Mapping, Sequence

import msgspec
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs

from tallystick.clock import Clock, parse_rfc3339
from tallystick.errors import TemporaryError
from tallystick.watch.collect.columns import EVENT_ID_FIELD, SEQ_FIELD
from tallystick.watch.collect.forward.destination import Numbered
from tallystick.watch.collect.forward.over_http import poster_to
from tallystick.watch.collect.lines import decode_line

LINES_MAX = 1_000
BYTES_MAX = 1_500_000
_RESOURCE = ("service.name", "host.name")
_SEVERITY = {"TRACE": 1, "DEBUG": 5, "INFO": 9, "WARN": 13, "WARNING": 13, "ERROR": 17, "FATAL": 21}
_TRACE_ID_HEX, _SPAN_ID_HEX = 32, 16
_INT_MAX = 2**63 - 1


class OtlpSettings(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="otlp", tag_field="type"
):
    """Where an OTLP receiver is."""

    name: str
    url: str
    """The whole address, such as https://collector.example:4318/v1/logs."""
    headers: dict[str, str] = {}
    """Sent with each request, such as an API key."""
    indexes: tuple[str, ...] = ()
    """Forward these indexes only."""


class Otlp:
    """One receiver."""

    lines_max = LINES_MAX
    bytes_max = BYTES_MAX

    def __init__(self, settings: OtlpSettings, clock: Clock) -> None:
        own = {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"}
        self._headers = dict(settings.headers) | own
        self._poster = poster_to(settings.url, clock)

    async def send(self, lines: Sequence[Numbered]) -> int:
        """Post one request; rejected records are not sent again, as the protocol asks."""
        body = export_request(lines).SerializeToString()
        packed = gzip.compress(body, compresslevel=1)
        answered = await self._poster.post(packed, self._headers)
        try:
            answer = ExportLogsServiceResponse.FromString(answered)
        except DecodeError as error:
            raise TemporaryError(f"{self._poster.url.host} does not speak OTLP.") from error
        return min(int(answer.partial_success.rejected_log_records), len(lines))

    async def close(self) -> None:
        """Close the connections."""
        await self._poster.close()


def export_request(lines: Sequence[Numbered]) -> ExportLogsServiceRequest:
    """The lines in one request, grouped by their resource."""
    groups: dict[tuple[str, ...], ResourceLogs] = {}
    request = ExportLogsServiceRequest()
    for each in lines:
        members = decode_line(each.line)
        named = {name: members.pop(name) for name in _RESOURCE if name in members}
        key = tuple(f"{name}={value}" for name, value in named.items())
        if key not in groups:
            groups[key] = request.resource_logs.add()
            groups[key].resource.attributes.extend(_attributes(named))
            groups[key].scope_logs.add().scope.name = "tallystick"
        groups[key].scope_logs[0].log_records.append(_record(each.seq, members))
    return request


def _record(seq: int, members: dict[str, object]) -> LogRecord:
    record = LogRecord()
    try:
        record.time_unix_nano = parse_rfc3339(str(members.get("timestamp")))
        del members["timestamp"]
    except ValueError:
        pass  # it stays an attribute; the receiver takes the time of arrival
    severity = members.pop("severity_text", None)
    if severity is not None:
        record.severity_text = str(severity)
        record.severity_number = _SEVERITY.get(str(severity).upper(), 0)  # type: ignore[assignment]
    if "event_name" in members:
        record.event_name = str(members.pop("event_name"))
    if "body" in members:
        record.body.CopyFrom(_value(members.pop("body")))
    record.trace_id = _hex(members, "trace_id", _TRACE_ID_HEX)
    record.span_id = _hex(members, "span_id", _SPAN_ID_HEX)
    members.setdefault(EVENT_ID_FIELD, f"tallystick-{seq}")
    members[SEQ_FIELD] = seq
    record.attributes.extend(_attributes(members))
    return record


def _hex(members: dict[str, object], name: str, digits: int) -> bytes:
    """The bytes of an id of that many hexadecimal digits; empty where there is none."""
    text = members.get(name)
    if not isinstance(text, str) or len(text) != digits:
        return b""
    try:
        ident = bytes.fromhex(text)
    except ValueError:
        return b""
    del members[name]
    return ident


def _attributes(members: Mapping[str, object]) -> list[KeyValue]:
    return [KeyValue(key=name, value=_value(value)) for name, value in members.items()]


def _value(value: object) -> AnyValue:
    if isinstance(value, list):
        return AnyValue(array_value=ArrayValue(values=[_value(each) for each in value]))
    if isinstance(value, dict):
        return AnyValue(kvlist_value=KeyValueList(values=_attributes(value)))
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int) and abs(value) <= _INT_MAX:
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    return AnyValue() if value is None else AnyValue(string_value=str(value))
