"""What is looked up: orders and trades by account, entries by anything, documents by version.

The positions come from the projection, the facts from the entries themselves. Every read of a
list first folds what is new, so whoever placed an order finds it; whoever searches calls `fold`.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

from tallystick.errors import Refused
from tallystick.execution.documents import Documents, state_after
from tallystick.execution.entries import Fill, OrderDecided, OrderFilled, OrderStep, decode
from tallystick.execution.projection import Projection
from tallystick.execution.rows import OrderRow, OrderStory, TradeRow, trades_of
from tallystick.execution.search import Search
from tallystick.ids import order_position
from tallystick.ledger import Ledger

__all__ = ["History", "OrderRow", "OrderStory", "TradeRow", "trades_of"]

_ORDERS = (
    "SELECT position, settled FROM orders WHERE account = :account AND position < :before"
    " AND (:pair IS NULL OR pair = :pair) AND (:type IS NULL OR type = :type)"
    " AND {state} ORDER BY position DESC LIMIT :limit"
)
_IN_STATE = _ORDERS.format(state="(:state IS NULL OR state = :state)")
_OPEN = _ORDERS.format(state="state IN ('new', 'partially_filled', 'suspended')")
"""Answered by the index of open orders, however many others the account has."""
_SETTLED = "SELECT position, settled FROM orders WHERE position = :position"
_STEPS = "SELECT position, NULL FROM steps WHERE decided = :decided ORDER BY position"
_TRADES = (
    "SELECT position, NULL FROM trades WHERE account = :account AND position < :before"
    " AND (:pair IS NULL OR pair = :pair) ORDER BY position DESC LIMIT :limit"
)
_KEEP = (
    "INSERT INTO snapshot (one, position, root, book) VALUES (1, ?, ?, ?)"
    " ON CONFLICT (one) DO UPDATE SET position = excluded.position, root = excluded.root,"
    " book = excluded.book"
)
_KEPT = "SELECT position, root, book FROM snapshot"
_NEWEST = 2**62


class History:
    """Lists by account, searches and documents; one file, used from one thread."""

    def __init__(self, path: Path, ledger: Ledger) -> None:
        self._ledger = ledger
        self._projection = Projection(path, ledger)
        self.search = Search(self._projection)
        self.documents = Documents(self._projection)

    @property
    def position(self) -> int:
        """How many entries are folded."""
        return self._projection.position

    def fold(self, rows_max: int | None = None) -> int:
        """Fold new entries (all, or about `rows_max`); how many are still to come."""
        return self._projection.fold(rows_max)

    async def fold_in(self, thread: ThreadPoolExecutor) -> int:
        """Fold some in a thread; how many are still to come. See `Projection.fold_in`."""
        return await self._projection.fold_in(thread)

    def orders(
        self,
        account: str,
        *,
        state: str | None,
        limit: int,
        before: int | None,
        pair: str | None = None,
        order_type: str | None = None,
    ) -> list[OrderRow]:
        """The account's orders, newest first, before position `before`.

        `state` may be `open` for all states from which an order can go on.
        """
        self.fold()
        numbers = {}
        for name, value in (("pair", pair), ("type", order_type)):
            numbers[name] = None if value is None else self._projection.number_of(value) or 0
        asked: dict[str, str | int | None] = {
            "account": account,
            "limit": limit,
            "before": before or _NEWEST,
            **numbers,
        }
        if state == "open":
            found = self._positions(_OPEN, asked)
        else:
            found = self._positions(_IN_STATE, asked | {"state": state})
        return [self._row(self._story(*each)) for each in found]

    def order(self, order_id: str, account: str | None) -> OrderStory:
        """What became of one order of `account`, or of anybody (None).

        Raises:
            Refused: `UNKNOWN_ORDER`, also for orders of others.
        """
        self.fold()
        position = order_position(order_id)
        for found in self._positions(_SETTLED, {"position": position}):
            story = self._story(*found)
            if account is None or story.order.account == account:
                return story
        raise Refused("UNKNOWN_ORDER", f"There is no order {order_id!r}.")

    def trades(
        self, account: str, *, pair: str | None, limit: int, before: int | None
    ) -> list[TradeRow]:
        """The account's fills, newest first, before position `before`."""
        self.fold()
        asked: dict[str, str | int | None] = {
            "account": account,
            "pair": pair,
            "limit": limit,
            "before": before or _NEWEST,
        }
        found = self._positions(_TRADES, asked)
        return [row for position, _settled in found for row in self._trade_rows(position)]

    def keep(self, position: int, root: bytes, book: bytes) -> None:
        """Keep a snapshot of the book, so that the next start folds only what came after."""
        self._projection.connection.execute(_KEEP, (position, root, book))

    def kept(self) -> tuple[int, bytes, bytes] | None:
        """(position, root, book) of the snapshot."""
        for position, root, book in self._projection.connection.execute(_KEPT):
            return int(position), bytes(root), bytes(book)
        return None

    def close(self) -> None:
        """Let go of the file."""
        self._projection.close()

    def _positions(
        self, query: str, asked: dict[str, str | int | None]
    ) -> list[tuple[int, int | None]]:
        return [
            (cast("int", position), cast("int | None", settled))
            for position, settled in self._projection.connection.execute(query, asked).fetchall()
        ]

    def _story(self, position: int, settled: int | None) -> OrderStory:
        decided = decode(self._ledger.rows(position, 1)[0].entry)
        assert isinstance(decided, OrderDecided)  # noqa: S101  what `_fold` put in the table
        if settled is None:
            return OrderStory(decided, decided.order, decided.fills, (position,))
        order, fills = decided.order, list(decided.fills)
        steps = [step for step, _ in self._positions(_STEPS, {"decided": position})]
        for step in steps:
            later = decode(self._ledger.rows(step, 1)[0].entry)
            assert isinstance(later, OrderStep)  # noqa: S101  likewise
            order = state_after(later, decided.order.id, order)
            fills += _fills_of(later, decided.order.id)
        return OrderStory(decided, order, tuple(fills), (position, *steps))

    def _row(self, story: OrderStory) -> OrderRow:
        rejection = story.decided.rejection
        return OrderRow(
            order=story.order,
            at=story.decided.at,
            position=story.positions[0],
            fills=story.fills,
            rejection_code=None if rejection is None else rejection.code,
        )

    def _trade_rows(self, position: int) -> Iterator[TradeRow]:
        return trades_of(position, self._ledger.rows(position, 1)[0].entry)


def _fills_of(entry: OrderStep, order_id: str) -> tuple[Fill, ...]:
    """The fills of one order in an entry, which may be another's that took its place."""
    if isinstance(entry, OrderDecided | OrderFilled) and entry.order.id == order_id:
        return entry.fills
    return ()
