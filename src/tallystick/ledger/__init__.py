"""The memory: append-only, Merkle, signed; knows no room but keys and the words."""

from tallystick.ledger.entry import Receipt, Sealable
from tallystick.ledger.ledger import Ledger, Sealed
from tallystick.ledger.publish import Publisher
from tallystick.ledger.storage import MemoryStore, SqliteStore

__all__ = ["Ledger", "MemoryStore", "Publisher", "Receipt", "Sealable", "Sealed", "SqliteStore"]
