"""A price far from the market is a typing error (RTS 6 Article 15(1)(a)).

What takes the market now, or would at its limit, is held to the collar. What waits for the market
to come to it (stops, orders if touched, take-profits, trailing distances) stands further away by
its nature: it has a wider one.
"""

from tallystick.execution.entries import Rejection
from tallystick.execution.rejections import RejectionCode, reject
from tallystick.execution.rules.case import Case
from tallystick.money import Price, format_decimal

BPS = 10_000


def check(case: Case) -> Rejection | None:
    """Reject a limit, stop, bound or distance further from the mid than its collar, either side."""
    request, quote = case.request, case.quote
    if quote is None:
        return None
    distance, stop = request.distance, request.stop
    waits = stop is not None or distance is not None or request.kind.reduces
    bps = case.limits.stop_collar if waits else case.limits.collar_bps
    if distance is not None and 2 * distance * BPS > bps * quote.twice_mid:
        return _too_distant(case, distance, bps)
    twice_mid = quote.twice_mid
    for price in (stop, request.price, request.bound):
        if price is not None and abs(2 * price - twice_mid) * BPS > bps * twice_mid:
            return _too_far(case, price, bps)
    return None


def _too_far(case: Case, price: Price, bps: int) -> Rejection:
    assert case.quote is not None, "asked for before"  # noqa: S101
    digits = case.request.pair.price_digits
    twice_mid = case.quote.twice_mid
    apart = abs(2 * price - twice_mid) * BPS // twice_mid
    figures = (
        f"{format_decimal(price, digits)} is {apart} basis points from the mid"
        f" {format_decimal(twice_mid // 2, digits)}, {bps} are allowed."
    )
    if price == case.request.stop:
        return reject(RejectionCode.STOP_OUT_OF_COLLAR, figures)
    return reject(RejectionCode.PRICE_OUT_OF_COLLAR, figures)


def _too_distant(case: Case, distance: Price, bps: int) -> Rejection:
    assert case.quote is not None, "asked for before"  # noqa: S101
    text = format_decimal(distance, case.request.pair.price_digits)
    apart = 2 * distance * BPS // case.quote.twice_mid
    figures = f"The distance {text} is {apart} basis points of the mid, {bps} are allowed."
    return reject(RejectionCode.STOP_OUT_OF_COLLAR, figures)
