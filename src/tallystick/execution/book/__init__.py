"""What every account holds, owes and has working: a fold of the ledger's entries."""

from tallystick.execution.book.account import (
    Account,
    Configuration,
    Economics,
    Pending,
    Repeat,
    check_reconfigured,
)
from tallystick.execution.book.book import HOUSE, Book, Undo, balances_text
from tallystick.execution.book.counting import REPEATS_KEPT_MAX, economics_of
from tallystick.execution.book.limits import Bounds, Limits
from tallystick.execution.book.lots import trade_of
from tallystick.execution.book.positions import FLAT, Lot, Position
from tallystick.execution.book.snapshot import restore, snapshot

__all__ = [
    "FLAT",
    "HOUSE",
    "REPEATS_KEPT_MAX",
    "Account",
    "Book",
    "Bounds",
    "Configuration",
    "Economics",
    "Limits",
    "Lot",
    "Pending",
    "Position",
    "Repeat",
    "Undo",
    "balances_text",
    "check_reconfigured",
    "economics_of",
    "restore",
    "snapshot",
    "trade_of",
]
