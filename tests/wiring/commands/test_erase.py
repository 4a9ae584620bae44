"""`tallystick erase`: what it asks over HTTP, what it says, and its exit codes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tallystick.api import OPERATIONS
from tallystick.wiring.commands.erase import erase
from tallystick.wiring.facts import Facts, save_facts

ERASURE = {
    "subject": "S-1", "position": 7, "at": "2026-11-22T08:00:00.000000Z", "positions": [3, 5],
    "fields": ["email", "name"], "reason": "request", "legal_basis": None, "by": "operator 1",
}  # fmt: skip
PROBLEM = {"title": "t", "status": 409, "detail": "Not before 2031-01-01.", "code": "X"}
REASON = ("--reason", "request")


@pytest.fixture
def server(answering: Any) -> Any:
    """A server that erases everybody."""
    answering.body = json.dumps(ERASURE).encode()
    return answering


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs the command in this process; its data folder is the test's."""
    monkeypatch.setenv("TALLYSTICK_DATA", str(tmp_path))
    monkeypatch.delenv("TALLYSTICK_TOKEN", raising=False)
    return lambda *arguments: CliRunner().invoke(erase, arguments, catch_exceptions=False)


def test_it_asks_the_server_that_is_named(server: Any, run: Callable[..., Result]) -> None:
    """The subject in the path, reason and basis in the body, the token in its header."""
    basis = ("--legal-basis", "GDPR, Article 17(1)(b)")
    said = run("S-1", *REASON, *basis, "--url", server.url + "/", "--token", "tally_x")

    assert (said.exit_code, said.stderr) == (0, "")
    assert said.stdout == (
        "S-1 is erased since 2026-11-22T08:00:00.000000Z.\n"
        "Entry 7 says so: email, name, recorded 2 times.\n"
    )
    body = {"reason": "request", "legal_basis": "GDPR, Article 17(1)(b)"}
    assert server.asked == [("/v1/subjects/S-1/erase", "Bearer tally_x", body)]


def test_it_finds_the_server_on_the_data_folder(
    server: Any, run: Callable[..., Result], tmp_path: Path
) -> None:
    """URL and token of demo.json; its token goes to no other server."""
    save_facts(tmp_path, Facts(server.url, "demo", "tally_demo", "hec_demo", "ledger+0+AA=="))

    assert json.loads(run("S-1", *REASON, "--json").stdout) == ERASURE
    assert run("S-1", *REASON, "--url", server.url).exit_code == 0
    elsewhere = run("S-1", *REASON, "--url", "http://127.0.0.1:9")
    assert elsewhere.exit_code == 2
    assert "name it with --token" in elsewhere.stderr
    assert [token for _, token, _ in server.asked] == ["Bearer tally_demo"] * 2


@pytest.mark.parametrize(
    ("status", "body", "exit_code", "sentence"),
    [
        (409, PROBLEM, 1, "Not before 2031-01-01."),
        (404, PROBLEM, 1, "Not before 2031-01-01."),
        (403, {}, 1, "status 403"),
        (503, PROBLEM, 2, "Not before 2031-01-01."),
        (200, [], 2, "no erasure"),
        (200, None, 2, "no erasure"),
    ],
)
def test_what_is_not_done_is_told(
    server: Any, run: Callable[..., Result], status: int, body: Any, exit_code: int,
    sentence: str,
) -> None:  # fmt: skip
    """Refused is 1, no answer that says anything is 2; the sentence is the server's."""
    server.status, server.body = status, json.dumps(body).encode()
    said = run("S-1", *REASON, "--url", server.url, "--token", "t")

    assert (said.exit_code, said.stdout) == (exit_code, "")
    assert said.stderr.startswith("tallystick: ")
    assert sentence in said.stderr


def test_facts_that_cannot_be_read_are_told(run: Callable[..., Result], tmp_path: Path) -> None:
    """The sentence names the file, what is wrong with it, and the options that do without."""
    (tmp_path / "demo.json").write_text("{")
    said = run("S-1", *REASON)

    assert said.exit_code == 2
    assert said.stderr.startswith("tallystick: No server is known (")
    assert "demo.json cannot be read" in said.stderr
    assert "--url and --token" in said.stderr


def test_no_server_is_told(run: Callable[..., Result], server: Any) -> None:
    """Nowhere to ask, nobody there, or something that speaks no JSON: 2."""
    assert "--url and --token" in run("S-1", *REASON).stderr
    assert run("S-1", *REASON).exit_code == 2
    nobody = run("S-1", *REASON, "--url", "http://127.0.0.1:9", "--token", "t")
    assert (nobody.exit_code, "asking again is safe" in nobody.stderr) == (2, True)
    server.body = b"<html>"
    assert run("S-1", *REASON, "--url", server.url, "--token", "t").exit_code == 2


def test_a_subject_stays_in_its_segment_of_the_path(
    server: Any, run: Callable[..., Result]
) -> None:
    """A name with a slash asks for that name, not for another resource."""
    run("../S-1?x=#y", *REASON, "--url", server.url, "--token", "t")

    assert server.asked[0][0] == "/v1/subjects/..%2FS-1%3Fx%3D%23y/erase"


@pytest.mark.server
@pytest.mark.skipif(
    not any(o.path == "/v1/subjects/{subject}/erase" for o in OPERATIONS),
    reason="the product does not serve /v1/subjects yet",
)
def test_the_whole_way(
    serve: Callable[..., Any],
    run: Callable[..., Result],
    tallystick: Callable[..., Any],
    tmp_path: Path,
) -> None:
    """The real server: recorded over HTTP, erased from the command line, gone after a restart.

    No file of the data folder, log lines and stream included, ever holds the value.
    """
    canary = "Canary-Doe-51c2"
    server = serve(tmp_path)
    with server.client() as client:
        fields = {"name": canary}
        put = client.put("/v1/subjects/S-1", json={"fields": fields, "account": "demo"})
        assert put.status_code == 200, put.text
        assert client.get("/v1/subjects/S-1").json()["fields"]["name"]["value"] == canary
        said = run("S-1", *REASON, "--json")
    assert said.exit_code == 0, said.stderr
    position = json.loads(said.stdout)["position"]
    server.kill()
    server = serve(tmp_path)
    with server.client() as client:
        gone = client.get("/v1/subjects/S-1")
        receipt = client.get(f"/v1/ledger/entries/{put.json()['position']}")
    assert server.stop() == 0
    checked = tallystick("check", data=tmp_path)

    assert gone.status_code == 410
    assert gone.json()["detail"] == f"Subject S-1 was erased at position {position} of the ledger."
    assert receipt.status_code == 200
    assert checked.returncode == 0, checked.stdout
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path.name for path in files if canary.encode() in path.read_bytes()] == []
