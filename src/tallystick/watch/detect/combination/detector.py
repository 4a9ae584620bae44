"""The detector of unusual combinations: each part of the order is usual, all together are not."""

from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np

from tallystick.limits import ENTITIES_MAX
from tallystick.watch.detect.combination.calibration import honest
from tallystick.watch.detect.combination.features import NAME
from tallystick.watch.detect.combination.kernels import COORDINATES, dither
from tallystick.watch.detect.combination.rows import Rows, usable
from tallystick.watch.detect.combination.telling import Odd, reason
from tallystick.watch.detect.observation import Observation, OrderSeen
from tallystick.watch.detect.orders.slots import Slots, SlotsSaved
from tallystick.watch.detect.score import ALARM_P_MAX, Finding, Judged
from tallystick.watch.detect.vector import VectorConfig, VectorStreams

WARM_UP = 60
"""Orders of an account before one of them is judged."""
HOUSE_WARM_UP = 1_000
"""Orders of all accounts before any is judged: how odd orders are is learnt from all of them."""
REFRACTORY_SECONDS = 600.0
CONFIG = VectorConfig(warm_up=WARM_UP)
ALARM_P_MOST = 1e-3
"""A higher threshold is taken for this: what is less odd is not explained."""


class _Saved(msgspec.Struct, array_like=True):
    v: Literal[1]
    entities_max: int
    moment: int
    slots: SlotsSaved
    pairs: list[str]
    accounts: bytes
    streams: bytes


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Saved)


class Combination:
    """Judges the orders that clients decide by the habits of their account; see `Detector`.

    An account's habits are what its orders' parts usually are, and which of them come together;
    accounts beyond `entities_max` push out those that were silent longest.
    """

    names = (NAME,)
    observes: tuple[type[Observation], ...] = (OrderSeen,)

    def __init__(self, entities_max: int = ENTITIES_MAX, alarm_p: float = ALARM_P_MAX) -> None:
        self._limit = entities_max
        self._alarm_p = min(alarm_p, ALARM_P_MOST)
        self._accounts: Slots[str] = Slots(entities_max)
        self._rows = Rows(entities_max)
        self._streams = VectorStreams(COORDINATES, entities_max, CONFIG)
        self._moment = 0  # orders seen

    def __len__(self) -> int:
        return len(self._accounts)

    def observe(self, batch: Sequence[Observation]) -> Judged:
        """Score and learn the orders, one after the other."""
        p_values = [float("nan")] * len(batch)
        findings: list[Finding] = []
        places: list[int] = []
        orders: list[OrderSeen] = []
        slots: list[int] = []
        accounts = self._accounts
        for place, seen in enumerate(batch):
            if not usable(seen):
                continue
            if not accounts.knows(seen.account):
                # What is known is judged before somebody is forgotten.
                self._judge(places, orders, slots, p_values, findings)
                places, orders, slots = [], [], []
                self._forget()
            places.append(place)
            orders.append(seen)
            slots.append(accounts.of(seen.account))
        self._judge(places, orders, slots, p_values, findings)
        return Judged(p_values, findings)

    def snapshot(self) -> bytes:
        """Everything learnt, for `restore`."""
        saved = _Saved(
            1, self._limit, self._moment, self._accounts.saved(), list(self._rows.pairs),
            self._rows.snapshot(self._accounts.high), self._streams.snapshot(),
        )  # fmt: skip
        return _ENCODER.encode(saved)

    def restore(self, data: bytes) -> None:
        """Go on from a snapshot of a detector with the same limit.

        Raises:
            ValueError: the bytes are no such snapshot; it is as it was.
        """
        saved = _DECODER.decode(data)
        if saved.entities_max != self._limit:
            raise ValueError(f"a snapshot for {saved.entities_max} accounts, not {self._limit}")
        accounts: Slots[str] = Slots(self._limit)
        accounts.restore([str(name) for name in saved.slots.names], saved.slots)
        rows = Rows(self._limit)
        rows.restore(saved.accounts, saved.pairs, accounts.high)
        streams = VectorStreams(COORDINATES, self._limit, CONFIG)
        streams.restore(saved.streams)
        self._accounts, self._rows, self._streams = accounts, rows, streams
        self._moment = saved.moment

    def _forget(self) -> None:
        for slot in self._accounts.forget().tolist():
            self._rows.forget(slot)
            self._streams.forget(slot)

    def _judge(
        self,
        places: list[int],
        orders: list[OrderSeen],
        slots: list[int],
        p_values: list[float],
        findings: list[Finding],
    ) -> None:
        """Judge orders with their places in the batch and their slots, and learn them."""
        if not orders:
            return
        columns = self._rows.columns(orders, slots)
        moments = np.arange(self._moment, self._moment + len(orders), dtype=np.int64)
        self._accounts.touch(columns.account, moments)
        self._moment += len(orders)
        rows, counts = self._rows.describe(columns)
        noisy = dither(columns.position, rows)
        said = self._streams.observe(columns.account, noisy, columns.position)
        found = honest(said.p_values)
        found[moments < HOUSE_WARM_UP] = np.nan
        for place, p_value in zip(places, found.tolist(), strict=True):
            p_values[place] = p_value
        for i in np.flatnonzero(found <= self._alarm_p).tolist():
            last = self._rows.last(columns, i, int(said.nearest_tag[i]))
            p_value = float(found[i])
            who = orders[i].account
            told = reason(Odd(orders[i], rows[i], counts[i], said, i, p_value, last))
            findings.append(
                Finding(places[i], NAME, "fraud", who, p_value, REFRACTORY_SECONDS, told)
            )
        self._rows.keep(columns)
