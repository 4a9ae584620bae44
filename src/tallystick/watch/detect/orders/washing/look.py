"""Deals that cancel each other out: wash trades and round trips (DR 2016/522 Annex II).

`wash_trades`: one account buys and sells the same size in the same pair within two minutes, again
and again; or two accounts deal against each other at the same time, in the same size, more often
than chance brings two so busy accounts together. `round_trip`: the position of an account goes away
and comes back to where it was within a quarter of an hour, again and again, against its own habit.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.feature import Feature
from tallystick.watch.detect.observation import Observation, OrderSeen
from tallystick.watch.detect.orders.columns import Columns
from tallystick.watch.detect.orders.couples import kernels as couples
from tallystick.watch.detect.orders.kernels import STREAK
from tallystick.watch.detect.orders.look import Arrays, Out, floats, new_out, wholes
from tallystick.watch.detect.orders.telling import case, contribution, order, share
from tallystick.watch.detect.orders.washing import kernels
from tallystick.watch.detect.score import Finding, Reason
from tallystick.watch.detect.wording import once_in, percent

WASHED = Feature(
    "washed_share",
    "share",
    "The share of the account's deals that cancelled out one of the same size within two minutes.",
    "ledger",
    ("wash_trades",),
)
TOGETHER = Feature(
    "deals_together",
    "deals",
    "How often two accounts dealt the same size on opposite sides within ten seconds.",
    "ledger",
    ("wash_trades",),
)
TRIPS = Feature(
    "round_trip_share",
    "share",
    "The share of the account's deals that brought its position back within a quarter of an hour.",
    "ledger",
    ("round_trip",),
)
REFRACTORY_SECONDS = 3_600.0


class Washing:
    """The looks `wash_trades` and `round_trip`; `name_of` tells whose a slot is, for a sentence."""

    name_of: Callable[[int], str]

    def __init__(self, slots: Mapping[str, int]) -> None:
        books, accounts, pairs = slots["book"], slots["account"], slots["pair"]
        self._books = _books(books)
        self._accounts = kernels.Accounts(
            washes=floats(accounts, STREAK),
            trips=floats(accounts, STREAK),
            deals=wholes(accounts),
            wash_case=wholes(accounts, kernels.ACCOUNT_CASE),
            wash_taken=wholes(accounts),
            trip_case=wholes(accounts, kernels.ACCOUNT_CASE),
            trip_taken=wholes(accounts),
        )
        self._pools = kernels.Pools(washes=np.array([0.02, 0.0]), trips=np.array([0.02, 0.0]))
        ring = couples.PAIR_RING
        self._pairs = couples.Pairs(
            at=floats(pairs, ring),
            size=floats(pairs, ring),
            side=wholes(pairs, ring),
            account=wholes(pairs, ring),
            position=wholes(pairs, ring),
            taken=wholes(pairs),
        )
        self._couples = couples.Couples(
            one=wholes(couples.COUPLES),
            other=wholes(couples.COUPLES),
            together=floats(couples.COUPLES),
            alike=floats(couples.COUPLES),
            since=floats(couples.COUPLES),
            last=floats(couples.COUPLES),
            case=wholes(couples.COUPLES, couples.COUPLE_CASE),
            taken=wholes(couples.COUPLES),
            deals=floats(2),
        )
        self._washes, self._trips = new_out(), new_out()
        self.out: Mapping[str, Out] = {"wash_trades": self._washes, "round_trip": self._trips}
        self.state: Mapping[str, Arrays] = {
            "book": self._books,
            "account": self._accounts,
            "pair": self._pairs,
            "shared": (self._pools, self._couples),
        }

    def judge(self, columns: Columns, alarm_p: float) -> None:
        """Score each deal against the account's own, and against everybody's."""
        kernels.judge(
            columns, self._books, self._accounts, self._pools, self._washes, self._trips, alarm_p
        )
        couples.judge(
            columns, self._pairs, self._couples, self._accounts.deals, self._washes, alarm_p
        )

    def forget(self, accounts: NDArray[np.int64]) -> None:
        """Couples and deals of these accounts are nobody's any more."""
        known = self._couples
        gone = np.isin(known.one, accounts + 1) | np.isin(known.other, accounts + 1)
        known.one[gone] = known.other[gone] = known.taken[gone] = 0
        known.together[gone] = known.alike[gone] = known.last[gone] = 0.0
        self._pairs.side[np.isin(self._pairs.account, accounts)] = 0

    def finding(self, name: str, row: int, seen: Observation) -> Finding:
        """What cancelled out, in one sentence."""
        seen, out = order(seen), self.out[name]
        entity, p_value = f"{seen.account} {seen.pair}", float(out.p[row])
        if name == "round_trip":
            reason = _trip(out, row, seen)
        elif out.extra[row, 1] == couples.BY_COUPLE:
            reason = _couple(out, row, seen, self.name_of(int(out.extra[row, 2])))
        else:
            reason = _wash(out, row, seen)
        return Finding(row, name, "market_abuse", entity, p_value, REFRACTORY_SECONDS, reason)


def _books(books: int) -> kernels.Books:
    ring = kernels.RING
    return kernels.Books(
        at=floats(books, ring),
        size=np.zeros((books, ring), np.float32),
        side=np.zeros((books, ring), np.int8),
        taker=np.zeros((books, ring), np.int8),
        position=wholes(books, ring),
        taken=wholes(books),
        units=floats(books),
        way=floats(books, ring),
        way_at=floats(books, ring),
        way_position=wholes(books, ring),
        way_taken=wholes(books),
    )


def _wash(out: Out, row: int, seen: OrderSeen) -> Reason:
    number, usual, p_value = int(out.came[row]), float(out.high[row]), float(out.p[row])
    recent = int(out.extra[row, 0])
    came = f"{number} of {recent} deals cancelled out one of the same size within 2 minutes"
    expected = f"about {percent(usual)} of its deals"
    return Reason(
        expected=expected,
        came=came,
        sentence=(
            f"{seen.account} in {seen.pair}: {came}; expected: {expected} ({once_in(p_value)})."
        ),
        contributions=(contribution(WASHED, share(number, recent), 0.0, usual, p_value),),
        positions=case(out, row) or (seen.position,),
    )


def _couple(out: Out, row: int, seen: OrderSeen, partner: str) -> Reason:
    number, usual, p_value = int(out.came[row]), float(out.high[row]), float(out.p[row])
    came = f"{number} deals of the same size on opposite sides within 10 seconds"
    expected = f"about {usual:.2g} by chance"
    return Reason(
        expected=expected,
        came=came,
        sentence=(
            f"{seen.account} and {partner} made {came} of each other, the last in {seen.pair}; "
            f"expected: {expected} ({once_in(p_value)})."
        ),
        contributions=(contribution(TOGETHER, number, 0.0, usual, p_value),),
        positions=case(out, row) or (seen.position,),
    )


def _trip(out: Out, row: int, seen: OrderSeen) -> Reason:
    number, usual, p_value = int(out.came[row]), float(out.high[row]), float(out.p[row])
    recent = int(out.extra[row, 0])
    came = f"{number} round trips in its last {recent} deals"
    expected = f"one in {percent(usual)} of its deals"
    return Reason(
        expected=expected,
        came=came,
        sentence=(
            f"{seen.account} made {came}, the last in {seen.pair}: away and back to the same "
            f"position within 15 minutes; usually {percent(usual)} of its deals end one "
            f"({once_in(p_value)})."
        ),
        contributions=(contribution(TRIPS, share(number, recent), 0.0, usual, p_value),),
        positions=case(out, row) or (seen.position,),
    )
