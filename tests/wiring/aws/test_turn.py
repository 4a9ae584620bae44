"""A writer's turn at the head, and sessions that somebody hands around."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from aws_world import KEYRING, World

from tallystick.errors import HeadMoved, Misconfigured, TemporaryError
from tallystick.ledger import Ledger, PostgresStore, Sealable
from tallystick.ledger.storage.postgres.session import Manners

POOLED = Manners(pooled=True)


@pytest.fixture
def stores(world: World) -> Iterator[list[PostgresStore]]:
    """Two writers of one ledger."""
    opened = [PostgresStore(world.dsn, manners=POOLED) for _ in range(2)]
    yield opened
    for store in opened:
        store.close()


def test_who_has_the_turn_is_not_overtaken(stores: list[PostgresStore]) -> None:
    """The other one waits, and then sees that the head moved."""
    one, other = (Ledger(store, KEYRING) for store in stores)

    async def first() -> None:
        await stores[0].take_turn()
        await stores[0].take_turn()
        overtaking = asyncio.create_task(other.append(0, [Sealable(b"second")]))
        await asyncio.sleep(0.2)
        assert not overtaking.done()
        await one.append(0, [Sealable(b"first")])
        with pytest.raises(HeadMoved):
            await overtaking

    asyncio.run(first())
    assert [row.entry for row in one.rows(0, 9)] == [b"first"]


def test_a_turn_that_is_left_holds_nobody_up(stores: list[PostgresStore]) -> None:
    """As does one whose process is gone: its session goes with it."""
    other = Ledger(stores[1], KEYRING)

    async def leave() -> None:
        await stores[0].take_turn()
        await stores[0].leave_turn()
        await stores[0].leave_turn()
        await other.append(0, [Sealable(b"next")])
        await stores[0].take_turn()
        stores[0]._writer.drop()
        await other.append(1, [Sealable(b"after")])

    asyncio.run(leave())
    assert other.size == 2


def test_an_append_in_a_turn_that_fails_ends_it(stores: list[PostgresStore]) -> None:
    """A head that is not what was expected: nothing is stored, and the turn is over."""
    one, other = (Ledger(store, KEYRING) for store in stores)

    async def fail() -> None:
        await other.append(0, [Sealable(b"first")])
        await stores[0].take_turn()
        with pytest.raises(HeadMoved):
            await one.append(0, [Sealable(b"late")])
        assert not stores[0]._writer.in_turn
        await other.append(1, [Sealable(b"second")])

    asyncio.run(fail())
    assert one.catch_up() or one.size == 2


def test_a_crowd_in_line_is_served_in_full(world: World) -> None:
    """Eight writers who stand in line: no append is lost to another, whoever comes first."""

    def write(number: int) -> int:
        store = PostgresStore(world.dsn, manners=POOLED)
        ledger = Ledger(store, KEYRING)
        lost = 0

        async def run() -> int:
            nonlocal lost
            for _ in range(10):
                await store.take_turn()
                ledger.catch_up()
                try:
                    await ledger.append(ledger.size, [Sealable(b"of %d" % number)])
                except HeadMoved:
                    lost += 1
            return lost

        try:
            return asyncio.run(run())
        finally:
            store.close()

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(write, range(8))) == 0


def test_a_lock_that_is_not_given_is_temporary(
    world: World, stores: list[PostgresStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waits for too long is told so, and the session is as before."""
    del world, monkeypatch

    async def wait() -> None:
        await stores[0].take_turn()
        connection = await asyncio.wrap_future(
            stores[1]._loop.submit(stores[1]._writer.connection())
        )
        limit = connection.execute("SET lock_timeout = '50ms'")
        await asyncio.wrap_future(stores[1]._loop.submit(limit))
        with pytest.raises(TemporaryError, match="lock"):
            await stores[1].take_turn()
        assert not stores[1]._writer.in_turn
        await stores[0].leave_turn()
        await stores[1].take_turn()
        await stores[1].leave_turn()

    asyncio.run(wait())


def test_a_password_is_asked_for_each_session(world: World) -> None:
    """A token that is valid for minutes: the next session gets another."""
    address, _, rest = world.dsn.rpartition("@")
    start, _, word = address.rpartition(":")
    asked: list[str] = []

    def password() -> str:
        asked.append(word)
        return word

    store = PostgresStore(f"{start}@{rest}", manners=Manners(password, pooled=True))
    assert store.find("nothing") is None
    before = len(asked)
    assert before
    store._reader.drop()
    assert store.find("nothing") is None
    assert len(asked) == before + 1
    store.close()
    with pytest.raises(Misconfigured), suppress(TemporaryError):
        PostgresStore(f"{start}@{rest}", manners=Manners(lambda: "wrong", pooled=True))
