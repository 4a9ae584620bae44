"""No order while trading is stopped (RTS 6 Article 12)."""

from tallystick.execution.entries import Rejection
from tallystick.execution.rejections import RejectionCode, reject
from tallystick.execution.rules.case import Case


def check(case: Case) -> Rejection | None:
    """Reject while the account's switch, or the one of all, is active."""
    return reject(RejectionCode.KILL_SWITCH_ACTIVE) if case.stopped else None
