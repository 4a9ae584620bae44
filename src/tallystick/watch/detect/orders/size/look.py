"""Order size: is this order far larger than this account's orders in this pair usually are?

The fat finger of RTS 6 article 15(1)(b). Sizes of one client in one pair are roughly log-normal, so
the logarithm of the quantity is compared with the habit of its (account, pair).
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.feature import Feature
from tallystick.watch.detect.observation import Observation, OrderSeen
from tallystick.watch.detect.orders.columns import CURRENCIES_MAX, Columns
from tallystick.watch.detect.orders.kernels import new_tail, new_windows
from tallystick.watch.detect.orders.look import Arrays, Out, floats, new_out, wholes
from tallystick.watch.detect.orders.size import kernels
from tallystick.watch.detect.orders.telling import contribution, example, nearer, order, short
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
RIGHTED_FEATURE = Feature(
    "order_put_right",
    "orders",
    "A large order of which nine tenths (or 99 hundredths) were dealt back within half an hour.",
    "ledger",
    ("order_size",),
)
REFUSED_FEATURE = Feature(
    "order_refused_for_size",
    "orders",
    "A large order that was rejected because it is larger than the account may place.",
    "ledger",
    ("order_size",),
)
REFRACTORY_SECONDS = 600.0


class Size:
    """The look `order_size`; only too large is odd."""

    def __init__(self, slots: Mapping[str, int]) -> None:
        books, accounts = slots["book"], slots["account"]
        self._books = kernels.Books(
            windows=new_windows(books, kernels.WINDOW),
            at=floats(books, kernels.EXAMPLES),
            position=wholes(books, kernels.EXAMPLES),
            large=floats(books, 4),
            large_position=wholes(books),
        )
        self._accounts = kernels.Accounts(
            dollars=new_windows(accounts, kernels.WINDOW),
            around=new_windows(accounts, kernels.WINDOW),
        )
        self._pairs = new_windows(slots["pair"], kernels.PAIR_WINDOW)
        self._shared = kernels.Shared(rates=floats(CURRENCIES_MAX), twice=floats(3))
        self._tail = new_tail()
        self._out = new_out()
        self.out: Mapping[str, Out] = {"order_size": self._out}
        self.state: Mapping[str, Arrays] = {
            "account": self._accounts,
            "book": self._books,
            "pair": self._pairs,
            "shared": (self._shared, self._tail),
        }

    def judge(self, columns: Columns, alarm_p: float) -> None:
        """Score each own order's quantity."""
        kernels.judge(
            columns, self._books, self._accounts, self._pairs, self._shared, self._tail,
            self._out, alarm_p,
        )  # fmt: skip

    def forget(self, accounts: NDArray[np.int64]) -> None:
        """Nothing else points to an account."""

    def finding(self, name: str, row: int, seen: Observation) -> Finding:
        """`acme bought 12,000,000 EUR/USD; its orders in EUR/USD are usually between ...`."""
        seen, out = order(seen), self._out
        low, high, quantity = (float(each[row]) for each in (out.low, out.high, out.came))
        how, usual, first, position = out.extra[row, :4].tolist()
        p_value = float(out.p[row])
        if not nearer(high, usual, quantity):
            low = high = usual
        low, high = rounded(low), rounded(high)
        same = low == high
        span = f"about {grouped(low)}" if same else f"between {grouped(low)} and {grouped(high)}"
        whose = "orders of all accounts" if how == kernels.STRANGER else "its orders"
        near = short(float(out.example_value[row]))
        text = f"{grouped(near)} {seen.pair}"
        parts = [
            contribution(QUANTITY, quantity, low, high, first),
            contribution(TIMES, quantity / usual, low / usual, high / usual, first),
        ]
        if how in {kernels.REFUSED, kernels.RIGHTED}:
            feature = REFUSED_FEATURE if how == kernels.REFUSED else RIGHTED_FEATURE
            parts.append(contribution(feature, 1.0, 0.0, 0.0, p_value / first))
        parts.sort(key=lambda part: -part.surprise)
        return Finding(
            row,
            name,
            "fraud",
            f"{seen.account} {seen.pair}",
            p_value,
            REFRACTORY_SECONDS,
            Reason(
                expected=span,
                came=grouped(quantity),
                sentence=(
                    f"{_came(seen, how, quantity)}; {whose} in {seen.pair} are usually {span} "
                    f"({once_in(p_value)})."
                ),
                contributions=tuple(parts),
                nearest=example(out, row, text) if nearer(near, usual, quantity) else None,
                positions=(int(position), seen.position)
                if how == kernels.RIGHTED
                else (seen.position,),
            ),
        )


def _came(seen: OrderSeen, how: float, quantity: float) -> str:
    if how == kernels.RIGHTED:
        done = "sold" if seen.side == "buy" else "bought"
        back = "bought" if seen.side == "buy" else "sold"
        return (
            f"{seen.account} {done} {grouped(quantity)} {seen.pair} and {back} "
            f"{grouped(seen.quantity)} back, as after a zero too many"
        )
    told = f"{seen.account} {deed(seen)} {grouped(quantity)} {seen.pair}"
    return f"{told} and was refused for the size" if how == kernels.REFUSED else told
