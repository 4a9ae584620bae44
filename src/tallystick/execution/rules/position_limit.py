"""The account's net open position stays within its limit; reducing it is always allowed.

The net open position is the larger of all long and all short currency positions, each at the mid
in US dollars: the shorthand method of the Basel framework (MAR40.4).
"""

from tallystick.execution.entries import Rejection
from tallystick.execution.rejections import RejectionCode, reject
from tallystick.execution.rules.case import Case
from tallystick.money import format_decimal


def check(case: Case) -> Rejection | None:
    """Reject an order whose whole fill would carry the account above its limit."""
    request = case.request
    traded = request.pair
    sign = 1 if request.side == "buy" else -1
    balances = case.account.balances
    after = dict(balances)
    after[traded.base] = after.get(traded.base, 0) + sign * request.quantity
    after[traded.quote] = after.get(traded.quote, 0) - sign * case.amount
    limit = case.account.limits.position_usd_max
    position = _net_open_position(case, after)
    if position is None:
        return reject(RejectionCode.NO_PRICE, "A position has no price in US dollars.")
    if position <= limit or position <= (_net_open_position(case, balances) or 0):
        return None
    figures = f"{format_decimal(position, 2)} USD after it, {format_decimal(limit, 2)} allowed."
    return reject(RejectionCode.POSITION_LIMIT, figures)


def _net_open_position(case: Case, balances: dict[str, int]) -> int | None:
    long = short = 0
    for code, balance in balances.items():
        if not balance:  # nothing held needs no price
            continue
        usd = case.usd(code, balance)
        if usd is None:
            return None
        if usd > 0:
            long += usd
        else:
            short -= usd
    return max(long, short)
