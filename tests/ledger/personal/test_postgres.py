"""The vault in PostgreSQL: what only a server that goes away and comes back can show."""

from collections.abc import Callable
from typing import Any

import pytest

from tallystick.errors import PermanentError, TemporaryError
from tallystick.ledger.personal.postgres import PostgresVault
from tallystick.ledger.personal.vault import Held, RecordedAt, SealedField, Step

A = b"\x01" * 32


def test_it_comes_back_with_the_server(new_cluster: Callable[[], Any]) -> None:
    """While the server is down a call is temporary; afterwards the same vault goes on."""
    cluster = new_cluster()
    cluster.start()
    vault = PostgresVault(cluster.dsn)
    vault.keep("S-1", [SealedField(A, b"sealed")], 1)
    vault.settle(Step(1, [RecordedAt(0, "S-1", (A,))]), 0)
    cluster.kill()

    for call in (vault.position, lambda: vault.keep("S-1", [SealedField(A, b"x")], 1)):
        with pytest.raises(TemporaryError) as told:
            call()
        assert "postgresql://" not in str(told.value)
    cluster.start()
    assert vault.find("S-1") == Held((0,))
    assert vault.sealed("S-1", [A]) == {A: b"sealed"}
    vault.close()


def test_a_broken_connection_is_opened_again(postgres: Any) -> None:
    """The server ended our session between two calls: the next one notices nothing."""
    dsn = postgres.schema()
    vault = PostgresVault(dsn)
    vault.keep("S-1", [SealedField(A, b"sealed")], 1)
    postgres.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )

    assert vault.sealed("S-1", [A]) == {A: b"sealed"}
    vault.close()


def test_a_server_that_is_not_there_is_temporary() -> None:
    """Without the address, which may hold a password, in the sentence."""
    with pytest.raises(TemporaryError) as told:
        PostgresVault("postgresql://tally:secret@127.0.0.1:9/postgres")
    assert "secret" not in str(told.value)


def test_a_newer_version_s_tables_are_left_alone(postgres: Any) -> None:
    """Nothing is read from what may mean something else."""
    dsn = postgres.schema()
    PostgresVault(dsn).close()
    postgres.run("UPDATE personal_progress SET schema_version = 2", dsn=dsn)

    with pytest.raises(PermanentError, match="newer Tallystick"):
        PostgresVault(dsn)


def test_two_ledgers_share_a_database(postgres: Any) -> None:
    """Each schema has its own subjects."""
    one, two = PostgresVault(postgres.schema()), PostgresVault(postgres.schema())
    one.keep("S-1", [SealedField(A, b"sealed")], 1)

    assert two.sealed("S-1", [A]) == {}
    one.close()
    two.close()
