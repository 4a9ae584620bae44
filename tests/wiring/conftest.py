"""An HTTP server that says what a test wants to hear, for commands that ask one."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


class Answering:
    """It gives one answer, `status` and `body`, and remembers what it was asked."""

    def __init__(self) -> None:
        """It listens on loopback from now on."""
        self.status, self.body = 200, b"{}"
        self.asked: list[tuple[str, str, Any]] = []
        """Path, Authorization and body of each request."""
        asked = self

        class Handler(BaseHTTPRequestHandler):
            """Answers everybody."""

            def do_POST(self) -> None:
                """One answer for all."""
                body = self.rfile.read(int(self.headers.get("Content-Length", "0"))) or b"null"
                token = self.headers["Authorization"]
                asked.asked.append((self.path, token, json.loads(body)))
                self.send_response(asked.status)
                self.send_header("Content-Length", str(len(asked.body)))
                self.end_headers()
                self.wfile.write(asked.body)

            do_GET = do_POST  # noqa: N815  the name that the server looks for

            def log_message(self, *_arguments: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def answering() -> Iterator[Answering]:
    """A server on a free port; gone after the test."""
    server = Answering()
    yield server
    server.close()
