"""Order size: is this order far larger than this account's orders in this pair usually are?

The fat finger of RTS 6 article 15(1)(b). Sizes of one client in one pair are roughly log-normal, so
the logarithm of the quantity is compared with the habit of its (account, pair).
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.feature import Feature
from tallystick.watch.detect.observation import Observation
from tallystick.watch.detect.orders.columns import Columns
from tallystick.watch.detect.orders.kernels import new_tail, new_windows
from tallystick.watch.detect.orders.look import Arrays, Out, new_out
from tallystick.watch.detect.orders.size import kernels
from tallystick.watch.detect.orders.telling import contribution, example, order
from tallystick.watch.detect.score import Finding, Reason
from tallystick.watch.detect.wording import deed, grouped, once_in, rounded

QUANTITY = Feature(
    "order_quantity",
    "base currency",
    "An order's quantity, against the account's last 48 orders in the pair.",
    "ledger",
    ("order_size",),
)
TIMES = Feature(
    "order_size_times",
    "times",
    "An order's quantity over the median of the account's last 48 in the pair (of everybody's "
    "largest, for an account without a habit).",
    "ledger",
    ("order_size",),
)
REFRACTORY_SECONDS = 5.0


class Size:
    """The look `order_size`; only too large is odd."""

    def __init__(self, slots: Mapping[str, int]) -> None:
        books = slots["book"]
        shape = (books, kernels.WINDOW)
        self._books = kernels.Books(
            new_windows(books, kernels.WINDOW), np.zeros(shape), np.zeros(shape, np.int64)
        )
        self._pairs = new_windows(slots["pair"], kernels.PAIR_WINDOW)
        self._tail = new_tail()
        self._out = new_out()
        self.out: Mapping[str, Out] = {"order_size": self._out}
        self.state: Mapping[str, Arrays] = {
            "book": self._books,
            "pair": self._pairs,
            "shared": self._tail,
        }

    def judge(self, columns: Columns, alarm_p: float) -> None:
        """Score each own order's quantity."""
        kernels.judge(columns, self._books, self._pairs, self._tail, self._out, alarm_p)

    def forget(self, accounts: NDArray[np.int64]) -> None:
        """Nothing else points to an account."""

    def finding(self, name: str, row: int, seen: Observation) -> Finding:
        """`acme bought 12,000,000 EUR/USD; its orders in EUR/USD are usually between ...`."""
        seen, out = order(seen), self._out
        low, high = (rounded(float(edge[row])) for edge in (out.low, out.high))
        p_value, came = float(out.p[row]), grouped(seen.quantity)
        expected = f"about {grouped(low)}" if low == high else f"{grouped(low)} to {grouped(high)}"
        stranger = out.extra[row, 0] == 1
        whose = "orders of all accounts" if stranger else "its orders"
        times = seen.quantity / max(float(out.high[row] * out.low[row]) ** 0.5, 1e-12)
        text = f"{seen.side} {grouped(float(out.example_value[row]))} {seen.pair}"
        return Finding(
            row,
            name,
            "fraud",
            f"{seen.account} {seen.pair}",
            p_value,
            REFRACTORY_SECONDS,
            Reason(
                expected=expected,
                came=came,
                sentence=(
                    f"{seen.account} {deed(seen)} {came} {seen.pair}; {whose} in {seen.pair} are "
                    f"usually {'about ' if low == high else 'between '}"
                    f"{grouped(low)}{'' if low == high else ' and ' + grouped(high)} "
                    f"({once_in(p_value)})."
                ),
                contributions=(
                    contribution(QUANTITY, seen.quantity, low, high, p_value),
                    contribution(TIMES, times, 0.0, max(high / max(low, 1e-12), 1.0), p_value / 2),
                ),
                nearest=None if stranger else example(out, row, text),
                positions=(seen.position,),
            ),
        )
