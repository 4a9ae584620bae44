"""The same order again and again within a moment is a loop, not a wish (SEC 15c3-5, RTS 6)."""

from tallystick.execution.entries import Rejection
from tallystick.execution.rejections import RejectionCode, reject
from tallystick.execution.rules.case import Case

NS_PER_MS = 1_000_000


def check(case: Case) -> Rejection | None:
    """Reject the order when its like came `duplicates_max` times within the window."""
    limits = case.limits
    seen = case.account.repeats.get(case.economics)
    if seen is None or case.at_ns - seen.start_ns >= limits.duplicate_window_ms * NS_PER_MS:
        return None
    if seen.count < limits.duplicates_max:
        return None
    figures = f"{seen.count} times within {limits.duplicate_window_ms} ms."
    return reject(RejectionCode.DUPLICATE_ORDER, figures)
