"""The account has the margin that the order needs, reserved for its working orders too."""

from tallystick.execution.entries import Rejection
from tallystick.execution.margin import UNPRICED, shortfall
from tallystick.execution.rejections import RejectionCode, reject
from tallystick.execution.rules.case import Case
from tallystick.money import format_decimal


def check(case: Case) -> Rejection | None:
    """Reject an order whose whole fill the account could not cover."""
    if case.account.configuration.margin is None or case.quote is None or case.only_reduces:
        return None
    request = case.request
    lacking = shortfall(
        case.account, request.pair, request.side, case.quantity, case.quote, case.usd,
        released=case.released,
    )  # fmt: skip
    if lacking is None:
        return None
    if lacking == UNPRICED:
        return reject(RejectionCode.NO_PRICE, "A position has no price in US dollars.")
    figures = f"{format_decimal(lacking, 2)} USD are missing."
    return reject(RejectionCode.INSUFFICIENT_MARGIN, figures)
