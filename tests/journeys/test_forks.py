"""Never fork, as an operator meets it: restored backups, carried copies, two processes at once."""

import asyncio
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import msgspec
import pytest

from tallystick.ledger.checkpoint import VerifierKey, parse_checkpoint
from tallystick.ledger.verify import FolderSource, verify_ledger, verify_receipt

pytestmark = pytest.mark.server

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_SECONDS = 60.0
LOOK_SECONDS = 0.02
DATABASE_FILES = "ledger.db*"
MISCONFIGURED = 2


class Site:
    """A data folder through its lives: each server that runs on it, and what it answered."""

    def __init__(self, folder: Path, launch: Any, ledger: str = "") -> None:
        """Nothing runs yet; `ledger` is the address of a PostgreSQL database."""
        self.folder = folder
        self.settings = {"ledger": ledger} if ledger else {}
        self.answers: dict[str, bytes] = {}
        self._launch = launch

    def day(self, *names: str) -> None:
        """Serve, take these orders, publish them, end."""
        server = self._launch(self.folder, **self.settings).wait()
        self.vkey = VerifierKey.parse(server.vkey)
        with server.client() as client:
            for name in names:
                answer = client.post("/v1/orders", content=order(name))
                assert answer.status_code == 201, answer.text
                self.answers[name] = answer.content
            self.note = client.get("/v1/ledger/checkpoint").text
        assert server.stop() == 0
        assert server.said() == "", "nothing to complain of"

    def refused(self) -> str:
        """What a server says that does not start."""
        server = self._launch(self.folder, **self.settings)
        assert server.process.wait(DEADLINE_SECONDS) == MISCONFIGURED, server.said()
        said = str(server.said())
        server.stderr.unlink()
        assert "Traceback" not in said
        return said

    def reconcile(self, *options: str) -> subprocess.CompletedProcess[str]:
        """`tallystick ledger reconcile`."""
        return run(
            "ledger", "reconcile", "--reason", "disk replaced", "--by", "ann", *options,
            data=str(self.folder), **self.settings,
        )  # fmt: skip

    def backup(self, to: Path) -> Path:
        """A copy of the whole data folder, while nothing runs."""
        return Path(shutil.copytree(self.folder, to))

    def require_whole(self, since: str, size: int) -> None:
        """All that was answered is there: receipts, retries, and a ledger that only grew."""
        self.day("afterwards")
        published = self.folder / "ledger"
        report = verify_ledger(FolderSource(published), self.vkey, since=since.encode())
        assert (report.verdict, report.size) == ("clean", size), report
        before = self.folder.with_name("since.txt")
        before.write_text(since)
        told = run("verify", str(published), "--vkey", str(self.vkey), "--since", str(before))
        assert told.returncode == 0, told.stdout + told.stderr
        held = dict(self.answers)
        self.day(*held)
        # What was put back hangs on a newer checkpoint than its first receipt; both verify.
        assert {n: facts(body) for n, body in self.answers.items()} == {
            n: facts(body) for n, body in held.items()
        }
        assert all(verify_receipt(body, self.vkey).verdict == "clean" for body in held.values())


