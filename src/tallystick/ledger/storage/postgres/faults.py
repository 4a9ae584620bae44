"""What the driver and the server say, as errors of ours: a sentence each, never a password."""

import ssl

import asyncpg  # type: ignore[import-untyped]  # it ships none

from tallystick.errors import (
    Corrupt,
    KeyTaken,
    Misconfigured,
    PermanentError,
    TallystickError,
    TemporaryError,
)

FAILURES = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,  # TimeoutError is one
)
"""All that a call to the database may raise for a reason that lies outside this process."""
UNUSABLE_DSN = (
    "The address of the ledger's PostgreSQL cannot be read; its form is"
    " postgresql://user:password@host:port/database."
)
_NO_TLS = "rejected SSL upgrade"
"""The driver's words, in an error that has no type of its own."""
_KEYS_INDEX = "ledger_keys_pkey"
_REFUSED_AT_THE_DOOR = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InsufficientPrivilegeError,
)
_DAMAGED = (
    asyncpg.DataCorruptedError,
    asyncpg.IndexCorruptedError,
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedColumnError,
    asyncpg.UniqueViolationError,
    asyncpg.CheckViolationError,
)
_STANDBY = "The ledger's PostgreSQL takes no writes: it is a standby."
_SENTENCES: tuple[tuple[type[Exception], str], ...] = (
    (asyncpg.DiskFullError, "The disk of the ledger's PostgreSQL is full; nothing was stored."),
    (asyncpg.LockNotAvailableError, "Another process holds the ledger's lock."),
    (asyncpg.ReadOnlySQLTransactionError, _STANDBY),
    (asyncpg.InvalidCachedStatementError, "The ledger's tables were changed; try again."),
    (asyncpg.FeatureNotSupportedError, _STANDBY),  # what BEGIN READ WRITE says there
    (asyncpg.QueryCanceledError, "The ledger's PostgreSQL took too long; nothing was stored."),
    (TimeoutError, "The ledger's PostgreSQL did not answer in time."),
    (ssl.SSLError, "The ledger's PostgreSQL and we found no way to speak TLS."),
    (OSError, "The ledger's PostgreSQL cannot be reached."),
)


def explained(error: Exception) -> TallystickError:
    """The error of ours that stands for it."""
    if isinstance(error, TallystickError):
        return error
    final = _final(error)
    if final is not None:
        return final
    for kind, sentence in _SENTENCES:
        if isinstance(error, kind):
            return TemporaryError(sentence)
    return TemporaryError(f"The ledger's PostgreSQL failed: {str(error) or type(error).__name__}.")


def _final(error: Exception) -> TallystickError | None:
    """The error of ours where trying again does not help."""
    if isinstance(error, asyncpg.UniqueViolationError) and error.constraint_name == _KEYS_INDEX:
        return KeyTaken()
    if isinstance(error, _REFUSED_AT_THE_DOOR):
        return Misconfigured(f"The ledger's PostgreSQL does not let us in: {error}.")
    if isinstance(error, _DAMAGED):
        return Corrupt(f"The ledger's database is damaged: {error}.")
    if isinstance(error, ssl.SSLCertVerificationError):
        said = error.verify_message.rstrip(".")
        return Misconfigured(f"The ledger's PostgreSQL is not who it should be: {said}.")
    if isinstance(error, ConnectionError) and _NO_TLS in str(error):
        return Misconfigured("The ledger's PostgreSQL speaks no TLS: switch it on (ssl = on).")
    return None


def unlike_a_ledger(error: Exception) -> PermanentError:
    """What is said where a ledger should be opened and something else is in its place."""
    return PermanentError(
        f"This PostgreSQL schema holds something that is not a ledger of ours: {error}."
        " Give the ledger a schema of its own (?search_path=... in its address)."
    )
