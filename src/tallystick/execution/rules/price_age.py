"""No trade without a fresh price."""

from tallystick.clock import NS_PER_SECOND
from tallystick.execution.entries import Rejection
from tallystick.execution.rejections import RejectionCode, reject
from tallystick.execution.rules.case import Case

PRICE_AGE_SECONDS_MAX = 60
"""Oldest price to trade on; real feeds pause for half a minute in quiet hours."""


def check(case: Case) -> Rejection | None:
    """Reject where the pair has no price, or only an old one."""
    if case.quote is None:
        return reject(RejectionCode.NO_PRICE)
    age_ns = case.at_ns - case.quote.at_ns
    if age_ns > PRICE_AGE_SECONDS_MAX * NS_PER_SECOND:
        seconds = age_ns // NS_PER_SECOND
        return reject(RejectionCode.STALE_PRICE, f"It is {seconds} s old.")
    return None
