"""The detector of orders: what the ledger says of them, in micro-batches, through all looks."""

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from tallystick.limits import ENTITIES_MAX
from tallystick.watch.detect.observation import AccountSeen, Observation, OrderSeen, QuoteSeen
from tallystick.watch.detect.orders.columns import Tables
from tallystick.watch.detect.orders.look import ROWS_MAX, Look, flat
from tallystick.watch.detect.orders.looks import LOOKS
from tallystick.watch.detect.orders.pace.look import Pace
from tallystick.watch.detect.orders.saving import Array, Header, fill, pack, unpack
from tallystick.watch.detect.orders.washing.look import Washing
from tallystick.watch.detect.score import ALARM_P_MAX, Finding, Judged

WHAT = "orders 2"
"""Stands in every snapshot; a state of another shape gets another number."""


class OrderWatch:
    """Every look at orders, over shared names; see `Detector` for the contract.

    `entities_max` bounds the accounts; three books (an account in a pair) are kept for each. The
    batch is judged in pieces of at most ROWS_MAX rows, and cut where somebody has to be forgotten.
    """

    observes: tuple[type[Observation], ...] = (OrderSeen, AccountSeen, QuoteSeen)

    def __init__(self, entities_max: int = ENTITIES_MAX, alarm_p: float = ALARM_P_MAX) -> None:
        self._limit = entities_max
        self._alarm_p = alarm_p
        self._tables = Tables(entities_max)
        slots = {name: table.limit for name, table in self._tables.each().items()}
        self._looks: dict[str, Look] = {name: make(slots) for name, make in LOOKS.items()}
        for look in self._looks.values():
            if isinstance(look, Washing):
                look.name_of = self._tables.accounts.name
        self._outs = [
            (name, look, out) for look in self._looks.values() for name, out in look.out.items()
        ]
        self.names = tuple(name for name, _, _ in self._outs)

    @property
    def entities(self) -> int:
        """Accounts that are known."""
        return len(self._tables.accounts)

    @property
    def warming(self) -> int:
        """Accounts that are too new to be judged by their own habits."""
        return sum(look.warming for look in self._looks.values() if isinstance(look, Pace))

    def observe(self, batch: Sequence[Observation]) -> Judged:
        """Score and learn the observations, one after the other."""
        p_values: list[float] = []
        findings: list[Finding] = []
        start = 0
        while start < len(batch):
            piece = self._piece(batch[start : start + ROWS_MAX])
            p_values += self._judge(piece, start, findings)
            start += len(piece)
        return Judged(p_values, findings)

    def _piece(self, batch: Sequence[Observation]) -> Sequence[Observation]:
        """As much of the batch as finds slots; whoever is longest unused is forgotten first."""
        tables = self._tables
        if tables.roomy(len(batch)):
            return batch
        for row, seen in enumerate(batch):
            full = tables.full(seen)
            if full is not None:
                if row:
                    return batch[:row]
                self._forget(full)
                return self._piece(batch)
            tables.meet(seen)
        return batch

    def _forget(self, table: str) -> None:
        slots = self._tables.each()[table].forget()
        for look in self._looks.values():
            if table in look.state:
                for array in flat(look.state[table]):
                    array[slots] = 0
            if table == "account":
                look.forget(slots)

    def _judge(
        self, batch: Sequence[Observation], start: int, findings: list[Finding]
    ) -> list[float]:
        columns = self._tables.columns(batch)
        rows = len(batch)
        for look in self._looks.values():
            look.judge(columns, self._alarm_p)
        least = np.full(rows, math.nan)
        odd: list[tuple[int, int]] = []
        for number, (_, _, out) in enumerate(self._outs):
            p_values = out.p[:rows]
            least = np.fmin(least, p_values)
            odd += [(row, number) for row in np.flatnonzero(p_values <= self._alarm_p).tolist()]
        for row, number in sorted(odd):
            name, look, _ = self._outs[number]
            finding = look.finding(name, row, batch[row])
            findings.append(msgspec.structs.replace(finding, row=start + row))
        return least.tolist()

    def snapshot(self) -> bytes:
        """Names, slots and every array, as far as it was ever used."""
        tables = self._tables
        known = {name: table.saved() for name, table in tables.each().items()}
        header = Header(WHAT, self._limit, tables.moment, tables.currencies, known, [])
        return pack(header, self._arrays())

    def _arrays(self) -> list[Array]:
        """Every array in a fixed order, up to the highest slot that was ever used."""
        tables = self._tables.each()
        return [
            array[: tables[about].high] if about in tables else array
            for look in self._looks.values()
            for about, arrays in look.state.items()
            for array in flat(arrays)
        ]

    def restore(self, data: bytes) -> None:
        """Go on from a snapshot of a detector with the same limit.

        Raises:
            ValueError: the bytes are no snapshot of this detector; it is as it was.
        """
        header, body = unpack(data)
        if header.what != WHAT or header.limit != self._limit:
            raise ValueError("this was learnt by another detector")
        fresh = OrderWatch(self._limit, self._alarm_p)
        fresh._tables.restore(header)
        fill(fresh._arrays(), header, body)
        self.__dict__ = fresh.__dict__
