"""What the rules count: the same orders, messages, equal executions."""

from collections import OrderedDict

import msgspec

from tallystick.clock import parse_own_stamp
from tallystick.execution.book import rate
from tallystick.execution.book.account import MESSAGES_NS, Account, Economics, Repeat
from tallystick.execution.book.scopes import Scopes
from tallystick.execution.book.undo import ABSENT, Changes
from tallystick.execution.entries import Fill, Order, OrderDecided, OrderFilled
from tallystick.money import parse_own

REPEATS_KEPT_MAX = 1_024
"""Different orders remembered per account for the duplicate window; the oldest goes first."""
NS_PER_MS = 1_000_000


class Counting:
    """Counts in the accounts of a book, whose undo it shares."""

    def __init__(self, changes: Changes, scopes: Scopes) -> None:
        self._changes = changes
        self._scopes = scopes

    def repeat(
        self,
        repeats: OrderedDict[Economics, Repeat],
        account: Account,
        economics: Economics,
        at_ns: int,
        position: int,
        window_ms: int | None = None,
    ) -> None:
        """The same order once more, within a window that begins with the first of them."""
        known = repeats.get(economics)
        if known is not None:
            window_ns = (window_ms or account.limits.duplicate_window_ms) * NS_PER_MS
            if at_ns - known.start_ns < window_ns:
                counted = Repeat(known.start_ns, known.count + 1, known.position)
                self._changes.log.append((repeats, economics, known))
                repeats[economics] = counted
                return
            self._changes.remove(repeats, economics)
        self._changes.log.append((repeats, economics, ABSENT))
        repeats[economics] = Repeat(at_ns, 1, position)
        if len(repeats) > REPEATS_KEPT_MAX:
            self._changes.remove(repeats, next(iter(repeats)))

    def message(self, account: Account, pair: str, at_ns: int) -> None:
        """One message more in the account's rate."""
        limits = self._scopes.limits_of(account, pair, at_ns)
        if limits.messages_per_second is not None:
            due_ns = rate.counted(limits, account.marks.get(MESSAGES_NS, 0), at_ns)
            self._changes.set(account.marks, MESSAGES_NS, due_ns)

    def execution(self, account: Account, entry: OrderDecided | OrderFilled, position: int) -> None:
        """One execution more in the account's throttle: each order once, the desk's own not."""
        order = entry.order
        if getattr(entry, "by", msgspec.UNSET) is not msgspec.UNSET:
            return
        at_ns = parse_own_stamp(entry.at)
        limits = self._scopes.limits_of(account, order.pair, at_ns)
        if limits.executions_max is not None and _is_first(order, entry.fills):
            window_ms = limits.throttle_window_ms
            self.repeat(
                account.executions, account, economics_of(order), at_ns, position, window_ms
            )


def is_message(entry: OrderDecided) -> bool:
    """Whether it counts in the message rate.

    What comes with another order is no message of its own, and what came too fast is not counted:
    else whoever goes on would never be let in again.
    """
    order = entry.order
    if entry.rejection is not None and entry.rejection.code == "MESSAGE_RATE":
        return False
    if order.replaces is not msgspec.UNSET:
        return True
    return order.parent is msgspec.UNSET and order.oco in {msgspec.UNSET, order.id}


def _is_first(order: Order, fills: tuple[Fill, ...]) -> bool:
    """Whether nothing of the order was executed before these fills."""
    if not isinstance(order.filled, str):
        return True
    return parse_own(order.filled) == sum(parse_own(fill.quantity) for fill in fills)


def economics_of(order: Order) -> Economics:
    """What tells the order from another one that asks for the same."""
    text = order.price or order.distance or order.stop_price
    price = parse_own(text) if isinstance(text, str) else None
    return order.pair, order.side, parse_own(order.quantity), order.type, price
