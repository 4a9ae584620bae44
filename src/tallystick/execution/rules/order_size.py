"""No order above the account's size, and none too small to book (RTS 6 Article 15(1)(b))."""

from tallystick.execution.entries import Rejection
from tallystick.execution.rejections import RejectionCode, reject
from tallystick.execution.rules.case import Case


def check(case: Case) -> Rejection | None:
    """Reject quantities above the limit, or worth nothing in the quote currency.

    What only makes a position smaller may be of any size.
    """
    request = case.request
    traded = request.pair
    units_max = case.limits.order_quantity_max
    if request.quantity > units_max * 10**traded.base_digits and not case.only_reduces:
        figures = f"{request.quantity_text} {traded.base} asked, {units_max} allowed."
        return reject(RejectionCode.QUANTITY_TOO_LARGE, figures)
    return None if case.amount > 0 else reject(RejectionCode.AMOUNT_TOO_SMALL)
