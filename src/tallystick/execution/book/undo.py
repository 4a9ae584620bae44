"""What the entries since the last cut changed in the book, and how it is taken back."""

from typing import Any

from tallystick.execution.book.positions import Lot
from tallystick.execution.entries import QuoteGiven
from tallystick.ids import order_position

ABSENT: Any = object()
Change = tuple[Any, Any, Any]
"""(mapping, key, what it held before: `ABSENT` where it held nothing)."""


class Changes:
    """Every change of the book's mappings goes through here, in order.

    Where it is done for each order, it is written into `log` by hand.
    """

    def __init__(self) -> None:
        self.log: list[Change] = []

    def set(self, mapping: Any, key: Any, value: Any) -> None:
        """Put a value into a mapping."""
        self.log.append((mapping, key, mapping.get(key, ABSENT)))
        mapping[key] = value

    def remove(self, mapping: Any, key: Any) -> None:
        """Take a key out of a mapping."""
        self.log.append((mapping, key, mapping.pop(key)))

    def take(self) -> list[Change]:
        """The changes since the last call."""
        log, self.log = self.log, []
        return log


def take_back(changes: list[Change]) -> None:
    """Make every mapping what it was before these changes."""
    returned: dict[int, dict[Any, Any]] = {}
    for mapping, key, old in reversed(changes):
        if old is ABSENT:
            del mapping[key]
            continue
        if key not in mapping and isinstance(mapping, dict):
            returned[id(mapping)] = mapping
        mapping[key] = old
    for mapping in returned.values():  # what comes back stands in its old place in the line
        ordered = sorted(mapping.items(), key=_place)
        mapping.clear()
        mapping.update(ordered)


def _place(item: tuple[Any, Any]) -> tuple[int, int]:
    """Where a member of an ordered mapping stands: at the position of its entry.

    Trades of one entry stand in the order of their fills (`F-12-1`, `F-12-2`).
    """
    _key, value = item
    if isinstance(value, QuoteGiven):
        return order_position("O-" + value.id[2:]), 0
    if isinstance(value, Lot):
        return value.position, int(value.id.rpartition("-")[2])
    position: int = getattr(value, "position", 0)
    return position, 0
