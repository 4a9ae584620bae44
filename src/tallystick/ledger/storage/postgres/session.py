"""A session with the server: opened when needed, with the promises of durability checked."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ssl import SSLCertVerificationError, SSLContext
from typing import TypeAlias

import asyncpg  # type: ignore[import-untyped]  # it ships none

from tallystick.errors import Misconfigured, TemporaryError
from tallystick.ledger.storage.postgres.faults import FAILURES, UNUSABLE_DSN, explained

CONNECT_SECONDS_MAX = 5.0
"""From the first packet to a session that may be used."""
LOCK_MS_MAX = 5_000
"""How long to wait for another writer's transaction."""
STATEMENT_MS_MAX = 30_000
"""The longest that the server works on one statement; COMMIT alone has no such limit there."""
STALLED_MS_MAX = 10_000
"""A writer that stops inside its transaction (a frozen process) is cut off after this."""
ANSWER_SECONDS_MAX = 35.0
"""The longest wait for one answer: longer than the server's own limit, for when it is gone."""
CLOSE_SECONDS_MAX = 2.0
ROLLBACK_SECONDS_MAX = 2.0

Connection: TypeAlias = asyncpg.Connection

_FACTS = """
SELECT current_schema() AS schema, current_setting('fsync') AS fsync,
  current_setting('server_encoding') AS encoding, current_setting('synchronous_commit') AS sync,
  current_setting('lock_timeout') AS lock_timeout,
  current_setting('idle_in_transaction_session_timeout') AS stalled
"""
ROLE_SETTINGS = {
    "synchronous_commit": "on",
    "lock_timeout": f"{LOCK_MS_MAX // 1_000}s",
    "idle_in_transaction_session_timeout": f"{STALLED_MS_MAX // 1_000}s",
}
"""What the role of a pooled session must bring (`ALTER ROLE ... SET ...`), beside its search path:
nobody may set it in a session that the next transaction of somebody else gets."""
_SETTINGS = """
SELECT set_config('search_path', quote_ident(current_schema()), false),
  set_config('synchronous_commit', $1, false),
  set_config('lock_timeout', $2, false),
  set_config('statement_timeout', $3, false),
  set_config('idle_in_transaction_session_timeout', $4, false)
"""


@dataclass(frozen=True)
class Manners:
    """What the address of a database does not say about its sessions."""

    password: Callable[[], str] | None = None
    """Asked for each new session: a token that is valid for minutes only."""
    tls: SSLContext | None = None
    """By which the server's certificate and name are checked; None: as the address says."""
    pooled: bool = False
    """Whether somebody in between (RDS Proxy, a pooler in transaction mode) hands each transaction
    to any session there is. Nothing is then set in a session, prepared or listened to there; what
    would be set has to be the role's: see `ROLE_SETTINGS`."""


PLAIN = Manners()
"""Sessions of our own, straight to the server."""


class Line:
    """At most one session, opened when it is first needed and again after it was lost."""

    def __init__(self, dsn: str, manners: Manners = PLAIN) -> None:
        self._dsn = dsn
        self._manners = manners
        self._connection: Connection | None = None
        self._let_in = False
        self.lock = asyncio.Lock()
        """Who uses the session holds this."""
        self.in_turn = False
        """Whether its transaction is open and holds the head; see `turn`."""

    async def connection(self) -> Connection:
        """The session, a new one if need be.

        Raises:
            TemporaryError: the server does not answer, or does not let us in any more: while a
                database is restored it is not there for a moment.
            Misconfigured: it does not let us in, or promises no durability.
        """
        if self._connection is None or self._connection.is_closed():
            self.in_turn = False
            try:
                self._connection = await _connect(self._dsn, self._manners)
            except Misconfigured as error:
                if self._let_in:
                    raise TemporaryError(str(error)) from error
                raise
            self._let_in = True
        return self._connection

    def drop(self) -> None:
        """Forget the session without a word to the server, which rolls back what was open."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None
        self.in_turn = False

    async def roll_back(self) -> None:
        """Undo what is open; the server does it alone when it cannot be told."""
        self.in_turn = False
        try:
            if self._connection is not None:
                await self._connection.execute("ROLLBACK", timeout=ROLLBACK_SECONDS_MAX)
        except FAILURES:
            self.drop()

    async def close(self) -> None:
        """Say goodbye."""
        if self._connection is not None:
            try:
                await self._connection.close(timeout=CLOSE_SECONDS_MAX)
            except FAILURES:
                self.drop()
            self._connection = None


async def open_session(dsn: str, manners: Manners) -> Connection:
    """A session as the server gives it: nothing is checked or set in it yet.

    Raises:
        TemporaryError: the server does not answer.
        Misconfigured: it does not let us in, or the address or its certificate cannot be used.
    """
    given = {"password": manners.password, "ssl": manners.tls}
    options: dict[str, object] = {name: it for name, it in given.items() if it is not None}
    if manners.pooled:
        options["statement_cache_size"] = 0
    try:
        return await asyncpg.connect(
            dsn, timeout=CONNECT_SECONDS_MAX, command_timeout=ANSWER_SECONDS_MAX, **options
        )
    except SSLCertVerificationError as error:  # which is a ValueError too
        raise explained(error) from error
    except ValueError:
        # The driver quotes parts of the address, and a misplaced password with them.
        raise Misconfigured(UNUSABLE_DSN) from None
    except FAILURES as error:
        raise explained(error) from error


async def _connect(dsn: str, manners: Manners) -> Connection:
    connection = await open_session(dsn, manners)
    try:
        await _prepare(connection, pooled=manners.pooled)
    except FAILURES as error:
        connection.terminate()
        raise explained(error) from error
    except BaseException:
        connection.terminate()
        raise
    return connection


async def _prepare(connection: Connection, *, pooled: bool) -> None:
    """Demand what durable means here; then stay in the one schema that was found."""
    facts = await connection.fetchrow(_FACTS)
    if facts["schema"] is None:
        raise Misconfigured(
            "The ledger's PostgreSQL has none of the schemas in the search path: create one"
            " (CREATE SCHEMA ...), or name another (?search_path=... in its address)."
        )
    if facts["fsync"] != "on":
        raise Misconfigured(
            "The ledger's PostgreSQL runs with fsync=off: a power cut would lose what was"
            " acknowledged. Switch it on."
        )
    if facts["encoding"] != "UTF8":
        raise Misconfigured(
            f"The ledger's database is encoded in {facts['encoding']}; it must be UTF8."
        )
    if pooled:
        _require_of_role(facts)
        return
    sync = "remote_apply" if facts["sync"] == "remote_apply" else "on"
    limits = (str(ms) for ms in (LOCK_MS_MAX, STATEMENT_MS_MAX, STALLED_MS_MAX))
    await connection.execute(_SETTINGS, sync, *limits)


def _require_of_role(facts: Mapping[str, str]) -> None:
    """What a session of our own would set, the role has to bring."""
    weak = facts["sync"] not in {"on", "remote_apply"}
    endless = "0" in {facts["lock_timeout"], facts["stalled"]}
    if weak or endless:
        wanted = "; ".join(
            f"ALTER ROLE ... SET {name} = '{v}'" for name, v in ROLE_SETTINGS.items()
        )
        raise Misconfigured(
            "The ledger's PostgreSQL is reached through a pool, where no session can be set up;"
            f" its role has to bring the settings: {wanted}."
        )
