"""COMMIT and its answer: whatever the network does, acknowledged is stored, and lost is not."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from threading import Event, Thread
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from tallystick.clock import ManualClock
from tallystick.errors import HeadMoved, TemporaryError
from tallystick.ledger.storage import PostgresStore
from tallystick.ledger.store import Batch, Row

COMMIT = b"COMMIT\x00"
"""As it stands in the protocol's Query message."""
LOCK = b"FOR UPDATE"
WAIT_SECONDS_MAX = 30.0


def batch(first: int, count: int, name: str = "") -> Batch:
    """Rows whose every part says the position."""
    keys = [f"{name}{position}" for position in range(first, first + count)]
    rows = [Row(key.encode(), key.encode().zfill(32), (key,)) for key in keys]
    return Batch(first, rows, [], f"note {name}{first + count}")


class Line:
    """A network between the store and the server that does something to the next COMMIT.

    `lost question`: the connection breaks before COMMIT has arrived.
    `lost answer`: it breaks when the server has answered, before the answer has arrived.
    `late`: the client's half breaks; COMMIT arrives only once somebody asks for the lock.
    `cut off`: as `lost answer`, and nobody gets through from then on.
    """

    def __init__(self, dsn: str) -> None:
        self.direct = dsn
        self._server = urlsplit(dsn)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.mischief = ""
        self.meanwhile: Callable[[], None] = lambda: None
        """What happens between a `lost question` and the client's hearing of it."""
        self._asked = Event()
        self._answered = Event()
        self._muted: socket.socket | None = None
        """The client that hears no answers any more."""
        self._unaware: socket.socket | None = None
        """The client that is not to hear that its server's half is broken yet."""
        self._open = True
        self._sockets: list[socket.socket] = []
        self._threads: list[Thread] = []
        self._start(self._accept)

    @property
    def dsn(self) -> str:
        """The server's address, over this line."""
        credentials = self._server.netloc.rpartition("@")[0]
        netloc = f"{credentials}@127.0.0.1:{self.port}"
        return urlunsplit(self._server._replace(netloc=netloc))

    def close(self) -> None:
        """Break what is open, and end."""
        self._open = False
        self._asked.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        for each in [self._listener, *self._sockets]:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(WAIT_SECONDS_MAX)
        for each in [self._listener, *self._sockets]:
            each.close()

    def _start(self, function: Any, *arguments: Any) -> None:
        self._threads.append(Thread(target=function, args=arguments, daemon=True))
        self._threads[-1].start()

    def _accept(self) -> None:
        while self._open:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._sockets.append(client)
            if self.mischief == "nobody gets through":
                client.shutdown(socket.SHUT_RDWR)
                continue
            server = socket.create_connection((self._server.hostname or "", self._server.port))
            self._sockets.append(server)
            self._start(self._carry_questions, client, server)
            self._start(self._carry, server, client)

    def _carry_questions(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(65_536):
                if COMMIT in data and self.mischief:
                    self._meddle(data, client, server)
                    return
                server.sendall(data)
                if LOCK in data:
                    self._asked.set()
        self._break(server)

    def _meddle(self, data: bytes, client: socket.socket, server: socket.socket) -> None:
        mischief, self.mischief = self.mischief, ""
        if mischief == "cut off":
            self.mischief = "nobody gets through"
        if mischief in ("lost answer", "cut off"):
            self._muted = client
            server.sendall(data)
            self._answered.wait(WAIT_SECONDS_MAX)
        elif mischief == "late":
            self._asked.clear()
            self._break(client)
            self._asked.wait(WAIT_SECONDS_MAX)
            server.sendall(data)
            return  # the server's half stays until the end
        self._unaware = client
        self._break(server)
        self.meanwhile()
        self._break(client)

    def _carry(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(65_536):
                if self._muted is client:
                    self._answered.set()
                    continue
                client.sendall(data)
        if client is not self._unaware:
            self._break(client)

    @staticmethod
    def _break(each: socket.socket) -> None:
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def line(postgres: Any) -> Iterator[Line]:
    """A network to an empty schema."""
    with closing(Line(postgres.schema())) as line:
        yield line


@pytest.mark.parametrize("mischief", ["lost answer", "late"])
def test_a_commit_whose_answer_was_lost_is_acknowledged(line: Line, mischief: str) -> None:
    """The connection breaks, the batch was stored (or will be in a moment): that is found out."""
    with closing(PostgresStore(line.dsn)) as store:
        asyncio.run(store.append(batch(0, 3)))
        line.mischief = mischief
        asyncio.run(store.append(batch(3, 2)))
        assert line.mischief == ""
        assert store.checkpoint(-1) == (5, "note 5")
        assert [store.find(str(n)) for n in range(6)] == [0, 1, 2, 3, 4, None]
        asyncio.run(store.append(batch(5, 1)))
        assert len(store.rows(0, 100)) == 6


def test_a_commit_that_never_arrived_stores_nothing(line: Line) -> None:
    """The connection breaks before COMMIT: an error, nothing stored, and the next try works."""
    with closing(PostgresStore(line.dsn)) as store:
        asyncio.run(store.append(batch(0, 3)))
        line.mischief = "lost question"
        with pytest.raises(TemporaryError):
            asyncio.run(store.append(batch(3, 2)))
        assert store.checkpoint(-1) == (3, "note 3")
        assert store.find("3") is None
        asyncio.run(store.append(batch(3, 2)))
        assert store.checkpoint(-1) == (5, "note 5")


def test_another_writers_batch_is_not_taken_for_ones_own(line: Line) -> None:
    """The lost batch's place was taken meanwhile by another's of the same size: an error."""
    with closing(PostgresStore(line.dsn)) as store, closing(PostgresStore(line.direct)) as other:
        asyncio.run(store.append(batch(0, 3)))
        line.mischief = "lost question"
        line.meanwhile = lambda: asyncio.run(other.append(batch(3, 2, "other ")))
        with pytest.raises(TemporaryError):
            asyncio.run(store.append(batch(3, 2)))
        assert other.checkpoint(-1) == (5, "note other 5")
        with pytest.raises(HeadMoved):
            asyncio.run(store.append(batch(3, 2)))
        asyncio.run(store.append(batch(5, 2)))


def test_a_server_that_does_not_come_back_is_said_to_be_lost(line: Line) -> None:
    """The outcome cannot be found out: the error says so; later the batch is there, whole."""
    with closing(PostgresStore(line.dsn, ManualClock())) as store:
        asyncio.run(store.append(batch(0, 3)))
        line.mischief = "cut off"
        with pytest.raises(
            TemporaryError, match=r"may or may not be\. Try again with the same key"
        ):
            asyncio.run(store.append(batch(3, 2)))
        line.mischief = ""
        assert store.checkpoint(-1) == (5, "note 5")
        assert store.find("4") == 4
        with pytest.raises(HeadMoved):
            asyncio.run(store.append(batch(3, 2)))


@pytest.mark.parametrize("how", ["pg_cancel_backend", "pg_terminate_backend"])
def test_a_commit_that_no_replica_has_is_not_acknowledged(cluster: Any, how: str) -> None:
    """An operator cuts a COMMIT short that waits for its replica: the server calls that a success.

    We do not. The append returns only when a later commit of ours has reached the replicas.
    """
    from asyncpg import connect  # type: ignore[import-untyped]  # noqa: PLC0415  it ships none

    cluster.start()
    waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"

    async def replicas(names: str) -> None:
        connection = await connect(cluster.dsn)
        await connection.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
        await connection.execute("SELECT pg_reload_conf()")
        if names:
            await until_commits_wait(connection)
        await connection.close()

    async def until_commits_wait(connection: Any) -> None:
        """A reload takes effect when the server comes to it: until then nothing waits."""
        probe = await connect(cluster.dsn)
        while True:
            commit = probe.execute("SELECT pg_logical_emit_message(true, 'does it', 'wait')")
            task = asyncio.create_task(commit)
            while not task.done():
                if await connection.fetch(waiting):
                    await connection.fetch(
                        "SELECT pg_terminate_backend($1)", probe.get_server_pid()
                    )
                    await asyncio.gather(task, return_exceptions=True)
                    return
            await task

    async def cut_short() -> None:
        connection = await connect(cluster.dsn)
        seen: set[int] = set()
        while len(seen) < 2:  # the COMMIT itself, then the one that should follow it
            pids = {row["pid"] for row in await connection.fetch(waiting)} - seen
            if pids and not seen:
                await connection.fetch(f"SELECT {how}($1)", next(iter(pids)))
            seen |= pids
        await connection.close()

    with closing(PostgresStore(cluster.dsn)) as store:
        asyncio.run(store.append(batch(0, 3)))
        asyncio.run(replicas("nobody"))
        with ThreadPoolExecutor(1) as thread:
            append = thread.submit(asyncio.run, store.append(batch(3, 2)))
            asyncio.run(asyncio.wait_for(cut_short(), WAIT_SECONDS_MAX))
            assert not append.done()
            asyncio.run(replicas(""))
            append.result(WAIT_SECONDS_MAX)
        assert store.checkpoint(-1) == (5, "note 5")
