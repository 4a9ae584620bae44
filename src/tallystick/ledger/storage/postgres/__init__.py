"""The ledger in one schema of a PostgreSQL database: several writers, one log."""

from tallystick.ledger.storage.postgres.store import PostgresStore

__all__ = ["PostgresStore"]
