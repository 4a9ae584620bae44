"""The book: what every account holds, owes and has working, folded from ledger entries.

The book is what the entries say and nothing else: the same fold runs when an order was just
decided, when the process starts, and in every check. A decision that never became durable is
taken back (`rewind`), so the book may run ahead of the disk by the batches on their way.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from tallystick.clock import NS_PER_SECOND, parse_own_stamp
from tallystick.errors import Refused
from tallystick.execution.book import rate
from tallystick.execution.book.account import (
    CALLED_NS,
    CLOSERS,
    EXTENDED_NS,
    MESSAGES_NS,
    REALISED,
    Account,
    Configuration,
    Economics,
    Pending,
    Repeat,
)
from tallystick.execution.book.limits import Limits
from tallystick.execution.book.positions import (
    FLAT,
    Lot,
    Position,
    closed,
    net,
    opened,
    passed,
    share,
)
from tallystick.execution.book.scopes import Scopes
from tallystick.execution.book.touched import Touched
from tallystick.execution.entries import (
    OPEN_STATES,
    AccountOpened,
    Entry,
    Fill,
    FundsMoved,
    KillSwitchSet,
    LimitOverridden,
    LimitsSet,
    MarginChanged,
    Order,
    OrderActivated,
    OrderCancelled,
    OrderDecided,
    OrderExpired,
    OrderFilled,
    OrderTrailed,
    OrderTriggered,
    PositionRolled,
    Posting,
    QuoteGiven,
    ResumeAsked,
    TradingStateSet,
)
from tallystick.execution.orders import working_of
from tallystick.execution.working import Working, WorkingIndex
from tallystick.fx import currency
from tallystick.ids import order_position
from tallystick.money import divide_half_up, format_decimal, parse_own

HOUSE = "house"
"""The other side of every fill: the desk's own account."""
REPEATS_KEPT_MAX = 1_024
"""Different orders remembered per account for the duplicate window; the oldest goes first."""
QUOTES_KEPT_MAX = 4_096
"""Quotes that were asked for and not taken; the oldest goes first."""
QUOTE_KEPT_SECONDS = 60
"""How long a quote is kept after its end, so that who comes late is told that it ended."""
NS_PER_MS = 1_000_000

_ABSENT: Any = object()
Change = tuple[Any, Any, Any]
"""(mapping, key, what it held before)."""


class Undo(msgspec.Struct, frozen=True, gc=False):
    """What `entries` applied entries changed, in order."""

    entries: int
    changes: list[Change]


