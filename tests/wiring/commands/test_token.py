"""`tallystick token`: who may use the API, decided on the data folder."""

import json
from pathlib import Path
from typing import get_args

import pytest
from click.testing import CliRunner, Result

from tallystick.access import Scope, Tokens
from tallystick.wiring.commands.token import SCOPES, token


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder, named by the settings."""
    monkeypatch.setenv("TALLYSTICK_DATA", str(tmp_path))
    return tmp_path


def run(*arguments: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(token, arguments, catch_exceptions=False)


def test_an_issued_token_is_valid_at_once(folder: Path) -> None:
    """Printed alone on standard output, so that it can be piped; known to a running server."""
    server = Tokens(folder / "tokens.json")
    said = run("issue", "--name", "Auditor LLP", "--scope", "audit", "--scope", "audit")
    assert said.exit_code == 0
    principal = server.principal(f"Bearer {said.stdout.strip()}")
    assert (principal.name, principal.account, principal.scopes) == ("Auditor LLP", "", {"audit"})
    assert "not shown again" in said.stderr


def test_tokens_are_listed_and_revoked_by_their_id(folder: Path) -> None:
    """The list shows no token; a revoked one is gone from it."""
    asked = ("--name", "desk", "--account", "acme", "--scope", "trade", "--scope", "read")
    issued = json.loads(run("issue", *asked, "--json").stdout)
    listed = run("list", "--json")
    assert json.loads(listed.stdout) == [
        {"id": issued["id"], "name": "desk", "account": "acme", "scopes": ["trade", "read"]}
    ]
    assert issued["token"] not in listed.stdout
    assert run("list").stdout.split() == [issued["id"], "trade,read", "acme", "desk"]

    revoked = run("revoke", issued["id"], "--json")
    assert (revoked.exit_code, json.loads(revoked.stdout)["name"]) == (0, "desk")
    assert run("list").stdout == ""
    assert not Tokens(folder / "tokens.json").knows(issued["token"])


def test_a_token_can_be_revoked_by_itself(folder: Path) -> None:
    """Whoever finds a leaked token need not look up its id."""
    leaked = run("issue", "--name", "x", "--scope", "operate").stdout.strip()
    assert run("revoke", leaked).exit_code == 0
    assert not Tokens(folder / "tokens.json").knows(leaked)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("issue", "--name", "x", "--scope", "trade"), "name it with --account"),
        (("issue", "--name", "x", "--scope", "read", "--scope", "audit"), "--account"),
        (("issue", "--name", "x\ny", "--scope", "audit"), "characters that can be printed"),
        (("issue", "--name", "", "--scope", "audit"), "characters that can be printed"),
        (("issue", "--name", "x" * 101, "--scope", "audit"), "1 to 100 characters"),
        (("issue", "--name", "x", "--scope", "all"), "'all' is not one of"),
        (("issue", "--name", "x"), "--scope"),
        (("revoke", "nothing"), "There is no such token"),
        (("disable", "nothing"), "There is no such token"),
        (("enable", "nothing"), "There is no such token"),
        (("issue", "--name", "x", "--scope", "ingest", "--index", "A/b"), "no name of an index"),
        (("issue", "--name", "x", "--scope", "ingest", *("--index", "a") * 101), "at most 100"),
    ],
    ids=str,
)
def test_misuse_is_said_and_changes_nothing(
    folder: Path, arguments: tuple[str, ...], said: str
) -> None:
    """Exit code 2 with a sentence."""
    result = run(*arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert not (folder / "tokens.json").exists()


def test_without_a_data_folder_none_is_made(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistyped folder is not filled with tokens that nobody asks for."""
    monkeypatch.setenv("TALLYSTICK_DATA", str(folder / "mistyped"))
    result = run("issue", "--name", "x", "--scope", "audit")
    assert result.exit_code == 2
    assert "There is no data folder" in result.stderr
    assert not (folder / "mistyped").exists()


def test_a_damaged_file_is_named(folder: Path) -> None:
    """And left as it is."""
    (folder / "tokens.json").write_bytes(b"{")
    result = run("list")
    assert result.exit_code == 2
    assert "does not hold tokens" in result.stderr


def test_a_token_for_log_lines(folder: Path) -> None:
    """With the indexes that it may write to, each once, in the order in which they were given."""
    asked = ("--name", "web", "--scope", "ingest", "--index", "web", "--index", "main")
    issued = json.loads(run("issue", *asked, "--index", "web", "--json").stdout)
    assert issued["indexes"] == ["web", "main"]
    assert "[web, main]" in run("list").stdout
    record = Tokens(folder / "tokens.json").find(issued["token"])
    assert record is not None
    assert record.indexes == ("web", "main")


def test_a_token_is_disabled_and_enabled(folder: Path) -> None:
    """By its id; the list shows it."""
    issued = json.loads(run("issue", "--name", "web", "--scope", "ingest", "--json").stdout)
    tokens = Tokens(folder / "tokens.json")
    disabled = run("disable", issued["id"])
    assert (disabled.exit_code, disabled.stdout) == (0, f"Disabled {issued['id']}: web.\n")
    assert "(disabled)" in run("list").stdout
    assert not tokens.knows(issued["token"])
    enabled = json.loads(run("enable", issued["id"], "--json").stdout)
    assert "disabled" not in enabled
    assert tokens.knows(issued["token"])


def test_every_scope_can_be_given() -> None:
    """The command names the scopes itself; here they are seen to be those of the tokens."""
    assert set(SCOPES) == set(get_args(Scope))
