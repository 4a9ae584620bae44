"""The smoke test: it passes what is well and stops what is not."""

import importlib.util
import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType

import pytest

CHECKPOINT = "example.com/ledger\n42\nAAAA\n\n— example.com/ledger AAAA\n"
WELL = {
    ("GET", "/healthz"): (200, "{}"),
    ("GET", "/readyz"): (200, "{}"),
    ("POST", "/v1/orders"): (401, "{}"),
    ("GET", "/v1/ledger/checkpoint"): (200, CHECKPOINT),
}
Answers = dict[tuple[str, str], tuple[int, str]]


@pytest.fixture
def smoke(here: Path) -> ModuleType:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("smoke", here / "delivery/smoke.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError(here)
    module = sys.modules["smoke"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextmanager
def door(answers: Answers) -> Iterator[str]:
    """A real server on the loopback address that says what is prescribed."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            status, body = answers[self.command, self.path]
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        do_GET = do_POST = _answer  # noqa: N815  http.server's names

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_stage_that_is_well_passes(smoke: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    """Four questions, each with its line."""
    with door(WELL) as url:
        assert smoke.main(["--url", url]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(lines) == 4
    assert all(line["well"] for line in lines)


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (("GET", "/readyz"), (503, "{}")),
        (("POST", "/v1/orders"), (200, "{}")),
        (("GET", "/v1/ledger/checkpoint"), (200, "not a checkpoint")),
        (("GET", "/v1/ledger/checkpoint"), (200, CHECKPOINT.replace("42", "many"))),
    ],
    ids=["not ready", "anybody trades", "unsigned", "no size"],
)
def test_a_stage_that_is_not_stops_the_pipeline(
    smoke: ModuleType, asked: tuple[str, str], answer: tuple[int, str]
) -> None:
    """Any answer that is wrong is exit code 1."""
    with door({**WELL, asked: answer}) as url:
        assert smoke.main(["--url", url]) == 1


def test_nobody_there_is_another_code(smoke: ModuleType, unused: Callable[[], int]) -> None:
    """Within the patience nobody answers: 2."""
    assert smoke.main(["--url", f"http://127.0.0.1:{unused()}", "--patience", "0"]) == 2


@pytest.fixture
def unused() -> Callable[[], int]:
    """A port on which nobody listens."""

    def port() -> int:
        with door({}) as url:
            return int(url.rpartition(":")[2])

    return port
