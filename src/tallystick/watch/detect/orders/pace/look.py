"""Order burst: did far more orders of this account come just now than its rhythm has?

Messages of RTS 6 articles 15(1)(d) and 15(3), over a second, ten seconds, a minute and an hour:
each count fades, its square root is compared with what is usual at the account's orders, and the
oddest of the four counts.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.feature import Feature
from tallystick.watch.detect.observation import Observation
from tallystick.watch.detect.orders.columns import Columns
from tallystick.watch.detect.orders.kernels import WARM_UP, new_tail
from tallystick.watch.detect.orders.look import CASE_MAX, Arrays, Out, floats, new_out, wholes
from tallystick.watch.detect.orders.pace import kernels
from tallystick.watch.detect.orders.telling import case, contribution, order, span
from tallystick.watch.detect.score import Finding, Reason
from tallystick.watch.detect.wording import grouped, once_in

RATES = tuple(
    Feature(
        f"orders_in_{seconds:.0f}_seconds",
        "orders",
        f"The account's orders in about the last {span(seconds)}: a count that fades with that "
        "time constant, the order itself in it.",
        "ledger",
        ("order_burst",),
    )
    for seconds in kernels.SPANS
)
REFRACTORY_SECONDS = 300.0


class Pace:
    """The look `order_burst`."""

    def __init__(self, slots: Mapping[str, int]) -> None:
        accounts, spans = slots["account"], len(kernels.SPANS)
        self._rhythm = kernels.Rhythm(
            since=floats(accounts),
            last=floats(accounts),
            learnt=floats(accounts),
            orders=wholes(accounts),
            counts=floats(accounts, spans),
            mean=floats(accounts, spans),
            dispersion=floats(accounts, spans),
            case=wholes(accounts, CASE_MAX // 2),
        )
        self._tail = new_tail()
        self._out = new_out()
        self.out: Mapping[str, Out] = {"order_burst": self._out}
        self.state: Mapping[str, Arrays] = {"account": self._rhythm, "shared": self._tail}

    @property
    def warming(self) -> int:
        """Accounts with fewer orders than a habit needs."""
        return int(np.count_nonzero((self._rhythm.orders > 0) & (self._rhythm.orders < WARM_UP)))

    def judge(self, columns: Columns, alarm_p: float) -> None:
        """Score the pace at each own order."""
        kernels.judge(columns, self._rhythm, self._tail, self._out, alarm_p)

    def forget(self, accounts: NDArray[np.int64]) -> None:
        """Nothing else points to an account."""

    def finding(self, name: str, row: int, seen: Observation) -> Finding:
        """`acme sent about 60 orders in 10 seconds; it usually sends up to 4 ...`."""
        seen, out = order(seen), self._out
        p_value, count, high = (float(each[row]) for each in (out.p, out.came, out.high))
        seconds = float(out.extra[row, 0])
        came = f"about {count:,.0f} orders in {span(seconds)}"
        most = f"up to {grouped(max(1.0, round(high)))}"
        feature = RATES[kernels.SPANS.index(seconds)]
        return Finding(
            row,
            name,
            "market_abuse",
            seen.account,
            p_value,
            REFRACTORY_SECONDS,
            Reason(
                expected=f"{most} orders in {span(seconds)}",
                came=came,
                sentence=(
                    f"{seen.account} sent {came}; it usually sends {most} ({once_in(p_value)})."
                ),
                contributions=(contribution(feature, count, 0.0, high, p_value),),
                positions=case(out, row) or (seen.position,),
            ),
        )
