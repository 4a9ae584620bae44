"""A seeded simulation of a bad day: orders, retries, races, failures and crashes, in any order.

A failing seed is the test's id and its steps are printed; it replays with
`pytest tests/execution/test_desk_simulation.py -k "simulation and 137"`.
"""

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest

from tallystick.clock import ManualClock
from tallystick.errors import Refused, TemporaryError
from tallystick.execution import Book, Placed
from tallystick.execution import engine as engine_module
from tallystick.execution import recent as recent_module
from tallystick.execution.book import restore

SEEDS = 300
STEPS = 60
ACCOUNTS = ("demo", "other")
DESKS = 2
Act = Callable[[], None]


class Day:
    """Two desks on one ledger, their clients and their troubles."""

    def __init__(self, words: Any, seed: int) -> None:
        self.words = words
        self.chance = random.Random(seed)  # noqa: S311  a seeded day
        self.clock = ManualClock(words.START_NS)
        self.disk = words.Disk()
        self.disk.turns = self.chance.randint(0, 2)
        self.floors: list[Any] = []
        self.snapshots: list[bytes] = []
        self.waiting: list[tuple[str, asyncio.Task[Placed]]] = []
        self.others: list[asyncio.Task[Any]] = []
        self.answered: dict[str, Placed] = {}
        self.orders: list[dict[str, str]] = []
        self.left: list[Any] = []
        self.steps: list[str] = []

    async def live(self) -> None:
        """The whole day; whatever is wrong is an assertion."""
        await self._begin()
        acts: dict[Act, int] = {
            self.place: 12, self.retry: 4, self.cheat: 1, self.cancel: 3, self.move: 6,
            self.switch: 1, self.fail: 2, self.crash: 1, self.leave: 1, self.jam: 2,
        }  # fmt: skip
        for step in range(STEPS):
            act = self.chance.choices(list(acts), list(acts.values()))[0]
            self.steps.append(act.__name__)
            act()
            for _turn in range(self.chance.choice([0, 0, 1, 2, 5, 20])):
                await asyncio.sleep(0)
            self.require_answers_are_kept()
            if step % 10 == 0:
                self.require_durable_balances()
        await self._end()

    async def _begin(self) -> None:
        self.floors.append(self._new_floor())
        for account in ACCOUNTS:
            await self.floors[0].open(account, duplicates_max=5)
        self.floors += [self._new_floor() for _ in range(DESKS - 1)]
        self.move()

    async def _end(self) -> None:
        self.disk.gate.set()
        self.disk.failures.clear()
        told = asyncio.gather(*(task for _name, task in self.waiting), return_exceptions=True)
        await asyncio.wait_for(told, timeout=60)
        await asyncio.wait_for(asyncio.gather(*self.others, return_exceptions=True), timeout=60)
        self.require_answers_are_kept()
        for floor in self.floors:
            floor.desk.close()
            await asyncio.wait_for(floor.task, timeout=60)
            floor.ledger._reload()
            floor.desk.catch_up()
            floor.require_truth()
        for task in self.left:
            await asyncio.wait_for(asyncio.gather(task, return_exceptions=True), timeout=60)
        self.require_every_answer()
        self.require_snapshots()

    def _new_floor(self) -> Any:
        book = restore(self.chance.choice(self.snapshots)) if self.snapshots else Book()
        floor = self.words.Floor(self.disk, self.clock, book)
        floor.desk.on_snapshot = lambda _size, data: self.snapshots.append(data)
        floor.start()
        return floor

    def place(self) -> None:
        """A new order at one desk, or at both at once."""
        order = {
            "client_order_id": f"c-{len(self.orders)}",
            "account": self.chance.choice(ACCOUNTS),
            "side": self.chance.choice(["buy", "sell"]),
            "quantity": self.chance.choice(["1000000", "250000.01", "99999999"]),
        }
        if self.chance.random() < 0.6:
            order["price"] = f"1.082{self.chance.randint(30, 70)}"
        self.orders.append(order)
        self._send(order, self.chance.choice([[0], [1], [0, 1]]))

    def retry(self) -> None:
        """An order again, answered or not."""
        if self.orders:
            self._send(self.chance.choice(self.orders), [self.chance.randrange(DESKS)])

    def cheat(self) -> None:
        """Another order under a used name: a conflict, or the one that is placed if it is first."""
        if self.orders:
            order = {**self.chance.choice(self.orders), "quantity": "7"}
            floor = self.floors[self.chance.randrange(DESKS)]
            self.others.append(asyncio.create_task(floor.place(**order)))

    def cancel(self) -> None:
        """One of the resting orders, as one of the desks sees them."""
        floor = self.floors[self.chance.randrange(DESKS)]
        account = self.chance.choice(ACCOUNTS)
        resting = list(floor.desk.book.account(account).open_orders)
        if resting:
            name = self.chance.choice(resting)
            act = floor.desk.cancel(name, account, by="client", reason="test")
            self.others.append(asyncio.create_task(act))

    def move(self) -> None:
        """The price moves, for everybody or for one desk first."""
        self.clock.advance(self.chance.choice([0.0, 0.2, 1.0]))
        bid = self.chance.randint(30, 69)
        for floor in self.chance.sample(self.floors, self.chance.randint(1, DESKS)):
            floor.price(bid=f"1.082{bid}", ask=f"1.082{bid + 1}")

    def switch(self) -> None:
        """Trading is stopped, or resumed (more often)."""
        floor = self.floors[self.chance.randrange(DESKS)]
        account = self.chance.choice([None, *ACCOUNTS])
        active = self.chance.random() < 0.3
        act = floor.switch(account, active=active)
        self.others.append(asyncio.create_task(act))

    def fail(self) -> None:
        """The next commit fails."""
        self.disk.failures.append(TemporaryError("a bad block"))

    def jam(self) -> None:
        """Commits get stuck, or go on."""
        if self.disk.gate.is_set():
            self.disk.gate.clear()
        else:
            self.disk.gate.set()

    def crash(self) -> None:
        """A desk is gone in the middle of whatever it did; another one starts in its place."""
        number = self.chance.randrange(DESKS)
        gone = self.floors[number]
        gone.task.cancel()
        gone.desk.close()  # nobody can reach it any more
        self.left.append(gone.task)
        self.floors[number] = self._new_floor()

    def leave(self) -> None:
        """A desk ends in order; another one starts in its place."""
        number = self.chance.randrange(DESKS)
        gone = self.floors[number]
        gone.desk.close()
        self.left.append(gone.task)
        self.floors[number] = self._new_floor()

    def _send(self, order: dict[str, str], desks: list[int]) -> None:
        for number in desks:
            task = asyncio.create_task(self.floors[number].place(**order))
            self.waiting.append((order["client_order_id"], task))

    def require_answers_are_kept(self) -> None:
        """Whoever was answered finds the entry in the store; two answers to one order are one."""
        still = []
        for name, task in self.waiting:
            if not task.done():
                still.append((name, task))
                continue
            error = task.exception()
            if error is not None:
                conflict = isinstance(error, Refused) and error.code == "IDEMPOTENCY_CONFLICT"
                assert conflict or isinstance(error, TemporaryError), repr(error)
                continue
            placed = task.result()
            known = self.answered.setdefault(name, placed)
            assert known.receipt == placed.receipt, f"{name} was answered twice"
            (row,) = self.disk.rows(placed.receipt.position, 1)
            assert row.entry == placed.receipt.entry
        self.waiting = still
        for floor in self.floors:
            totals: dict[str, int] = {}
            book = floor.desk.book
            for balances in (book.house, *(each.balances for each in book.accounts.values())):
                for code, amount in balances.items():
                    totals[code] = totals.get(code, 0) + amount
            assert not any(totals.values())

    def require_durable_balances(self) -> None:
        """What a desk shows is the fold of the entries that it says, whatever is on its way."""
        for floor in self.floors:
            for account in floor.desk.book.accounts:
                size, shown = floor.desk.balances(account)
                assert size == floor.ledger.size
                folded = floor.refold(size).accounts.get(account)
                held = {} if folded is None else folded.balances
                assert {c: a for c, a in shown.items() if a} == {c: a for c, a in held.items() if a}

    def require_every_answer(self) -> None:
        """Each receipt proves what it was given for, against the ledger of the end."""
        for placed in self.answered.values():
            self.floors[0].require_proved(placed.receipt)

    def require_snapshots(self) -> None:
        """Each snapshot is the fold of the entries before it."""
        for data in self.snapshots[-3:]:
            book = restore(data)
            folded = self.floors[0].refold(book.size)
            assert self.words.book_state(book) == self.words.book_state(folded)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_simulation(words: Any, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing acknowledged is lost, nothing is placed twice, the money is all there."""
    monkeypatch.setattr(engine_module, "SNAPSHOT_ENTRIES", 9)
    monkeypatch.setattr(recent_module, "WARY_ORDERS", seed % 3)
    monkeypatch.setattr(recent_module, "RECENT_KEYS_MAX", 2 + seed % 5)
    day = Day(words, seed)
    try:
        asyncio.run(day.live())
    except BaseException:
        print(f"seed {seed}: {' '.join(day.steps)}")  # noqa: T201  shown by pytest
        raise
