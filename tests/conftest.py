"""The whole product as a process, a browser, a PostgreSQL: for tests that need nothing less."""

import asyncio
import importlib.util
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import asyncpg  # type: ignore[import-untyped]  # it ships none
import httpx
import msgspec
import pytest
import structlog

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

ROOT = Path(__file__).resolve().parents[1]
TEST_POSTGRES = "TALLYSTICK_TEST_POSTGRES"
"""Names a running server whose user may create databases; without it one is started."""
POSTGRES_USER = "postgres"
"""Who runs PostgreSQL when we are root, which PostgreSQL refuses to be."""
POSTGRES_SECONDS_MAX = 60.0
"""From starting PostgreSQL to its first answer, after a crash too."""
END_SECONDS_MAX = 20.0
"""From SIGTERM to the end of the process; it promises five, on a machine that is not busy."""


def _drop(_logger: object, _method: str, _event: object) -> Any:
    raise structlog.DropEvent


structlog.configure(processors=[_drop])  # what runs beside a test says nothing into its output


class Server:
    """`tallystick serve` on a free port of loopback, on a data folder that may be used before.

    Nothing is written to standard error unless something is wrong: alerts are not shown there.
    `settings` are those of docs/reference/settings.md in lower case. Nothing is detected unless
    they say `detection="on"`: the other process would only take this one's time.
    """

    def __init__(self, folder: Path, **settings: str) -> None:
        """Start the process and wait for nothing."""
        self.folder = folder
        self.url = self.account = self.token = self.vkey = self.hec_token = ""
        mine = {"data": str(folder), "port": "0", "alerts_terminal": "false"}
        mine |= {"detection": "off"} | settings
        self.stderr = folder.with_name(f"{folder.name}.stderr")
        with self.stderr.open("ab") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tallystick", "serve"],
                cwd=ROOT,
                env=environment() | {f"TALLYSTICK_{k.upper()}": v for k, v in mine.items()},
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )

    def wait(self) -> "Server":
        """Until it has said on its screen where it listens; fails with what it said instead."""
        assert self.process.stdout is not None
        if not any("API reference" in line for line in self.process.stdout):
            pytest.fail(f"the server ended with {self.process.wait()}: {self.said()}")
        facts = msgspec.json.decode((self.folder / "demo.json").read_bytes(), type=dict[str, str])
        self.url, self.account, self.token = facts["url"], facts["account"], facts["token"]
        self.vkey, self.hec_token = facts["vkey"], facts["hec_token"]
        return self

    def client(self) -> httpx.Client:
        """An HTTP client with the demo token, to be closed by whoever takes it."""
        authorization = {"Authorization": f"Bearer {self.token}"}
        return httpx.Client(base_url=self.url, headers=authorization, timeout=30)

    def said(self) -> str:
        """All that was written to standard error, by this process and those before it."""
        return self.stderr.read_text()

    def kill(self) -> None:
        """End it at once, as a power cut would end the process (not the disk)."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """End it as an operator would; its exit status."""
        return self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> int:
        self.process.send_signal(how)
        try:
            return self.process.wait(END_SECONDS_MAX)
        finally:
            self.process.kill()
            self.process.wait()
            assert self.process.stdout is not None
            self.process.stdout.close()


def environment() -> dict[str, str]:
    """The environment of this test run without any setting of the product."""
    return {name: v for name, v in os.environ.items() if not name.startswith("TALLYSTICK_")}


@pytest.fixture
def launch() -> Iterator[Callable[..., Server]]:
    """Starts servers and does not wait for them; they are gone after the test."""
    begun: list[Server] = []

    def start(folder: Path, **settings: str) -> Server:
        begun.append(Server(folder, **settings))
        return begun[-1]

    yield start
    for server in begun:
        server.kill()


@pytest.fixture
def serve(launch: Callable[..., Server]) -> Callable[..., Server]:
    """Starts servers that are ready for requests; they are gone after the test."""
    return lambda folder, **settings: launch(folder, **settings).wait()


@pytest.fixture
def tallystick() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the command line to its end, in the tree's folder unless told otherwise."""

    def run(
        *arguments: str, cwd: Path = ROOT, data: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tallystick", *arguments]
        settings = {} if data is None else {"TALLYSTICK_DATA": str(data)}
        return subprocess.run(
            command, cwd=cwd, env=environment() | settings, capture_output=True, text=True,
            check=False,
        )  # fmt: skip

    return run


@pytest.fixture(scope="module")
def new_log_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Any]]:
    """Starts servers of the log alone, on folders of their own; they are gone after the module."""
    spec = importlib.util.spec_from_file_location("log_app", ROOT / "tests" / "api" / "log_app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    begun: list[Any] = []

    def start(**search: Any) -> Any:
        begun.append(module.LogApp(tmp_path_factory.mktemp("logs"), **search))
        return begun[-1]

    yield start
    for app in begun:
        app.close()


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Chrome"]:
    """A headless Chromium with a profile of its own; skips where there is none."""
    from selenium.webdriver import Chrome, ChromeOptions  # noqa: PLC0415  few tests need it
    from selenium.webdriver.chrome.service import Service  # noqa: PLC0415

    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip("chromium and chromedriver are not installed")
    options = ChromeOptions()
    options.binary_location = program
    profile = tmp_path_factory.mktemp("chromium")
    for flag in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--window-size=1440,900", f"--user-data-dir={profile}",
    ):  # fmt: skip
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = Chrome(options=options, service=Service(driver))
    yield browser
    browser.quit()


