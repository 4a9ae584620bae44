"""Personal data beside the ledger: committed to in entries, sealed in a vault, erased by key."""

from tallystick.ledger.personal.memory import MemoryVault
from tallystick.ledger.personal.retention import Retention, read_retention
from tallystick.ledger.personal.sqlite import SqliteVault
from tallystick.ledger.personal.subjects import Erasure, Field, Recording, Subjects
from tallystick.ledger.personal.vault import Vault

__all__ = [
    "Erasure",
    "Field",
    "MemoryVault",
    "Recording",
    "Retention",
    "SqliteVault",
    "Subjects",
    "Vault",
    "read_retention",
]
