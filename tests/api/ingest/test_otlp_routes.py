"""OTLP over HTTP: the unmodified exporter, the protocol's answers and its errors."""

import gzip
import json
import logging
import socket
from collections.abc import Callable
from typing import Any

import pytest
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # it has none
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource

from tallystick.errors import Corrupt, TemporaryError
from tallystick.limits import INGEST_BODY_BYTES_MAX

PROTOBUF, JSON = "application/x-protobuf", "application/json"
STAMP_NS = 1_789_547_400_123_456_789


def request(count: int = 1, **record: Any) -> bytes:
    """Some log records in protobuf."""
    message = ExportLogsServiceRequest()
    scope = message.resource_logs.add().scope_logs.add()
    for number in range(count):
        added = scope.log_records.add(**record)
        added.body.string_value = f"record {number}"
    body: bytes = message.SerializeToString()
    return body


@pytest.fixture
def token(door: Any) -> str:
    """One that may send."""
    issued: str = door.tokens.issue("otel", "", ("ingest",), ("web", "main"))
    return issued


def send(door: Any, token: str | None, body: bytes, kind: str = PROTOBUF, **headers: str) -> Any:
    """Post log records."""
    named = {"Content-Type": kind} | {k.replace("_", "-"): v for k, v in headers.items()}
    if token is not None:
        named["Authorization"] = f"Bearer {token}"
    return door.http.post("/v1/logs", content=body, headers=named)


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
def test_the_unmodified_exporter_sends_to_us(
    door: Any, token: str, compression: Compression, caplog: pytest.LogCaptureFixture
) -> None:
    """Of opentelemetry-sdk: what is logged there is stored here, to the nanosecond."""
    exporter = OTLPLogExporter(
        f"{door.url}/v1/logs",
        headers={"Authorization": f"Bearer {token}"},
        compression=compression,
    )
    resource = Resource({"service.name": "shop", "service.version": "3"})
    provider = LoggerProvider(resource, shutdown_on_exit=False)
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
    logger = provider.get_logger("shop.cart", "1.2")
    for number in range(500):
        logger.emit(
            LogRecord(
                timestamp=STAMP_NS + number,
                severity_number=SeverityNumber.WARN,
                severity_text="WARN",
                body={"item": {"id": number}},
                event_name="cart.item_added",
                attributes={"http.response.status_code": 200, "list": ["a", 1]},
            )
        )
    with caplog.at_level(logging.WARNING):
        provider.shutdown()
    assert caplog.records == []
    lines = door.lines()
    assert len(lines) == 500
    line = lines[-1]
    observed = line.pop("observed_timestamp", None)
    assert observed is None or observed.endswith("Z")
    assert {name: line[name] for name in line if not name.startswith("resource.telemetry")} == {
        "timestamp": "2026-09-16T08:30:00.123457288Z",
        "severity_text": "WARN",
        "severity_number": 13,
        "event_name": "cart.item_added",
        "body.item.id": 499,
        "service.name": "shop",
        "resource.service.version": "3",
        "otel.scope.name": "shop.cart",
        "otel.scope.version": "1.2",
        "http.response.status_code": 200,
        "list": ["a", 1],
        "com.splunk.index": "web",
    }


def test_answers_have_the_type_of_the_request(door: Any, token: str) -> None:
    """Full success says nothing, in either encoding; parameters of the type do no harm."""
    response = send(door, token, request(2))
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-type"] == PROTOBUF
    body = b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"j"}}]}]}]}'
    response = send(door, token, body, f"{JSON}; charset=utf-8")
    assert (response.status_code, response.content) == (200, b"{}")
    assert response.headers["content-type"] == JSON
    assert door.bodies() == ["record 0", "record 1", "j"]
    assert send(door, token, b"").status_code == 200  # no records are no error


