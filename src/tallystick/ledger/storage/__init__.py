"""Where a ledger is kept: one backend a file, one contract suite for all of them."""

from tallystick.ledger.storage.memory import MemoryStore
from tallystick.ledger.storage.postgres import PostgresStore
from tallystick.ledger.storage.sqlite import SqliteStore

BACKENDS = {"memory": MemoryStore, "postgres": PostgresStore, "sqlite": SqliteStore}

__all__ = ["BACKENDS", "MemoryStore", "PostgresStore", "SqliteStore"]
