"""OTLP in both encodings: the same records become the same lines."""

import base64
import json
import re
from typing import Any

import msgspec
import pytest
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from tallystick.errors import Refused
from tallystick.limits import INGEST_EVENTS_MAX, LOG_LINE_BYTES_MAX
from tallystick.watch.collect.ingest import (
    OtlpBatch,
    Writer,
    event_key,
    parse_otlp_json,
    parse_otlp_protobuf,
)
from tallystick.watch.collect.lines import check_lines

RECEIVED_NS = 1_795_320_496_000_000_000
TRACE, SPAN = "5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174"
EXAMPLE: dict[str, Any] = {
    "resourceLogs": [
        {
            "resource": {
                "attributes": [
                    {"key": "service.name", "value": {"stringValue": "my.service"}},
                    {"key": "service.version", "value": {"stringValue": "2"}},
                    {"key": "host.name", "value": {"stringValue": "h1"}},
                ]
            },
            "scopeLogs": [
                {
                    "scope": {
                        "name": "my.library",
                        "version": "1.0.0",
                        "attributes": [
                            {"key": "scope.attribute", "value": {"stringValue": "some"}}
                        ],
                    },
                    "logRecords": [
                        {
                            "timeUnixNano": "1544712660300000001",
                            "observedTimeUnixNano": "1544712660300000002",
                            "severityNumber": 10,
                            "traceId": TRACE.upper(),
                            "spanId": SPAN.upper(),
                            "flags": 1,
                            "eventName": "it.happened",
                            "droppedAttributesCount": 3,
                            "body": {"stringValue": "Example log record"},
                            "attributes": [
                                {"key": "text", "value": {"stringValue": "some text"}},
                                {"key": "truth", "value": {"boolValue": True}},
                                {"key": "whole", "value": {"intValue": "-9007199254740993"}},
                                {"key": "real", "value": {"doubleValue": 637.704}},
                                {"key": "nan", "value": {"doubleValue": "NaN"}},
                                {"key": "raw", "value": {"bytesValue": "AAH/"}},
                                {"key": "none"},
                                {
                                    "key": "list",
                                    "value": {
                                        "arrayValue": {
                                            "values": [{"stringValue": "a"}, {"intValue": 1}, {}]
                                        }
                                    },
                                },
                                {
                                    "key": "map",
                                    "value": {
                                        "kvlistValue": {
                                            "values": [{"key": "x", "value": {"stringValue": "y"}}]
                                        }
                                    },
                                },
                                {"key": "timestamp", "value": {"stringValue": "mine"}},
                                {"key": "body", "value": {"stringValue": "mine too"}},
                            ],
                        }
                    ],
                }
            ],
        }
    ]
}
"""The specification's example, with every kind of value and name added."""


def protobuf(request: dict[str, Any]) -> bytes:
    """The same request in binary: Google's JSON has ids in base64."""
    text = json.dumps(request)
    for digits in (TRACE, SPAN):
        text = text.replace(digits.upper(), base64.b64encode(bytes.fromhex(digits)).decode())
    body: bytes = json_format.Parse(text, ExportLogsServiceRequest()).SerializeToString()
    return body


def both(request: dict[str, Any], writer: Writer | None = None) -> list[OtlpBatch]:
    """The batch of each encoding."""
    common = {"received_ns": RECEIVED_NS, "writer": writer or Writer()}
    return [
        parse_otlp_json(json.dumps(request).encode(), **common),  # type: ignore[arg-type]
        parse_otlp_protobuf(protobuf(request), **common),  # type: ignore[arg-type]
    ]


def one(record: dict[str, Any], resource: dict[str, str] | None = None) -> dict[str, Any]:
    """A request with one record."""
    attributes = [{"key": k, "value": {"stringValue": v}} for k, v in (resource or {}).items()]
    scoped = {"scopeLogs": [{"logRecords": [record]}], "resource": {"attributes": attributes}}
    return {"resourceLogs": [scoped]}


def lines(batch: OtlpBatch) -> list[dict[str, object]]:
    """The lines of a batch, decoded."""
    return [msgspec.json.decode(line) for line in batch.batch.lines]


