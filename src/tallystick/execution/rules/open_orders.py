"""A bound on resting orders: each of them has to be kept, and looked at when its price comes."""

from tallystick.execution.entries import Rejection
from tallystick.execution.rejections import RejectionCode, reject
from tallystick.execution.rules.case import Case


def check(case: Case) -> Rejection | None:
    """Reject an order that may rest when the account already has the most it may have."""
    if case.request.time_in_force in {"IOC", "FOK"}:
        return None
    held = len(case.account.open_orders) - (case.replaced is not None)
    if held < case.limits.open_orders_max:
        return None
    return reject(RejectionCode.OPEN_ORDERS_LIMIT, f"{case.limits.open_orders_max} are allowed.")
