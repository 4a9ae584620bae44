"""What the collectors of this world send, written down by hand, and what becomes of it."""

import gzip
import json
from typing import Any

import pytest

CHANNEL = "0c5a0e9a-3b7e-4d22-9d0c-6b7f7a4c1e55"


def test_dockers_driver(door: Any) -> None:
    """It asks with OPTIONS, then sends objects without anything between them.

    Source: moby `daemon/logger/splunk/splunk.go`; its formats inline, json and raw.
    """
    path = "/services/collector/event/1.0"
    assert door.http.options(path, headers={"User-Agent": "Go-http-client/1.1"}).status_code == 200
    common = '"time":"1789547400.001000","host":"vm","index":"main"'
    events = [
        '{"line":"GET / {\\"a\\":1}","source":"stdout","tag":"0123456789ab","attrs":{"app":"x"}}',
        '{"line":{"number":1,"deep":{"er":true}},"source":"stderr","tag":"0123456789ab"}',
        '"0123456789ab app=x plain text"',
    ]
    body = "".join(f'{{"event":{event},{common}}}' for event in events)
    assert door.send("/event/1.0", body).status_code == 200
    packed = gzip.compress(body.replace(".001", ".002").encode())
    assert door.send("/event/1.0", packed, Content_Encoding="gzip").status_code == 200
    first, second, third = door.lines()[:3]
    stamp = "2026-09-16T08:30:00.001000Z"
    assert {line["timestamp"] for line in (first, second, third)} == {stamp}
    assert (first["line"], first["tag"], first["attrs.app"]) == (
        'GET / {"a":1}', "0123456789ab", "x",
    )  # fmt: skip
    assert (second["line.number"], second["line.deep.er"]) == (1, True)
    assert third["body"] == "0123456789ab app=x plain text"
    assert len(door.lines()) == 6


def test_the_opentelemetry_collector(door: Any) -> None:
    """`splunk_hec` of the collector: health first, then gzip, objects without space between.

    Source: its own requests, recorded.
    """
    assert door.http.get("/services/collector/health").status_code == 200
    fields = {
        "number": 0,
        "otel.log.severity.number": 9,
        "otel.log.severity.text": "INFO",
        "service.name": "shop",
        "trace_id": "01020300000000000000000000000000",
    }
    event = {"event": "record 0", "fields": fields, "host": "unknown", "index": "main"}
    metric = {"event": "metric", "fields": {"metric_name:cpu": 0.5, "metric_type": "Gauge"}}
    span = {"event": {"trace_id": "01", "span_id": "02", "attributes": {"a": 1}, "status": {}}}
    body = "".join(
        json.dumps({**each, "time": 1789547400.001}, separators=(",", ":"))
        for each in (event, metric, span)
    )
    headers = {"__splunk_app_name": "OpenTelemetry Collector Contrib", "__splunk_app_version": ""}
    response = door.http.post(
        "/services/collector",
        content=gzip.compress(body.encode()),
        headers={
            "User-Agent": "OpenTelemetry Collector Contrib/latest",
            "Authorization": "Splunk hec-of-the-facts",
            "Connection": "keep-alive",
            "Content-Encoding": "gzip",
            "Content-Type": "application/json",
            **headers,
        },
    )
    assert (response.status_code, response.json()["code"]) == (200, 0)
    log, metrics, trace = door.lines()
    assert log.items() >= (fields | {"body": "record 0", "severity_text": "INFO"}).items()
    assert metrics["metric_name:cpu"] == 0.5
    assert (trace["attributes.a"], trace["status"]) == (1, {})


@pytest.mark.parametrize("path", ["/event", "/raw"])
def test_amazon_data_firehose(door: Any, path: str) -> None:
    """It probes with an empty body, wants ids of acknowledgment, polls them, and sends again.

    Source: Amazon Data Firehose "Splunk destination"; `tests` of others that speak with it.
    """
    named = {"X_Splunk_Request_Channel": CHANNEL, "X_Amz_Firehose_Protocol_Version": "1.0"}
    probe = door.send(path, b"", **named)
    assert (probe.status_code, probe.json()) == (400, {"text": "No data", "code": 5})
    body = b'{"event":"one","time":1789547400.5}\n{"event":"two","time":1789547400.6}\n'
    first = door.send(path, body, **named).json()
    assert first == {"text": "Success", "code": 0, "ackId": 0}
    polled = door.send("/ack", b'{"acks":[0]}', **named).json()
    assert polled == {"acks": {"0": True}}
    again = door.send(path, body, **named).json()  # the first answer was lost on its way
    assert (again["code"], again["ackId"], again["duplicate-event-count"]) == (0, 1, 2)
    assert len(door.lines()) == 2


def test_fluent_bit(door: Any) -> None:
    """Objects one after another, the time as a number with nine digits, nested records.

    Source: fluent-bit `plugins/out_splunk`; with `splunk_send_raw` off and on.
    """
    body = (
        '{"time":1789547400.123456789,"event":{"log":"a line","kubernetes":{"pod_name":"web-1",'
        '"labels":{"app":"web"}}},"host":"node-1","sourcetype":"kube"}'
        '{"time":1789547400.2,"event":{"log":"another"}}'
    )
    assert door.send("/event", body, Content_Type="application/json").json()["code"] == 0
    assert door.send("/raw", '{"log":"raw"}{"log":"raw 2"}').json()["code"] == 0
    first, second, third = door.lines()
    assert first["timestamp"] == "2026-09-16T08:30:00.123456789Z"
    assert (first["kubernetes.pod_name"], first["kubernetes.labels.app"]) == ("web-1", "web")
    assert (second["log"], third["body"]) == ("another", '{"log":"raw"}{"log":"raw 2"}')


def test_splunks_library_for_java(door: Any) -> None:
    """The severity within the event, the time as a text with three digits, a channel, polls.

    Source: splunk-library-javalogging `HttpEventCollectorSender`, `ChannelMetrics`.
    """
    event = {
        "time": "1789547400.123",
        "host": "jvm-1",
        "source": "shop",
        "sourcetype": "log4j",
        "index": "main",
        "event": {
            "severity": "ERROR",
            "logger": "com.shop.Cart",
            "thread": "main",
            "message": "no item\nat line 2",
            "properties": {"user": "u"},
        },
    }
    body = json.dumps(event) + json.dumps(event | {"time": "1789547400.124"})
    kind = "application/json; profile=urn:splunk:event:1.0; charset=utf-8"
    named = {"X_Splunk_Request_Channel": CHANNEL, "Content_Type": kind}
    answer = door.send("/event/1.0", body, **named).json()
    assert answer["ackId"] == 0
    polled = door.send(f"/ack?channel={CHANNEL}", json.dumps({"acks": [0]})).json()
    assert polled == {"acks": {"0": True}}
    line = door.lines()[0]
    assert (line["message"], line["properties.user"]) == ("no item\nat line 2", "u")
    assert line["timestamp"] == "2026-09-16T08:30:00.123000Z"


def test_a_batch_that_its_sender_would_repeat_for_ever(door: Any) -> None:
    """Docker's driver does until it gets a 200: one bad line must not hold up all behind it."""
    body = '{"event":{"line":"a"},"time":"1.5"}{"event":"","time":"1.5"}{"event":"b","time":"1.5"}'
    assert door.send("/event/1.0", body).status_code == 200
    assert [line["event_name"] for line in door.lines() if "event_name" in line] == [
        "ingest.event_refused"
    ]
    assert len(door.lines()) == 3