def test_every_part_of_a_record_is_kept_under_its_name() -> None:
    """Nanoseconds, ids, severity, resource, scope, values of every kind; both encodings agree."""
    for batch in both(EXAMPLE):
        assert (batch.records, batch.errors) == (1, ())
        assert lines(batch) == [
            {
                "timestamp": "2018-12-13T14:51:00.300000001Z",
                "observed_timestamp": "2018-12-13T14:51:00.300000002Z",
                "severity_text": "INFO2",
                "severity_number": 10,
                "event_name": "it.happened",
                "trace_id": TRACE,
                "span_id": SPAN,
                "trace_flags": 1,
                "dropped_attributes_count": 3,
                "body": "Example log record",
                "service.name": "my.service",
                "host.name": "h1",
                "resource.service.version": "2",
                "otel.scope.name": "my.library",
                "otel.scope.version": "1.0.0",
                "otel.scope.scope.attribute": "some",
                "text": "some text",
                "truth": True,
                "whole": -9007199254740993,
                "real": 637.704,
                "nan": "NaN",
                "raw": "AAH/",
                "none": None,
                "list": ["a", 1, None],
                "map.x": "y",
                "attributes.timestamp": "mine",
                "attributes.body": "mine too",
                "com.splunk.index": "main",
            }
        ]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"stringValue": ""}, {"body": ""}),
        ({"boolValue": False}, {"body": False}),
        ({"intValue": 5}, {"body": 5}),
        ({"doubleValue": -0.5}, {"body": -0.5}),
        ({"doubleValue": "Infinity"}, {"body": "Infinity"}),
        ({"bytesValue": "AA=="}, {"body": "AA=="}),
        ({"arrayValue": {"values": [{"intValue": 1}]}}, {"body": [1]}),
        (
            {"kvlistValue": {"values": [{"key": "a", "value": {"intValue": 1}}]}},
            {"body.a": 1},
        ),
        ({"kvlistValue": {}}, {}),
        ({}, {}),
    ],
)
def test_a_body_of_any_kind(body: dict[str, Any], expected: dict[str, object]) -> None:
    """A map becomes members under `body.`; nothing stands for nothing."""
    for batch in both(one({"timeUnixNano": "1", "body": body})):
        (line,) = lines(batch)
        assert {name: line[name] for name in line if name.startswith("body")} == expected


@pytest.mark.parametrize(
    ("record", "timestamp"),
    [
        ({"timeUnixNano": "1544712660000000000"}, "2018-12-13T14:51:00.000000Z"),
        ({"observedTimeUnixNano": "1544712660000000000"}, "2018-12-13T14:51:00.000000Z"),
        ({}, "2026-11-22T04:08:16.000000Z"),
    ],
)
def test_the_time_of_a_record(record: dict[str, Any], timestamp: str) -> None:
    """Its own, else when it was observed, else when it was received."""
    for batch in both(one(record)):
        (line,) = lines(batch)
        assert line["timestamp"] == timestamp
        assert "observed_timestamp" not in line


@pytest.mark.parametrize(
    ("number", "text"), [(1, "TRACE"), (4, "TRACE4"), (9, "INFO"), (17, "ERROR"), (24, "FATAL4")]
)
def test_a_severity_without_a_text_gets_its_short_name(number: int, text: str) -> None:
    """As the data model has it; a text of its own counts more."""
    for batch in both(one({"severityNumber": number})):
        assert lines(batch)[0]["severity_text"] == text
    for batch in both(one({"severityNumber": number, "severityText": "odd"})):
        assert lines(batch)[0]["severity_text"] == "odd"


def test_the_id_of_a_record_and_its_index() -> None:
    """`log.record.uid` and `com.splunk.index`, of the record or of its resource."""
    attributes = [{"key": "log.record.uid", "value": {"stringValue": "u-1"}}]
    resource = {"com.splunk.index": "web", "com.splunk.source": "s"}
    for batch in both(one({"attributes": attributes}, resource)):
        assert batch.batch.keys == [event_key("web", "u-1")]
        assert lines(batch)[0]["com.splunk.source"] == "s"


def test_a_record_that_cannot_be_taken_keeps_no_other_out() -> None:
    """It is counted, and the sentence names it."""
    request = one({"body": {"stringValue": "a"}})
    records = request["resourceLogs"][0]["scopeLogs"][0]["logRecords"]
    index = [{"key": "com.splunk.index", "value": {"stringValue": "secret"}}]
    records.append({"attributes": index})
    records.append({"body": {"stringValue": "x" * LOG_LINE_BYTES_MAX}})
    records.append({"body": {"stringValue": "b"}})
    for batch in both(request, Writer("t", ("web",))):
        assert [line["body"] for line in lines(batch)] == ["a", "b"]
        assert batch.records == 4
        assert batch.errors == (
            "Record 1: the token may not write to the index 'secret'.",
            f"Record 2: as a line it is longer than {LOG_LINE_BYTES_MAX} bytes.",
        )


def test_a_record_that_cannot_be_read_keeps_no_other_out() -> None:
    """In binary its byte is named, in JSON its member."""
    body = protobuf(one({"body": {"stringValue": "good"}}))
    good = LogRecord(severity_text="INFO").SerializeToString()
    bad = good.replace(b"INFO", b"IN\xffO")
    scope = b"".join(b"\x12%c%b" % (len(each), each) for each in (bad, good))
    scoped = b"\x12%c%b" % (len(scope), scope)
    body += b"\x0a%c%b" % (len(scoped), scoped)
    batch = parse_otlp_protobuf(body, received_ns=RECEIVED_NS, writer=Writer())
    assert len(batch.batch.lines) == 2
    assert batch.errors == (f"Record 1: it cannot be read at byte {body.index(bad)}.",)

    text = '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"traceId":"xyz"},{"traceId":""}]}]}]}'
    batch = parse_otlp_json(text.encode(), received_ns=RECEIVED_NS, writer=Writer())
    assert len(batch.batch.lines) == 1
    (error,) = batch.errors
    assert re.fullmatch(r"Record 0: expected `str` matching regex .* - at `\$\.traceId`\.", error)