def test_a_bad_record_keeps_no_other_out(door: Any, token: str) -> None:
    """`partial_success` counts it and says why; the others are durable."""
    message = ExportLogsServiceRequest.FromString(request(3))
    added = message.resource_logs[0].scope_logs[0].log_records[1].attributes.add()
    added.key, added.value.string_value = "com.splunk.index", "secret"
    why = "Record 1: the token may not write to the index 'secret'."
    response = send(door, token, message.SerializeToString())
    told = ExportLogsServiceResponse.FromString(response.content).partial_success
    assert response.status_code == 200
    assert (told.rejected_log_records, told.error_message) == (1, why)
    assert door.bodies() == ["record 0", "record 2"]

    index = '[{"key":"com.splunk.index","value":{"stringValue":"secret"}}]'
    body = (
        f'{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{}},{{"attributes":{index}}}]}}]}}]}}'
    )
    response = send(door, token, body.encode(), JSON)
    assert response.json() == {"partialSuccess": {"rejectedLogRecords": "1", "errorMessage": why}}
    assert door.ingest.refused == 2


ERRORS = [
    ("unknown", request(), PROTOBUF, {}, 401, 16, "not known"),
    (None, request(), PROTOBUF, {}, 401, 16, "Send your token"),
    ("reader", request(), PROTOBUF, {}, 403, 7, "may not ingest"),
    ("disabled", request(), PROTOBUF, {}, 401, 16, "disabled"),
    ("good", b"\xff", PROTOBUF, {}, 400, 3, "no OTLP request at byte 0"),
    ("good", b"\x1f\x8b", PROTOBUF, {"Content_Encoding": "gzip"}, 400, 3, "gzip"),
    ("good", request(), PROTOBUF, {"Content_Encoding": "deflate"}, 415, 3, "'deflate'"),
    ("good", b" " * (INGEST_BODY_BYTES_MAX + 1), PROTOBUF, {}, 413, 3, "at most"),
    ("good", b"{", JSON, {}, 400, 3, "truncated"),
    ("good", b"{}", "text/plain", {}, 415, 3, "'text/plain'"),
    ("good", b"{}", "", {}, 415, 3, "Send application/x-protobuf"),
]


@pytest.mark.parametrize(
    ("who", "body", "kind", "headers", "status", "code", "why"), ERRORS, ids=range(len(ERRORS))
)
def test_errors_are_statuses(
    quiet_door: Any, who: str | None, body: bytes, kind: str, headers: dict[str, str], status: int,
    code: int, why: str,
) -> None:  # fmt: skip
    """google.rpc.Status in the encoding of the request, with a sentence."""
    tokens = {"unknown": "tally_x", "good": quiet_door.tokens.issue("g", "", ("ingest",))}
    tokens["reader"] = quiet_door.tokens.issue("r", "demo", ("read",))
    tokens["disabled"] = quiet_door.tokens.issue("d", "", ("ingest",))
    quiet_door.tokens.switch(tokens["disabled"], disabled=True)
    response = send(quiet_door, tokens[who] if who else None, body, kind, **headers)
    assert response.status_code == status
    if kind == PROTOBUF:
        assert response.headers["content-type"] == PROTOBUF
        told = Status.FromString(response.content)
        found = (told.code, told.message)
    else:
        assert response.headers["content-type"] == JSON
        found = (response.json()["code"], response.json()["message"])
    assert found[0] == code
    assert why in found[1]
    assert found[1].endswith(".")
    assert "retry-after" not in response.headers


@pytest.mark.parametrize(
    ("error", "fullness", "status", "code"),
    [(TemporaryError("The disk is full."), 0.0, 503, 14), (Corrupt(), 0.0, 500, 13),
     (Corrupt(), 1.0, 429, 8)],
)  # fmt: skip
def test_what_may_be_tried_again_says_when(
    door: Any, token: str, monkeypatch: pytest.MonkeyPatch, error: Exception, fullness: float,
    status: int, code: int,
) -> None:  # fmt: skip
    """429 and 503 with Retry-After; 500 without."""

    def refuse(_lines: object) -> int:
        raise error

    monkeypatch.setattr(door.store, "append", refuse)
    monkeypatch.setattr(door.store, "pressure", lambda: fullness)
    response = send(door, token, request())
    assert (response.status_code, Status.FromString(response.content).code) == (status, code)
    assert ("retry-after" in response.headers) is (status != 500)


