"""The same execution again and again stops the account until a person looks (RTS 6 15(3)).

`executions_max` equal executions within the window are the most. The order after them is rejected,
and the account halted by the same commit; a working order that is the last of them halts it too,
since nobody is asked before the next one.
"""

from tallystick.clock import parse_own_stamp
from tallystick.execution.book import Book, economics_of
from tallystick.execution.entries import OrderDecided, OrderFilled, Rejection, TradingStateSet
from tallystick.execution.rejections import RejectionCode, reject
from tallystick.execution.rules.case import Case

NS_PER_MS = 1_000_000
BY = "repeated-execution throttle"
"""Who halts the account."""


def check(case: Case) -> Rejection | None:
    """Reject the order when its like was executed `executions_max` times within the window."""
    limits = case.limits
    if limits.executions_max is None:
        return None
    seen = case.account.executions.get(case.economics)
    window_ms = limits.throttle_window_ms
    if seen is None or case.at_ns - seen.start_ns >= window_ms * NS_PER_MS:
        return None
    if seen.count < limits.executions_max:
        return None
    figures = f"{seen.count} times within {window_ms} ms; the account is halted."
    return reject(RejectionCode.EXECUTION_THROTTLE, figures)


def tripped(entry: OrderDecided | OrderFilled, book: Book) -> TradingStateSet | None:
    """What halts the account after an entry that the book has folded; None: nothing does."""
    order = entry.order
    if isinstance(entry, OrderDecided):
        if entry.rejection is None or entry.rejection.code != "EXECUTION_THROTTLE":
            return None
        return _halt(entry.at, order.account, entry.rejection.reason)
    if not book.scopes.is_limited:
        return None
    account = book.account(order.account)
    at_ns = parse_own_stamp(entry.at)
    limits = book.scopes.limits_of(account, order.pair, at_ns)
    seen = account.executions.get(economics_of(order))
    if limits.executions_max is None or seen is None or seen.count < limits.executions_max:
        return None
    window_ms = limits.throttle_window_ms
    if at_ns - seen.start_ns >= window_ms * NS_PER_MS or book.scopes.halts_account(account):
        return None
    return _halt(
        entry.at, order.account,
        f"{order.id} was executed like {seen.count - 1} others within {window_ms} ms.",
    )  # fmt: skip


def _halt(at: str, account: str, reason: str) -> TradingStateSet:
    return TradingStateSet(at, "account", account, "halted", BY, reason)
