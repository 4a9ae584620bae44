"""A limit price far from the market is a typing error (RTS 6 Article 15(1)(a))."""

from tallystick.execution.entries import Rejection
from tallystick.execution.rejections import RejectionCode, reject
from tallystick.execution.rules.case import Case
from tallystick.money import format_decimal

BPS = 10_000


def check(case: Case) -> Rejection | None:
    """Reject a limit further from the mid than the account's collar, on either side."""
    price = case.request.price
    if price is None or case.quote is None:
        return None
    twice_mid = case.quote.twice_mid
    distance = abs(2 * price - twice_mid)
    if distance * BPS <= case.account.limits.collar_bps * twice_mid:
        return None
    digits = case.request.pair.price_digits
    figures = (
        f"{case.request.price_text} is {distance * BPS // twice_mid} basis points from the mid"
        f" {format_decimal(twice_mid // 2, digits)}, {case.account.limits.collar_bps} are allowed."
    )
    return reject(RejectionCode.PRICE_OUT_OF_COLLAR, figures)
