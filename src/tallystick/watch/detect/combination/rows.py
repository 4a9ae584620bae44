"""From orders to rows of coordinates: names become numbers, the rest is compiled."""

import math
from collections.abc import Sequence
from typing import NamedTuple, TypeGuard

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
    keep,
)
from tallystick.watch.detect.observation import NUMBER_MAX, Observation, OrderSeen

PAIRS_MAX = 1_024
"""Pairs that are told apart; further ones share the last number."""
SECONDS_MAX = 2.0**33
_KINDS = {"": 0, "market": 0, "limit": 1}
_OTHER_KIND = 2
_SIDES = {"buy": 1, "sell": -1}


class Last(NamedTuple):
    """One of an account's last orders; the quantity is negative where it sold."""

    position: int
    at: float
    pair: str
    quantity: float


def usable(seen: Observation) -> TypeGuard[OrderSeen]:
    """Whether it is an order that a client decided, in numbers that can be."""
    return (
        type(seen) is OrderSeen
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
            np.zeros(slots, np.int64),
            np.zeros((slots, KEPT), np.int64),
            np.zeros((slots, KEPT)),
            np.zeros((slots, KEPT), np.int64),
            np.zeros((slots, KEPT)),
        )

    def columns(self, orders: Sequence[OrderSeen], slots: Sequence[int]) -> Orders:
        """The orders as columns."""
        return Orders(
            np.array(slots, np.int64),
            np.array([each.position for each in orders], np.int64),
            np.array([each.at_seconds for each in orders], np.float64),
            np.array([self._pair(each.pair) for each in orders], np.int64),
            np.array([_SIDES[each.side] for each in orders], np.int64),
            np.array([_kind(each) for each in orders], np.int64),
            np.array([each.quantity for each in orders], np.float64),
            np.array([_price(each.limit_price) for each in orders], np.float64),
            np.array([_price(each.mid) for each in orders], np.float64),
        )

    def describe(self, columns: Orders) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The orders' rows, then learnt; and their counts (rows, couples, 4), see `kernels`."""
        rows = np.zeros((len(columns.account), COORDINATES))
        counts = np.zeros((len(columns.account), len(COUPLES), 4))
        describe(columns, self.accounts, rows, counts)
        return rows, counts

    def keep(self, columns: Orders) -> None:
        """Keep the orders, for `last`."""
        keep(columns, self.accounts)

    def last(self, columns: Orders, row: int, position: int) -> Last | None:
        """The order at this ledger position, if it is one of the account's last KEPT before `row`.

        Rows before this one are in the columns, what was before them is kept.
        """
        slot = int(columns.account[row])
        here = np.flatnonzero(columns.account[:row] == slot)[::-1][:KEPT].tolist()
        for i in here:
            if columns.position[i] == position:
                quantity = float(columns.quantity[i] * columns.side[i])
                pair = self._name_of(int(columns.pair[i]))
                return Last(position, float(columns.at[i]), pair, quantity)
        known, kept = self.accounts, int(self.accounts.kept[slot])
        for back in range(1, min(kept, KEPT - len(here)) + 1):
            ring = (kept - back) % KEPT
            if known.kept_position[slot, ring] == position:
                pair = self._name_of(int(known.kept_pair[slot, ring]))
                quantity = float(known.kept_quantity[slot, ring])
                return Last(position, float(known.kept_at[slot, ring]), pair, quantity)
        return None

    def forget(self, slot: int) -> None:
        """The slot is somebody else's from now on."""
        for array in self.accounts:
            array[slot] = 0

    def snapshot(self, slots: int) -> bytes:
        """The first `slots` accounts, for `restore`."""
        return b"".join(array[:slots].tobytes() for array in self.accounts)

    def restore(self, data: bytes, pairs: Sequence[str], slots: int) -> None:
        """Go on from a snapshot.

        Raises:
            ValueError: it is none of so many slots.
        """
        arrays = [array[:slots] for array in self.accounts]
        if len(data) != sum(array.nbytes for array in arrays) or len(pairs) >= PAIRS_MAX:
            raise ValueError("a snapshot of accounts that was cut or changed")
        at = 0
        for array in arrays:
            part = np.frombuffer(data, array.dtype, array.size, at)
            array[...] = part.reshape(array.shape)
            at += array.nbytes
        self.pairs = {pair: number for number, pair in enumerate(pairs)}

    def _name_of(self, pair: int) -> str:
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
