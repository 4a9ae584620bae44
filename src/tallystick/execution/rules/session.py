"""No trade while the market is closed: from Friday to Sunday, 17:00 in New York."""

from tallystick.clock import rfc3339
from tallystick.execution.entries import Rejection
from tallystick.execution.rejections import RejectionCode, reject
from tallystick.execution.rules.case import Case
from tallystick.fx import session


def check(case: Case) -> Rejection | None:
    """Reject all while the market that the prices come from is closed."""
    if case.session_open:
        return None
    now = session(case.at_ns)
    figures = "" if now.open else f"It opens at {rfc3339(now.changes_ns)}."
    return reject(RejectionCode.MARKET_CLOSED, figures)
