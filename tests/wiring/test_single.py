"""All rooms together: an odd order reaches a person, once, and survives a restart."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tallystick.stream.rules import signature

pytestmark = pytest.mark.server
SECRET = "a shared secret of some length"
ORDINARY = 40
SECONDS = 120.0
"""The first start on a machine compiles the detectors."""
ORDER = {"account": "demo", "pair": "EUR/USD", "side": "buy", "type": "market"}


@dataclass
class Pager:
    """A receiver of webhooks that keeps what it was sent; `status` is what it answers."""

    url: str = ""
    status: int = 204
    calls: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    news: threading.Condition = field(default_factory=threading.Condition)

    def wait(self, count: int) -> list[tuple[dict[str, str], bytes]]:
        """The calls, when there are this many; fails at a deadline."""
        with self.news:
            assert self.news.wait_for(lambda: len(self.calls) >= count, SECONDS), self.calls
            return list(self.calls)

    def take(self, headers: dict[str, str], body: bytes) -> None:
        """Keep a call."""
        with self.news:
            self.calls.append((headers, body))
            self.news.notify_all()


@pytest.fixture
def pager() -> Iterator[Pager]:
    """A real HTTP server on loopback."""
    kept = Pager()

    class Handler(BaseHTTPRequestHandler):
        """One request."""

        def do_POST(self) -> None:
            """Keep it and answer."""
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.send_response(kept.status)
            self.send_header("Content-Length", "0")
            self.end_headers()
            kept.take(headers, body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    kept.url = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield kept
    server.shutdown()
    thread.join()
    server.server_close()


def trade(client: Any, first: int, odd: str) -> dict[str, Any]:
    """Ordinary orders and one that is not; the answer to that one."""
    for number in range(first, first + ORDINARY):
        body = ORDER | {"client_order_id": f"c-{number}", "quantity": str(10_000 + 97 * number)}
        assert client.post("/v1/orders", json=body).status_code == 201
    body = ORDER | {"client_order_id": f"odd-{first}", "quantity": odd}
    answer: dict[str, Any] = client.post("/v1/orders", json=body).json()
    assert answer["order"]["state"] == "filled", answer
    return answer


def test_an_odd_order_reaches_somebody_once(
    serve: Callable[..., Any], pager: Pager, tmp_path: Path
) -> None:
    """The signed alert names the order's position; a restart does not say it again."""
    settings = {"webhook_url": pager.url, "webhook_secret": SECRET, "detection": "on"}
    folder = tmp_path / "data"
    server = serve(folder, **settings)
    with server.client() as client:
        odd = trade(client, 1, "600000")
        headers, body = pager.wait(1)[0]
        (alert,) = msgspec.json.decode(body)["message"]["alerts"]

        assert headers["tallystick-signature"] == signature(
            SECRET.encode(), headers["tallystick-timestamp"], body
        )
        assert alert["position"] == odd["receipt"]["position"]
        assert alert["order_id"] == odd["order"]["id"]
        assert alert["labels"] == {
            "detector": "order_size", "account": "demo", "pair": "EUR/USD",
        }  # fmt: skip
        assert "600,000" in alert["summary"]
    assert server.stop() == 0

    again = serve(folder, **settings)
    with again.client() as client:
        # A later alert about another pair comes after whatever the restart might have repeated.
        for number in range(ORDINARY):
            quantity = str(20_000 + 41 * number)
            body = ORDER | {"client_order_id": f"j-{number}", "pair": "USD/JPY"}
            client.post("/v1/orders", json=body | {"quantity": quantity})
        body = ORDER | {"client_order_id": "j-odd", "pair": "USD/JPY", "quantity": "1500000"}
        later = client.post("/v1/orders", json=body).json()["order"]["id"]
        pager.wait(2)
        said = client.get("/v1/alerts").json()["alerts"]
    assert again.stop() == 0

    sent = [msgspec.json.decode(body)["message"]["alerts"][0] for _headers, body in pager.calls]
    assert [each["order_id"] for each in sent] == [odd["order"]["id"], later]
    assert len({headers["idempotency-key"] for headers, _body in pager.calls}) == 2
    assert {each["order_id"]: each["state"] for each in said}[odd["order"]["id"]] == "delivered"


def test_an_alert_that_could_not_be_sent_is_sent_after_a_restart(
    serve: Callable[..., Any], pager: Pager, tmp_path: Path
) -> None:
    """The outbox outlives the process: the same alert under the same key, until it is taken."""
    settings = {"webhook_url": pager.url, "webhook_secret": SECRET, "detection": "on"}
    folder = tmp_path / "data"
    pager.status = 503
    server = serve(folder, **settings)
    with server.client() as client:
        odd = trade(client, 1, "600000")
        pager.wait(1)
    server.kill()
    with pager.news:
        pager.status = 204
        before = len(pager.calls)

    again = serve(folder, **settings)
    with again.client() as client:
        calls = pager.wait(before + 1)
        pause = threading.Event()
        for _ in range(round(SECONDS / 0.05)):
            (alert,) = client.get("/v1/alerts").json()["alerts"]
            if alert["state"] == "delivered":
                break
            pause.wait(0.05)
    assert again.stop() == 0

    assert (alert["state"], alert["order_id"]) == ("delivered", odd["order"]["id"])
    assert len({headers["idempotency-key"] for headers, _body in calls}) == 1
