"""Witnesses: others who sign that they saw the same ledger, and the means to be one.

`policy` says who is asked and how many must agree; `cosigner` asks them; `core` is the witness
itself, pure but for the port behind which it remembers; `heads` is its memory on disk and
`server` its HTTP side. The wire format in between is `protocol` (C2SP tlog-witness).

The front door opens each name when it is first asked for: whoever only checks a policy gets
neither HTTP nor a database with it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tallystick.ledger.witness.core import MemoryHeads, Witness
    from tallystick.ledger.witness.cosigner import Cosigned, Cosigner
    from tallystick.ledger.witness.heads import SqliteHeads
    from tallystick.ledger.witness.policy import Policy, Standing
    from tallystick.ledger.witness.server import witness_app

_HOMES = {
    "Cosigned": "cosigner",
    "Cosigner": "cosigner",
    "MemoryHeads": "core",
    "Policy": "policy",
    "SqliteHeads": "heads",
    "Standing": "policy",
    "Witness": "core",
    "witness_app": "server",
}

__all__ = [
    "Cosigned",
    "Cosigner",
    "MemoryHeads",
    "Policy",
    "SqliteHeads",
    "Standing",
    "Witness",
    "witness_app",
]


def __getattr__(name: str) -> object:
    """The public name, from the module that it lives in."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