class Book:
    """All accounts, folded from the entries before position `size`."""

    def __init__(self) -> None:
        self.size = 0
        self.accounts: dict[str, Account] = {}
        self.house: dict[str, int] = {}
        self.scopes = Scopes(self._set, self._remove)
        self.working = WorkingIndex()
        self.working.is_halted = self.scopes.halts_pair
        self.quotes: OrderedDict[str, QuoteGiven] = OrderedDict()
        self.touched = Touched()
        self._changes: list[Change] = []
        self._cut_size = 0
        self._fold: dict[type[Any], Callable[[Any], None]] = {
            OrderDecided: self._order_decided,
            OrderFilled: self._order_filled,
            OrderCancelled: self._order_ended,
            OrderExpired: self._order_ended,
            OrderTriggered: self._order_moved,
            OrderTrailed: self._order_moved,
            OrderActivated: self._order_moved,
            AccountOpened: self._account_opened,
            FundsMoved: self._funds_moved,
            MarginChanged: self._margin_changed,
            PositionRolled: self._position_rolled,
            KillSwitchSet: self._kill_switch_set,
            TradingStateSet: self._trading_state_set,
            ResumeAsked: self.scopes.ask,
            LimitsSet: self._limits_set,
            LimitOverridden: self._limit_overridden,
            QuoteGiven: self._quote_given,
        }

    def account(self, account: str) -> Account:
        """The account of this name.

        Raises:
            Refused: `UNKNOWN_ACCOUNT`.
        """
        found = self.accounts.get(account)
        if found is None:
            raise Refused("UNKNOWN_ACCOUNT", f"There is no account {account!r}.", field="account")
        return found

    def apply(self, entry: Entry) -> None:
        """Fold the entry at position `size` into the book."""
        fold = self._fold.get(type(entry))
        if fold is not None:  # what is about the ledger itself moves no balance
            fold(entry)
        self.size += 1

    def cut(self) -> Undo:
        """What takes back everything applied since the last cut; hand it to `rewind`."""
        undo = Undo(self.size - self._cut_size, self._changes)
        self._changes, self._cut_size = [], self.size
        return undo

    def rewind(self, undo: Undo) -> None:
        """Take back the newest cut, so that the book is again what it was before it."""
        returned: dict[int, dict[Any, Any]] = {}
        for mapping, key, old in reversed(undo.changes):
            if old is _ABSENT:
                del mapping[key]
                continue
            if key not in mapping and isinstance(mapping, dict):
                returned[id(mapping)] = mapping
            mapping[key] = old
        for mapping in returned.values():  # what comes back stands in its old place in the line
            ordered = sorted(mapping.items(), key=_position)
            mapping.clear()
            mapping.update(ordered)
        self.size -= undo.entries
        self._cut_size = self.size

    def linked(self, order: Order) -> Iterator[Working]:
        """The open orders of an order's one-cancels-other group, but for itself."""
        if isinstance(order.oco, str):
            account = self.accounts[order.account]
            for each in account.groups.get(order.oco, ()):
                if each != order.id and each in account.open_orders:
                    yield account.open_orders[each]

    def children(self, order: Order) -> Iterator[Working]:
        """The suspended orders that wait for an order to be filled."""
        account = self.accounts[order.account]
        for each in account.children.get(order.id, ()):
            working = account.open_orders.get(each)
            if working is not None and working.order.state == "suspended":
                yield working

    def _set(self, mapping: Any, key: Any, value: Any) -> None:
        self._changes.append((mapping, key, mapping.get(key, _ABSENT)))
        mapping[key] = value

    def _remove(self, mapping: Any, key: Any) -> None:
        self._changes.append((mapping, key, mapping.pop(key)))

    # --- orders ----------------------------------------------------------------------------

    def _order_decided(self, entry: OrderDecided) -> None:
        order = entry.order
        account = self.account(order.account)
        if entry.by is msgspec.UNSET:  # a client's message, not the desk's own doing
            at_ns = parse_own_stamp(entry.at)
            self._repeat(account.repeats, account, economics_of(order), at_ns)
            if self.scopes.is_limited and _is_message(entry):
                self._count_message(account, order.pair, at_ns)
        if order.state != "rejected" and isinstance(order.replaces, str):
            self._end(account, account.open_orders[order.replaces].order)
            self._inherit(account, order, order.replaces)
        if order.quote in self.quotes and order.state == "filled":
            self._remove(self.quotes, order.quote)
        if entry.fills:
            self._fill(account, entry)
        if order.state in OPEN_STATES:
            self._open(account, order)
            self._link(account.groups, order.oco, order)
            if order.state == "suspended":
                self._link(account.children, order.parent, order)

    def _repeat(
        self,
        repeats: OrderedDict[Economics, Repeat],
        account: Account,
        economics: Economics,
        at_ns: int,
        window_ms: int | None = None,
    ) -> None:
        known = repeats.get(economics)
        if known is not None:
            window_ns = (window_ms or account.limits.duplicate_window_ms) * NS_PER_MS
            if at_ns - known.start_ns < window_ns:
                counted = Repeat(known.start_ns, known.count + 1, known.position)
                self._changes.append((repeats, economics, known))
                repeats[economics] = counted
                return
            self._remove(repeats, economics)
        self._changes.append((repeats, economics, _ABSENT))
        repeats[economics] = Repeat(at_ns, 1, self.size)
        if len(repeats) > REPEATS_KEPT_MAX:
            self._remove(repeats, next(iter(repeats)))

    def _count_message(self, account: Account, pair: str, at_ns: int) -> None:
        """One message more in the account's rate."""
        limits = self.scopes.limits_of(account, pair, at_ns)
        if limits.messages_per_second is not None:
            due_ns = rate.counted(limits, account.marks.get(MESSAGES_NS, 0), at_ns)
            self._set(account.marks, MESSAGES_NS, due_ns)

    def _order_filled(self, entry: OrderFilled) -> None:
        order = entry.order
        account = self.account(order.account)
        if order.state in OPEN_STATES:
            self._move(account, order)
        else:
            self._end(account, order)
        self._fill(account, entry)

    def _order_moved(self, entry: OrderTriggered | OrderTrailed | OrderActivated) -> None:
        order = entry.order
        account = self.account(order.account)
        self._move(account, order)
        if isinstance(entry, OrderActivated):
            self._unlink(account.children, order.parent, order)

    def _order_ended(self, entry: OrderCancelled | OrderExpired) -> None:
        order = entry.order
        account = self.account(order.account)
        self._end(account, order)
        if self.scopes.is_limited and getattr(entry, "code", None) == "CLIENT_REQUEST":
            self._count_message(account, order.pair, parse_own_stamp(entry.at))

    def _open(self, account: Account, order: Order) -> None:
        working = working_of(order)
        self._set(account.open_orders, order.id, working)
        if working.conditions or working.expires_ns is not None:
            self._set(self.working, order.id, working)
        self._reserve(account, working, 1)

    def _move(self, account: Account, order: Order) -> None:
        """It goes on as another one, in its old place in the line."""
        before, working = account.open_orders[order.id], working_of(order)
        self._set(account.open_orders, order.id, working)
        if working.conditions or working.expires_ns is not None:
            self._set(self.working, order.id, working)
        elif order.id in self.working:
            self._remove(self.working, order.id)
        self._reserve(account, before, -1)
        self._reserve(account, working, 1)

    def _end(self, account: Account, order: Order) -> None:
        """It is over: it is open no more, and linked to nothing."""
        self._close(account, order)
        self._unlink(account.groups, order.oco, order)
        self._unlink(account.children, order.parent, order)

    def _inherit(self, account: Account, order: Order, replaced: str) -> None:
        """What waited for the replaced order waits for the one in its place."""
        waiting = account.children.get(replaced)
        if waiting is None:
            return
        self._remove(account.children, replaced)
        self._set(account.children, order.id, waiting)
        for each in waiting:
            child = account.open_orders[each]
            adopted = msgspec.structs.replace(child.order, parent=order.id)
            self._move(account, adopted)

    def _link(self, links: dict[str, tuple[str, ...]], name: object, order: Order) -> None:
        if isinstance(name, str):
            self._set(links, name, (*links.get(name, ()), order.id))

    def _unlink(self, links: dict[str, tuple[str, ...]], name: object, order: Order) -> None:
        members = links.get(name, ()) if isinstance(name, str) else ()
        if order.id in members:
            left = tuple(each for each in members if each != order.id)
            if left:
                self._set(links, name, left)
            else:
                self._remove(links, name)

    def _close(self, account: Account, order: Order) -> None:
        working = account.open_orders[order.id]
        self._remove(account.open_orders, order.id)
        if order.id in self.working:
            self._remove(self.working, order.id)
        self._reserve(account, working, -1)

    def _reserve(self, account: Account, working: Working, sign: int) -> None:
        """Count what it may add to the position; a suspended one may when it wakes."""
        order = working.order
        if working.reduces:
            self._set(account.marks, CLOSERS, account.closers + sign)
            return
        held = account.pending.get(order.pair, _NOTHING_PENDING)
        units = sign * working.quantity
        if order.side == "buy":
            pending = Pending(held.buying + units, held.selling)
        else:
            pending = Pending(held.buying, held.selling + units)
        self._set(account.pending, order.pair, pending)

    # --- fills, positions, postings ----------------------------------------------------------

    def _fill(self, account: Account, entry: OrderDecided | OrderFilled) -> None:
        order, fills = entry.order, entry.fills
        positions, configuration = account.positions, account.configuration
        before = positions.get(order.pair, FLAT)
        held = before
        swaps = fills[0].side is not msgspec.UNSET
        nets = configuration.mode == "netting"
        for fill in fills:
            units = parse_own(fill.quantity)
            if (fill.side or order.side) == "sell":
                units = -units
            if swaps:  # what one leg opens the other closes: only the points are left
                held = passed(held, units, parse_own(fill.amount))
            elif nets:
                held = net(held, units, parse_own(fill.amount))
            else:
                held = self._trade(account, order, fill, held, units)
            if configuration.financing == "daily":
                self._date(account, order.pair, fill.value_date, units)
        self._changes.append((positions, order.pair, _ABSENT if before is FLAT else before))
        positions[order.pair] = held
        self._touch(account)
        if held.realised != before.realised:
            self._realise(account, order.pair, held.realised - before.realised, entry.home_rate)
        self._post(entry.postings, fills[0].value_date)
        if self.scopes.is_limited:
            self._count_execution(account, entry)

    def _count_execution(self, account: Account, entry: OrderDecided | OrderFilled) -> None:
        """One execution more in the account's throttle: each order once, the desk's own not."""
        order = entry.order
        if getattr(entry, "by", msgspec.UNSET) is not msgspec.UNSET:
            return
        at_ns = parse_own_stamp(entry.at)
        limits = self.scopes.limits_of(account, order.pair, at_ns)
        if limits.executions_max is not None and _is_first(order, entry.fills):
            window_ms = limits.throttle_window_ms
            self._repeat(account.executions, account, economics_of(order), at_ns, window_ms)

    def _trade(
        self, account: Account, order: Order, fill: Fill, held: Position, units: int
    ) -> Position:
        """The position of one who hedges or is FIFO after one execution of `units` (signed)."""
        amount = parse_own(fill.amount)
        mode = account.configuration.mode
        lots = account.lots.get(order.pair)
        if lots is None:
            lots = account.lots[order.pair] = OrderedDict()
        left, unpaid = units, amount
        if mode == "fifo" or order.position_fill in {"reduce_only", "reduce_first"}:
            for lot in _opposing(lots, units, order.trade):
                closing = min(abs(left), abs(lot.units))
                signed = closing if units > 0 else -closing
                paid = share(unpaid, closing, abs(left))
                cost = share(lot.cost, closing, abs(lot.units))
                held = closed(held, signed, cost, paid)
                if closing == abs(lot.units):
                    self._remove(lots, lot.id)
                else:
                    rest = msgspec.structs.replace(
                        lot, units=lot.units + signed, cost=lot.cost - cost
                    )
                    self._set(lots, lot.id, rest)
                left, unpaid = left - signed, unpaid - paid
                if not left:
                    return held
        known = _begun(lots, order) if mode == "hedging" else None
        if known is None:
            self._set(lots, fill.id, Lot(fill.id, left, unpaid, self.size, order.id))
        else:  # more of the same order is more of the same trade
            more = msgspec.structs.replace(
                known, units=known.units + left, cost=known.cost + unpaid
            )
            self._set(lots, known.id, more)
        return opened(held, left, unpaid)

    def _realise(self, account: Account, pair: str, result: int, home_rate: object) -> None:
        """Add a result in quote currency to the account's, in its home currency."""
        home = account.configuration.home
        if home is None:
            return
        quote = pair[4:]
        if not isinstance(home_rate, str) and quote != home:
            return  # nothing led to the home currency then: the result stands in the pair's alone
        if isinstance(home_rate, str):
            whole, _, fraction = home_rate.partition(".")
            shift = currency(home).minor_digits - currency(quote).minor_digits - len(fraction)
            result *= int(whole + fraction)
            power = 10 ** abs(shift)
            result = result * power if shift >= 0 else divide_half_up(result, power)
        self._set(account.marks, REALISED, account.marks.get(REALISED, 0) + result)

    def _touch(self, account: Account) -> None:
        if account.configuration.margin is not None:
            self._set(self.touched, account.id, None)

    def _date(self, account: Account, pair: str, value_date: str, units: int) -> None:
        """So many units of the pair (signed) are to be rolled from a value date."""
        place = (pair, value_date)
        dated = account.dated.get(place, 0) + units
        if dated:
            self._set(account.dated, place, dated)
        elif place in account.dated:
            self._remove(account.dated, place)

    def _post(self, postings: tuple[Posting, ...], value_date: str) -> None:
        changed = self._changes.append
        for posting in postings:
            code = posting.currency
            amount = int(posting.amount.replace(".", "", 1))  # `parse_own`, four times an order
            if posting.account == HOUSE:
                balances = self.house
            else:
                account = self.account(posting.account)
                balances, flows = account.balances, account.flows
                place = (code, posting.value_date or value_date)
                flown = flows.get(place)
                changed((flows, place, _ABSENT if flown is None else flown))
                flows[place] = amount if flown is None else flown + amount
            held = balances.get(code)
            changed((balances, code, _ABSENT if held is None else held))
            balances[code] = amount if held is None else held + amount

    # --- accounts ----------------------------------------------------------------------------

    def _account_opened(self, entry: AccountOpened) -> None:
        known = self.accounts.get(entry.account)
        configuration = Configuration() if known is None else known.configuration
        said = {
            name: getattr(entry, name)
            for name in Configuration.__struct_fields__
            if getattr(entry, name) is not msgspec.UNSET
        }
        if said:
            configuration = msgspec.structs.replace(configuration, **said)
        account = Account(entry.account, Limits.of(entry.limits), configuration)
        if known is not None:  # new limits; what it holds stays
            account.keep_of(known)
        self._set(self.accounts, entry.account, account)
        self._touch(account)
        self._park([account])

    def _funds_moved(self, entry: FundsMoved) -> None:
        self._post(entry.postings, entry.at[:10])
        self._touch(self.account(entry.account))

    def _margin_changed(self, entry: MarginChanged) -> None:
        account = self.account(entry.account)
        marks = account.marks
        self._touch(account)
        at_ns = parse_own_stamp(entry.at)
        if entry.event == "call_entered":
            self._set(marks, CALLED_NS, at_ns)
        elif entry.event == "call_exited":
            self._set(marks, CALLED_NS, 0)
        self._set(marks, EXTENDED_NS, at_ns)

    def _position_rolled(self, entry: PositionRolled) -> None:
        account = self.account(entry.account)
        self._post(entry.postings, entry.to_date)
        self._touch(account)
        units = parse_own(entry.units)
        self._date(account, entry.pair, entry.from_date, -units)
        self._date(account, entry.pair, entry.to_date, units)
        financing = parse_own(entry.financing)
        held = account.positions.get(entry.pair, FLAT)
        self._set(
            account.positions,
            entry.pair,
            msgspec.structs.replace(held, realised=held.realised + financing),
        )
        self._realise(account, entry.pair, financing, entry.home_rate)

    def _kill_switch_set(self, entry: KillSwitchSet) -> None:
        self.scopes.set_kill_switch(entry, self.size)
        account = self.accounts.get(entry.account or "")
        if account is not None:
            self._park([account])

    def _trading_state_set(self, entry: TradingStateSet) -> None:
        self.scopes.set_state(entry, self.size)
        account = self.accounts.get(entry.id or "") if entry.scope == "account" else None
        if account is not None:
            self._park([account])
            if entry.state != "halted":  # a person looked at it: the throttle counts from anew
                for economics in list(account.executions):
                    self._remove(account.executions, economics)
        elif entry.scope == "desk":
            accounts = self.accounts.values()
            self._park(each for each in accounts if each.configuration.desk == entry.id)

    def _park(self, accounts: Iterable[Account]) -> None:
        """Orders of accounts that are halted, by themselves or with their desk, wait for no price.

        The others' do.
        """
        parked = self.working.parked
        leave: list[str] = []
        come_back: list[str] = []
        for account in accounts:
            if self.scopes.halts_account(account) != (account.id in parked):
                (come_back if account.id in parked else leave).append(account.id)
        if leave:
            self._set(parked, tuple(leave), True)
        if come_back:
            self._remove(parked, tuple(come_back))

    def park_halted(self) -> None:
        """The same for all accounts, of a book that was put together."""
        self._park(self.accounts.values())

    def _limits_set(self, entry: LimitsSet) -> None:
        self.scopes.set_limits(entry, self.size)

    def _limit_overridden(self, entry: LimitOverridden) -> None:
        self.scopes.override(entry, self.size)

    def _quote_given(self, entry: QuoteGiven) -> None:
        at_ns = parse_own_stamp(entry.at)
        if self.scopes.is_limited:
            self._count_message(self.account(entry.account), entry.pair, at_ns)
        while self.quotes:
            oldest = next(iter(self.quotes.values()))
            ended_ns = at_ns - parse_own_stamp(oldest.valid_until)
            if ended_ns < QUOTE_KEPT_SECONDS * NS_PER_SECOND and len(self.quotes) < QUOTES_KEPT_MAX:
                break
            self._remove(self.quotes, oldest.id)
        self._set(self.quotes, entry.id, entry)


