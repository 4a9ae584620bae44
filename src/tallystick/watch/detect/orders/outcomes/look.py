"""What becomes of an account's orders: reject streaks, cancel ratios, layering.

Each is a CUSUM of bad outcomes against the account's own usual share. A client whose system has
lost its limits, its prices or its mind is seen first by its rejections (probing of limits reads the
same). An order is *layered* (DR 2016/522 Annex II, section I, 5(e)) that waited away from the
touch, was taken back by its client within minutes, and in whose life the client dealt on the other
side of the same pair.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.feature import Feature
from tallystick.watch.detect.observation import Observation, OrderSeen
from tallystick.watch.detect.orders.columns import Columns
from tallystick.watch.detect.orders.kernels import STREAK
from tallystick.watch.detect.orders.look import CASE_MAX, Arrays, Out, floats, new_out, wholes
from tallystick.watch.detect.orders.outcomes import kernels
from tallystick.watch.detect.orders.telling import case, contribution, order, share
from tallystick.watch.detect.score import Family, Finding, Reason
from tallystick.watch.detect.wording import grouped, once_in, percent

REJECTED_SHARE = Feature(
    "rejected_share",
    "share",
    "The share of the account's orders that were rejected since its streak began.",
    "ledger",
    ("reject_streak",),
)
CANCELLED_SHARE = Feature(
    "cancelled_share",
    "share",
    "The share of the account's ended orders that it had cancelled itself since its streak began.",
    "ledger",
    ("cancel_ratio",),
)
LAYERED_SHARE = Feature(
    "layered_share",
    "share",
    "The share of orders of a book and side that were layered since the streak began.",
    "ledger",
    ("layering",),
)
LAYERED_QUANTITY = Feature(
    "layered_times_dealt",
    "times",
    "The quantity of layered orders in the streak over that of the deal on the other side.",
    "ledger",
    ("layering",),
)
REFRACTORY_SECONDS = {"reject_streak": 600.0, "cancel_ratio": 3_600.0, "layering": 600.0}


class Outcomes:
    """The looks `reject_streak`, `cancel_ratio` and `layering`."""

    def __init__(self, slots: Mapping[str, int]) -> None:
        accounts, books, orders = slots["account"], slots["book"], slots["order"]
        self._accounts = kernels.Accounts(
            rejects=floats(accounts, STREAK),
            cancels=floats(accounts, STREAK),
            reject_case=wholes(accounts, CASE_MAX // 2),
            cancel_case=wholes(accounts, CASE_MAX // 2),
            taken=wholes(accounts, 2),
        )
        self._books = kernels.Books(
            layers=floats(books, 2, STREAK),
            placed_at=floats(books, 2),
            dealt=floats(books, 2),
            dealt_position=wholes(books, 2),
            layered=floats(books, 2),
            case=wholes(books, 3 * CASE_MAX // 4),
            taken=wholes(books),
        )
        self._waiting = kernels.Waiting(
            at=floats(orders),
            position=wholes(orders),
            side=wholes(orders),
            quantity=floats(orders),
            away=floats(orders),
            alone=wholes(orders),
        )
        self._pools = kernels.Pools(
            rejects=np.array([0.05, 0.0]),
            cancels=np.array([0.2, 0.0]),
            layers=np.array([0.02, 0.0]),
        )
        self._rejects, self._cancels, self._layers = new_out(), new_out(), new_out()
        self.out: Mapping[str, Out] = {
            "reject_streak": self._rejects,
            "cancel_ratio": self._cancels,
            "layering": self._layers,
        }
        self.state: Mapping[str, Arrays] = {
            "account": self._accounts,
            "book": self._books,
            "order": self._waiting,
            "shared": self._pools,
        }

    def judge(self, columns: Columns, alarm_p: float) -> None:
        """Score each decision and each end of an order."""
        kernels.judge(
            columns, self._accounts, self._books, self._waiting, self._pools,
            self._rejects, self._cancels, self._layers, alarm_p,
        )  # fmt: skip

    def forget(self, accounts: NDArray[np.int64]) -> None:
        """Nothing else points to an account."""

    def finding(self, name: str, row: int, seen: Observation) -> Finding:
        """A streak in one sentence."""
        seen, out = order(seen), self.out[name]
        tell = {"reject_streak": _rejects, "cancel_ratio": _cancels, "layering": _layers}[name]
        entity = f"{seen.account} {seen.pair}" if name == "layering" else seen.account
        family: Family = "fraud" if name == "reject_streak" else "market_abuse"
        p_value, seconds = float(out.p[row]), REFRACTORY_SECONDS[name]
        return Finding(row, name, family, entity, p_value, seconds, tell(out, row, seen))


def _rejects(out: Out, row: int, seen: OrderSeen) -> Reason:
    bad, recent, usual, p_value = _streak(out, row)
    came = f"{bad} of the last {recent} orders rejected"
    return Reason(
        expected=f"about {percent(usual)} rejected",
        came=came,
        sentence=(
            f"{seen.account} had {came}; usually {percent(usual)} of its orders are "
            f"({once_in(p_value)})."
        ),
        contributions=(contribution(REJECTED_SHARE, share(bad, recent), 0.0, usual, p_value),),
        positions=case(out, row) or (seen.position,),
    )


def _cancels(out: Out, row: int, seen: OrderSeen) -> Reason:
    bad, recent, usual, p_value = _streak(out, row)
    came = f"{bad} of its last {recent} orders"
    return Reason(
        expected=f"about {percent(usual)} cancelled",
        came=f"{came} cancelled",
        sentence=(
            f"{seen.account} cancelled {came}; usually it cancels {percent(usual)} "
            f"({once_in(p_value)})."
        ),
        contributions=(contribution(CANCELLED_SHARE, share(bad, recent), 0.0, usual, p_value),),
        positions=case(out, row) or (seen.position,),
    )


def _layers(out: Out, row: int, seen: OrderSeen) -> Reason:
    bad, recent, usual, p_value = _streak(out, row)
    layered, dealt = float(out.extra[row, 2]), float(out.extra[row, 3])
    side, other = ("buy", "sold") if out.extra[row, 4] == 0 else ("sell", "bought")
    came = f"{bad} {side} orders ({grouped(layered)}) placed away from the touch and cancelled"
    positions = {*case(out, row), int(out.extra[row, 5]), seen.position}
    return Reason(
        expected=f"about {percent(usual)} of its orders cancelled around a deal",
        came=came,
        sentence=(
            f"{seen.account} in {seen.pair}: {came} while it {other} {grouped(dealt)}; usually "
            f"{percent(usual)} of its orders go so ({once_in(p_value)})."
        ),
        contributions=(
            contribution(LAYERED_SHARE, share(bad, recent), 0.0, usual, p_value),
            contribution(LAYERED_QUANTITY, share(layered, dealt), 0.0, 1.0, p_value**0.5),
        ),
        positions=tuple(sorted(positions)),
    )


def _streak(out: Out, row: int) -> tuple[int, int, float, float]:
    recent, usual = out.extra[row, :2].tolist()
    return int(out.came[row]), int(recent), usual, float(out.p[row])
