"""Off market: is this price far from the market, by the measure of its pair?

The price collar of RTS 6 article 15(1)(a), learnt: the distance of a limit (and of every fill) from
the quote's mid, in units of what the market moves or costs just then (its half-spread, or the
volatility of the last minute where that is more), against what is usual for this sort of price in
the pair, and for the account's own limits.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.feature import Feature
from tallystick.watch.detect.observation import Observation
from tallystick.watch.detect.orders.columns import Columns
from tallystick.watch.detect.orders.kernels import Windows, new_tail, new_windows
from tallystick.watch.detect.orders.look import Arrays, Out, floats, new_out, wholes
from tallystick.watch.detect.orders.price import kernels
from tallystick.watch.detect.orders.telling import contribution, example, order
from tallystick.watch.detect.score import Finding, Reason
from tallystick.watch.detect.wording import once_in, percent

DISTANCE = Feature(
    "price_distance",
    "bps",
    "A limit's or fill's distance from the quote's mid; above it is positive.",
    "ledger",
    ("off_market",),
)
SPREADS = Feature(
    "price_distance_spreads",
    "spreads",
    "The same distance in spreads of the quote it was decided against.",
    "ledger",
    ("off_market",),
)
VOLATILITY = Feature(
    "price_distance_volatilities",
    "volatilities",
    "The same distance over what the pair's mid moved in the last minute (root of the faded sum "
    "of squared returns).",
    "ledger",
    ("off_market",),
)
REFRACTORY_SECONDS = 5.0
HABIT_MAX = 0.75
"""What is told as usual is less than this share of the odd distance."""
_SORTS = 3


class Price:
    """The look `off_market`; both sides of the market are odd."""

    def __init__(self, slots: Mapping[str, int]) -> None:
        pairs, books = slots["pair"], slots["book"]
        shape = (pairs, _SORTS, kernels.WINDOW)
        self._market = kernels.Market(
            mid=floats(pairs), at=floats(pairs), squares=floats(pairs), gap=floats(pairs)
        )
        self._sorts = kernels.Sorts(
            windows=Windows(
                ring=np.zeros(shape, np.float32),
                ordered=np.zeros(shape, np.float32),
                taken=wholes(pairs, _SORTS),
            ),
            at=floats(*shape),
            position=wholes(*shape),
            bps=np.zeros(shape, np.float32),
        )
        self._own = new_windows(books, kernels.OWN_WINDOW)
        self._tails = (new_tail(), new_tail(), new_tail())
        self._out = new_out()
        self.out: Mapping[str, Out] = {"off_market": self._out}
        self.state: Mapping[str, Arrays] = {
            "pair": (self._market, self._sorts),
            "book": self._own,
            "shared": self._tails,
        }

    def judge(self, columns: Columns, alarm_p: float) -> None:
        """Score each own limit, and each fill's price."""
        kernels.judge(
            columns, self._market, self._sorts, self._own, self._tails, self._out, alarm_p
        )

    def forget(self, accounts: NDArray[np.int64]) -> None:
        """Nothing else points to an account."""

    def finding(self, name: str, row: int, seen: Observation) -> Finding:
        """`acme's limit to buy EUR/USD at 1.12 is 3.5 % above the market; ...`."""
        seen, out = order(seen), self._out
        p_value, bps = float(out.p[row]), float(out.came[row])
        price, spreads, volatility, sort, known = out.extra[row, :5].tolist()
        low, high = float(out.low[row]), float(out.high[row])
        # An earlier mistake stays in the habit for a while: it is told neither as what is usual nor
        # as the ordinary example.
        if high >= HABIT_MAX * abs(bps):
            known, low, high = 0, 0.0, 0.0
        near = float(out.example_value[row])
        ordinary = known and abs(near) <= (high + abs(bps)) / 2
        limit = sort != kernels.FILL
        side = "above" if bps > 0 else "below"
        came = f"{percent(abs(bps) / kernels.BPS)} {side} the market"
        expected = f"within {percent(high / kernels.BPS)} of it" if known else "near it"
        what = f"limit to {seen.side} {seen.pair}" if limit else f"{seen.pair} fill"
        text = f"{seen.pair} {'limit' if limit else 'fill'} {near:+.1f} bps off"
        moved = abs(bps) / max(volatility, 1e-9)
        return Finding(
            row,
            name,
            "market_abuse",
            f"{seen.account} {seen.pair}",
            p_value,
            REFRACTORY_SECONDS,
            Reason(
                expected=expected,
                came=came,
                sentence=(
                    f"{seen.account}'s {what} at {price:.7g} is {came}; {seen.pair} "
                    f"{'limits' if limit else 'fills'} are usually {expected} "
                    f"({once_in(p_value)})."
                ),
                contributions=(
                    contribution(DISTANCE, bps, -high, high, p_value),
                    contribution(
                        SPREADS, spreads, 0.0, high / max(abs(bps), 1e-9) * spreads, p_value**0.5
                    ),
                    contribution(
                        VOLATILITY, min(moved, 1e9), low / max(volatility, 1e-9) if volatility else
                        0.0, high / volatility if volatility else 0.0, p_value**0.5,
                    ),
                ),
                nearest=example(out, row, text) if ordinary else None,
                positions=(seen.position,),
            ),
        )  # fmt: skip
