"""`tallystick archive`: what it says and how it ends, asked of a real server on loopback."""

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
import uvicorn
from click.testing import CliRunner, Result
from starlette.responses import Response
from starlette.routing import Router

from tallystick.access import Tokens
from tallystick.api.archive import OPERATIONS
from tallystick.api.operation import route
from tallystick.api.problems import problem_response
from tallystick.api.services import Services
from tallystick.clock import NS_PER_SECOND, SystemClock, rfc3339
from tallystick.errors import TallystickError
from tallystick.keys import FileKeyring
from tallystick.ledger import Ledger, Publisher, Sealable, SqliteStore
from tallystick.ledger.checkpoint import VerifierKey
from tallystick.ledger.verify import Trust
from tallystick.watch.collect.archive import PLACE, Archive, ArchiveRules, open_vault
from tallystick.watch.collect.store import LogStore
from tallystick.wiring.commands.archive import archive

CLOCK = SystemClock()
DAY_NS = 86_400 * NS_PER_SECOND
WHY = ("--reason", "case 12")


class Place:
    """A server with an archive of three parts and a ledger of 300 entries, and its command line."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.published = folder / "published"
        self.vkey = self._publish()
        self._store = LogStore(folder / "logs", CLOCK)
        self.archive = Archive(
            self._store, open_vault(str(folder / "vault"), CLOCK), ArchiveRules(), CLOCK,
            folder=folder / "archive", append=self._append, published=self.published,
            trust=lambda: Trust((VerifierKey.parse(self.vkey),)),
        )  # fmt: skip
        self._store.attach(PLACE, self.archive.source)
        self._entries = 0
        for days in (40, 50, 60):
            at = rfc3339(CLOCK.now_ns() - days * DAY_NS)
            line = {"timestamp": at, "body": "x", "com.splunk.index": "main"}
            self._store.append([msgspec.json.encode(line)] * 10)
        self._store.seal()
        self.archive.round()
        tokens = Tokens(folder / "tokens.json")
        self.token = tokens.issue("ann", "", ("operate",))
        self.all = tokens.issue("bob", "", ("operate", "bypass"))
        services = SimpleNamespace(
            tokens=tokens, clock=CLOCK, archive=self.archive, ledger_public=False,
            ledger_tiles_public=False,
        )  # fmt: skip
        self._router = Router([route(each, cast("Services", services)) for each in OPERATIONS])
        self._server = uvicorn.Server(
            uvicorn.Config(self._answer, port=0, log_config=None, lifespan="off", interface="asgi3")
        )
        self._thread = threading.Thread(target=self._server.run)
        self._thread.start()
        while not self._server.started:
            CLOCK.pause(0.01)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"

    def run(self, *arguments: str, who: str = "") -> Result:
        """The command, against this server."""
        named = ("--url", self.url, "--token", who or self.token)
        return CliRunner().invoke(archive, [*arguments, *named], catch_exceptions=False)

    def close(self) -> None:
        """End the server."""
        self._server.should_exit = True
        self._thread.join()
        self.archive.close()
        self._store.close()

    def _publish(self) -> str:
        """A ledger of 300 entries; its verifier key."""
        store = SqliteStore(self.folder / "ledger.db", CLOCK)
        signer = FileKeyring.open(self.folder / "ledger.key", default_name="tallystick.test/cli")
        ledger = Ledger(store, signer)
        asyncio.run(ledger.append(0, [Sealable(b'{"n":%d}' % n) for n in range(300)]))
        Publisher(store, self.published).publish()
        store.close()
        return signer.vkey

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        scope["app"] = self
        scope.setdefault("state", {})
        response: Response | None = None
        try:
            await self._router(scope, receive, send)
        except TallystickError as error:
            response = problem_response(error)
        if response is not None:
            await response(scope, receive, send)

    async def _append(self, make: Any, key: str | None) -> int:
        del key
        make(rfc3339(CLOCK.now_ns()))
        self._entries += 1
        return self._entries - 1


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """One server for all tests, which only add to what they find."""
    made = Place(tmp_path_factory.mktemp("archive"))
    yield made
    made.close()


def test_status(place: Place) -> None:
    """Rules, parts by state, the ledger; the same as JSON."""
    said = place.run("status")
    assert said.exit_code == 0
    assert "after 30 days, locked in governance mode for 7 years" in said.stdout
    assert "archived          3 parts" in said.stdout
    assert "ledger: 300 entries in 1 volume" in said.stdout
    assert json.loads(place.run("status", "--json").stdout)["states"]["archived"]["parts"] == 3


def test_list(place: Place) -> None:
    """A line a part, with its lock; a range narrows it."""
    said = place.run("list")
    assert (said.exit_code, said.stderr) == (0, "3 parts\n")
    assert said.stdout.count("governance 20") == 3
    few = place.run("list", "--index", "main", "--earliest", "-55d", "--json")
    assert len(json.loads(few.stdout)["parts"]) == 2


def test_a_hold_keeps_and_is_released(place: Place) -> None:
    """Set, listed, in the way of a deletion, released."""
    asked = ("--index", "main", "--earliest", "-55d", *WHY)
    made = json.loads(place.run("hold", *asked, "--json").stdout)
    refused = place.run("delete", "--bypass", "--yes", *WHY, who=place.all)
    assert refused.exit_code == 1
    assert "under legal hold" in refused.stderr
    assert f"{made['id']}  active  main from" in place.run("holds").stdout

    freed = place.run("release", made["id"], "--reason", "over")
    assert f"{made['id']} is released; entry" in freed.stdout
    assert "released by ann" in place.run("holds").stdout


def test_a_refusal_ends_with_1_and_its_sentence(place: Place) -> None:
    """Locked parts, nothing cold, unknown names: said, and nothing else."""
    for arguments, sentence in (
        (("delete", "--yes", *WHY), "governance mode until"),
        (("delete", "--yes", "--bypass", *WHY), "may not bypass"),
        (("restore", *WHY), "all of it can be searched"),
        (("restores", "R-1"), "no restore R-1"),
        (("release", "H-1", *WHY), "no legal hold H-1"),
    ):
        said = place.run(*arguments)
        assert (said.exit_code, said.stdout) == (1, "")
        assert sentence in said.stderr


def test_retain(place: Place) -> None:
    """Longer is free."""
    asked = ("--mode", "governance", "--until", "2050-01-01T00:00:00Z", *WHY)
    said = place.run("retain", "--latest", "-55d", *asked)
    assert said.stdout.startswith("1 part is locked; entry ")
    assert "governance 2050-01-01" in place.run("list", "--latest", "-55d").stdout


def test_verify_asks_the_server(place: Place) -> None:
    """Everything is hashed again; the verdict is the exit code."""
    said = place.run("verify")
    assert said.exit_code == 0, said.stdout
    assert "clean: 3 of 3 parts checked" in said.stdout
    assert "All 300 entries hash" in said.stdout
    assert json.loads(place.run("verify", "--json").stdout)["verdict"] == "clean"


def test_verify_the_ledger_without_a_server(place: Place) -> None:
    """A stranger with the archive and the key needs nothing else, and may keep the ledger."""
    vault, into = str(place.folder / "vault"), place.folder / "into"
    run = CliRunner()
    said = run.invoke(
        archive, ["verify", "--ledger", vault, "--vkey", place.vkey, "--into", str(into)]
    )
    assert (said.exit_code, "All 300 entries" in said.stdout) == (0, True), said.output
    assert (into / "checkpoint").read_bytes() == (place.published / "checkpoint").read_bytes()

    other = FileKeyring.open(place.folder / "other.key", default_name="tallystick.test/cli").vkey
    said = run.invoke(archive, ["verify", "--ledger", vault, "--vkey", other, "--json"])
    assert (said.exit_code, json.loads(said.stdout)["verdict"]) == (1, "tampered")
    said = run.invoke(archive, ["verify", "--ledger", vault])
    assert (said.exit_code, "--vkey" in said.stderr) == (2, True)


def test_without_a_server_it_cannot_be_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 2, and which option would help."""
    monkeypatch.setenv("TALLYSTICK_DATA", str(tmp_path))
    monkeypatch.delenv("TALLYSTICK_TOKEN", raising=False)
    said = CliRunner().invoke(archive, ["status"])
    assert (said.exit_code, "--url and --token" in said.stderr) == (2, True)
    said = CliRunner().invoke(archive, ["status", "--url", "http://127.0.0.1:9", "--token", "x"])
    assert (said.exit_code, "gives no answer" in said.stderr) == (2, True)


def test_prepare(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bucket is made, step by step; what is no bucket is refused."""
    server = pytest.importorskip("moto.server").ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    host, port = server.get_host_and_port()
    address = f"s3://cli-bucket/logs?region=us-east-1&endpoint=http://{host}:{port}"

    said = CliRunner().invoke(archive, ["prepare", address])
    assert (said.exit_code, "--create" in said.stderr) == (2, True)
    said = CliRunner().invoke(archive, ["prepare", address, "--create", "--deep-days", "-1"])
    assert said.exit_code == 0, said.output
    assert [line.split()[0] for line in said.stdout.splitlines()] == [
        "bucket", "versions", "object", "lifecycle",
    ]  # fmt: skip
    said = CliRunner().invoke(archive, ["prepare", "/a/folder"])
    assert said.exit_code == 2
    server.stop()