class Cluster:
    """A PostgreSQL of our own in a temporary folder, small, on a free port of loopback.

    It is as durable as its defaults make it: only the files of the empty cluster are not flushed.
    """

    def __init__(self) -> None:
        """Make the cluster's files; it does not run yet."""
        postgres_program("initdb")
        self.folder = Path(tempfile.mkdtemp(prefix="tallystick-postgres-"))
        self._password = secrets.token_hex(16)
        self._user = POSTGRES_USER if os.geteuid() == 0 else None
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        password = self.folder / "password"
        password.write_text(self._password)
        if self._user:
            shutil.chown(self.folder, self._user, self._user)
            shutil.chown(password, self._user, self._user)
        command = ["--username=test", "--auth=scram-sha-256", f"--pwfile={password}", "--no-sync"]
        command += ["--encoding=UTF8", "--locale=C", "-D", self._data]
        failed = self._begin("initdb", *command).wait()
        password.unlink()
        if failed:
            pytest.fail(f"initdb failed: {self._log.read_text()[-2000:]}")

    @property
    def dsn(self) -> str:
        """Where its maintenance database is."""
        return f"postgresql://test:{self._password}@127.0.0.1:{self.port}/postgres"

    def start(self, **settings: str) -> None:
        """Start it and wait until it answers, after its recovery if need be."""
        mine = {
            "listen_addresses": "127.0.0.1", "port": str(self.port), "shared_buffers": "16MB",
            "unix_socket_directories": "", "max_connections": "60",
        } | settings  # fmt: skip
        options = [f"--{name}={value}" for name, value in mine.items()]
        self._process = self._begin("postgres", "-D", self._data, *options)
        deadline = time.monotonic() + POSTGRES_SECONDS_MAX
        while not answers(self.dsn):
            ended = self._process.poll() is not None
            said = self._log.read_text()[-2000:]
            if time.monotonic() > deadline or (ended and "still in use" not in said):
                pytest.fail(f"PostgreSQL did not start: {said}")
            if ended:  # what was killed a moment ago is not quite gone
                self._process = self._begin("postgres", "-D", self._data, *options)
            time.sleep(0.02)

    def kill(self) -> None:
        """SIGKILL to every process of it: the postmaster, and each of its children."""
        assert self._process is not None
        pid = self._process.pid
        listed = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, check=False)
        for each in (pid, *map(int, listed.stdout.split())):
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """End it as an operator would who cannot wait: its fast shutdown."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(END_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                self.kill()

    def copy(self, primary: "Cluster") -> None:
        """Become a standby of the other, which must run; it does not run yet."""
        shutil.rmtree(self._data)
        self._password = primary._password
        passfile = self.folder / "pgpass"
        passfile.write_text(f"*:*:*:*:{self._password}\n")
        passfile.chmod(0o600)
        if self._user:
            shutil.chown(passfile, self._user, self._user)
        at = f"host=127.0.0.1 port={primary.port} user=test passfile={passfile}"
        command = ["-d", at, "-D", self._data, "--write-recovery-conf", "--checkpoint=fast"]
        if self._begin("pg_basebackup", *command).wait():
            pytest.fail(f"pg_basebackup failed: {self._log.read_text()[-2000:]}")

    def remove(self) -> None:
        """End it and leave nothing behind."""
        self.stop()
        shutil.rmtree(self.folder)

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    @property
    def _log(self) -> Path:
        return self.folder / "log"

    def _begin(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        """A process group of its own: all that is started here can be ended by its number."""
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [postgres_program(program), *arguments],
                user=self._user, group=self._user, extra_groups=[] if self._user else None,
                cwd=self.folder, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip


class Postgres:
    """One database on a running server, with an empty schema for whoever wants one."""

    def __init__(self, dsn: str) -> None:
        """The address of the database."""
        self.dsn = dsn
        self._number = 0

    def schema(self) -> str:
        """The address of a new, empty schema of the database."""
        self._number += 1
        name = f"test_{self._number}"
        self.run(f"CREATE SCHEMA {name}")
        return with_setting(self.dsn, search_path=name)

    def run(self, *statements: str, dsn: str = "") -> list[tuple[object, ...]]:
        """What the last of the statements answers; at `dsn`, or anywhere in the database."""
        return asyncio.run(answer(dsn or self.dsn, *statements))

    def trusts(self, dsn: str) -> bool:
        """Whether the server opens a session at this address."""
        with suppress(asyncpg.InvalidAuthorizationSpecificationError):
            return bool(self.run("SELECT 1", dsn=dsn))
        return False


def with_setting(dsn: str, **settings: str) -> str:
    """The address with these settings of the session."""
    parts = urlsplit(dsn)
    return urlunsplit(parts._replace(query=urlencode(dict(parse_qsl(parts.query)) | settings)))


async def answer(dsn: str, *statements: str) -> list[tuple[object, ...]]:
    """Run the statements in a session of their own; the rows of the last."""
    connection = await asyncpg.connect(dsn, timeout=POSTGRES_SECONDS_MAX)
    try:
        for statement in statements[:-1]:
            await connection.execute(statement)
        return [tuple(row) for row in await connection.fetch(statements[-1])]
    finally:
        await connection.close()


def answers(dsn: str) -> bool:
    """Whether the server takes sessions."""
    with suppress(OSError, asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError):
        return bool(asyncio.run(answer(dsn, "SELECT 1")))
    return False


def postgres_program(name: str) -> str:
    """The path of one of PostgreSQL's programs, the newest version's; skips where there is none."""
    versions = Path("/usr/lib/postgresql").glob("*/bin")
    newest_first = sorted(versions, key=lambda path: path.parent.name.zfill(3), reverse=True)
    places = [*map(str, newest_first), os.environ.get("PATH", os.defpath)]
    found = shutil.which(name, path=os.pathsep.join(places))
    if found is None:
        pytest.skip(f"{name} is not installed (Debian: postgresql), and {TEST_POSTGRES} not set")
    return found


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A database for this worker: on the named server, or on one that is started for it."""
    named = os.environ.get(TEST_POSTGRES)
    cluster = None if named else Cluster()
    try:
        if cluster is not None:
            cluster.start()
        server = Postgres(named or cluster.dsn)  # type: ignore[union-attr]  # one of the two is
        name = f"tallystick_test_{secrets.token_hex(6)}"
        server.run(f"CREATE DATABASE {name} ENCODING UTF8 TEMPLATE template0")
        yield Postgres(urlunsplit(urlsplit(server.dsn)._replace(path=f"/{name}")))
        server.run(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        if cluster is not None:
            cluster.remove()


@pytest.fixture
def new_cluster() -> Iterator[Callable[[], Cluster]]:
    """Makes PostgreSQLs of the test's own, which it may kill; they do not run yet."""
    made: list[Cluster] = []

    def make() -> Cluster:
        made.append(Cluster())
        return made[-1]

    yield make
    for cluster in reversed(made):
        cluster.remove()


@pytest.fixture
def cluster(new_cluster: Callable[[], Cluster]) -> Cluster:
    """One PostgreSQL of the test's own."""
    return new_cluster()
