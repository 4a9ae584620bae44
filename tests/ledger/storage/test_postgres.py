"""The PostgreSQL store against what servers, operators and settings do to it."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from tallystick.errors import (
    Corrupt,
    Misconfigured,
    PermanentError,
    Refused,
    TallystickError,
    TemporaryError,
)
from tallystick.ledger.storage import PostgresStore
from tallystick.ledger.storage.postgres import session
from tallystick.ledger.storage.postgres.store import KEY_BYTES_MAX
from tallystick.ledger.store import Batch, Row

TABLES = ("entries", "keys", "tiles", "checkpoints", "head", "schema")


@pytest.fixture
def dsn(postgres: Any) -> str:
    """An empty schema."""
    address: str = postgres.schema()
    return address


@pytest.fixture
def store(dsn: str) -> Iterator[PostgresStore]:
    """A store of three entries."""
    with closing(PostgresStore(dsn)) as opened:
        asyncio.run(opened.append(Batch(0, rows(0, 3), [], "note 3")))
        yield opened


def rows(first: int, count: int) -> list[Row]:
    """Rows whose every part says the position."""
    names = [str(position) for position in range(first, first + count)]
    return [Row(name.encode(), name.encode().zfill(32), (f"key {name}",)) for name in names]


def require_whole(store: PostgresStore) -> int:
    """No part of a batch is there without the others; the size."""
    size, note = store.checkpoint(-1) or (0, "note 0")
    assert note == f"note {size}"
    assert len(store.rows(0, 1_000_000)) == size
    assert [store.find(f"key {position}") for position in range(size)] == list(range(size))
    assert store.find(f"key {size}") is None
    return size


def put(dsn: str, **parts: str) -> str:
    """The address with other parts."""
    return urlunsplit(urlsplit(dsn)._replace(**parts))


def setting(store: PostgresStore, line: session.Line, name: str) -> str:
    """What a setting is in one of the store's sessions."""

    async def ask() -> str:
        return str(await (await line.connection()).fetchval(f"SHOW {name}"))

    return store._loop.wait(ask(), 10)


def test_the_settings_take_hold(store: PostgresStore) -> None:
    """Durability and the limits hold in every session, and each stays in its schema."""
    wanted = {
        "synchronous_commit": "on",
        "lock_timeout": "5s",
        "statement_timeout": "30s",
        "idle_in_transaction_session_timeout": "10s",
        "search_path": setting(store, store._reader, "search_path"),
    }
    for line in (store._reader, store._writer):
        assert {name: setting(store, line, name) for name in wanted} == wanted


@pytest.mark.parametrize(("asked", "given"), [("off", "on"), ("remote_apply", "remote_apply")])
def test_commits_wait_for_the_disk_whatever_was_asked(dsn: str, asked: str, given: str) -> None:
    """`synchronous_commit` may be stronger than `on`, never weaker."""
    with closing(PostgresStore(f"{dsn}&synchronous_commit={asked}")) as store:
        assert setting(store, store._writer, "synchronous_commit") == given


def test_defaults_of_the_database_do_no_harm(postgres: Any, dsn: str) -> None:
    """Serializable and read-only by default: writers still wait for one another and write."""
    strict = f"{dsn}&default_transaction_isolation=serializable&default_transaction_read_only=on"
    with closing(PostgresStore(dsn)) as plain, closing(PostgresStore(strict)) as store:
        asyncio.run(plain.append(Batch(0, rows(0, 3), [], "note 3")))
        asyncio.run(store.append(Batch(3, rows(3, 3), [], "note 6")))
        assert require_whole(store) == require_whole(plain) == 6
    assert postgres.run("SELECT size FROM ledger_head", dsn=dsn) == [(6,)]


def test_ledgers_of_one_database_know_nothing_of_each_other(
    postgres: Any, store: PostgresStore
) -> None:
    """Each schema has its own entries, keys and head; a capital letter in its name is no matter."""
    postgres.run('CREATE SCHEMA "Other Ledger"')
    other_dsn = put(postgres.dsn, query="search_path=%22Other%20Ledger%22,public")
    with closing(PostgresStore(other_dsn)) as other:
        assert other.checkpoint(-1) is None
        asyncio.run(other.append(Batch(0, rows(0, 1), [], "note 1")))
        assert (require_whole(other), require_whole(store)) == (1, 3)
        channels = {setting_of_channel(each) for each in (store, other)}
        assert len(channels) == 2


