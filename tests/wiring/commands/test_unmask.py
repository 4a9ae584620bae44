"""`tallystick unmask`: what it asks over HTTP, what it says, and its exit codes."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tallystick.wiring.commands.unmask import unmask
from tallystick.wiring.facts import Facts, save_facts

ANSWER = {
    "seq": 7, "index": "main", "fields": {"/body": "jane@example.com", "/n": 4111111111111111},
    "position": 3, "at": "2026-11-22T08:00:00.000000Z", "by": "ann", "reason": "complaint",
}  # fmt: skip
PROBLEM = {"title": "t", "status": 409, "detail": "Nothing is kept.", "code": "NOT_SEALED"}
ASK = ("7", "--reason", "complaint", "--token", "secret")


class Answering:
    """An HTTP server that gives one answer and remembers what it was asked."""

    def __init__(self) -> None:
        """It listens on loopback from now on."""
        self.status, self.body = 200, json.dumps(ANSWER).encode()
        self.asked: list[tuple[str, str, Any]] = []
        asked = self

        class Handler(BaseHTTPRequestHandler):
            """Answers every POST."""

            def do_POST(self) -> None:
                """One answer for all."""
                body = self.rfile.read(int(self.headers["Content-Length"]))
                asked.asked.append((self.path, self.headers["Authorization"], json.loads(body)))
                self.send_response(asked.status)
                self.send_header("Content-Length", str(len(asked.body)))
                self.end_headers()
                self.wfile.write(asked.body)

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
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Answering]:
    """A server that the data folder of the settings names."""
    server = Answering()
    monkeypatch.setenv("TALLYSTICK_DATA", str(tmp_path))
    monkeypatch.delenv("TALLYSTICK_TOKEN", raising=False)
    save_facts(tmp_path, Facts(server.url, "demo", "trade-token", "hec", "vkey"))
    yield server
    server.close()


def run(*arguments: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(unmask, arguments, catch_exceptions=False)


def test_showing(server: Answering) -> None:
    """Each field on a line; the entry is told beside it, on standard error."""
    result = run(*ASK, "--field", "/body", "--field", "/n")

    assert result.exit_code == 0
    assert result.stdout == "/body: jane@example.com\n/n: 4111111111111111\n"
    assert result.stderr == "Entry 3 of the ledger says that you read it.\n"
    assert server.asked == [
        (
            "/v1/logs/7/unmask", "Bearer secret",
            {"reason": "complaint", "fields": ["/body", "/n"]},
        )
    ]  # fmt: skip


def test_as_json(server: Answering) -> None:
    """All that the server said; all fields are asked for where none is named."""
    result = run(*ASK, "--json", "--url", server.url + "/")

    assert json.loads(result.stdout) == ANSWER
    assert server.asked[0][2] == {"reason": "complaint"}


def test_refused(server: Answering) -> None:
    """The server's sentence, and exit code 1."""
    server.status, server.body = 409, json.dumps(PROBLEM).encode()
    result = run(*ASK)

    assert (result.exit_code, result.stderr) == (1, "tallystick: Nothing is kept.\n")


@pytest.mark.parametrize(
    ("status", "body"), [(500, b"{}"), (200, b"[]"), (200, b"no json"), (503, b'{"detail":"x"}')]
)
def test_cannot_tell(server: Answering, status: int, body: bytes) -> None:
    """An answer that is none: exit code 2."""
    server.status, server.body = status, body
    assert run(*ASK).exit_code == 2


def test_misuse(server: Answering, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No token, no server, no number, no reason: exit code 2, and nothing is asked."""
    assert "needs a token" in run("7", "--reason", "x").stderr
    assert run("0", *ASK[1:]).exit_code == 2
    assert run("7", "--token", "x").exit_code == 2
    monkeypatch.setenv("TALLYSTICK_DATA", str(tmp_path / "none"))
    assert "No server has run" in run(*ASK).stderr
    monkeypatch.setenv("TALLYSTICK_PORT", "none")
    assert "No server is known" in run(*ASK).stderr
    assert server.asked == []


def test_the_demo_s_token_is_not_used(server: Answering) -> None:
    """It is a trader's: who unmasks says so with a token of their own."""
    assert run("7", "--reason", "x").exit_code == 2
    assert server.asked == []
