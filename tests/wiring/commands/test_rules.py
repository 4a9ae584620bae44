"""`tallystick rules`: patterns are tried, folders checked, and a server's rules looked after."""

import asyncio
import json
import random
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from tallystick.access import Tokens
from tallystick.api.operation import route
from tallystick.api.problems import problem_response
from tallystick.api.rules import OPERATIONS
from tallystick.clock import SystemClock
from tallystick.errors import TallystickError
from tallystick.keys import FileKeyring
from tallystick.ledger import Ledger, MemoryStore, Sealable
from tallystick.stream import Message
from tallystick.stream.rules import EventRules, read_rule
from tallystick.wiring.commands.rules import rules
from tallystick.wiring.http import server_for

ENTRY = '{"at":"2026-11-22T04:08:16.123456Z","kind":"order_filled","order":{"account":"demo"}}'
FILLED = '{"detail-type": ["Order Filled"]}'
RULE = f"""
description = "fills"
pattern = '{FILLED}'
[[targets]]
id = "w"
type = "webhook"
url = "http://127.0.0.1:1/hook"
retry = {{attempts_max = 1}}
"""


def run(*arguments: str, given: str | None = None) -> tuple[int, str]:
    """Exit code and all that was said."""
    result = CliRunner().invoke(rules, arguments, input=given)
    return result.exit_code, result.output


@pytest.mark.parametrize("form", ["text", "pattern.json", "rule.toml", "rule.json"])
def test_a_pattern_is_tried_on_an_entry(tmp_path: Path, form: str) -> None:
    """As text, in a file of its own, or in a rule; an entry is wrapped as the server would."""
    (tmp_path / "entry.json").write_text(ENTRY)
    (tmp_path / "pattern.json").write_text(FILLED)
    (tmp_path / "rule.toml").write_text(RULE)
    target = {"type": "queue", "queue": "q"}
    (tmp_path / "rule.json").write_text(
        json.dumps({"pattern": json.loads(FILLED), "targets": [target]})
    )
    pattern = FILLED if form == "text" else str(tmp_path / form)
    assert run("test", pattern, str(tmp_path / "entry.json")) == (0, "matched\n")


def test_what_does_not_match_is_told_with_its_path() -> None:
    """In words and as JSON; the event comes from standard input."""
    event = '{"detail-type": "Order Filled", "detail": {"n": 1}}'
    pattern = '{"detail": {"n": [{"numeric": [">", 1]}]}}'
    code, said = run("test", pattern, "-", given=event)
    assert (code, said) == (
        1,
        'not matched: detail.n is 1; asked for is [{"numeric": [">", 1]}].\n',
    )
    code, said = run("test", pattern, "-", "--json", given=event)
    assert (code, json.loads(said)["path"]) == (1, "detail.n")


@pytest.mark.parametrize(
    ("pattern", "event", "sentence"),
    [
        ('{"a": 1}', "{}", "must be an object or an array"),
        (FILLED, "{", "truncated"),
        (FILLED, "[]", "An event is a JSON object."),
        ("nowhere.json", "{}", "No such file"),
        (FILLED, '{"a":"' + "x" * 300_000 + '"}', "larger than 262144 bytes"),
    ],
)
def test_what_cannot_be_tried(pattern: str, event: str, sentence: str) -> None:
    """Exit code 2 and a sentence."""
    code, said = run("test", pattern, "-", given=event)
    assert code == 2
    assert sentence in said


def test_a_rule_with_a_schedule_has_no_pattern(tmp_path: Path) -> None:
    """There is nothing to try."""
    (tmp_path / "daily.toml").write_text(
        'schedule = "rate(1 day)"\n[[targets]]\ntype = "queue"\nqueue = "q"\n'
    )
    code, said = run("test", str(tmp_path / "daily.toml"), "-", given="{}")
    assert code == 2
    assert "has no pattern" in said


def test_a_folder_is_checked(tmp_path: Path) -> None:
    """Good ones are named; of bad ones everything is."""
    (tmp_path / "fills.toml").write_text(RULE)
    code, said = run("check", str(tmp_path))
    assert code == 0
    assert "fills: fills\n" in said
    assert said.endswith("5 rules can be used.\n")
    assert json.loads(run("check", str(tmp_path), "--json")[1])["usable"]
    (tmp_path / "a.toml").write_text(RULE.replace("http://", "ftp://"))
    code, said = run("check", str(tmp_path))
    assert code == 1
    assert "a: target w: A webhook's URL starts with" in said
    (tmp_path / "b.toml").write_text("x")
    code, said = run("check", str(tmp_path), "--json")
    assert (code, json.loads(said)["usable"]) == (1, False)
    assert run("check", str(tmp_path / "nowhere"))[0] == 1


