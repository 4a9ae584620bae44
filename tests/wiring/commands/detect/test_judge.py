"""`tallystick detect confirm` and `dismiss`: what they ask over HTTP and say."""

import json
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from tallystick.wiring.commands.detect.judge import confirm, dismiss
from tallystick.wiring.facts import Facts, save_facts

ANSWER = {
    "anomaly": "order_size-7", "verdict": "confirmed", "reason": "case 77", "scope": "stream",
    "until": None, "by": "ann", "at": "2026-11-22T08:00:00.000000Z", "position": 12,
    "receipt": {"position": 12},
}  # fmt: skip
PATH = "/v1/anomalies/order_size-7/verdict"


@pytest.fixture
def server(answering: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A server that the data folder of the settings names."""
    answering.body = json.dumps(ANSWER).encode()
    monkeypatch.setenv("TALLYSTICK_DATA", str(tmp_path))
    monkeypatch.delenv("TALLYSTICK_TOKEN", raising=False)
    save_facts(tmp_path, Facts(answering.url, "demo", "a-token", "hec", "vkey"))
    return answering


def run(command: click.Command, *arguments: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(command, arguments, catch_exceptions=False)


def test_confirming(server: Any) -> None:
    """What was said, and which entry says so."""
    result = run(confirm, "order_size-7", "--reason", "case 77")
    assert (result.exit_code, result.stdout) == (0, "order_size-7 is confirmed.\n")
    assert result.stderr == (
        "Entry 12 of the ledger says so; to prove it:\n"
        f"curl -s {server.url}/v1/ledger/entries/12/receipt | tallystick verify - --vkey vkey\n"
    )
    body = {"verdict": "confirmed", "reason": "case 77"}
    assert server.asked == [(PATH, "Bearer a-token", body)]


def test_dismissing(server: Any) -> None:
    """By default this stream; of every detector and until a time where it is said."""
    until = "2027-01-01T00:00:00.000000Z"
    server.body = json.dumps(ANSWER | {"verdict": "dismissed", "until": until}).encode()
    result = run(
        dismiss, "order_size-7", "--reason", "load test", "--every-detector", "--until", until
    )
    assert result.stdout == (
        f"order_size-7 is dismissed, and its like is held back until {until}.\n"
    )
    run(dismiss, "order_size-7", "--reason", "r")
    assert [body for _path, _token, body in server.asked] == [
        {"verdict": "dismissed", "reason": "load test", "scope": "entity", "until": until},
        {"verdict": "dismissed", "reason": "r"},
    ]


@pytest.mark.parametrize("command", [confirm, dismiss])
def test_as_json(server: Any, command: click.Command) -> None:
    """All that the server said, with the receipt."""
    result = run(command, "order_size-7", "--reason", "r", "--json")
    assert json.loads(result.stdout) == ANSWER
    assert result.stderr == ""
    assert server.asked[0][0] == PATH


@pytest.mark.parametrize("command", [confirm, dismiss])
def test_without_a_reason(server: Any, command: click.Command) -> None:
    """A verdict without a reason is none; nobody is asked."""
    result = run(command, "order_size-7")
    assert result.exit_code == 2
    assert "--reason" in result.stderr
    assert server.asked == []


@pytest.mark.parametrize(
    ("status", "body", "exit_code"),
    [
        (404, {"detail": "There is no anomaly 'x'.", "code": "UNKNOWN_ANOMALY"}, 1),
        (422, {"detail": "Nothing personal.", "code": "PERSONAL_DATA"}, 1),
        (503, {"detail": "Not now."}, 2),
    ],
)
def test_refused(server: Any, status: int, body: dict[str, str], exit_code: int) -> None:
    """The server's sentence."""
    server.status, server.body = status, json.dumps(body).encode()
    result = run(confirm, "x", "--reason", "r")
    assert (result.exit_code, result.stderr) == (exit_code, f"tallystick: {body['detail']}\n")