_NOTHING_PENDING = Pending()


def _is_message(entry: OrderDecided) -> bool:
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


def _begun(lots: OrderedDict[str, Lot], order: Order) -> Lot | None:
    """The trade that earlier fills of the order opened."""
    newest = next(reversed(lots.values()), None)
    if newest is not None and newest.order == order.id:
        return newest
    # Only an order that says what was filled can have been filled before.
    return trade_of(lots, order.id) if order.filled else None


def trade_of(lots: OrderedDict[str, Lot], order_id: str) -> Lot | None:
    """The open trade that an order opened."""
    return next((lot for lot in reversed(lots.values()) if lot.order == order_id), None)


def _opposing(lots: OrderedDict[str, Lot], units: int, only: object) -> list[Lot]:
    """The open trades that a trade of `units` closes, oldest first; `only` the one named."""
    if isinstance(only, str):
        lot = lots.get(only)
        return [lot] if lot is not None and (lot.units > 0) != (units > 0) else []
    found = []
    left = abs(units)
    for lot in lots.values():
        if left <= 0:
            break
        if (lot.units > 0) != (units > 0):
            found.append(lot)
            left -= abs(lot.units)
    return found


def _position(item: tuple[Any, Any]) -> tuple[int, int]:
    """Where a member of an ordered mapping stands: at the position of its entry.

    Trades of one entry stand in the order of their fills (`F-12-1`, `F-12-2`).
    """
    _key, value = item
    if isinstance(value, QuoteGiven):
        return order_position("O-" + value.id[2:]), 0
    if isinstance(value, Lot):
        return value.position, int(value.id.rpartition("-")[2])
    position: int = getattr(value, "position", 0)
    return position, 0


def balances_text(balances: dict[str, int]) -> dict[str, str]:
    """Balances as decimal strings with each currency's digits; zero balances are left out."""
    return {
        code: format_decimal(amount, currency(code).minor_digits)
        for code, amount in sorted(balances.items())
        if amount
    }
