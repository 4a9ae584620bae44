"""The drift guard: sees the slow attacker, who trains the other detectors to accept him.

Whoever grows a little each day is normal against his recent past, and the recent past is what a
detector that adapts compares with. So each account has an anchor too, which hardly follows: what
it did in a day, in the mean of its first 30 active days, and half of a lasting change after 180
more. Four aspects of a day are held against it: the size of orders, their number, the distance
from the market, and the use of the position limit. Evidence is a one-sided CUSUM of the day's
movement in the anchor's own spreads; what everybody's profile moved in those days (the median) is
no evidence. There is an alarm where the evidence is one in a million, and the last days are three
times the anchor or more: what has not grown threefold is no drift, however steadily it grew.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from tallystick.limits import ENTITIES_MAX
from tallystick.watch.detect.drift import kernels
from tallystick.watch.detect.drift.slots import Slots
from tallystick.watch.detect.drift.telling import finding
from tallystick.watch.detect.observation import AccountSeen, Observation, OrderSeen
from tallystick.watch.detect.score import Finding, Judged

PAIRS_MAX = 10_000
"""Pairs that are told apart; the rest are one."""
_Row = tuple[float, float, float, float, float, float, float, float]
_NOWHERE = float("nan")


class _Saved(msgspec.Struct):
    v: Literal[1]
    slots: bytes
    pairs: dict[str, float]
    usd: dict[str, float]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Saved)


class DriftGuard:
    """The detector `drift`: one look at each account's ended day."""

    names: tuple[str, ...] = ("drift",)

    def __init__(self, entities_max: int = ENTITIES_MAX) -> None:
        self._slots = Slots(entities_max)
        self._pairs: dict[str, float] = {}
        self._usd: dict[str, float] = {"USD": 1.0}
        self._told = np.zeros(kernels.TOLD_FIELDS)

    @property
    def observes(self) -> tuple[type[Observation], ...]:
        """Orders, and what says how large a position may be."""
        return (OrderSeen, AccountSeen)

    @property
    def entities(self) -> int:
        """Accounts that are known."""
        return len(self._slots)

    @property
    def warming(self) -> int:
        """Accounts that are too new to be judged."""
        days = self._slots.state.profile[: len(self._slots), kernels.RATE, kernels.DAYS]
        return int(np.count_nonzero(days < kernels.WARM_UP_DAYS))

    def observe(self, batch: Sequence[Observation]) -> Judged:
        """Score and learn the observations, one after the other."""
        p_values = np.full(len(batch), np.nan)
        findings: list[Finding] = []
        rows: list[_Row] = []
        begin = 0
        for n, each in enumerate(batch):
            slot = -1.0
            if type(each) is OrderSeen or type(each) is AccountSeen:
                slot = self._slots.known(each.account)
                if slot < 0:
                    if self._slots.is_full:  # its rows first: somebody's slot is another one's now
                        findings += self._run(batch, begin, rows, p_values)
                        rows, begin = [], n
                    slot = self._slots.new(each.account)
            rows.append(self._row(slot, each))
        findings += self._run(batch, begin, rows, p_values)
        return Judged(p_values.tolist(), findings)

    def snapshot(self) -> bytes:
        """Everything learnt, for `restore`."""
        return _ENCODER.encode(_Saved(1, self._slots.snapshot(), self._pairs, self._usd))

    def restore(self, data: bytes) -> None:
        """Go on from a snapshot of the same detector.

        Raises:
            ValueError: the bytes are no snapshot of this detector; it is as it was.
        """
        saved = _DECODER.decode(data)
        self._slots.restore(saved.slots)
        self._pairs, self._usd = saved.pairs, saved.usd

    def _run(
        self,
        batch: Sequence[Observation],
        begin: int,
        rows: list[_Row],
        p_values: NDArray[np.float64],
    ) -> list[Finding]:
        """Hand rows to the kernel, the first of which is `batch[begin]`; what it found."""
        if not rows:
            return []
        table, slots = np.array(rows), self._slots
        judged = p_values[begin : begin + len(table)]
        findings, at = [], 0
        while at < len(table):
            at = kernels.run(table, at, slots.state, judged, self._told)
            if self._told[kernels.T_ASPECT] >= 0:
                row = begin + at - 1
                trail = slots.state.trail[int(table[at - 1, kernels.R_SLOT])]
                account = str(getattr(batch[row], "account", ""))
                findings.append(finding(row, account, self._told, trail.tolist()))
        return findings

    def _row(self, slot: float, each: Observation) -> _Row:
        """An observation as numbers; a time that is none where it is not looked at."""
        if type(each) is OrderSeen:
            return self._order(slot, each)
        if type(each) is AccountSeen and each.event in {"opened", "limits"}:
            bound = each.position_usd_max or 0.0
            return slot, kernels.BOUND, each.at_seconds, each.position, 0.0, bound, 0.0, 0.0
        return slot, kernels.FILL, _NOWHERE, 0.0, 0.0, 0.0, 0.0, 0.0

    def _order(self, slot: float, order: OrderSeen) -> _Row:
        pair, mid = order.pair, order.mid
        base, _, quote = pair.partition("/")
        if mid is not None and mid > 0:
            if quote == "USD":
                self._rate(base, mid)
            elif base == "USD":
                self._rate(quote, 1.0 / mid)
        usd = self._usd.get(base, 1.0)
        own = order.own and order.event == "decided"
        filled = order.filled * usd
        return (
            slot,
            kernels.ORDER if own else kernels.FILL,
            order.at_seconds,
            order.position,
            self._number(pair),
            order.quantity * usd,
            _distance(order) if own else _NOWHERE,
            filled if order.side == "buy" else -filled,
        )

    def _rate(self, currency: str, usd: float) -> None:
        if currency in self._usd or len(self._usd) < PAIRS_MAX:
            self._usd[currency] = usd

    def _number(self, pair: str) -> float:
        """A number for a pair; 0 for those that are too many."""
        number = self._pairs.get(pair)
        if number is None:
            if len(self._pairs) >= PAIRS_MAX:
                return 0.0
            number = self._pairs[pair] = len(self._pairs) + 1.0
        return number


def _distance(order: OrderSeen) -> float:
    """How far from the mid it was traded, or was to be on the wrong side, in basis points.

    NaN where there is no mid, or nothing was traded: an order that rests is far away by nature.
    """
    mid = order.mid
    if mid is None or not mid > 0:
        return _NOWHERE
    if order.limit_price is not None:
        beyond = order.limit_price - mid if order.side == "buy" else mid - order.limit_price
        if beyond > 0:
            return beyond / mid * 1e4
    if order.fill_price is None:
        return _NOWHERE
    return abs(order.fill_price - mid) / mid * 1e4
