"""Firsts: an hour of the week, or a currency, in which this account never traded.

`unusual_hour` compares the hour of the FX week (it begins on Sunday at 17:00 in New York) with the
account's own hours, smoothed over their neighbours and over like days, drawn towards everybody's.
`new_currency` multiplies how seldom accounts try a new currency that have as many currencies traded
but once (Good and Turing's sign of curiosity) and so many orders without a new one, and how little
the currency is traded. Accounts that trade what few do (a fund in NOK and ZAR) are compared with
each other, and so are the others: the next such currency is no news of the former, and the first
one is of the latter, however much the former trade it.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.feature import Feature
from tallystick.watch.detect.observation import Observation, OrderSeen
from tallystick.watch.detect.orders.columns import CURRENCIES_MAX, WEEK_HOURS, Columns
from tallystick.watch.detect.orders.kernels import new_tail
from tallystick.watch.detect.orders.look import Arrays, Out, floats, new_out, wholes
from tallystick.watch.detect.orders.novelty import kernels
from tallystick.watch.detect.orders.telling import contribution, example, order
from tallystick.watch.detect.score import Finding, Reason
from tallystick.watch.detect.wording import deed, grouped, once_in, percent

HOUR = Feature(
    "hour_of_week",
    "orders",
    "How many of the account's orders came in this hour of the FX week or near it (smoothed).",
    "ledger",
    ("unusual_hour",),
)
HOUR_SURPRISE = Feature(
    "hour_surprise",
    "nats",
    "How much rarer this hour of the week is for the account than the average hour.",
    "ledger",
    ("unusual_hour",),
)
CURRENCY = Feature(
    "sittings_since_new_currency",
    "sittings",
    "Sittings of the account (orders less than an hour apart) without a currency new to it.",
    "ledger",
    ("new_currency",),
)
CURRENCY_RARENESS = Feature(
    "currency_rareness",
    "share",
    "The share of the trade of accounts alike (those that trade seldom currencies, or the others) "
    "that is in currencies traded as little as this one, or less.",
    "ledger",
    ("new_currency",),
)
HALF = 0.5
REFRACTORY_SECONDS = 6 * 3_600.0
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Novelty:
    """The looks `unusual_hour` and `new_currency`."""

    def __init__(self, slots: Mapping[str, int]) -> None:
        accounts = slots["account"]
        words = CURRENCIES_MAX // kernels.BITS + 1
        self._accounts = kernels.Accounts(
            since=floats(accounts),
            orders=wholes(accounts),
            age=wholes(accounts),
            had=wholes(accounts, words),
            settled=wholes(accounts, words),
            again=wholes(accounts, words),
            taste=wholes(accounts),
            odd_at=floats(accounts),
            odd_p=floats(accounts),
            hours=np.zeros((accounts, WEEK_HOURS), np.uint16),
            kept=floats(accounts),
            last_hour=wholes(accounts),
            last_position=wholes(accounts),
            last_at=floats(accounts),
        )
        self._everybody = kernels.Everybody(
            hours=floats(WEEK_HOURS),
            currencies=floats(2, CURRENCIES_MAX),
            looks=floats(kernels.CURIOUS, kernels.AGES),
            firsts=floats(kernels.CURIOUS, kernels.AGES),
            odd=floats(2),
        )
        self._tail = new_tail()
        self._hours, self._currencies = new_out(), new_out()
        self.out: Mapping[str, Out] = {
            "unusual_hour": self._hours,
            "new_currency": self._currencies,
        }
        self.state: Mapping[str, Arrays] = {
            "account": self._accounts,
            "shared": (self._everybody, self._tail),
        }

    def judge(self, columns: Columns, alarm_p: float) -> None:
        """Score the hour and the currencies of each own order."""
        kernels.judge(
            columns, self._accounts, self._everybody, self._tail,
            self._hours, self._currencies, alarm_p,
        )  # fmt: skip

    def forget(self, accounts: NDArray[np.int64]) -> None:
        """Nothing else points to an account."""

    def finding(self, name: str, row: int, seen: Observation) -> Finding:
        """What came for the first time."""
        seen, p_value = order(seen), float(self.out[name].p[row])
        tell = self._hour if name == "unusual_hour" else self._currency
        reason = tell(row, seen, p_value)
        return Finding(row, name, "fraud", seen.account, p_value, REFRACTORY_SECONDS, reason)

    def _hour(self, row: int, seen: OrderSeen, p_value: float) -> Reason:
        out = self._hours
        like, orders = float(out.low[row]), int(out.extra[row, 1])
        when = f"on {_weekday(seen)} at {seen.at[11:16]} UTC"
        usually = (
            "it never did near that hour"
            if like < HALF
            else f"only about {grouped(round(like))} of them came near that hour"
        )
        return Reason(
            expected=f"none of {grouped(orders)} orders" if like < HALF else f"{like:.0f} orders",
            came=f"an order {when}",
            sentence=(
                f"{seen.account} {deed(seen)} {grouped(seen.quantity)} {seen.pair} {when}; of "
                f"{grouped(orders)} orders before, {usually} ({once_in(p_value)})."
            ),
            contributions=(
                contribution(HOUR_SURPRISE, out.extra[row, 0], 0.0, 2.0, p_value),
                contribution(HOUR, like, 1.0, float(out.high[row]), p_value),
            ),
            nearest=example(out, row, "the order before"),
            positions=(seen.position,),
        )

    def _currency(self, row: int, seen: OrderSeen, p_value: float) -> Reason:
        out = self._currencies
        codes = (seen.pair[:3], seen.pair[4:7])
        fresh = codes[0] if int(out.came[row]) == int(out.extra[row, 3]) else codes[1]
        rare, orders = float(out.extra[row, 1]), float(out.high[row])
        return Reason(
            expected="currencies that it traded before",
            came=f"its first order in {fresh}",
            sentence=(
                f"{seen.account} {deed(seen)} {grouped(seen.quantity)} {seen.pair}, its first "
                f"{fresh} in {grouped(orders)} orders; accounts like it do {percent(rare)} of "
                f"their trade in currencies as rare as that ({once_in(p_value)})."
            ),
            contributions=(
                contribution(CURRENCY, out.low[row], 0.0, out.low[row], float(out.extra[row, 2])),
                contribution(CURRENCY_RARENESS, rare, rare, 1.0, rare),
            ),
            nearest=example(out, row, "the order before"),
            positions=(seen.position,),
        )


def _weekday(seen: OrderSeen) -> str:
    days = int(seen.at_seconds // 86_400)
    return _DAYS[(days + 3) % 7]  # the epoch was a Thursday
