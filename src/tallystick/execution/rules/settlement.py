"""What the account has to deliver on one value date stays within its daily settlement limit.

Delivered are the currencies that are short on that date, at the mid in US dollars; working orders
count as if they filled for the same date. Reducing what is delivered is always allowed.
"""

from collections import defaultdict

from tallystick.execution.entries import Rejection
from tallystick.execution.rejections import RejectionCode, reject
from tallystick.execution.rules.case import Case, Movement
from tallystick.execution.rules.exposure import worst
from tallystick.fx import spot_date, trade_date
from tallystick.money import format_decimal


def check(case: Case) -> Rejection | None:
    """Reject an order whose whole fill would make too much to deliver on one of its dates."""
    limit = case.limits.settlement_usd_max
    if limit is None or case.only_reduces:
        return None
    by_date: defaultdict[str, list[Movement]] = defaultdict(list)
    for movement in case.movements or _at_spot(case):
        by_date[movement.value_date].append(movement)
    for value_date, movements in by_date.items():
        rejection = _check_date(case, value_date, movements, limit)
        if rejection is not None:
            return rejection
    return None


def _check_date(
    case: Case, value_date: str, movements: list[Movement], limit: int
) -> Rejection | None:
    account = case.account
    # The currencies held are all that ever moved: what settles when needs no other list.
    before = {code: account.flows.get((code, value_date), 0) for code in account.balances}
    after = dict(before)
    for movement in movements:
        after[movement.currency] = after.get(movement.currency, 0) + movement.amount
    delivered = worst(after, case, limit)
    if delivered is None:
        return reject(RejectionCode.NO_PRICE, "What is delivered has no price in US dollars.")
    if delivered[1] <= limit or delivered[1] <= (worst(before, case) or (0, 0))[1]:
        return None
    figures = (
        f"{format_decimal(delivered[1], 2)} USD on {value_date} after it,"
        f" {format_decimal(limit, 2)} allowed."
    )
    return reject(RejectionCode.SETTLEMENT_LIMIT, figures)


def _at_spot(case: Case) -> tuple[Movement, Movement]:
    """The two legs of a fill at spot."""
    request = case.request
    traded = request.pair
    value_date = spot_date(traded, trade_date(case.at_ns, traded)).isoformat()
    sign = 1 if request.side == "buy" else -1
    return (
        Movement(value_date, traded.base, sign * request.quantity),
        Movement(value_date, traded.quote, -sign * case.amount),
    )
