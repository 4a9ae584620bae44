"""A primary and its standby: what may be read where, and what becomes of writers at failover."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from threading import Event
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from tallystick.errors import TemporaryError
from tallystick.ledger.storage import PostgresStore
from tallystick.ledger.store import Batch, Row

WAIT_SECONDS_MAX = 30.0


def batch(first: int, count: int) -> Batch:
    """Rows whose every part says the position."""
    keys = [str(position) for position in range(first, first + count)]
    rows = [Row(key.encode(), key.encode().zfill(32), (key,)) for key in keys]
    return Batch(first, rows, [], f"note {first + count}")


@dataclass
class Pair:
    """Two servers; `either` is the address of whichever of them takes writes."""

    primary: Any
    standby: Any
    stack: ExitStack

    @property
    def either(self) -> str:
        """Both hosts in one address."""
        parts = urlsplit(self.primary.dsn)
        hosts = f"{parts.netloc},127.0.0.1:{self.standby.port}"
        return urlunsplit(parts._replace(netloc=hosts, query="target_session_attrs=read-write"))

    def open(self, dsn: str) -> PostgresStore:
        """A store there, closed with the test."""
        return self.stack.enter_context(closing(PostgresStore(dsn)))


@pytest.fixture
def pair(new_cluster: Any) -> Iterator[Pair]:
    """A primary with a ledger of three entries, and its synchronous standby."""
    primary, standby = new_cluster(), new_cluster()
    primary.start()
    with ExitStack() as stack:
        pair = Pair(primary, standby, stack)
        asyncio.run(pair.open(primary.dsn).append(batch(0, 3)))
        standby.copy(primary)
        standby.start()
        yield pair


def test_a_standby_is_read_and_followed_but_not_written(pair: Pair) -> None:
    """It shows what it has and tells of what comes, though it takes neither writes nor LISTEN."""
    reader, writer = pair.open(pair.standby.dsn), pair.open(pair.primary.dsn)
    assert reader.checkpoint(-1) == (3, "note 3")
    heard: list[int] = []
    news = Event()

    def hear(size: int) -> None:
        heard.append(size)
        news.set()

    reader.follow(hear)
    asyncio.run(writer.append(batch(3, 2)))
    while heard[-1:] != [5]:
        assert news.wait(WAIT_SECONDS_MAX)
        news.clear()
    assert reader.find("4") == 4
    with pytest.raises(TemporaryError, match="takes no writes: it is a standby"):
        asyncio.run(reader.append(batch(5, 1)))


def test_writers_find_the_promoted_standby(pair: Pair) -> None:
    """The primary dies with a synchronous standby: what was acknowledged is there, and on we go."""
    settings = "ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()"
    connection = pair.open(pair.primary.dsn)
    connection._loop.wait(execute(connection, *settings), WAIT_SECONDS_MAX)
    writer = pair.open(pair.either)
    for first in range(3, 30):
        asyncio.run(writer.append(batch(first, 1)))
    pair.primary.kill()
    promoted = pair.open(pair.standby.dsn)
    promoted._query("SELECT pg_promote()")
    size, tries = 30, 0
    while size == 30:
        try:
            asyncio.run(writer.append(batch(size, 1)))
            size += 1
        except TemporaryError:
            tries += 1
            assert tries < 1_000
    assert writer.checkpoint(-1) == promoted.checkpoint(-1) == (31, "note 31")
    assert writer.find_all([str(position) for position in range(32)]) == [*range(31), None]


async def execute(store: PostgresStore, *statements: str) -> None:
    """Run statements outside of any transaction in the store's session."""
    connection = await store._reader.connection()
    for statement in statements:
        await connection.execute(statement)
