"""A bound on resting orders: every price move looks at all of a pair's."""

from tallystick.execution.entries import Rejection
from tallystick.execution.rejections import RejectionCode, reject
from tallystick.execution.rules.case import Case

OPEN_ORDERS_MAX = 1_000
"""Resting orders of one account."""


def check(case: Case) -> Rejection | None:
    """Reject an order that may rest when the account already has the most it may have."""
    if case.request.time_in_force != "GTC" or len(case.account.open_orders) < OPEN_ORDERS_MAX:
        return None
    return reject(RejectionCode.OPEN_ORDERS_LIMIT, f"{OPEN_ORDERS_MAX} are allowed.")
