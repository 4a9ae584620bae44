"""A hundred thousand steps of two desks on one ledger, each compared with a model of a few rules.

What every step says is compared line by line with what the model says; every so often, and at the
end, all that a book holds. `modelled` is the model.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from modelled.order import Market, Order
from modelled.sides import MODES, Sides, look

from tallystick.clock import rfc3339
from tallystick.errors import Refused, TemporaryError
from tallystick.execution import Desk
from tallystick.execution.book import restore, snapshot
from tallystick.execution.entries import Scope, TradingStateSet

SHARES = 20
"""Test ids, so that several workers may share the work."""
EXAMPLES = 60
STEPS = 110
STEPS_MIN = 100_000
"""Of all shares together."""
SHARE_STEPS_MIN = 5_000
"""Of each; one that took fewer goes on."""
ACCOUNTS = list(MODES)
WAITING_TYPES = [
    "limit", "stop", "stop_limit", "market_if_touched", "take_profit", "stop_loss", "trailing_stop",
]  # fmt: skip
TYPES = ["market", "market", "stop", "market_if_touched", "limit", *WAITING_TYPES]
QUANTITIES = [100, 250, 1_000]
DEPTHS: list[tuple[tuple[int, int], ...]] = [
    (), ((0, 100),), ((0, 50), (1, 100)), ((0, 200), (3, 400), (9, 9_000)),
]  # fmt: skip
"""(points from the best price, euros) of the levels."""
ORDER = st.tuples(
    st.sampled_from(TYPES), st.booleans(), st.sampled_from(QUANTITIES), st.integers(-30, 30),
    st.integers(-30, 30), st.integers(0, 4_319),
)  # fmt: skip
"""Type, side, quantity, two prices, and a number that chooses the rest."""
CHILD = st.tuples(
    st.sampled_from(WAITING_TYPES), st.booleans(), st.sampled_from(QUANTITIES),
    st.integers(-30, 30), st.integers(-30, 30), st.integers(0, 4_319),
)  # fmt: skip
ACCOUNT = st.sampled_from(ACCOUNTS)
DESK = st.integers(0, 1)
NUMBER = st.integers(0, 10**6)


class Trading(Sides):
    """What may happen, in any order."""

    @initialize(desks=st.integers(1, 2))
    def open(self, desks: int) -> None:
        """Three accounts, one or two desks."""
        self.desks = [self.begin() for _ in range(desks)]
        for account in MODES:
            self.act(0, partial(self.opened, account=account))
        for each in self.desks:
            look(each.desk)
        self.compare()

    async def opened(self, desk: Desk, account: str) -> None:
        """An account of one of the modes."""
        await desk.open_account(account, self.words.LIMITS, mode=MODES[account])

    @rule(desk=DESK, account=ACCOUNT, spec=ORDER)
    def place_one(self, desk: int, account: str, spec: tuple[Any, ...]) -> None:
        """An order alone."""
        self.place(desk, self.order_of(spec, account))

    @rule(desk=DESK, account=ACCOUNT, spec=ORDER, children=st.lists(CHILD, max_size=2),
          other=st.none() | CHILD)  # fmt: skip
    def place_linked(
        self, desk: int, account: str, spec: tuple[Any, ...], children: list[Any], other: Any
    ) -> None:
        """An order with children and another leg."""
        order = self.order_of(spec, account)
        against = "sell" if order.side == "buy" else "buy"
        order.children = tuple(self.waiting(child, account, against) for child in children)
        if other is not None:
            order.oco = self.waiting(other, account, None)
        self.place(desk, order)

    def waiting(self, spec: tuple[Any, ...], account: str, side: str | None) -> Order:
        """An order that may come with another one."""
        order = self.order_of(spec, account, side)
        if order.tif in {"IOC", "FOK"}:
            order.tif, order.ends = "GTC", None
        return order

    @rule(move=st.integers(-25, 25), spread=st.integers(1, 4), depth=st.sampled_from(DEPTHS))
    def move(self, move: int, spread: int, depth: tuple[tuple[int, int], ...]) -> None:
        """The market moves, with depth or without."""
        bid = min(max(self.model.market.bid + move, 107_900), 108_700)
        bids = tuple((bid - away, size) for away, size in depth)
        asks = tuple((bid + spread + away, size) for away, size in depth)
        self.tell(Market(bid, bid + spread, bids, asks))

    @rule(move=st.integers(-60, 60))
    def jump(self, move: int) -> None:
        """The market gaps."""
        bid = min(max(self.model.market.bid + move, 107_900), 108_700)
        self.tell(Market(bid, bid + 2))

    def tell(self, market: Market) -> None:
        """A quote on both sides."""
        quote = self.quoted(market)
        for each in self.desks:
            each.board.update([quote])
        self.everywhere(lambda desk: desk.on_quotes([quote]))
        self.model.quote(market)
        self.compare()

    @rule(seconds=st.sampled_from([0.5, 1.0, 3.0, 3_600.0, 30_000.0]))
    def wait(self, seconds: float) -> None:
        """Time passes, ends come; then the same price again, fresh."""
        self.clock.advance(seconds)
        self.everywhere(lambda desk: desk.expire_due())
        self.model.expire(self.clock.now_ns())
        self.tell(self.model.market)

    @precondition(lambda self: self.one_open(0) is not None)
    @rule(desk=DESK, number=NUMBER)
    def cancel(self, desk: int, number: int) -> None:
        """One of the open orders; a second time there is nothing to cancel."""
        order = self.one_open(number)
        assert order is not None
        order_id = self.id_of(order)
        account = order.account
        self.act(desk, lambda one: one.cancel(order_id, account, by="x", reason="y"))
        self.model.cancel(order)
        self.compare()
        with pytest.raises(Refused) as caught:
            self.run(self.desks[0].desk.cancel(order_id, account, by="x", reason="y"))
        assert caught.value.code == "ORDER_NOT_OPEN"

    @precondition(lambda self: self.steps % 7 == 0)
    @rule(desk=DESK, account=ACCOUNT)
    def cancel_all(self, desk: int, account: str) -> None:
        """Every order of an account."""
        if self.model.holdings[account].orders:
            self.act(desk, lambda one: self.words.cancel_all(one, account))
            self.model.cancel_all(account)
        self.compare()

    @precondition(lambda self: self.one_open(0) is not None)
    @rule(desk=DESK, number=NUMBER, spec=ORDER)
    def replace(self, desk: int, number: int, spec: tuple[Any, ...]) -> None:
        """Another order in the place of an open one."""
        old = self.one_open(number)
        assert old is not None
        order = self.order_of(spec, old.account, old.side)
        replaced = self.id_of(old)
        request = self.request(order)
        waits = order.tif not in {"IOC", "FOK"}
        if old.state == "suspended" and not waits:
            with pytest.raises(Refused) as caught:
                self.act_once(desk, lambda one: one.replace(replaced, request))
            assert caught.value.code == "VALUE_NOT_ALLOWED"
            self.step()
            return
        placed = self.act(desk, lambda one: one.replace(replaced, request))
        self.model.replace(old, order)
        self.answered.append((request, None, replaced, placed))
        self.compare()

    def act_once(self, desk: int, make: Callable[[Desk], Awaitable[Any]]) -> Any:
        """Something that is refused before the disk hears of it."""
        asked = self.desks[desk % len(self.desks)].desk
        look(asked)
        return self.run(make(asked))

    @precondition(lambda self: self.steps % 3 == 0)
    @rule(desk=DESK, scope=st.sampled_from(["all", *ACCOUNTS]),
          state=st.sampled_from([*["active"] * 4, "reducing", "halted"]))  # fmt: skip
    def switch(self, desk: int, scope: str, state: Any) -> None:
        """Trading is stopped, reduced or free again, for one or for all."""
        kind: Scope = "all" if scope == "all" else "account"
        name = None if scope == "all" else scope
        entry = TradingStateSet(rfc3339(self.clock.now_ns()), kind, name, state, "risk", "test")
        self.act(desk, lambda one: one.say(lambda _position, _at: (entry,)))
        self.model.states[scope] = state
        self.compare()

    @precondition(lambda self: self.answered)
    @rule(desk=DESK, number=NUMBER, other=st.booleans())
    def retry(self, desk: int, number: int, *, other: bool) -> None:
        """An answered request again: its answer; another one under its name: a conflict."""
        request, key, replaced, first = self.answered[number % len(self.answered)]
        if other:
            request = msgspec.structs.replace(request, digest="ef" * 32)
        with suppress(Refused):
            again = self.act_once(
                desk, lambda one: one.place(request, key) if replaced is None
                else one.replace(replaced, request, key),
            )  # fmt: skip
            assert not other
            assert again.replayed
            assert (again.entry, again.receipt) == (first.entry, first.receipt)
            assert again.linked == first.linked
            other = True
        assert other
        assert not self.disk.rows(self.seen, 1)
        self.step()

    @precondition(lambda self: self.steps % 5 == 0)
    @rule()
    def fail(self) -> None:
        """The next commit fails."""
        if not self.disk.failures:
            self.disk.failures.append(TemporaryError("a bad block"))
        self.step()

    @precondition(lambda self: self.steps % 9 == 0)
    @rule(number=DESK, from_snapshot=st.booleans())
    def restart(self, number: int, *, from_snapshot: bool) -> None:
        """A desk ends, and another one begins from a snapshot or from the first entry."""
        number %= len(self.desks)
        self.end(self.desks[number])
        old = self.desks[number].desk.book
        self.desks[number] = self.begin(restore(snapshot(old)) if from_snapshot else None)
        self.check_books()
        self.step()

    def end(self, each: Any) -> None:
        """A desk ends in order."""
        each.desk.close()
        self.run(each.task)


def test_the_shares_are_enough() -> None:
    """All ids together make the steps that were promised; each of them counts its own."""
    assert SHARES * SHARE_STEPS_MIN >= STEPS_MIN


@pytest.mark.parametrize("share", range(SHARES))
def test_order_machine(words: Any, share: int) -> None:
    """Whatever is asked in whatever order: the ledger says what the model says."""
    counted = SimpleNamespace(steps=0)
    members = {"words": words, "counted": counted}
    machine = type(f"Share{share}", (Trading,), members)
    given = settings(
        max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    while counted.steps < SHARE_STEPS_MIN:
        run_state_machine_as_test(machine, settings=given)