class Served:
    """Rules behind a real server, in a thread of their own."""

    def __init__(self, folder: Path) -> None:
        self._ready = threading.Event()
        self._folder = folder
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()))
        self._thread.start()
        assert self._ready.wait(20)

    def options(self) -> tuple[str, ...]:
        """How a command finds it."""
        return ("--url", self.url, "--token", self.token)

    def close(self) -> None:
        """End the server and its thread."""
        self._server.should_exit = True
        self._thread.join()

    async def _main(self) -> None:
        clock = SystemClock()
        ledger = Ledger(MemoryStore(), FileKeyring("ledger.example/test", b"\x07" * 32))
        rule = read_rule("fills", RULE.encode(), "toml")
        event_rules = EventRules(
            self._folder / "rules.db", [rule], ledger, clock,
            random.Random(7),  # noqa: S311  jitter
            secret=b"a shared secret of enough bytes",
        )  # fmt: skip
        tokens = Tokens(self._folder / "tokens.json", clock)
        self.token = tokens.issue("ops", "demo", ("operate",))
        services: Any = SimpleNamespace(
            clock=clock, tokens=tokens, rules=event_rules, ledger=ledger, ledger_public=False,
            ledger_tiles_public=False,
        )  # fmt: skip

        async def told(_request: Request, error: Exception) -> Response:
            assert isinstance(error, TallystickError)
            return problem_response(error)

        app = Starlette(
            routes=[route(operation, services) for operation in OPERATIONS],
            exception_handlers={TallystickError: told},
        )
        self._server = server_for(app, "127.0.0.1", 0)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            working = asyncio.create_task(event_rules.run())
            await ledger.append(0, [Sealable(ENTRY.encode())])
            await event_rules.take([Message(0, ENTRY.encode())])
            while not event_rules.outbox.dead_count():  # noqa: ASYNC110  it is in a file
                await asyncio.sleep(0.01)
            self._ready.set()
            await self._server.serve(sockets=[listener])
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        await event_rules.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A server with one rule, one entry and one dead letter."""
    server = Served(tmp_path)
    yield server
    server.close()


def test_a_servers_rules_are_listed_replayed_and_revived(served: Served) -> None:
    """What was matched, what is dead; a replay is followed; dead letters go again."""
    code, said = run("list", *served.options())
    assert code == 0
    assert said.splitlines()[1].split() == ["fills", "w", "1", "0", "0", "1"]
    code, said = run("list", "--json", *served.options())
    assert json.loads(said)["rules"][0]["name"] == "fills"
    code, said = run("dead", *served.options())
    assert code == 0
    given_up = "127.0.0.1 cannot be reached (ConnectError). Given up: 1 attempts."
    assert f"fills/w event 0: {given_up}" in said
    assert said.endswith("1 of 1 dead letters.\n")
    assert json.loads(run("dead", "--rule", "fills", "--json", *served.options())[1])["total"] == 1
    period = ("--from", "2026-11-22T00:00:00Z", "--to", "2026-11-23T00:00:00Z")
    code, said = run("replay", "monday", *period, "--dry-run", *served.options())
    assert code == 0
    assert said.endswith("monday is done: of 1 entries 1 would match.\n")
    code, said = run("replay", "monday", *period, *served.options())
    assert code == 1
    assert said.endswith("tallystick: There is a replay 'monday' already.\n")
    code, said = run("replay", "t", *period, "--rule", "fills", "--json", *served.options())
    assert json.loads(said[said.index("{\n") :])["matched"] == 1  # log lines come before
    code, said = run("dead", "--replay", "--rule", "fills", *served.options())
    assert code == 0
    assert said.endswith(" on their way again.\n")
    assert run("dead", "--replay", "--id", "999", *served.options())[0] == 1


def test_no_server_and_no_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sentence says what to name."""
    monkeypatch.setenv("TALLYSTICK_DATA", str(tmp_path))
    monkeypatch.delenv("TALLYSTICK_TOKEN", raising=False)
    code, said = run("list")
    assert code == 2
    assert "name it with --url and --token" in said
    code, said = run("list", "--url", "http://127.0.0.1:1", "--token", "x")
    assert code == 2
    assert "gives no answer" in said
