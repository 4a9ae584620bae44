"""A throw-away PostgreSQL for the naive peer: as durable as its defaults make it, gone afterwards.

    with server() as dsn, database(dsn) as url: ...

`TALLYSTICK_TEST_POSTGRES` (a DSN whose user may create databases) names a running server to use
instead of starting one.
"""

import asyncio
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg  # type: ignore[import-untyped]  # it ships none

from ports import LOOPBACK, free_port

DSN_VARIABLE = "TALLYSTICK_TEST_POSTGRES"
START_SECONDS_MAX = 30.0
"""From starting PostgreSQL to its first accepted connection."""
STOP_SECONDS_MAX = 20.0
"""From asking PostgreSQL to stop to its end."""
UNPRIVILEGED_USER = "postgres"
"""Who runs PostgreSQL when we are root, which PostgreSQL refuses to be."""


class PostgresError(Exception):
    """PostgreSQL did not start; the message has its last words."""


class PostgresMissingError(PostgresError):
    """There is no PostgreSQL here; the message says what to do."""


class Server:
    """One PostgreSQL cluster in one folder; it can be stopped, killed and started again.

    fsync, full_page_writes and synchronous_commit stay at their defaults (on).
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._password = secrets.token_hex(16)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def dsn(self) -> str:
        """Where its maintenance database is."""
        return f"postgresql://bench:{self._password}@{LOOPBACK}:{self.port}/postgres"

    @property
    def pid(self) -> int:
        """The postmaster's process; its children are the backends."""
        assert self._process is not None, "started before it is asked for"
        return self._process.pid

    def create(self) -> None:
        """Makes the cluster's files."""
        password = self.folder / "password"
        password.write_text(self._password)
        user = self._user()
        if user:
            shutil.chown(self.folder, user, user)
            shutil.chown(password, user, user)
        done = subprocess.run(
            [
                _program("initdb"), "--pgdata", self._data, "--username=bench",
                "--auth=scram-sha-256", f"--pwfile={password}", "--encoding=UTF8", "--locale=C",
            ],
            user=user, group=user, extra_groups=[] if user else None,
            cwd=self.folder, capture_output=True, check=False,
        )  # fmt: skip
        password.unlink()
        if done.returncode:
            raise PostgresError(f"initdb failed: {done.stderr.decode().strip()}")

    def start(self) -> None:
        """Starts it and waits until it answers."""
        user = self._user()
        log = self.folder / "log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [
                    _program("postgres"), "-D", self._data, "-p", str(self.port),
                    "-c", f"listen_addresses={LOOPBACK}", "-c", "unix_socket_directories=",
                ],
                user=user, group=user, extra_groups=[] if user else None,
                cwd=self.folder, start_new_session=True, stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS_MAX
        while not asyncio.run(_answers(self.dsn)):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop(signal.SIGQUIT)
                raise PostgresError(f"PostgreSQL did not start: {log.read_text()[-2000:]}")
            time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Ends it: SIGINT is its fast shutdown, SIGQUIT its crash without a checkpoint."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(how)
        try:
            self._process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()
        self._process = None

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    @staticmethod
    def _user() -> str | None:
        return UNPRIVILEGED_USER if os.geteuid() == 0 else None


@contextmanager
def server(parent: Path | None = None) -> Iterator[Server]:
    """A running server in a new folder below `parent` (the system's temporary folder if None)."""
    _program("initdb")
    folder = Path(tempfile.mkdtemp(prefix="tallystick-postgres-", dir=parent))
    made = Server(folder)
    try:
        made.create()
        made.start()
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder)


@contextmanager
def server_dsn(parent: Path | None = None) -> Iterator[tuple[str, int | None]]:
    """DSN and pid of the server to use; the pid is None when the environment named the server."""
    named = os.environ.get(DSN_VARIABLE)
    if named:
        yield named, None
        return
    with server(parent) as made:
        yield made.dsn, made.pid


@contextmanager
def database(dsn: str) -> Iterator[str]:
    """The DSN of a new, empty database on the server at `dsn`; dropped afterwards."""
    name = f"tallystick_bench_{secrets.token_hex(6)}"
    asyncio.run(_execute(dsn, f"CREATE DATABASE {name}"))
    try:
        yield urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))
    finally:
        asyncio.run(_execute(dsn, f"DROP DATABASE {name} WITH (FORCE)"))


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _answers(dsn: str) -> bool:
    with suppress(OSError, asyncpg.CannotConnectNowError):
        await _execute(dsn, "SELECT 1")
        return True
    return False


def _program(name: str) -> str:
    """The path of one of PostgreSQL's programs, the newest version's where there are several."""
    versions = Path("/usr/lib/postgresql").glob("*/bin")
    newest_first = sorted(versions, key=lambda path: int(path.parent.name), reverse=True)
    places = [*map(str, newest_first), os.environ.get("PATH", os.defpath)]
    found = shutil.which(name, path=os.pathsep.join(places))
    if found is None:
        raise PostgresMissingError(
            f"The naive peer needs PostgreSQL, and {name} was not found. Install it (Debian: "
            f"apt-get install postgresql), or set {DSN_VARIABLE} to the DSN of a running server "
            "whose user may create databases."
        )
    return found
