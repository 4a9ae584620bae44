"""The newest idempotency keys, so that almost no order has to ask the store about its own.

Almost every key is new, and asking the store about each would cost more than deciding the order.
So the newest are kept in memory, and an older one comes to light when the append refuses it
(`KeyTaken`): its batch is decided again, and for a while every key is asked about.
"""

from tallystick.ledger import Ledger

RECENT_KEYS_MAX = 65_536
"""Newest idempotency keys kept in memory; at least half as many."""
WARY_ORDERS = 256
"""Orders whose keys are looked up in the store after a start or a retry of an old key."""


class RecentKeys:
    """Key -> position of what was settled lately; asks the ledger while it is wary."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._newest: dict[str, int] = {}
        self._older: dict[str, int] = {}
        self._wary = WARY_ORDERS

    def position(self, key: str) -> int | None:
        """The position that settled a key, if it is known to."""
        position = self._newest.get(key)
        if position is None:
            position = self._older.get(key)
        if position is None and self._wary > 0:
            self._wary -= 1
            position = self._ledger.find(key)
        # Another writer's newest entries may be found too early: the append then says so.
        return position if position is None or position < self._ledger.size else None

    def be_wary(self, orders: int = 0) -> None:
        """Ask the ledger about the next `orders` keys more, or as after a start."""
        self._wary = self._wary + orders if orders else WARY_ORDERS

    def remember(self, key: str, position: int) -> None:
        """A key was settled."""
        self._newest[key] = position

    def age(self) -> None:
        """Forget the oldest when there are too many: two generations, so that it costs nothing."""
        if len(self._newest) > RECENT_KEYS_MAX // 2:
            self._older, self._newest = self._newest, {}
