"""An HTTP POST that we make, against a real server on loopback."""

import asyncio
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tallystick.clock import SystemClock
from tallystick.errors import Misconfigured, PermanentError, TemporaryError
from tallystick.posting import ANSWER_BYTES_MAX, Poster


class Peer(ThreadingHTTPServer):
    """Answers as it is told and remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/hook?key=private"
        self.status, self.answer, self.headers = 200, b"taken", {"x": "y"}
        self.asked: list[tuple[str, bytes, str | None]] = []


class _Handler(BaseHTTPRequestHandler):
    server: Peer

    def do_POST(self) -> None:
        """One request."""
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.asked.append((self.path, body, self.headers["user-agent"]))
        self.send_response(self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(self.server.answer)))
        self.end_headers()
        self.wfile.write(self.server.answer)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def peer() -> Iterator[Peer]:
    """A server on loopback."""
    with Peer() as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield server
        server.shutdown()
        serving.join()


def _ask(url: str, *, path: str | None = None, taken: tuple[int, ...] = ()) -> bytes:
    async def story() -> bytes:
        poster = Poster(url, SystemClock(), what="a peer", seconds_max=20, quotes=True)
        try:
            return await poster.post(b"{}", {"X-Mine": "1"}, path=path, taken=taken)
        finally:
            await poster.close()

    return asyncio.run(story())


def test_a_body_is_posted_and_the_answer_read(peer: Peer) -> None:
    """To the URL as it is, or to another path of its origin."""
    assert _ask(peer.url) == b"taken"
    assert _ask(peer.url, path="/other") == b"taken"

    assert [(path, body) for path, body, _ in peer.asked] == [
        ("/hook?key=private", b"{}"),
        ("/other", b"{}"),
    ]
    assert (peer.asked[0][2] or "").startswith("Tallystick/")


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, PermanentError), (404, PermanentError), (302, PermanentError)]
    + [(status, TemporaryError) for status in (408, 425, 429, 500, 503)],
)
def test_answers_are_judged(status: int, error: type[Exception], peer: Peer) -> None:
    """What may change is tried again; the sentence quotes the answer and hides the address."""
    peer.status, peer.answer = status, b"because"

    with pytest.raises(error, match=rf"^127\.0\.0\.1 answered {status}: because\.$"):
        _ask(peer.url)


def test_a_status_may_be_an_answer(peer: Peer) -> None:
    """Protocols that answer with 400 and say why."""
    peer.status, peer.answer = 400, b'{"code":6}'

    assert _ask(peer.url, taken=(400,)) == b'{"code":6}'


def test_how_long_to_stay_away(peer: Peer) -> None:
    """`Retry-After` goes with the error."""
    peer.status, peer.headers = 503, {"Retry-After": "17"}

    with pytest.raises(TemporaryError) as caught:
        _ask(peer.url)

    assert caught.value.retry_after_seconds == 17


def test_a_long_answer_is_cut(peer: Peer) -> None:
    """Nobody fills our memory with an answer."""
    peer.answer = b"x" * (ANSWER_BYTES_MAX * 4)

    assert len(_ask(peer.url)) == ANSWER_BYTES_MAX


def test_nobody_there() -> None:
    """Temporary, and the private part of the address stays out of it."""
    with pytest.raises(TemporaryError, match="cannot be reached") as caught:
        _ask("http://127.0.0.1:1/private")

    assert "private" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["ftp://h/x", "h/x", "http://", "http://[::", "http://u:p@h/", "http://h:0/"]
)
def test_addresses_that_cannot_be_used(url: str) -> None:
    """Said at once, and without what stands in them."""
    with pytest.raises(Misconfigured, match="peer") as caught:
        _ask(url)

    assert "u:p" not in str(caught.value)
