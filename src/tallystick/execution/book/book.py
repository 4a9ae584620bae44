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
from tallystick.execution.book.account import (
    CALLED_NS,
    EXTENDED_NS,
    REALISED,
    Account,
    Configuration,
)
from tallystick.execution.book.counting import Counting, economics_of, is_message
from tallystick.execution.book.limits import Limits
from tallystick.execution.book.lots import trade
from tallystick.execution.book.opened import OpenOrders
from tallystick.execution.book.positions import FLAT, net, passed
from tallystick.execution.book.scopes import Scopes
from tallystick.execution.book.touched import Touched
from tallystick.execution.book.undo import ABSENT, Change, Changes, take_back
from tallystick.execution.entries import (
    OPEN_STATES,
    AccountOpened,
    Entry,
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
from tallystick.execution.working import Working, WorkingIndex
from tallystick.fx import currency
from tallystick.money import divide_half_up, format_decimal, parse_own

HOUSE = "house"
"""The other side of every fill: the desk's own account."""
QUOTES_KEPT_MAX = 4_096
"""Quotes that were asked for and not taken; the oldest goes first."""
QUOTE_KEPT_SECONDS = 60
"""How long a quote is kept after its end, so that who comes late is told that it ended."""


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
        self._changes = Changes()
        self.scopes = Scopes(self._changes.set, self._changes.remove)
        self.working = WorkingIndex()
        self.working.is_halted = self.scopes.halts_pair
        self.quotes: OrderedDict[str, QuoteGiven] = OrderedDict()
        self.touched = Touched()
        self._open = OpenOrders(self._changes, self.working)
        self._count = Counting(self._changes, self.scopes)
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
        undo = Undo(self.size - self._cut_size, self._changes.take())
        self._cut_size = self.size
        return undo

    def rewind(self, undo: Undo) -> None:
        """Take back the newest cut, so that the book is again what it was before it."""
        take_back(undo.changes)
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

    # --- orders ----------------------------------------------------------------------------

    def _order_decided(self, entry: OrderDecided) -> None:
        order = entry.order
        account = self.account(order.account)
        if entry.by is msgspec.UNSET:  # a client's message, not the desk's own doing
            at_ns = parse_own_stamp(entry.at)
            self._count.repeat(account.repeats, account, economics_of(order), at_ns, self.size)
            if self.scopes.is_limited and is_message(entry):
                self._count.message(account, order.pair, at_ns)
        if order.state != "rejected" and isinstance(order.replaces, str):
            self._open.end(account, account.open_orders[order.replaces].order)
            self._open.inherit(account, order, order.replaces)
        if order.quote in self.quotes and order.state == "filled":
            self._changes.remove(self.quotes, order.quote)
        if entry.fills:
            self._fill(account, entry)
        if order.state in OPEN_STATES:
            self._open.open(account, order)
            self._open.link(account.groups, order.oco, order)
            if order.state == "suspended":
                self._open.link(account.children, order.parent, order)

    def _order_filled(self, entry: OrderFilled) -> None:
        order = entry.order
        account = self.account(order.account)
        if order.state in OPEN_STATES:
            self._open.move(account, order)
        else:
            self._open.end(account, order)
        self._fill(account, entry)

    def _order_moved(self, entry: OrderTriggered | OrderTrailed | OrderActivated) -> None:
        order = entry.order
        account = self.account(order.account)
        self._open.move(account, order)
        if isinstance(entry, OrderActivated):
            self._open.unlink(account.children, order.parent, order)

    def _order_ended(self, entry: OrderCancelled | OrderExpired) -> None:
        order = entry.order
        account = self.account(order.account)
        self._open.end(account, order)
        if self.scopes.is_limited and getattr(entry, "code", None) == "CLIENT_REQUEST":
            self._count.message(account, order.pair, parse_own_stamp(entry.at))

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
                held = trade(self._changes, account, order, fill, held, units, self.size)
            if configuration.financing == "daily":
                self._date(account, order.pair, fill.value_date, units)
        self._changes.log.append((positions, order.pair, ABSENT if before is FLAT else before))
        positions[order.pair] = held
        self._touch(account)
        if held.realised != before.realised:
            self._realise(account, order.pair, held.realised - before.realised, entry.home_rate)
        self._post(entry.postings, fills[0].value_date)
        if self.scopes.is_limited:
            self._count.execution(account, entry, self.size)

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
        self._changes.set(account.marks, REALISED, account.marks.get(REALISED, 0) + result)

    def _touch(self, account: Account) -> None:
        if account.configuration.margin is not None:
            self._changes.set(self.touched, account.id, None)

    def _date(self, account: Account, pair: str, value_date: str, units: int) -> None:
        """So many units of the pair (signed) are to be rolled from a value date."""
        place = (pair, value_date)
        dated = account.dated.get(place, 0) + units
        if dated:
            self._changes.set(account.dated, place, dated)
        elif place in account.dated:
            self._changes.remove(account.dated, place)

    def _post(self, postings: tuple[Posting, ...], value_date: str) -> None:
        changed = self._changes.log.append
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
                changed((flows, place, ABSENT if flown is None else flown))
                flows[place] = amount if flown is None else flown + amount
            held = balances.get(code)
            changed((balances, code, ABSENT if held is None else held))
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
        self._changes.set(self.accounts, entry.account, account)
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
            self._changes.set(marks, CALLED_NS, at_ns)
        elif entry.event == "call_exited":
            self._changes.set(marks, CALLED_NS, 0)
        self._changes.set(marks, EXTENDED_NS, at_ns)

    def _position_rolled(self, entry: PositionRolled) -> None:
        account = self.account(entry.account)
        self._post(entry.postings, entry.to_date)
        self._touch(account)
        units = parse_own(entry.units)
        self._date(account, entry.pair, entry.from_date, -units)
        self._date(account, entry.pair, entry.to_date, units)
        financing = parse_own(entry.financing)
        held = account.positions.get(entry.pair, FLAT)
        self._changes.set(
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
                    self._changes.remove(account.executions, economics)
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
            self._changes.set(parked, tuple(leave), True)
        if come_back:
            self._changes.remove(parked, tuple(come_back))

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
            self._count.message(self.account(entry.account), entry.pair, at_ns)
        while self.quotes:
            oldest = next(iter(self.quotes.values()))
            ended_ns = at_ns - parse_own_stamp(oldest.valid_until)
            if ended_ns < QUOTE_KEPT_SECONDS * NS_PER_SECOND and len(self.quotes) < QUOTES_KEPT_MAX:
                break
            self._changes.remove(self.quotes, oldest.id)
        self._changes.set(self.quotes, entry.id, entry)


def balances_text(balances: dict[str, int]) -> dict[str, str]:
    """Balances as decimal strings with each currency's digits; zero balances are left out."""
    return {
        code: format_decimal(amount, currency(code).minor_digits)
        for code, amount in sorted(balances.items())
        if amount
    }
