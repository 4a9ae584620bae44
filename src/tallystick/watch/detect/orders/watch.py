"""The detector of orders: what the ledger says of them, in micro-batches, through all looks."""

import math
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from tallystick.limits import ENTITIES_MAX
from tallystick.watch.detect.observation import AccountSeen, Observation, OrderSeen, QuoteSeen
from tallystick.watch.detect.orders.columns import CURRENCIES_MAX, Tables
from tallystick.watch.detect.orders.look import ROWS_MAX, Look, flat
from tallystick.watch.detect.orders.looks import LOOKS
from tallystick.watch.detect.score import ALARM_P_MAX, Finding, Judged


class _Table(msgspec.Struct):
    names: list[str | tuple[str, str]]
    slots: list[int]
    used: list[int]
    free: list[int]


class _Array(msgspec.Struct):
    shape: list[int]
    kind: str
    data: bytes


class _Saved(msgspec.Struct):
    what: str
    limit: int
    moment: int
    currencies: dict[str, int]
    tables: dict[str, _Table]
    looks: dict[str, dict[str, list[_Array]]]


WHAT = "orders 1"
"""Stands in every snapshot; a state of another shape gets another number."""
_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Saved)


class OrderWatch:
    """Every look at orders, over shared names; see `Detector` for the contract.

    `entities_max` bounds the accounts; three books (an account in a pair) are kept for each. The
    batch is judged in pieces of at most ROWS_MAX rows, and cut where somebody has to be forgotten.
    """

    observes: tuple[type[Observation], ...] = (OrderSeen, AccountSeen, QuoteSeen)

    def __init__(
        self, entities_max: int = ENTITIES_MAX, alarm_p: float = ALARM_P_MAX
    ) -> None:
        self._limit = entities_max
        self._alarm_p = alarm_p
        self._tables = Tables(entities_max)
        slots = {name: table.limit for name, table in self._tables.each().items()}
        self._looks: dict[str, Look] = {name: make(slots) for name, make in LOOKS.items()}
        self._outs = [
            (name, look, out) for look in self._looks.values() for name, out in look.out.items()
        ]
        self.names = tuple(name for name, _, _ in self._outs)

    def __len__(self) -> int:
        return len(self._tables.accounts)

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
        return _ENCODER.encode(
            _Saved(
                what=WHAT,
                limit=self._limit,
                moment=tables.moment,
                currencies=tables.currencies,
                tables={
                    name: _Table(*table.saved(), table.free)
                    for name, table in tables.each().items()
                },
                looks={
                    name: {
                        about: [_saved(each, self._high(about)) for each in flat(arrays)]
                        for about, arrays in look.state.items()
                    }
                    for name, look in self._looks.items()
                },
            )
        )

    def _high(self, about: str) -> int | None:
        table = self._tables.each().get(about)
        return None if table is None else table.high

    def restore(self, data: bytes) -> None:
        """Go on from a snapshot of a detector with the same limit.

        Raises:
            ValueError: the bytes are no snapshot of this detector; it is as it was.
        """
        saved = _DECODER.decode(data)
        fresh = OrderWatch(self._limit, self._alarm_p)
        if saved.what != WHAT or saved.limit != self._limit:
            raise ValueError("this was learnt by another detector")
        fresh._take(saved)
        self._tables, self._looks, self._outs = fresh._tables, fresh._looks, fresh._outs

    def _take(self, saved: _Saved) -> None:
        tables = self._tables.each()
        if saved.tables.keys() != tables.keys() or saved.looks.keys() != self._looks.keys():
            raise ValueError("this was learnt by another detector")
        for name, known in saved.tables.items():
            names = [tuple(each) if name == "book" else each for each in known.names]
            tables[name].restore(names, known.slots, known.used, known.free)  # type: ignore[arg-type]
        if not all(0 <= number < CURRENCIES_MAX for number in saved.currencies.values()):
            raise ValueError("these currencies have no such numbers")
        self._tables.currencies = saved.currencies
        self._tables.moment = saved.moment
        for name, look in self._looks.items():
            for about, arrays in look.state.items():
                mine, theirs = list(flat(arrays)), saved.looks[name].get(about, [])
                if len(mine) != len(theirs):
                    raise ValueError("this was learnt by another detector")
                for array, kept in zip(mine, theirs, strict=True):
                    _restore(array, kept, self._high(about))


def _saved(array: NDArray[np.float64], high: int | None) -> _Array:
    part = array if high is None else array[:high]
    return _Array(list(part.shape), part.dtype.str, part.tobytes())


def _restore(array: NDArray[np.float64], kept: _Array, high: int | None) -> None:
    part = array if high is None else array[:high]
    if list(part.shape) != kept.shape or part.dtype.str != kept.kind:
        raise ValueError("an array has another shape")
    values = np.frombuffer(kept.data, part.dtype)
    if values.size != part.size or (part.dtype.kind == "f" and not np.isfinite(values).all()):
        raise ValueError("an array holds something else")
    part[...] = values.reshape(part.shape)