def setting_of_channel(store: PostgresStore) -> str:
    """The name of the channel that a store's commits are told on."""
    from tallystick.ledger.storage.postgres.follow import CHANNEL  # noqa: PLC0415  only here

    return str(store._query(f"SELECT {CHANNEL}")[0][0])


def test_a_commit_says_the_size_on_the_channel(postgres: Any, dsn: str) -> None:
    """Whoever listens, in whatever language, is told the new size, and only when there is one."""
    heard: list[str] = []

    async def run() -> None:
        from asyncpg import connect  # type: ignore[import-untyped]  # noqa: PLC0415  it ships none

        with closing(PostgresStore(dsn)) as store:
            connection = await connect(postgres.dsn)
            channel = setting_of_channel(store)
            await connection.add_listener(channel, lambda *told: heard.append(told[-1]))
            await store.append(Batch(0, rows(0, 3), [], "note 3"))
            with pytest.raises(PermanentError):
                await store.append(Batch(3, rows(0, 1), [], "note 4"))
            await store.append(Batch(3, rows(3, 2), [], "note 5"))
            await connection.execute("SELECT 1")
            await connection.close()

    asyncio.run(run())
    assert heard == ["3", "5"]


@pytest.mark.parametrize(
    "key",
    ["nul \x00", "half a pair \ud800", "x" * (KEY_BYTES_MAX + 1), "€" * (KEY_BYTES_MAX // 3 + 1)],
    ids=["nul", "surrogate", "long", "long in bytes"],
)
def test_a_key_that_postgresql_cannot_hold_is_refused(store: PostgresStore, key: str) -> None:
    """Refused with its code before anything is sent; nobody finds it; the longest that fits does.

    The door refuses such keys long before; so this is for whoever else uses the store.
    """
    with pytest.raises(Refused) as caught:
        asyncio.run(store.append(Batch(3, [Row(b"x", b"x", ("good", key))], [], "note 4")))
    assert caught.value.code == "BAD_KEY"
    assert store.find(key) is None
    assert store.find_all(["key 1", key, "key 2"]) == [1, None, 2]
    assert require_whole(store) == 3
    longest = Row(b"3", b"3".zfill(32), ("key 3", "", "é" * (KEY_BYTES_MAX // 2)))
    asyncio.run(store.append(Batch(3, [longest], [], "note 4")))
    assert [store.find(each) for each in longest.keys] == [3, 3, 3]


def test_a_lock_held_too_long_is_a_temporary_error(
    store: PostgresStore, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another writer does not let go: readers read on; the append gives up, and works later."""
    monkeypatch.setattr(session, "LOCK_MS_MAX", 50)
    batch = Batch(3, rows(3, 1), [], "note 4")

    async def hold() -> None:
        connection = await store._writer.connection()
        await connection.execute("BEGIN")
        await connection.execute("DELETE FROM ledger_entries")
        await connection.execute("UPDATE ledger_head SET size = 99")

    with closing(PostgresStore(dsn)) as other:
        store._loop.wait(hold(), 10)
        with pytest.raises(TemporaryError, match="holds the ledger's lock"):
            asyncio.run(other.append(batch))
        assert require_whole(other) == 3
        store._loop.call(store._writer.drop)
        asyncio.run(append_when_free(other, batch))
        assert require_whole(store) == 4


async def append_when_free(store: PostgresStore, batch: Batch) -> None:
    """Append as soon as the lock is free."""
    while True:
        try:
            await store.append(batch)
            break
        except TemporaryError:
            continue


def test_opening_at_once_works(dsn: str) -> None:
    """Many that open an empty schema at the same moment wait for one another."""
    with ThreadPoolExecutor(8) as threads:
        stores = list(threads.map(lambda _: PostgresStore(dsn), range(8)))
    asyncio.run(stores[0].append(Batch(0, rows(0, 2), [], "note 2")))
    for opened in stores:
        assert require_whole(opened) == 2
        opened.close()


def test_the_schema_is_made_once(postgres: Any, dsn: str, store: PostgresStore) -> None:
    """A schema of the newest version is opened as it is, even by who may not change it."""
    version = "SELECT version FROM ledger_schema"
    objects = (
        "SELECT oid, relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace"
    )
    before = postgres.run(version, dsn=dsn), postgres.run(objects, dsn=dsn)
    with closing(PostgresStore(f"{dsn}&default_transaction_read_only=on")) as again:
        assert require_whole(again) == require_whole(store)
    assert (postgres.run(version, dsn=dsn), postgres.run(objects, dsn=dsn)) == before
    assert before[0] == [(1,)]


def test_the_rights_that_the_guide_names_are_enough(postgres: Any, dsn: str) -> None:
    """Who runs the ledger owns nothing of it: it may read, add, and move the head."""
    if postgres.run("SELECT rolcreaterole OR rolsuper FROM pg_roles WHERE rolname = user") != [
        (True,)
    ]:
        pytest.skip("the server's user may not create roles")
    with closing(PostgresStore(dsn)) as owner:
        asyncio.run(owner.append(Batch(0, rows(0, 3), [], "note 3")))
    schema = dsn.rpartition("=")[2]
    role = f"runs_{schema}"
    postgres.run(
        f"CREATE ROLE {role} LOGIN PASSWORD 'p'",
        f"GRANT USAGE ON SCHEMA {schema} TO {role}",
        f"GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA {schema} TO {role}",
        f"GRANT UPDATE ON {schema}.ledger_head TO {role}",
    )
    try:
        address = put(dsn, netloc=f"{role}:p@{urlsplit(dsn).netloc.rpartition('@')[2]}")
        with closing(PostgresStore(address)) as store:
            asyncio.run(store.append(Batch(3, rows(3, 2), [], "note 5")))
            assert require_whole(store) == 5
        postgres.run(f"REVOKE INSERT ON {schema}.ledger_keys FROM {role}")
        with (
            closing(PostgresStore(address)) as store,
            pytest.raises(Misconfigured, match="permission denied for table ledger_keys"),
        ):
            asyncio.run(store.append(Batch(5, rows(5, 1), [], "note 6")))
    finally:
        postgres.run(f"DROP OWNED BY {role}", f"DROP ROLE {role}")


def test_a_newer_schema_is_refused(postgres: Any, dsn: str, store: PostgresStore) -> None:
    """What a newer Tallystick wrote is not touched by an older one."""
    postgres.run("UPDATE ledger_schema SET version = 99", dsn=dsn)
    with pytest.raises(PermanentError, match="newer Tallystick"):
        PostgresStore(dsn)
    assert require_whole(store) == 3


@pytest.mark.parametrize("name", TABLES)
def test_what_is_no_ledger_is_refused(postgres: Any, dsn: str, name: str) -> None:
    """A table of somebody else's in our place is left as it is, and nothing is put beside it."""
    postgres.run(f"CREATE TABLE ledger_{name} (mine TEXT)", dsn=dsn)
    with pytest.raises(PermanentError, match=r"not a ledger of ours.*schema of its own"):
        PostgresStore(dsn)
    tables = "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace"
    assert postgres.run(f"{tables} AND relkind = 'r'", dsn=dsn) == [(f"ledger_{name}",)]


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM ledger_head",
        "UPDATE ledger_head SET size = 2",
        "DROP TABLE ledger_keys",
        "ALTER TABLE ledger_checkpoints DROP COLUMN note",
    ],
)
def test_damage_is_named_when_it_is_met(
    postgres: Any, dsn: str, store: PostgresStore, damage: str
) -> None:
    """A head that went back, a lost table: nothing is stored over it."""
    postgres.run(damage, dsn=dsn)
    first = 2 if "size" in damage else 3
    with pytest.raises(Corrupt):
        asyncio.run(store.append(Batch(first, rows(7, 1), [], f"note {first + 1}")))
    assert len(store.rows(0, 10)) == 3


def test_a_database_that_goes_away_while_we_run_is_waited_for(
    postgres: Any, dsn: str, store: PostgresStore
) -> None:
    """A restore drops it for a moment: what is a mistake at the start is no reason to end later."""
    require_whole(store)
    schema = postgres.run("SELECT current_schema()", dsn=dsn)[0][0]
    postgres.run(f'ALTER SCHEMA "{schema}" RENAME TO "{schema}_away"')
    postgres.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    for _ in range(2):  # the session that broke, and the one that finds no ledger
        with pytest.raises(TemporaryError):
            store.checkpoint(-1)
    postgres.run(f'ALTER SCHEMA "{schema}_away" RENAME TO "{schema}"')

    require_whole(store)


def test_a_missing_schema_is_said(postgres: Any) -> None:
    """The ledger does not choose another place than the one it was given."""
    with pytest.raises(Misconfigured, match=r"none of the schemas.*CREATE SCHEMA"):
        PostgresStore(put(postgres.dsn, query="search_path=nowhere"))


def test_another_encoding_is_refused(postgres: Any) -> None:
    """Keys are any text, so the database must hold any text."""
    postgres.run("DROP DATABASE IF EXISTS tallystick_latin")
    options = "ENCODING LATIN1 LOCALE 'C' TEMPLATE template0"
    postgres.run(f"CREATE DATABASE tallystick_latin {options}")
    try:
        with pytest.raises(Misconfigured, match="encoded in LATIN1; it must be UTF8"):
            PostgresStore(put(postgres.dsn, path="/tallystick_latin"))
    finally:
        postgres.run("DROP DATABASE tallystick_latin")


@pytest.mark.parametrize(
    ("parts", "kind"),
    [
        ({"netloc": "me:hush-hush@127.0.0.1:1"}, TemporaryError),
        ({"netloc": "me:hush-hush@127.0.0.1:port"}, Misconfigured),
        ({"netloc": "me:@hush-hush@@127.0.0.1:hush-hush"}, Misconfigured),
        ({"scheme": "mysql", "netloc": "me:hush-hush@127.0.0.1"}, Misconfigured),
        ({"path": "/hush-hush-is-no-database"}, Misconfigured),
        ({"query": "sslmode=hush-hush"}, Misconfigured),
    ],
    ids=["nobody there", "no port", "misplaced", "another scheme", "no database", "no such mode"],
)
def test_who_cannot_connect_is_told_why(
    postgres: Any, parts: dict[str, str], kind: type[TallystickError]
) -> None:
    """An error of ours, with a sentence, and what is secret in the address stays out of it."""
    with pytest.raises(kind, match=r"The address|The ledger's PostgreSQL") as caught:
        PostgresStore(put(postgres.dsn, **parts))
    if "path" not in parts:
        chain = [caught.value, caught.value.__cause__]
        assert not any("hush" in f"{error!r} {error}" for error in chain)


def test_a_wrong_password_is_told_without_it(postgres: Any) -> None:
    """It is misconfigured for good: trying again would not help."""
    parts = urlsplit(postgres.dsn)
    wrong = put(postgres.dsn, netloc=f"{parts.username}:hush-hush@{parts.netloc.partition('@')[2]}")
    if postgres.trusts(wrong):
        pytest.skip("the server asks for no password")
    with pytest.raises(Misconfigured, match="does not let us in") as caught:
        PostgresStore(wrong)
    assert "hush" not in f"{caught.value} {caught.value.__cause__}"


def test_a_server_that_does_not_flush_is_refused(cluster: Any) -> None:
    """`fsync=off` would lose what was acknowledged: said at the start."""
    cluster.start(fsync="off")
    with pytest.raises(Misconfigured, match="fsync=off: a power cut would lose"):
        PostgresStore(cluster.dsn)


def test_damaged_pages_are_an_error_of_ours(cluster: Any) -> None:
    """Bytes overwritten in the server's files are named as damage when they are read."""
    cluster.start()
    with closing(PostgresStore(cluster.dsn)) as store:
        asyncio.run(store.append(Batch(0, rows(0, 2_000), [], "note 2000")))
        path = str(store._query("SELECT pg_relation_filepath('ledger_entries')")[0][0])
    cluster.stop()
    file: Path = cluster.folder / "data" / path
    file.write_bytes(b"\xee" * file.stat().st_size)
    cluster.start()
    with closing(PostgresStore(cluster.dsn)) as damaged:
        assert damaged.checkpoint(-1) == (2_000, "note 2000")
        with pytest.raises(Corrupt, match="damaged: invalid page"):
            damaged.rows(0, 2_000)
