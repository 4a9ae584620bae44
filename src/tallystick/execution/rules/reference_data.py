"""Only what the pair is for: a non-deliverable one is dealt forward, by a quote, never at spot."""

from tallystick.execution.entries import Rejection
from tallystick.execution.rejections import RejectionCode, reject
from tallystick.execution.rules.case import Case


def check(case: Case) -> Rejection | None:
    """Reject a spot order in a non-deliverable pair."""
    request = case.request
    if request.pair.settlement == "deliverable" or request.type == "quoted":
        return None
    figures = f"{request.pair.symbol} is a non-deliverable forward: ask for a quote."
    return reject(RejectionCode.PAIR_NOT_DEALT, figures)
