"""Splunk's HTTP Event Collector at the door: tokens, bodies, encodings, Splunk's own answers."""

import gzip
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tallystick.limits import HEC_BODY_BYTES_MAX

Check = Callable[..., dict[str, Any]]
PATHS = ("/services/collector", "/services/collector/event")
pytestmark = pytest.mark.server


def send(product: Any, path: str, content: bytes, **headers: str) -> httpx.Response:
    """Post to the collector with its token, unless another Authorization is given."""
    sent = {"Authorization": f"Splunk {product.hec_token}"} | headers
    response: httpx.Response = product.stranger.post(path, content=content, headers=sent)
    return response


def found(product: Any, query: str) -> list[dict[str, Any]]:
    """Log lines that a search finds."""
    response = product.demo.get("/v1/logs", params={"q": query})
    assert response.status_code == 200, response.text
    lines: list[dict[str, Any]] = response.json()["logs"]
    return lines


@pytest.mark.parametrize("path", PATHS)
def test_an_event_is_stored_when_it_is_answered(product: Any, path: str) -> None:
    """`Success`, code 0; a search finds it at once, with its metadata."""
    word = f"stored{path.count('/')}"
    body = f'{{"event":{{"word":"{word}"}},"host":"h1","fields":{{"tier":"gold"}}}}'.encode()
    response = send(product, f"{path}?index=main", body)

    assert (response.status_code, response.json()) == (200, {"text": "Success", "code": 0})
    assert response.headers["content-type"] == "application/json"
    (line,) = found(product, f"word={word}")
    assert line.items() >= {"host.name": "h1", "tier": "gold", "com.splunk.index": "main"}.items()


def test_raw_text_is_a_line_an_event(product: Any) -> None:
    """`/raw`: each line of text is one event."""
    response = send(product, "/services/collector/raw?source=unit", b"rawline one\nrawline two\n")

    assert response.json()["code"] == 0
    assert sorted(line["body"] for line in found(product, "rawline com.splunk.source=unit")) == [
        "rawline one",
        "rawline two",
    ]


def test_a_gzip_body_is_unpacked(product: Any) -> None:
    """As Splunk's forwarders and the OpenTelemetry exporter send it."""
    packed = gzip.compress(b'{"event":"zipped-event"}')
    response = send(product, PATHS[1], packed, **{"Content-Encoding": "gzip"})

    assert response.json()["code"] == 0
    assert len(found(product, "zipped-event")) == 1


@pytest.mark.parametrize(
    ("authorization", "status", "code"),
    [
        (None, 401, 2),
        ("", 401, 2),
        ("Splunk", 401, 3),
        ("Splunk wrong", 403, 4),
        ("Splunk \xe9", 403, 4),
        ("Bearer hec", 401, 3),
        ("demo", 401, 3),
    ],
)
def test_a_bad_token_gets_splunks_answer(
    product: Any, authorization: str | None, status: int, code: int
) -> None:
    """Splunk's codes, in Splunk's form, also for the API's own token; nothing is stored."""
    given = f"Bearer {product.tokens['demo']}" if authorization == "demo" else authorization
    headers = {} if given is None else {b"Authorization": given.encode("latin-1")}
    response = product.stranger.post(PATHS[1], content=b'{"event":"never-kept"}', headers=headers)

    assert (response.status_code, response.json()["code"]) == (status, code)
    assert found(product, "never-kept") == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", 5),
        (b"no json", 6),
        (b'{"event":""}', 13),
        (b'{"nothing":1}', 12),
        (b'{"event":"x","time":"noon"}', 6),
        (b'{"event":' + b"[" * 20_000, 6),
    ],
)
def test_a_bad_event_gets_splunks_answer(product: Any, body: bytes, code: int) -> None:
    """400 with Splunk's code and text."""
    response = send(product, PATHS[1], body)

    assert (response.status_code, response.json()["code"]) == (400, code)
    assert response.json()["text"]


def test_the_events_before_a_bad_one_are_counted(product: Any) -> None:
    """`invalid-event-number` names the first event that was not taken, from 0."""
    response = send(product, PATHS[1], b'{"event":"counted-one"}{"event":""}')

    assert response.json()["invalid-event-number"] == 1


def test_an_encoding_that_is_not_known(product: Any, refused: Check) -> None:
    """415 as a problem."""
    response = send(product, PATHS[1], b"x", **{"Content-Encoding": "br"})

    refused(response, 415, "BAD_ENCODING")


CUT = gzip.compress(b'{"event":"cut"}', mtime=0)[:-9]


@pytest.mark.parametrize("body", [b"no gzip", CUT], ids=["none", "cut"])
def test_a_gzip_body_that_is_none(product: Any, refused: Check, body: bytes) -> None:
    """400 as a problem, also for one that ends too early."""
    response = send(product, PATHS[1], body, **{"Content-Encoding": "gzip"})

    refused(response, 400, "BAD_GZIP")


def test_a_batch_too_large(product: Any, refused: Check) -> None:
    """413, packed or not: a small body may unpack to a large one."""
    large = b"x" * (HEC_BODY_BYTES_MAX + 1)

    refused(send(product, PATHS[1], large), 413, "BODY_TOO_LARGE")
    bomb = send(product, PATHS[1], gzip.compress(large), **{"Content-Encoding": "gzip"})
    refused(bomb, 413, "BODY_TOO_LARGE")


@pytest.mark.parametrize("path", [*PATHS, "/services/collector/raw"])
def test_what_the_collector_allows(product: Any, path: str) -> None:
    """OPTIONS needs no token: Docker's log driver asks before it starts a container."""
    response = product.stranger.options(path)

    assert response.status_code == 200
    assert response.headers["allow"] == "POST,OPTIONS"


def test_the_collector_is_healthy(product: Any) -> None:
    """Splunk's own health answer."""
    response = product.stranger.get("/services/collector/health")

    assert (response.status_code, response.json()["code"]) == (200, 17)
