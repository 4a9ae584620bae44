"""The application around the operations: unknown paths, wrong methods, canonical lines."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Check = Callable[..., dict[str, Any]]
Until = Callable[[Callable[[], Any]], Any]
pytestmark = pytest.mark.server


@pytest.mark.parametrize(
    "path", ["/v1", "/v1/orderz", "/V1/orders", "/v1/orders/", "//v1/orders", "/docs/", "/%2e%2e"]
)
def test_an_unknown_path_is_a_problem(product: Any, refused: Check, path: str) -> None:
    """404, never a redirect."""
    refused(product.demo.get(product.url + path), 404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/v1/orders", "GET, HEAD, POST"),
        ("PATCH", "/v1/orders/O-1", "DELETE, GET, HEAD, PUT"),
        ("POST", "/v1/orders/O-1", "DELETE, GET, HEAD, PUT"),
        ("POST", "/v1/trades", "GET, HEAD"),
        ("OPTIONS", "/v1/orders", "GET, HEAD, POST"),
        ("POST", "/healthz", "GET, HEAD"),
        ("POST", "/v1/live", "GET, HEAD"),
        ("DELETE", "/", "GET, HEAD"),
    ],
)
def test_a_wrong_method_is_a_problem(
    product: Any, refused: Check, method: str, path: str, allow: str
) -> None:
    """405 that names the methods which the path knows (RFC 9110 section 15.5.6)."""
    response = product.demo.request(method, path)

    refused(response, 405, "METHOD_NOT_ALLOWED")
    assert response.headers["allow"] == allow


def test_a_head_request_has_the_headers_only(product: Any) -> None:
    """HEAD is GET without its body."""
    response = product.stranger.head("/healthz")

    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-length"] == "15"


def test_an_unknown_websocket_is_refused(serve: Callable[..., Any], tmp_path: Path) -> None:
    """A request to upgrade where there is no WebSocket gets a 403, and the process lives on."""
    server = serve(tmp_path / "data")  # of its own: the HTTP library says a word about it
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    with server.client() as client:
        assert client.get("/v1/nothing", headers=headers).status_code == 403
        assert client.get("/healthz").status_code == 200
    assert server.stop() == 0
    assert "ERROR" not in server.said()


def test_every_call_is_one_line(product: Any, until: Until) -> None:
    """Method, route, status, duration, account, and what was touched, in OpenTelemetry's names."""
    order_id = product.place()["order"]["id"]
    (placed,) = until(lambda: lines(product, f"order.id={order_id}"))
    product.demo.get(f"/v1/orders/{order_id}")
    (read,) = until(lambda: lines(product, f"url.path=/v1/orders/{order_id}"))

    assert placed["event_name"] == read["event_name"] == "api.request_answered"
    assert placed["http.route"] == "/v1/orders"
    assert read["http.route"] == "/v1/orders/{id}"
    assert (placed["http.response.status_code"], placed["account"]) == (201, "demo")
    assert placed["order.state"] == "filled"
    assert placed["ledger.position"] == int(order_id.removeprefix("O-"))
    assert placed["duration_us"] > 0


def test_a_refused_call_says_why_in_its_line(product: Any, until: Until) -> None:
    """The code and the sentence are in the line, on the hot path and elsewhere."""
    product.demo.post("/v1/orders", json=product.order(pair="XXX/YYY"))
    product.demo.get("/v1/ledger/entries/777777777")

    hot = until(lambda: lines(product, "error.type=UNKNOWN_PAIR XXX/YYY"))
    other = until(lambda: lines(product, "error.type=UNKNOWN_ENTRY 777777777"))
    assert hot[0]["http.response.status_code"] == 422
    assert other[0]["http.response.status_code"] == 404
    assert hot[0]["severity_text"] == "INFO"


def test_a_stream_is_answered_when_it_begins(product: Any, until: Until) -> None:
    """How long somebody listens is told by itself, so that no latency is made of it."""
    with product.demo.stream("GET", "/v1/ledger/follow") as answer:
        next(answer.iter_bytes())
        product.place()

    (line,) = until(lambda: lines(product, "url.path=/v1/ledger/follow"))
    assert line["duration_us"] > 0
    assert line["stream.duration_us"] > 0


def lines(product: Any, query: str) -> list[dict[str, Any]]:
    """Log lines that a search finds."""
    found: list[dict[str, Any]] = product.demo.get("/v1/logs", params={"q": query}).json()["logs"]
    return found