@pytest.mark.parametrize(
    ("body", "at"),
    [
        (b"\x0a", 1), (b"\x0a\x05\x00", 0), (b"\xff" * 11, 0), (b"\x0b", 0), (b"\x00\x00", 0),
        (b"\x0a\x02\x12\x05", 2), (b"\x09\x00", 0), (b"\x0a\x04\x0a\x02\x0a\x7f", 4),
    ],
)  # fmt: skip
def test_a_body_that_is_no_request_is_refused(body: bytes, at: int) -> None:
    """With the byte where it stops being one."""
    with pytest.raises(Refused, match=f"no OTLP request at byte {at}: ") as refused:
        parse_otlp_protobuf(body, received_ns=0, writer=Writer())
    assert refused.value.code == "BAD_PROTOBUF"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "truncated"),
        (b"[]", "expected `object`"),
        (b'{"resourceLogs":5}', r"\$\.resourceLogs"),
        (b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{]}]}]}', r"byte 47"),
        (b'{"resourceLogs":' + b"[" * 100_000, "expected|nested"),
    ],
)
def test_a_body_that_is_no_json_is_refused(body: bytes, why: str) -> None:
    """With the byte or the member."""
    with pytest.raises(Refused, match=why) as refused:
        parse_otlp_json(body, received_ns=0, writer=Writer())
    assert refused.value.code == "BAD_JSON"


def test_nothing_is_nothing() -> None:
    """An empty request is one; what is not known is passed over, for later versions."""
    assert parse_otlp_protobuf(b"", received_ns=0, writer=Writer()).records == 0
    assert parse_otlp_protobuf(b"\x78\x01\x7d1234\x79" + b"8" * 8 + b"\x7a\x01x",
                               received_ns=0, writer=Writer()).records == 0  # fmt: skip
    for body in (b"{}", b'{"later":1,"resourceLogs":[{"resource":{"later":2}}]}'):
        assert parse_otlp_json(body, received_ns=0, writer=Writer()).records == 0


def test_a_request_has_a_limit_on_its_records() -> None:
    """Two bytes a record would otherwise fill the memory."""
    scope = b"\x12\x00" * (INGEST_EVENTS_MAX + 1)
    scoped = b"\x12%b%b" % (varint(len(scope)), scope)
    body = b"\x0a%b%b" % (varint(len(scoped)), scoped)
    with pytest.raises(Refused, match="events"):
        parse_otlp_protobuf(body, received_ns=0, writer=Writer())
    records = b"{}," * INGEST_EVENTS_MAX + b"{}"
    text = b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[%b]}]}]}' % records
    with pytest.raises(Refused, match="events"):
        parse_otlp_json(text, received_ns=0, writer=Writer())
    with pytest.raises(Refused, match="objects"):
        parse_otlp_json(b"{" * 2_000_001, received_ns=0, writer=Writer())


def varint(number: int) -> bytes:
    """A number as Protocol Buffers write it."""
    found = b""
    while number >= 0x80:
        found += bytes([number & 0x7F | 0x80])
        number >>= 7
    return found + bytes([number])


def test_a_request_whose_records_are_timed_can_be_known_again() -> None:
    """One without a time of its own, and the same bytes may mean something new."""
    for record, name in (({"timeUnixNano": "1"}, b"r"), ({"observedTimeUnixNano": "1"}, None)):
        body = protobuf(one(record))
        batch = parse_otlp_protobuf(body, received_ns=0, writer=Writer(), request=b"r")
        assert batch.batch.request == name


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_bytes_crash_the_parsers(data: st.DataObject) -> None:
    """A good request with some bytes changed: lines that can be stored, or a refusal."""
    json_body, binary = json.dumps(EXAMPLE).encode(), protobuf(EXAMPLE)
    for parse, body in ((parse_otlp_json, json_body), (parse_otlp_protobuf, binary)):
        changed = bytearray(body)
        for _ in range(data.draw(st.integers(1, 4))):
            changed[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
        try:
            batch = parse(bytes(changed), received_ns=RECEIVED_NS, writer=Writer())
        except Refused as refused:
            assert str(refused).endswith(".")  # noqa: PT017  a refusal is one of two good ends
        else:
            if batch.batch.lines:
                check_lines(batch.batch.lines)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=80))
def test_no_junk_crashes_the_parsers(body: bytes) -> None:
    """Whatever it is."""
    for parse in (parse_otlp_json, parse_otlp_protobuf):
        try:
            parse(body, received_ns=RECEIVED_NS, writer=Writer())
        except Refused as refused:
            assert str(refused).endswith(".")  # noqa: PT017  a refusal is one of two good ends
