"""`tallystick unmask`: what it asks over HTTP, what it says, and its exit codes."""

import json
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


@pytest.fixture
def server(answering: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A server that the data folder of the settings names."""
    answering.body = json.dumps(ANSWER).encode()
    monkeypatch.setenv("TALLYSTICK_DATA", str(tmp_path))
    monkeypatch.delenv("TALLYSTICK_TOKEN", raising=False)
    save_facts(tmp_path, Facts(answering.url, "demo", "trade-token", "hec", "vkey"))
    return answering


def run(*arguments: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(unmask, arguments, catch_exceptions=False)


def test_showing(server: Any) -> None:
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


def test_as_json(server: Any) -> None:
    """All that the server said; all fields are asked for where none is named."""
    result = run(*ASK, "--json", "--url", server.url + "/")

    assert json.loads(result.stdout) == ANSWER
    assert server.asked[0][2] == {"reason": "complaint"}


def test_refused(server: Any) -> None:
    """The server's sentence, and exit code 1."""
    server.status, server.body = 409, json.dumps(PROBLEM).encode()
    result = run(*ASK)

    assert (result.exit_code, result.stderr) == (1, "tallystick: Nothing is kept.\n")


@pytest.mark.parametrize(
    ("status", "body"), [(500, b"{}"), (200, b"[]"), (200, b"no json"), (503, b'{"detail":"x"}')]
)
def test_cannot_tell(server: Any, status: int, body: bytes) -> None:
    """An answer that is none: exit code 2."""
    server.status, server.body = status, body
    assert run(*ASK).exit_code == 2


def test_misuse(server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No token, no server, no number, no reason: exit code 2, and nothing is asked."""
    assert "needs a token" in run("7", "--reason", "x").stderr
    assert run("0", *ASK[1:]).exit_code == 2
    assert run("7", "--token", "x").exit_code == 2
    monkeypatch.setenv("TALLYSTICK_DATA", str(tmp_path / "none"))
    assert "No server has run" in run(*ASK).stderr
    monkeypatch.setenv("TALLYSTICK_PORT", "none")
    assert "No server is known" in run(*ASK).stderr
    assert server.asked == []


def test_the_demo_s_token_is_not_used(server: Any) -> None:
    """It is a trader's: who unmasks says so with a token of their own."""
    assert run("7", "--reason", "x").exit_code == 2
    assert server.asked == []
