"""Orders and trades to look up: a projection of the ledger, rebuilt whenever it is lost.

It keeps positions only; the facts are read from the entries themselves. Every read first folds
what is new, so whoever placed an order finds it.
"""

from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import cast

import apsw
import msgspec

from tallystick.errors import Refused
from tallystick.execution.entries import (
    Fill,
    Order,
    OrderCancelled,
    OrderDecided,
    OrderFilled,
    decode,
)
from tallystick.ids import order_position
from tallystick.ledger import Ledger
from tallystick.ledger.store import Row
from tallystick.wal import UNFOLDED

BUSY_MS_MAX = 5_000
"""How long to wait for another connection's lock."""
FOLD_ROWS = 512
"""Entries folded in one transaction."""

_SCHEMA = (resources.files(__package__) / "history.sql").read_text()
_PROGRESS = "SELECT position FROM progress"
_ADVANCE = (
    "INSERT INTO progress (one, position) VALUES (1, ?)"
    " ON CONFLICT (one) DO UPDATE SET position = excluded.position"
)
_ORDER = "INSERT OR REPLACE INTO orders (position, account, state) VALUES (?, ?, ?)"
_SETTLE = "UPDATE orders SET state = ?, settled = ? WHERE position = ?"
_TRADE = "INSERT OR REPLACE INTO trades (position, account, pair) VALUES (?, ?, ?)"
_ORDERS = (
    "SELECT position, settled FROM orders WHERE account = :account AND position < :before"
    " AND (:state IS NULL OR state = :state) ORDER BY position DESC LIMIT :limit"
)
_SETTLED = "SELECT position, settled FROM orders WHERE position = :position"
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


class _BriefOrder(msgspec.Struct, gc=False):
    id: str
    account: str
    pair: str
    state: str


class _Brief(msgspec.Struct, gc=False):
    """As much of an entry as the lists need; a whole one takes three times as long to read."""

    kind: str
    order: _BriefOrder | None = None
    fills: tuple[msgspec.Raw, ...] = ()


DECIDED = "order_decided"
_decode_brief = msgspec.json.Decoder(_Brief).decode


class OrderRow(msgspec.Struct, frozen=True):
    """An order in a list: as it stands now, and the entry that decided it."""

    order: Order
    at: str
    position: int
    fills: tuple[Fill, ...]
    rejection_code: str | None


class OrderStory(msgspec.Struct, frozen=True):
    """All that became of one order: its entries' positions, oldest first."""

    decided: OrderDecided
    order: Order
    fills: tuple[Fill, ...]
    positions: tuple[int, ...]


class TradeRow(msgspec.Struct, frozen=True):
    """One fill with what it belongs to."""

    id: str
    order_id: str
    account: str
    pair: str
    side: str
    price: str
    quantity: str
    amount: str
    value_date: str
    at: str
    position: int


class History:
    """Lists of orders and trades by account; one file, used from one thread."""

    def __init__(self, path: Path, ledger: Ledger) -> None:
        self._ledger = ledger
        self._connection = apsw.Connection(str(path))
        self._connection.set_busy_timeout(BUSY_MS_MAX)  # for `fold_wal` beside us
        # execute() alone stops at the first statement that answers.
        self._connection.execute(
            f"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; {UNFOLDED}"
        ).fetchall()
        self._connection.execute(_SCHEMA)
        self.position = int(self._connection.execute(_PROGRESS).get or 0)
        if self.position > ledger.size:
            self._forget()

    def fold(self, rows_max: int | None = None) -> int:
        """Fold new entries (all, or about `rows_max`); how many are still to come."""
        folded = 0
        while self.position < self._ledger.size and (rows_max is None or folded < rows_max):
            rows = self._ledger.rows(self.position, FOLD_ROWS)
            with self._connection:
                self._fold(rows)
                self._connection.execute(_ADVANCE, (self.position + len(rows),))
            self.position += len(rows)
            folded += len(rows)
        return self._ledger.size - self.position

    def orders(
        self, account: str, *, state: str | None, limit: int, before: int | None
    ) -> list[OrderRow]:
        """The account's orders, newest first, before position `before`."""
        self.fold()
        asked: dict[str, str | int | None] = {
            "account": account,
            "state": state,
            "limit": limit,
            "before": before or _NEWEST,
        }
        return [self._row(self._story(*found)) for found in self._positions(_ORDERS, asked)]

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
        self._connection.execute(_KEEP, (position, root, book))

    def kept(self) -> tuple[int, bytes, bytes] | None:
        """(position, root, book) of the snapshot."""
        for position, root, book in self._connection.execute(_KEPT):
            return int(position), bytes(root), bytes(book)
        return None

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def _positions(
        self, query: str, asked: dict[str, str | int | None]
    ) -> list[tuple[int, int | None]]:
        return [
            (cast("int", position), cast("int | None", settled))
            for position, settled in self._connection.execute(query, asked).fetchall()
        ]

    def _forget(self) -> None:
        """The file belongs to a longer ledger than this one: start again."""
        self._connection.execute(
            "DELETE FROM orders; DELETE FROM trades; DELETE FROM progress; DELETE FROM snapshot;"
        )
        self.position = 0

    def _fold(self, rows: Sequence[Row]) -> None:
        orders: list[tuple[int, str, str]] = []
        settled: list[tuple[str, int, int]] = []
        trades: list[tuple[int, str, str]] = []
        for position, row in enumerate(rows, start=self.position):
            brief = _decode_brief(row.entry)
            order = brief.order
            if order is None:
                continue
            if brief.kind == DECIDED:
                orders.append((position, order.account, order.state))
            else:
                settled.append((order.state, position, order_position(order.id)))
            if brief.fills:
                trades.append((position, order.account, order.pair))
        self._connection.executemany(_ORDER, orders)
        self._connection.executemany(_SETTLE, settled)
        self._connection.executemany(_TRADE, trades)

    def _story(self, position: int, settled: int | None) -> OrderStory:
        decided = decode(self._ledger.rows(position, 1)[0].entry)
        assert isinstance(decided, OrderDecided)  # noqa: S101  what `_fold` put in the table
        if settled is None:
            return OrderStory(decided, decided.order, decided.fills, (position,))
        later = decode(self._ledger.rows(settled, 1)[0].entry)
        assert isinstance(later, OrderFilled | OrderCancelled)  # noqa: S101  likewise
        fills = later.fills if isinstance(later, OrderFilled) else ()
        return OrderStory(decided, later.order, fills, (position, settled))

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


def trades_of(position: int, data: bytes) -> Iterator[TradeRow]:
    """The fills in one entry's bytes."""
    entry = decode(data)
    fills: Sequence[Fill] = ()
    if isinstance(entry, OrderDecided | OrderFilled):
        fills = entry.fills
        order = entry.order
    for fill in fills:
        yield TradeRow(
            id=fill.id,
            order_id=order.id,
            account=order.account,
            pair=order.pair,
            side=order.side,
            price=fill.price,
            quantity=fill.quantity,
            amount=fill.amount,
            value_date=fill.value_date,
            at=entry.at,
            position=position,
        )
