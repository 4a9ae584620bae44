"""Working orders, and the index that finds those whose price has come.

Each order waits for one or two conditions on one price of its pair: the bid, the ask or the mid
rises to a level, or falls to it. The conditions of a pair stand sorted in six lines, so a quote
looks only at the orders that it sets off, however many wait.
"""

from collections.abc import Callable, Iterator
from typing import Literal

import msgspec
from sortedcontainers import SortedList

from tallystick.clock import parse_own_stamp
from tallystick.execution.entries import Order
from tallystick.execution.quotes.quote import Quote
from tallystick.ids import order_position
from tallystick.money import Price, Quantity

Watched = Literal["bid", "ask", "mid"]


class Condition(msgspec.Struct, frozen=True, gc=False):
    """`watched` is at `level` or above it (`rises`), or at it or below.

    `level` is in half points, so that the mid is exact.
    """

    watched: Watched
    rises: bool
    level: int

    def holds(self, quote: Quote) -> bool:
        """Whether the quote meets it."""
        now = twice(quote, self.watched)
        return now >= self.level if self.rises else now <= self.level


def twice(quote: Quote, watched: Watched) -> int:
    """The watched price in half points."""
    if watched == "ask":
        return 2 * quote.ask
    return 2 * quote.bid if watched == "bid" else quote.bid + quote.ask


class Working(msgspec.Struct, frozen=True, gc=False):
    """An order that waits, with its numbers parsed; `quantity` is what is left of it.

    `price` is its limit, `stop` the price that sets it off, `bound` the worst price of one that
    then takes the market, `expires_ns` its end.
    """

    order: Order
    quantity: Quantity
    price: Price | None
    stop: Price | None
    distance: Price | None
    bound: Price | None
    expires_ns: int | None
    conditions: tuple[Condition, ...]

    @property
    def position(self) -> int:
        """Of the entry that decided it: its place in the line."""
        return order_position(self.order.id)

    @property
    def reduces(self) -> bool:
        """Whether it can only make a position smaller."""
        return self.order.position_fill == "reduce_only"


_Place = tuple[int, int, Working]
"""(level, position, order); the first two are never those of another order in the line."""
_Line = tuple[str, Watched, bool]
Names = tuple[str, ...]
"""Of accounts."""
REBUILT_SHARE = 16
"""A line that more than one in so many orders leave at once is made anew."""


