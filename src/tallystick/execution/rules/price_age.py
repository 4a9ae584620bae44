"""No trade without a fresh price."""

from tallystick.clock import NS_PER_SECOND
from tallystick.execution.entries import Rejection
from tallystick.execution.quotes.ages import max_age_ns
from tallystick.execution.rejections import RejectionCode, reject
from tallystick.execution.rules.case import Case


def check(case: Case) -> Rejection | None:
    """Reject where the pair has no price, or only one that is too old for it and its source."""
    quote = case.quote
    if quote is None:
        return reject(RejectionCode.NO_PRICE)
    age_ns = case.at_ns - quote.at_ns
    allowed_ns = max_age_ns(quote.pair, quote.source)
    if age_ns > allowed_ns:
        figures = f"It is {age_ns // NS_PER_SECOND} s old, {allowed_ns // NS_PER_SECOND} s allowed."
        return reject(RejectionCode.STALE_PRICE, figures)
    return None
