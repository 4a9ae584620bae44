"""Orders and trades to look up: what the ledger says, and nothing of others."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tallystick.errors import Refused
from tallystick.execution import History
from tallystick.execution import projection as projection_module

ALL = {"state": None, "limit": 1_000, "before": None}
EVERY = {"pair": None, "limit": 1_000, "before": None}


def on_a_floor(words: Any, path: Path, act: Callable[[Any, History], Awaitable[None]]) -> None:
    """`act` on a floor with two accounts and a history."""

    async def main() -> None:
        async with words.Floor() as floor:
            await floor.open("demo", "other")
            history = History(path / "history.db", floor.ledger)
            try:
                await act(floor, history)
            finally:
                history.close()

    asyncio.run(main())


async def trade(floor: Any, count: int) -> list[Any]:
    """Orders of both accounts in turn: filled, resting and rejected ones."""
    members = [{}, {"price": "1.08200"}, {"price": "1.08200", "time_in_force": "IOC"}]
    return [
        await floor.place(
            client_order_id=f"c-{n}",
            account="demo" if n % 2 else "other",
            **members[n % len(members)],
        )
        for n in range(count)
    ]


def test_whoever_placed_an_order_finds_it(words: Any, tmp_path: Path) -> None:
    """Read-your-writes: every read first folds what is new."""

    async def act(floor: Any, history: History) -> None:
        for n in range(5):
            placed = await floor.place(quantity=str(100 + n))

            story = history.order(placed.entry.order.id, "demo")
            assert story.decided == placed.entry
            assert story.order == placed.entry.order
            assert story.fills == placed.entry.fills
            assert story.positions == (placed.receipt.position,)
            assert history.orders("demo", **ALL)[0].order == placed.entry.order
            assert history.trades("demo", **EVERY)[0].id == placed.entry.fills[0].id

    on_a_floor(words, tmp_path, act)


def test_the_lists_are_what_the_ledger_says(words: Any, tmp_path: Path) -> None:
    """Newest first, complete, of one account; by state and by pair where asked."""

    async def act(floor: Any, history: History) -> None:
        placed = await trade(floor, 30)
        floor.price("GBP/USD", "1.27000", "1.27004")
        placed.append(await floor.place(account="demo", pair="GBP/USD"))
        for account in ("demo", "other"):
            mine = [p for p in reversed(placed) if p.entry.order.account == account]

            rows = history.orders(account, **ALL)
            assert [row.order for row in rows] == [p.entry.order for p in mine]
            assert [row.position for row in rows] == [p.receipt.position for p in mine]
            assert [row.fills for row in rows] == [p.entry.fills for p in mine]
            assert [row.at for row in rows] == [p.entry.at for p in mine]
            codes = [p.entry.rejection and p.entry.rejection.code for p in mine]
            assert [row.rejection_code for row in rows] == codes
            for state in ("filled", "new", "rejected", "cancelled"):
                found = history.orders(account, **{**ALL, "state": state})
                assert [r.order for r in found] == [
                    p.entry.order for p in mine if p.entry.order.state == state
                ]
            trades = [p for p in mine if p.entry.fills]
            found = history.trades(account, **EVERY)
            assert [t.order_id for t in found] == [p.entry.order.id for p in trades]
            for row, one in zip(found, trades, strict=True):
                (fill,), order = one.entry.fills, one.entry.order
                assert (row.id, row.price, row.quantity, row.amount, row.value_date) == (
                    fill.id, fill.price, fill.quantity, fill.amount, fill.value_date,
                )  # fmt: skip
                assert (row.account, row.pair, row.side, row.at, row.position) == (
                    account, order.pair, order.side, one.entry.at, one.receipt.position,
                )  # fmt: skip
        (only,) = history.trades("demo", **{**EVERY, "pair": "GBP/USD"})
        assert only.order_id == placed[-1].entry.order.id
        assert history.orders("nobody", **ALL) == []

    on_a_floor(words, tmp_path, act)


def test_pages_meet_without_a_gap(words: Any, tmp_path: Path) -> None:
    """Each page begins where the last one ended, whatever its size."""

    async def act(floor: Any, history: History) -> None:
        await trade(floor, 41)
        for limit in (1, 2, 7, 100):
            orders, trades, before = [], [], None
            while page := history.orders("demo", state=None, limit=limit, before=before):
                assert len(page) <= limit
                orders += page
                before = page[-1].position
            before = None
            while found := history.trades("demo", pair=None, limit=limit, before=before):
                trades += found
                before = found[-1].position
            assert orders == history.orders("demo", **ALL)
            assert trades == history.trades("demo", **EVERY)

    on_a_floor(words, tmp_path, act)


def test_an_order_that_settles_later(words: Any, tmp_path: Path) -> None:
    """A resting order becomes filled or cancelled; its story names both entries."""

    async def act(floor: Any, history: History) -> None:
        filled, cancelled, resting = [
            (await floor.place(price=price)).entry.order
            for price in ("1.08230", "1.08220", "1.08210")
        ]
        assert [row.order.state for row in history.orders("demo", **ALL)] == ["new"] * 3
        assert history.trades("demo", **EVERY) == []
        await floor.desk.cancel(cancelled.id, "demo", by="a trader", reason="changed")
        floor.price(bid="1.08229", ask="1.08230")
        await floor.settle()

        rows = {row.order.id: row for row in history.orders("demo", **ALL)}
        assert [rows[o.id].order.state for o in (filled, cancelled, resting)] == [
            "filled", "cancelled", "new",
        ]  # fmt: skip
        assert rows[filled.id].fills[0].price == "1.08230"
        assert rows[cancelled.id].fills == ()
        story = history.order(filled.id, "demo")
        assert story.positions == (2, 6)
        assert story.decided.order.state == "new"
        assert (story.order.state, story.fills) == ("filled", rows[filled.id].fills)
        (row,) = history.trades("demo", **EVERY)
        assert (row.order_id, row.id, row.position) == (filled.id, "F-6-1", 6)
        assert history.order(cancelled.id, "demo").positions == (3, 5)
        assert len(history.orders("demo", **{**ALL, "state": "new"})) == 1

    on_a_floor(words, tmp_path, act)


@pytest.mark.parametrize("name", ["O-2", "O-0", "O-99", "O-", "O-02", "nonsense", "O-999999999999"])
def test_other_orders_are_unknown(words: Any, tmp_path: Path, name: str) -> None:
    """An order of somebody else is not there, as one that never was."""

    async def act(floor: Any, history: History) -> None:
        assert (await floor.place(account="other")).entry.order.id == "O-2"

        with pytest.raises(Refused, match=r"There is no order") as caught:
            history.order(name, "demo")

        assert caught.value.code == "UNKNOWN_ORDER"
        assert history.orders("demo", **ALL) == []
        assert history.trades("demo", **EVERY) == []

    on_a_floor(words, tmp_path, act)


def test_a_lost_file_is_made_again(words: Any, tmp_path: Path) -> None:
    """It is a projection: rebuilt from the ledger it says the same, and goes on."""

    async def act(floor: Any, history: History) -> None:
        await trade(floor, 25)
        floor.price(bid="1.08198", ask="1.08199")
        await floor.settle()
        wanted = history.orders("demo", **ALL), history.trades("demo", **EVERY)
        size = history.position

        again = History(tmp_path / "again.db", floor.ledger)
        assert again.position == 0
        assert (again.orders("demo", **ALL), again.trades("demo", **EVERY)) == wanted
        again.close()
        reopened = History(tmp_path / "again.db", floor.ledger)
        assert reopened.position == size
        await trade(floor, 26)
        assert reopened.orders("demo", **ALL) == history.orders("demo", **ALL)
        reopened.close()

    on_a_floor(words, tmp_path, act)


def test_the_file_of_a_longer_ledger_is_forgotten(words: Any, tmp_path: Path) -> None:
    """It cannot be of this one: nothing of it is shown, its snapshot neither."""

    async def act(floor: Any, history: History) -> None:
        await trade(floor, 9)
        history.keep(5, b"root", b"book")
        history.fold()

        async with words.Floor() as another:
            await another.open("demo")
            placed = await another.place()
            moved = History(tmp_path / "history.db", another.ledger)
            assert moved.position == 0
            assert moved.kept() is None
            assert [row.order for row in moved.orders("demo", **ALL)] == [placed.entry.order]
            moved.close()

    on_a_floor(words, tmp_path, act)


def test_folding_in_steps(words: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bounded fold says how much is left; a read folds the rest."""
    monkeypatch.setattr(projection_module, "FOLD_ROWS", 4)

    async def act(floor: Any, history: History) -> None:
        await trade(floor, 20)

        assert history.fold(8) == 22 - 8
        assert history.position == 8
        assert history.fold(1) == 22 - 12
        assert len(history.orders("demo", **ALL)) == 10
        assert history.fold() == 0

    on_a_floor(words, tmp_path, act)


def test_one_snapshot_is_kept(words: Any, tmp_path: Path) -> None:
    """The newest one, as it was given."""

    async def act(_floor: Any, history: History) -> None:
        assert history.kept() is None
        history.keep(3, b"\x00root", b"{}")
        history.keep(7, b"\x01root", b"[]")

        assert history.kept() == (7, b"\x01root", b"[]")

    on_a_floor(words, tmp_path, act)
