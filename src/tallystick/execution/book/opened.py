"""Open orders of accounts: in their lists and the index of what waits, linked, and reserved for."""

import msgspec

from tallystick.execution.book.account import CLOSERS, Account, Pending
from tallystick.execution.book.undo import Changes
from tallystick.execution.entries import Order
from tallystick.execution.orders import working_of
from tallystick.execution.working import Working, WorkingIndex


class OpenOrders:
    """Opens, moves and ends orders in a book, whose undo it shares."""

    def __init__(self, changes: Changes, working: WorkingIndex) -> None:
        self._changes = changes
        self._working = working

    def open(self, account: Account, order: Order) -> None:
        """It works, or sleeps until its parent is filled."""
        working = working_of(order)
        self._changes.set(account.open_orders, order.id, working)
        if working.conditions or working.expires_ns is not None:
            self._changes.set(self._working, order.id, working)
        self._reserve(account, working, 1)

    def move(self, account: Account, order: Order) -> None:
        """It goes on as another one, in its old place in the line."""
        before, working = account.open_orders[order.id], working_of(order)
        self._changes.set(account.open_orders, order.id, working)
        if working.conditions or working.expires_ns is not None:
            self._changes.set(self._working, order.id, working)
        elif order.id in self._working:
            self._changes.remove(self._working, order.id)
        self._reserve(account, before, -1)
        self._reserve(account, working, 1)

    def end(self, account: Account, order: Order) -> None:
        """It is over: it is open no more, and linked to nothing."""
        self._close(account, order)
        self.unlink(account.groups, order.oco, order)
        self.unlink(account.children, order.parent, order)

    def inherit(self, account: Account, order: Order, replaced: str) -> None:
        """What waited for the replaced order waits for the one in its place."""
        waiting = account.children.get(replaced)
        if waiting is None:
            return
        self._changes.remove(account.children, replaced)
        self._changes.set(account.children, order.id, waiting)
        for each in waiting:
            child = account.open_orders[each]
            adopted = msgspec.structs.replace(child.order, parent=order.id)
            self.move(account, adopted)

    def link(self, links: dict[str, tuple[str, ...]], name: object, order: Order) -> None:
        """It belongs to what is named, if anything is."""
        if isinstance(name, str):
            self._changes.set(links, name, (*links.get(name, ()), order.id))

    def unlink(self, links: dict[str, tuple[str, ...]], name: object, order: Order) -> None:
        """It belongs to what is named no more."""
        members = links.get(name, ()) if isinstance(name, str) else ()
        if order.id in members:
            left = tuple(each for each in members if each != order.id)
            if left:
                self._changes.set(links, name, left)
            else:
                self._changes.remove(links, name)

    def _close(self, account: Account, order: Order) -> None:
        working = account.open_orders[order.id]
        self._changes.remove(account.open_orders, order.id)
        if order.id in self._working:
            self._changes.remove(self._working, order.id)
        self._reserve(account, working, -1)

    def _reserve(self, account: Account, working: Working, sign: int) -> None:
        """Count what it may add to the position; a suspended one may when it wakes."""
        order = working.order
        if working.reduces:
            self._changes.set(account.marks, CLOSERS, account.closers + sign)
            return
        held = account.pending.get(order.pair, _NOTHING_PENDING)
        units = sign * working.quantity
        if order.side == "buy":
            pending = Pending(held.buying + units, held.selling)
        else:
            pending = Pending(held.buying, held.selling + units)
        self._changes.set(account.pending, order.pair, pending)


_NOTHING_PENDING = Pending()