class WorkingIndex:
    """Every order that waits for a price or for its end; a mapping by order id.

    It takes part in the book's undo like any other mapping, and its order is its own.
    """

    def __init__(self) -> None:
        self._orders: dict[str, Working] = {}
        self._lines: dict[_Line, SortedList[_Place]] = {}
        self._ends: SortedList[_Place] = SortedList()
        self._by_account: dict[str, dict[str, Working]] = {}
        self.parked = Parked(self._leave, self._return)
        """Accounts whose orders wait for no price now; a mapping too."""
        self.is_halted: Callable[[str], bool] = lambda _pair: False
        """Whether nobody may trade a pair now: no quote sets anything off in it then."""
        self.on_pair: Callable[[str], None] = lambda _pair: None
        """Called when an order waits for a price of a pair, at least the first time."""

    def __len__(self) -> int:
        return len(self._orders)

    def __contains__(self, order_id: object) -> bool:
        return order_id in self._orders

    def get(self, order_id: str, default: Working | None = None) -> Working | None:
        """The order with this id, or the default."""
        return self._orders.get(order_id, default)

    def __setitem__(self, order_id: str, working: Working) -> None:
        if order_id in self._orders:
            self._forget(self._orders[order_id])
        self._orders[order_id] = working
        account = working.order.account
        of_account = self._by_account.get(account)
        if of_account is None:
            of_account = self._by_account[account] = {}
        of_account[order_id] = working
        if account not in self.parked:
            self._wait(working)
        if working.expires_ns is not None:
            self._ends.add((working.expires_ns, working.position, working))

    def __delitem__(self, order_id: str) -> None:
        self._forget(self._orders.pop(order_id))

    def pop(self, order_id: str) -> Working:
        """Take an order out."""
        working = self._orders.pop(order_id)
        self._forget(working)
        return working

    def pairs(self) -> set[str]:
        """The pairs that orders wait, or waited, for a price of."""
        return {pair for pair, _watched, _rises in self._lines}

    def due(self, quote: Quote) -> list[Working]:
        """The orders that a quote sets off, first come first."""
        if self.is_halted(quote.pair):
            return []
        found: dict[int, Working] = {}
        for watched in _WATCHED:
            now = twice(quote, watched)
            for rises in (True, False):
                places = self._lines.get((quote.pair, watched, rises))
                if places:
                    reached = _reached(places, now, rises=rises)
                    found.update((position, working) for _level, position, working in reached)
        return [found[position] for position in sorted(found)]

    def ended(self, now_ns: int) -> list[Working]:
        """The orders whose end has come, the earliest first."""
        return [working for _end, _position, working in _reached(self._ends, now_ns, rises=True)]

    def _forget(self, working: Working) -> None:
        account = working.order.account
        of_account = self._by_account[account]
        del of_account[working.order.id]
        if not of_account:
            del self._by_account[account]
        if account not in self.parked:
            self._wait_no_more(working)
        if working.expires_ns is not None:
            self._ends.remove((working.expires_ns, working.position, working))

    def _wait(self, working: Working) -> None:
        """Let it stand in the lines of its conditions."""
        position = working.position
        for condition in working.conditions:
            line = (working.order.pair, condition.watched, condition.rises)
            places = self._lines.get(line)
            if places is None:
                places = self._lines[line] = SortedList()
                self.on_pair(working.order.pair)
            places.add((condition.level, position, working))

    def _wait_no_more(self, working: Working) -> None:
        position = working.position
        for condition in working.conditions:
            line = (working.order.pair, condition.watched, condition.rises)
            self._lines[line].remove((condition.level, position, working))

    def _leave(self, accounts: Names) -> None:
        """These were halted: their orders leave their lines, and cost no quote anything."""
        gone = set(accounts)
        for line, leaving in self._places_of(accounts).items():
            places = self._lines[line]
            if len(leaving) * REBUILT_SHARE < len(places):
                for place in leaving:
                    places.remove(place)
            else:  # of many it is many times faster to make the line anew
                kept = [each for each in places if each[2].order.account not in gone]
                self._lines[line] = SortedList(kept)

    def _return(self, accounts: Names) -> None:
        for line, coming in self._places_of(accounts).items():
            places = self._lines.get(line)
            if places is None:
                places = self._lines[line] = SortedList()
                self.on_pair(line[0])
            places.update(coming)

    def _places_of(self, accounts: Names) -> dict[_Line, list[_Place]]:
        found: dict[_Line, list[_Place]] = {}
        for account in accounts:
            for working in self._by_account.get(account, _NO_ORDERS).values():
                position = working.position
                for condition in working.conditions:
                    line = (working.order.pair, condition.watched, condition.rises)
                    found.setdefault(line, []).append((condition.level, position, working))
        return found


_NO_ORDERS: dict[str, Working] = {}


class Parked:
    """The accounts whose orders stand in no line; many are put in or taken out at once.

    It takes part in the book's undo as a mapping of such changes: each puts in names that are not
    there, or takes out names that are.
    """

    def __init__(self, leave: Callable[[Names], None], come_back: Callable[[Names], None]) -> None:
        self._names: set[str] = set()
        self._leave = leave
        self._come_back = come_back

    def __contains__(self, account: object) -> bool:
        return account in self._names

    def get(self, _accounts: Names, default: object = None) -> object:
        """The default: none of them is there."""
        return default

    def __setitem__(self, accounts: Names, _value: object) -> None:
        self._leave(accounts)
        self._names.update(accounts)

    def __delitem__(self, accounts: Names) -> None:
        self._names.difference_update(accounts)
        self._come_back(accounts)

    def pop(self, accounts: Names) -> bool:
        """Take accounts out."""
        del self[accounts]
        return True


_WATCHED: tuple[Watched, ...] = ("bid", "ask", "mid")


def _reached(places: "SortedList[_Place]", now: int, *, rises: bool) -> Iterator[_Place]:
    """Those that wait for a rise to at most `now`, or for a fall to at least it."""
    walk = iter(places) if rises else reversed(places)
    for place in walk:
        if (place[0] > now) if rises else (place[0] < now):
            return
        yield place


def ends_ns(order: Order) -> int | None:
    """When the order ends by itself, nanoseconds since the epoch."""
    return parse_own_stamp(order.expires_at) if isinstance(order.expires_at, str) else None