def run(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """The command line with these settings."""
    ours = {name: v for name, v in os.environ.items() if not name.startswith("TALLYSTICK_")}
    return subprocess.run(
        [sys.executable, "-m", "tallystick", *arguments],
        cwd=ROOT,
        env=ours | {f"TALLYSTICK_{name.upper()}": value for name, value in settings.items()},
        capture_output=True,
        text=True,
        check=False,
    )


def order(name: str) -> bytes:
    """A small order at market."""
    return msgspec.json.encode(
        {
            "client_order_id": name, "account": "demo", "pair": "EUR/USD", "side": "buy",
            "quantity": "100000", "type": "market", "time_in_force": "FOK",
        }
    )  # fmt: skip


class Receipt(msgspec.Struct, frozen=True):
    """Of a receipt, what no reconciliation may change."""

    position: int
    entry: str


class Facts(msgspec.Struct, frozen=True):
    """Of an answer, likewise."""

    receipt: Receipt
    order: msgspec.Raw
    fills: msgspec.Raw


def facts(body: bytes) -> tuple[int, str, bytes, bytes]:
    """What a client was told, without the proof."""
    told = msgspec.json.decode(body, type=Facts)
    return told.receipt.position, told.receipt.entry, bytes(told.order), bytes(told.fills)


def names(first: int, last: int) -> list[str]:
    """Orders of one day."""
    return [f"c-{n}" for n in range(first, last)]


@pytest.fixture
def site(tmp_path: Path, launch: Any) -> Site:
    """A data folder that does not exist yet, on SQLite."""
    return Site(tmp_path / "data", launch)


def restore_database(site: Site, backup: Path) -> None:
    """Put only the database of a backup back."""
    for path in site.folder.glob(DATABASE_FILES):
        path.unlink()
    for path in backup.glob(DATABASE_FILES):
        shutil.copyfile(path, site.folder / path.name)


def test_an_older_database_is_refused_and_reconciled(site: Site, tmp_path: Path) -> None:
    """The file is put back, all else stayed: published files give back what it lacks."""
    site.day(*names(0, 20))
    backup = site.backup(tmp_path / "backup")
    site.day(*names(20, 300))
    since = site.note
    restore_database(site, backup)

    said = site.refused()
    assert "tallystick ledger reconcile" in said, said
    assert site.refused() == said, "trying again does not help"
    told = site.reconcile()
    assert told.returncode == 0, told.stderr
    assert "Put back 280 entries" in told.stdout
    site.require_whole(since, 303)  # and the demo account, the reconciliation, one order after it


def test_an_older_data_folder_is_refused_and_reconciled(site: Site, tmp_path: Path) -> None:
    """All of it is put back, tiles too; the guard beside it knows, and a mirror has the rest."""
    site.day(*names(0, 20))
    backup = site.backup(tmp_path / "backup")
    site.day(*names(20, 60))
    since = site.note
    mirror = shutil.copytree(site.folder / "ledger", tmp_path / "mirror")
    shutil.rmtree(site.folder)
    backup.rename(site.folder)

    said = site.refused()
    assert "a head of 61 entries was signed" in said.lower(), said
    assert "tallystick ledger reconcile" in said
    told = site.reconcile()
    assert told.returncode == MISCONFIGURED
    assert "40 signed entries are neither in the database nor in" in told.stderr
    assert site.refused() == said
    told = site.reconcile("--published", str(mirror))
    assert told.returncode == 0, told.stderr
    site.require_whole(since, 63)


def test_what_is_given_up_is_said_and_proved(site: Site, tmp_path: Path) -> None:
    """Without any mirror it goes on only on demand; a receipt that was lost convicts it."""
    site.day(*names(0, 20))
    backup = site.backup(tmp_path / "backup")
    site.day(*names(20, 60))
    since = tmp_path / "since.txt"
    since.write_text(site.note)
    shutil.rmtree(site.folder)
    backup.rename(site.folder)
    told = site.reconcile("--abandon")
    assert told.returncode == 0, told.stderr
    assert "Gave up 40 signed entries" in told.stdout

    kept = {name: site.answers[name] for name in names(0, 20)}
    site.day("afterwards", *kept)
    assert {name: site.answers[name] for name in kept} == kept
    folder = str(site.folder / "ledger")
    assert run("verify", folder, "--vkey", str(site.vkey)).returncode == 0
    told = run("verify", folder, "--vkey", str(site.vkey), "--since", str(since))
    assert told.returncode == 1, told.stdout


def test_a_copy_that_is_started_elsewhere_is_refused(
    site: Site, tmp_path: Path, launch: Any
) -> None:
    """The data folder alone, without the guard: it may be signed where it came from."""
    site.day(*names(0, 5))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    copy = Site(site.backup(elsewhere / "data"), launch)
    said = copy.refused()
    assert "may be a copy of a ledger that is signed elsewhere" in said, said
    assert "TALLYSTICK_GUARD" in said
    assert "tallystick ledger reconcile" in said

    site.day("at-home")
    copy.settings["guard"] = str(tmp_path / "data.guard")
    assert "signed elsewhere" in copy.refused(), "the guard knows what the copy lacks"
    site.day("at-home-again")


def test_a_moved_ledger_takes_its_guard_along(site: Site, tmp_path: Path, launch: Any) -> None:
    """Moving house: data folder and guard together start without a word."""
    site.day(*names(0, 5))
    house = tmp_path / "house"
    house.mkdir()
    site.folder.rename(house / "data")
    (tmp_path / "data.guard").rename(house / "data.guard")
    moved = Site(house / "data", launch)
    moved.answers = dict(site.answers)
    moved.require_whole(site.note, 7)


def test_two_processes_on_one_folder(site: Site, launch: Any) -> None:
    """The second is refused by the lock; the first does not notice. So are the commands."""
    first = launch(site.folder).wait()
    said = site.refused()
    assert "in use by another Tallystick" in said, said
    told = site.reconcile()
    assert told.returncode == MISCONFIGURED
    assert "in use by another Tallystick" in told.stderr
    with first.client() as client:
        assert client.post("/v1/orders", content=order("c-1")).status_code == 201
    assert first.stop() == 0


class Swapped:
    """A database of its own on a PostgreSQL, with backups that are databases as well."""

    def __init__(self, cluster: Any) -> None:
        """An empty one."""
        cluster.start()
        self._dsn = cluster.dsn
        self.dsn = urlunsplit(urlsplit(cluster.dsn)._replace(path="/trading"))
        self._run("CREATE DATABASE trading ENCODING UTF8 TEMPLATE template0")

    def backup(self) -> None:
        """Copy it as it is; nobody may be connected."""
        self._run("CREATE DATABASE backup TEMPLATE trading")

    def restore(self) -> None:
        """Put the copy in its place, whoever is connected."""
        self._run(
            "ALTER DATABASE trading ALLOW_CONNECTIONS false",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'trading'",
            "DROP DATABASE trading WITH (FORCE)",
            "CREATE DATABASE trading TEMPLATE backup",
        )

    def _run(self, *statements: str) -> None:
        asyncio.run(self._all(statements))

    async def _all(self, statements: tuple[str, ...]) -> None:
        import asyncpg  # type: ignore[import-untyped]  # noqa: PLC0415  it ships none

        connection = await asyncpg.connect(self._dsn)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()


@pytest.fixture
def swapped(cluster: Any) -> Swapped:
    """A database that may be put back to an older state."""
    return Swapped(cluster)


def test_an_older_postgresql_is_refused_and_reconciled(
    swapped: Swapped, tmp_path: Path, launch: Any
) -> None:
    """The same on a database server: refused by the guard, given back from published files."""
    site = Site(tmp_path / "data", launch, swapped.dsn)
    site.day(*names(0, 20))
    swapped.backup()
    site.day(*names(20, 60))
    since = site.note
    swapped.restore()

    said = site.refused()
    assert "tallystick ledger reconcile" in said, said
    told = site.reconcile()
    assert told.returncode == 0, told.stderr
    assert "Put back 40 entries" in told.stdout
    site.require_whole(since, 63)


def test_an_older_postgresql_under_a_running_server_ends_it(
    swapped: Swapped, tmp_path: Path, launch: Any
) -> None:
    """It notices by itself, signs and publishes nothing, says why, and can be reconciled."""
    site = Site(tmp_path / "data", launch, swapped.dsn)
    site.day(*names(0, 5))
    swapped.backup()
    site.day(*names(5, 30))
    server = launch(site.folder, **site.settings).wait()
    with server.client() as client:
        since = client.get("/v1/ledger/checkpoint").text
        until(lambda: client.get("/ledger/checkpoint").text == since)
    swapped.restore()
    assert server.process.wait(DEADLINE_SECONDS) == MISCONFIGURED, server.said()
    assert "tallystick ledger reconcile" in server.said(), server.said()
    server.stderr.unlink()
    checkpoint = (site.folder / "ledger" / "checkpoint").read_text()
    assert parse_checkpoint(checkpoint) == parse_checkpoint(since)
    assert site.reconcile().returncode == 0
    site.require_whole(since, 33)


def until(good: Callable[[], Any]) -> Any:
    """What `good` gives once it gives something; fails at a deadline."""
    deadline, pause = time.monotonic() + DEADLINE_SECONDS, threading.Event()
    while not (found := good()):
        assert time.monotonic() < deadline, found
        pause.wait(LOOK_SECONDS)
    return found
