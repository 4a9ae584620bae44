"""Log lines from elsewhere reach the whole product: sent through each door, found by a search."""

import json
from typing import Any

import httpx
import pytest

from tallystick.access import Tokens

pytestmark = pytest.mark.server


def found(product: Any, query: str) -> list[dict[str, Any]]:
    """Log lines that a search finds."""
    response = product.demo.get("/v1/logs", params={"q": query})
    assert response.status_code == 200, response.text
    lines: list[dict[str, Any]] = response.json()["logs"]
    return lines


def send(product: Any, path: str, content: bytes, token: str | None = None) -> httpx.Response:
    """Post to the collector, with the facts' own token."""
    headers = {"Authorization": f"Splunk {token or product.hec_token}"}
    response: httpx.Response = product.stranger.post(path, content=content, headers=headers)
    return response


def test_an_event_is_found_when_it_is_answered(product: Any) -> None:
    """The facts' token; all nine digits of its time, and its metadata."""
    body = b'{"event":{"word":"hec-door"},"host":"h1","time":1789547400.123456789}'
    response = send(product, "/services/collector/event?index=main", body)
    assert (response.status_code, response.json()) == (200, {"text": "Success", "code": 0})
    (line,) = found(product, "word=hec-door")
    assert line["timestamp"] == "2026-09-16T08:30:00.123456789Z"
    assert line.items() >= {"host.name": "h1", "com.splunk.index": "main"}.items()


def test_raw_text_is_a_line_an_event(product: Any) -> None:
    """Each line of text is one."""
    body = b"rawline one\nrawline two\n"
    assert send(product, "/services/collector/raw?source=unit", body).json()["code"] == 0
    lines = found(product, "rawline com.splunk.source=unit")
    assert sorted(line["body"] for line in lines) == ["rawline one", "rawline two"]


def test_log_records_and_json_lines_are_found(product: Any) -> None:
    """With a token for their indexes, issued beside the running server."""
    tokens = Tokens(product.folder / "tokens.json")
    token = tokens.issue("web servers", "", ("ingest",), ("web",))
    headers = {"Authorization": f"Bearer {token}"}
    record = {"body": {"stringValue": "otlp-door"}, "severityNumber": 17}
    request = {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}
    response = product.stranger.post("/v1/logs", json=request, headers=headers)
    assert (response.status_code, response.json()) == (200, {})
    (line,) = found(product, "otlp-door")
    assert (line["severity_text"], line["com.splunk.index"]) == ("ERROR", "web")

    lines = b'{"word":"lines-door"}\nno line'
    response = product.stranger.post("/v1/logs/lines", content=lines, headers=headers)
    assert (response.json()["accepted"], response.json()["errors"][0]["line"]) == (1, 2)
    assert len(found(product, "word=lines-door")) == 1


def test_an_api_token_is_none_for_the_collector(product: Any) -> None:
    """Nor may it send anything elsewhere: that is a scope of its own."""
    response = send(product, "/services/collector", b'{"event":"a"}', product.tokens["demo"])
    assert (response.status_code, response.json()["code"]) == (403, 4)
    response = product.demo.post("/v1/logs/lines", content=json.dumps({}))
    assert (response.status_code, response.json()["code"]) == (403, "FORBIDDEN")


def test_the_collector_is_healthy(product: Any) -> None:
    """Splunk's own health answer, and its own words for what is not there."""
    response = product.stranger.get("/services/collector/health/1.0")
    assert (response.status_code, response.json()["code"]) == (200, 17)
    response = product.stranger.post("/services/collector/nothing")
    assert (response.status_code, response.json()["code"]) == (404, 404)
    response = product.stranger.get("/services/collector/event")
    assert (response.status_code, response.headers["allow"]) == (405, "POST,OPTIONS")
