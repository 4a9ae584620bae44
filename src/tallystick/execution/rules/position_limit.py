"""The account's net open position stays within its limit; reducing it is always allowed.

The net open position is the larger of all long and all short currency positions, each at the mid
in US dollars: the shorthand method of the Basel framework (MAR40.4). What working orders may add
counts as if it had been added.
"""

from tallystick.execution.entries import Rejection
from tallystick.execution.rejections import RejectionCode, reject
from tallystick.execution.rules.case import Case
from tallystick.execution.rules.exposure import worst
from tallystick.money import format_decimal


def check(case: Case) -> Rejection | None:
    """Reject an order whose whole fill would carry the account above its limit."""
    if case.only_reduces:
        return None
    request = case.request
    traded = request.pair
    sign = 1 if request.side == "buy" else -1
    balances = case.account.balances
    after = dict(balances)
    after[traded.base] = after.get(traded.base, 0) + sign * request.quantity
    after[traded.quote] = after.get(traded.quote, 0) - sign * case.amount
    limit = case.limits.position_usd_max
    position = worst(after, case, limit)
    if position is None:
        return reject(RejectionCode.NO_PRICE, "A position has no price in US dollars.")
    most = max(position)
    if most <= limit or most <= max(worst(balances, case) or (0,)):
        return None
    figures = f"{format_decimal(most, 2)} USD after it, {format_decimal(limit, 2)} allowed."
    return reject(RejectionCode.POSITION_LIMIT, figures)
