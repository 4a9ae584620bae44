"""The memory: append-only, Merkle, signed; knows no room but keys and the words.

The front door opens each name when it is first asked for: whoever only wants the verifier
(`tallystick.ledger.verify`) gets neither the database nor the writing half loaded with it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tallystick.ledger.entry import Receipt, Sealable
    from tallystick.ledger.ledger import Ledger
    from tallystick.ledger.publish import Publisher
    from tallystick.ledger.sealed import Sealed
    from tallystick.ledger.storage import MemoryStore, PostgresStore, SqliteStore

_HOMES = {
    "Ledger": "ledger",
    "MemoryStore": "storage",
    "PostgresStore": "storage",
    "Publisher": "publish",
    "Receipt": "entry",
    "Sealable": "entry",
    "Sealed": "sealed",
    "SqliteStore": "storage",
}

__all__ = [
    "Ledger",
    "MemoryStore",
    "PostgresStore",
    "Publisher",
    "Receipt",
    "Sealable",
    "Sealed",
    "SqliteStore",
]


def __getattr__(name: str) -> object:
    """The public name, from the module that it lives in."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
