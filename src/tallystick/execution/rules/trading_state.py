"""No order while trading is stopped (RTS 6 Article 12); what reduces, while it is reduced."""

from tallystick.execution.entries import Rejection
from tallystick.execution.rejections import RejectionCode, reject
from tallystick.execution.rules.case import Case


def check(case: Case) -> Rejection | None:
    """Reject all while halted, and what would open while only reducing is allowed."""
    if case.state == "active":
        return None
    figures = f"It is {case.state}: {case.where}." if case.where else ""
    if case.state == "halted":
        return reject(RejectionCode.KILL_SWITCH_ACTIVE, figures)
    return reject(RejectionCode.ONLY_REDUCING, figures) if case.opens else None
