"""From orders to rows of coordinates: names become numbers, the rest is compiled."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.combination.kernels import (
    COORDINATES,
    COUPLES,
    KEPT,
    PARTS,
    PLACES,
    Accounts,
    Orders,
    describe,
)
from tallystick.watch.detect.observation import NUMBER_MAX, Observation, OrderSeen

PAIRS_MAX = 1_024
"""Pairs that are told apart; further ones share the last number."""
SECONDS_MAX = 2.0**33
_KINDS = {"": 0, "market": 0, "limit": 1}
_OTHER_KIND = 2
_SIDES = {"buy": 1, "sell": -1}


def usable(seen: Observation) -> bool:
    """Whether it is an order that a client decided, in numbers that can be."""
    return (
        isinstance(seen, OrderSeen)
        and seen.event == "decided"
        and seen.own
        and 0 < seen.quantity <= NUMBER_MAX
        and abs(seen.at_seconds) < SECONDS_MAX
        and seen.side in _SIDES
    )


class Rows:
    """Makes rows of orders; knows the habits of each account that has a slot."""

    def __init__(self, slots: int) -> None:
        self.pairs: dict[str, int] = {}
        self.accounts = Accounts(
            np.zeros(slots, np.int64),
            np.zeros(slots),
            np.zeros(slots),
            np.zeros(slots, np.int64),
            np.zeros(slots),
            np.zeros((slots, PLACES), np.int64),
            np.zeros((slots, PLACES)),
            np.zeros((slots, PARTS, PLACES), np.float32),
            np.zeros((slots, len(COUPLES), PLACES, PLACES), np.float32),
            np.zeros((slots, KEPT), np.int64),
            np.zeros((slots, KEPT)),
            np.zeros((slots, KEPT), np.int64),
        )

    def describe(
        self, orders: Sequence[OrderSeen], slots: Sequence[int]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The orders' rows, then learnt; and their counts (rows, couples, 4), see `kernels`."""
        rows = np.zeros((len(orders), COORDINATES))
        counts = np.zeros((len(orders), len(COUPLES), 4))
        columns = Orders(
            np.array(slots, np.int64),
            np.array([each.position for each in orders], np.int64),
            np.array([each.at_seconds for each in orders]),
            np.array([self._pair(each.pair) for each in orders], np.int64),
            np.array([_SIDES[each.side] for each in orders], np.int64),
            np.array([_kind(each) for each in orders], np.int64),
            np.array([each.quantity for each in orders]),
            np.array([_price(each.limit_price) for each in orders]),
            np.array([_price(each.mid) for each in orders]),
        )
        describe(columns, self.accounts, rows, counts)
        return rows, counts

    def forget(self, slot: int) -> None:
        """The slot is somebody else's from now on."""
        for array in self.accounts:
            array[slot] = 0

    def name_of(self, pair: int) -> str:
        """The pair of this number."""
        return next((name for name, number in self.pairs.items() if number == pair), "?")

    def _pair(self, pair: str) -> int:
        number = self.pairs.get(pair)
        if number is None:
            number = min(len(self.pairs), PAIRS_MAX - 1)
            if number < PAIRS_MAX - 1:
                self.pairs[pair] = number
        return number


def _kind(order: OrderSeen) -> int:
    return 1 if order.limit_price is not None else _KINDS.get(order.kind, _OTHER_KIND)


def _price(price: float | None) -> float:
    return price if price is not None and 0 < price <= NUMBER_MAX else math.nan