def test_the_tokens_that_may_send(door: Any) -> None:
    """Those with the scope, and the collector's own."""
    assert send(door, "hec-of-the-facts", request()).status_code == 200
    assert [line["com.splunk.index"] for line in door.lines()] == ["main"]


def test_a_request_that_comes_again_is_stored_once(door: Any, token: str) -> None:
    """An exporter whose answer was lost sends it again; without times it may be a new one."""
    for _ in range(2):
        assert send(door, token, request(time_unix_nano=STAMP_NS)).status_code == 200
    assert len(door.lines()) == 1
    for _ in range(2):
        send(door, token, request())
    assert len(door.lines()) == 3


def test_json_lines_are_stored(door: Any, token: str) -> None:
    """Good ones are stored, bad ones are named with their numbers."""
    body = b'{"timestamp":"2026-09-16T08:30:00Z","n":1}\nno line\n{"n":2,"com.splunk.index":"x"}\n'
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/x-ndjson"}
    response = door.http.post("/v1/logs/lines", content=body, headers=headers)
    assert response.status_code == 200
    assert response.json() == {
        "accepted": 1,
        "duplicates": 0,
        "rejected": 2,
        "errors": [
            {"line": 2, "reason": "Line 2: JSON is malformed: invalid character (byte 4)."},
            {"line": 3, "reason": "Line 3: the token may not write to the index 'x'."},
        ],
    }
    named = {"timestamp": "2026-09-16T08:30:00Z", "n": 1, "com.splunk.index": "web"}
    assert door.lines() == [named]
    packed = gzip.compress(b'{"n":3}')
    headers |= {"Content-Encoding": "gzip"}
    assert door.http.post("/v1/logs/lines", content=packed, headers=headers).json()["accepted"] == 1


def test_json_lines_of_which_none_is_good(door: Any, token: str) -> None:
    """422 with the same answer; none at all is no error."""
    headers = {"Authorization": f"Bearer {token}"}
    response = door.http.post("/v1/logs/lines", content=b"junk", headers=headers)
    assert (response.status_code, response.json()["rejected"]) == (422, 1)
    response = door.http.post("/v1/logs/lines", content=b"\n", headers=headers)
    assert (response.status_code, response.json()["accepted"]) == (200, 0)


@pytest.mark.parametrize(
    ("authorization", "status", "code"),
    [(None, 401, "UNAUTHENTICATED"), ("Bearer tally_x", 401, "UNAUTHENTICATED"),
     ("Splunk hec-of-the-facts", 401, "UNAUTHENTICATED")],
)  # fmt: skip
def test_json_lines_want_a_token(
    quiet_door: Any, authorization: str | None, status: int, code: str
) -> None:
    """As the rest of the API does."""
    headers = {"Authorization": authorization} if authorization else {}
    response = quiet_door.http.post("/v1/logs/lines", content=b"{}", headers=headers)
    assert (response.status_code, response.json()["code"]) == (status, code)


def test_a_duplicate_line_is_accepted_and_stored_once(door: Any, token: str) -> None:
    """By its id; and the whole request where each line has its time."""
    headers = {"Authorization": f"Bearer {token}"}
    one = json.dumps({"log.record.uid": "u"}).encode()
    timed = json.dumps({"timestamp": "2026-09-16T08:30:00.5Z"}).encode()
    for body in (one, one, timed, timed):
        answer = door.http.post("/v1/logs/lines", content=body, headers=headers).json()
        assert answer["accepted"] == 1
    assert len(door.lines()) == 2


def test_a_body_that_comes_too_slowly(
    open_door: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """408: its room is for others."""
    monkeypatch.setattr("tallystick.api.ingest.INGEST_BODY_SECONDS_MAX", 0.05)
    door = open_door()
    host, port = door.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        head = "POST /v1/logs/lines HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n"
        connection.sendall(f"{head}Authorization: Bearer hec-of-the-facts\r\n\r\n{{".encode())
        answer = b""
        while b"}" not in answer:
            answer += connection.recv(4_096)
    assert b" 408 " in answer
    assert '"BODY_TOO_SLOW"' in answer.decode()
    assert door.ingest.flight.used == 0
