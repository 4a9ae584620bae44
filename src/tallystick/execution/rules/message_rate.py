"""No more messages than the account may send (RTS 6 Article 15(1)(d)).

Orders, replacements and the client's own cancels count; a cancel is never refused for it.
"""

from tallystick.execution.book import rate
from tallystick.execution.book.account import MESSAGES_NS
from tallystick.execution.entries import Rejection
from tallystick.execution.rejections import RejectionCode, reject
from tallystick.execution.rules.case import Case

NS_PER_MS = 1_000_000


def check(case: Case) -> Rejection | None:
    """Reject what comes faster than the rate, bursts allowed for."""
    limits = case.limits
    if limits.messages_per_second is None or not case.is_message:
        return None
    wait_ns = rate.wait_ns(limits, case.account.marks.get(MESSAGES_NS, 0), case.at_ns)
    if not wait_ns:
        return None
    milliseconds = -(-wait_ns // NS_PER_MS)
    figures = f"{limits.messages_per_second} a second; try again in {milliseconds} ms."
    return reject(RejectionCode.MESSAGE_RATE, figures)
