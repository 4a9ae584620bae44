"""No order worth more than one may be, in US dollars (RTS 6 Article 15(1)(b))."""

from tallystick.execution.entries import Rejection
from tallystick.execution.rejections import RejectionCode, reject
from tallystick.execution.rules.case import Case
from tallystick.money import format_decimal


def check(case: Case) -> Rejection | None:
    """Reject values above the limit, at the mid; what only reduces may have any."""
    limit = case.limits.order_usd_max
    if limit is None or case.only_reduces:
        return None
    value = case.usd(case.request.pair.base, case.quantity)
    if value is None:
        return reject(RejectionCode.NO_PRICE, "The order has no price in US dollars.")
    if value <= limit:
        return None
    figures = f"{format_decimal(value, 2)} USD, {format_decimal(limit, 2)} allowed."
    return reject(RejectionCode.ORDER_VALUE_TOO_LARGE, figures)
