"""How far an account is into its limits and its margin, and how it got there.

`limit_creep`: many small deals to one side, one by one unremarkable, use up the account's position
limit (Knight Capital's aggregate thresholds; RTS 6 article 15(4)). `margin_run_up`: the account's
gross exposure climbs, deal by deal, far above the highest that it had outside of such climbs, and
near to the most that its money carries.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.feature import Feature
from tallystick.watch.detect.observation import Observation, OrderSeen
from tallystick.watch.detect.orders.columns import CURRENCIES_MAX, Columns
from tallystick.watch.detect.orders.exposure import kernels
from tallystick.watch.detect.orders.kernels import new_tail
from tallystick.watch.detect.orders.look import CASE_MAX, Arrays, Out, floats, new_out, wholes
from tallystick.watch.detect.orders.telling import case, contribution, order, share
from tallystick.watch.detect.score import Finding, Reason
from tallystick.watch.detect.wording import grouped, once_in, percent, rounded

UTILISATION = Feature(
    "limit_utilisation",
    "share",
    "The position's value in US dollars over the account's position limit (over twice its own "
    "highest, where no limit is known).",
    "ledger",
    ("limit_creep",),
)
ONE_SIDED = Feature(
    "one_sided_deals",
    "deals",
    "How many deals in a row went (nearly all) to one side of the pair.",
    "ledger",
    ("limit_creep",),
)
EXPOSURE = Feature(
    "gross_exposure",
    "USD",
    "The account's positions in US dollars, all pairs added up without their signs.",
    "ledger",
    ("margin_run_up",),
)
CLIMBED = Feature(
    "leverage_climbed",
    "steps",
    "How many typical steps (what a deal changes) the account's leverage, its exposure over its "
    "money, went up of late, less half a step a deal.",
    "ledger",
    ("margin_run_up",),
)
REFRACTORY_SECONDS = 6 * 3_600.0


class Exposure:
    """The looks `limit_creep` and `margin_run_up`."""

    def __init__(self, slots: Mapping[str, int]) -> None:
        accounts, books = slots["account"], slots["book"]
        self._accounts = kernels.Accounts(
            gross=floats(accounts),
            equity=floats(accounts),
            leverage=floats(accounts),
            step=floats(accounts),
            climbed=floats(accounts),
            at=floats(accounts),
            limit=floats(accounts),
            repeats=floats(accounts),
            deals=wholes(accounts),
            highest=floats(accounts),
            crest=floats(accounts),
            case=wholes(accounts, kernels.RUN_UP_CASE),
        )
        self._books = kernels.Books(
            units=floats(books),
            usd=floats(books),
            at=floats(books),
            side=wholes(books),
            evidence=floats(books),
            start=floats(books),
            orders=wholes(books),
            highest=floats(books),
            case=wholes(books, CASE_MAX // 2),
        )
        self._rates = floats(CURRENCIES_MAX)
        self._tail = new_tail()
        self._creep, self._margin = new_out(), new_out()
        self.out: Mapping[str, Out] = {"limit_creep": self._creep, "margin_run_up": self._margin}
        self.state: Mapping[str, Arrays] = {
            "account": self._accounts,
            "book": self._books,
            "shared": (self._rates, self._tail),
        }

    def judge(self, columns: Columns, alarm_p: float) -> None:
        """Score each deal by the exposure it leads to."""
        kernels.judge(
            columns, self._accounts, self._books, self._rates, self._tail,
            self._creep, self._margin, alarm_p,
        )  # fmt: skip

    def forget(self, accounts: NDArray[np.int64]) -> None:
        """Nothing else points to an account."""

    def finding(self, name: str, row: int, seen: Observation) -> Finding:
        """How much is used, in one sentence."""
        out = self.out[name]
        p_value = float(out.p[row])
        if name == "margin_run_up":
            entity = account = getattr(seen, "account", "")
            reason = _run_up(out, row, account, p_value)
        else:
            seen = order(seen)
            entity = f"{seen.account} {seen.pair}"
            reason = _creep(out, row, seen, p_value)
        return Finding(row, name, "fraud", entity, p_value, REFRACTORY_SECONDS, reason)


def _creep(out: Out, row: int, seen: OrderSeen, p_value: float) -> Reason:
    came, low, high = (float(each[row]) for each in (out.came, out.low, out.high))
    orders, usd, limit, repeats = out.extra[row, :4].tolist()
    most = (
        f"{percent(came)} of its limit of {grouped(rounded(limit))} USD"
        if limit > 0
        else f"{grouped(rounded(usd))} USD, {grouped(rounded(2 * came))} times its highest"
    )
    told = f"{orders:.0f} small deals, nearly all to {seen.side} {seen.pair}, took it to {most}"
    return Reason(
        expected=f"{percent(repeats)} of its deals go on to the same side",
        came=told,
        sentence=f"{seen.account}: {told}, from {percent(low)} ({once_in(p_value)}).",
        contributions=(
            contribution(ONE_SIDED, orders, 0.0, share(1, 1 - min(repeats, 0.99)), p_value),
            contribution(UTILISATION, came, low, high, p_value**0.5),
        ),
        positions=case(out, row),
    )


def _run_up(out: Out, row: int, account: str, p_value: float) -> Reason:
    came, high = float(out.came[row]), float(out.high[row])
    climbed, equity = out.extra[row, :2].tolist()
    most = grouped(rounded(high))
    times = f" ({grouped(rounded(came / equity))} times its money)" if equity > 1 else ""
    return Reason(
        expected=f"up to {most} USD",
        came=f"{grouped(rounded(came))} USD{times}",
        sentence=(
            f"{account} ran its exposure up to {grouped(rounded(came))} USD{times}; it is usually "
            f"up to {most} USD ({once_in(p_value)})."
        ),
        contributions=(
            contribution(CLIMBED, climbed, 0.0, 5.0, p_value),
            contribution(EXPOSURE, came, 0.0, high, p_value**0.5),
        ),
        positions=case(out, row),
    )
