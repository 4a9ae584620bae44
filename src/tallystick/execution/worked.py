"""What becomes of working orders: met by a quote, ended by time, taken back, linked. Pure."""

from collections.abc import Iterator

import msgspec
from msgspec import UNSET

from tallystick.clock import rfc3339
from tallystick.execution.book import Book, trade_of
from tallystick.execution.decide import (
    Market,
    fill,
    home_rate_of,
    is_plain,
    seen,
)
from tallystick.execution.entries import (
    CancelCode,
    Entry,
    Order,
    OrderActivated,
    OrderCancelled,
    OrderDecided,
    OrderExpired,
    OrderFilled,
    OrderState,
    OrderTrailed,
    OrderTriggered,
    QuoteSeen,
)
from tallystick.execution.margin import covers
from tallystick.execution.match import Executed, take
from tallystick.execution.orders import ORDERS, terms_of
from tallystick.execution.orders.kind import watched
from tallystick.execution.orders.trailing_stop import follows
from tallystick.execution.quotes.quote import Quote
from tallystick.execution.rules import throttle
from tallystick.execution.rules.case import Usd
from tallystick.execution.working import Working, twice
from tallystick.fx import Pair, pair
from tallystick.money import Price, Quantity, format_decimal, parse_own

DESK = "desk"
"""Who cancels what nobody asked to be cancelled."""


def meet(
    working: Working, quote: Quote, *, book: Book, at_ns: int, market: Market
) -> Iterator[Entry]:
    """What a quote does to a working order, entry by entry; nothing where it does not reach it.

    The book must have folded each entry before the next one is asked for.
    """
    order = working.order
    kind = ORDERS[order.type]
    traded = pair(order.pair)
    at = rfc3339(at_ns)
    if not any(condition.holds(quote) for condition in working.conditions):
        return
    if order.type == "trailing_stop" and not working.conditions[0].holds(quote):
        yield OrderTrailed(at, _trailed(order, quote, traded), seen(quote, traded))
        return
    allowed = _allowed(working, book, market.usd)
    if isinstance(allowed, str):
        yield cancel(working, at_ns=at_ns, by=DESK, code=allowed)
        return
    worst = working.price if kind.executes == "limit" else working.bound
    executed = take(quote, order.side, allowed, worst)
    if not order.triggered and (kind.arms or (kind.executes == "market" and not executed)):
        order = msgspec.structs.replace(order, triggered=True)
        yield OrderTriggered(at, order, seen(quote, traded))
    if executed:
        yield from _execute(order, working, executed, quote, book=book, at_ns=at_ns, market=market)


def _allowed(working: Working, book: Book, usd: Usd) -> Quantity | CancelCode:
    """How much of a working order may execute now, or why it has to end."""
    order = working.order
    account = book.account(order.account)
    if working.reduces:
        reducible = account.reducible(order.pair, order.side, order.trade)
        return Quantity(min(working.quantity, reducible)) if reducible else "NOTHING_TO_REDUCE"
    hedges = account.configuration.mode == "hedging"
    only_opens = order.position_fill == "open_only"
    if only_opens and not hedges and account.reducible(order.pair, order.side):
        return "NOT_ALLOWED_AT_TRIGGER"
    if book.scopes.state_of(account, order.pair) == "reducing":
        opens = only_opens or (hedges and order.position_fill != "reduce_first")
        reducible = 0 if opens else account.reducible(order.pair, order.side)
        return working.quantity if working.quantity <= reducible else "KILL_SWITCH"
    if not covers(account, order.pair, order.side, working.quantity, usd):
        return "NOT_ALLOWED_AT_TRIGGER"  # equity has gone since its margin was reserved
    return working.quantity


def _execute(
    order: Order,
    working: Working,
    executed: tuple[Executed, ...],
    quote: Quote,
    *,
    book: Book,
    at_ns: int,
    market: Market,
) -> Iterator[Entry]:
    traded = pair(order.pair)
    filled = fill(order.account, traded, order.side, executed, position=book.size, at_ns=at_ns)
    if filled is None:
        now = book.account(order.account).open_orders[order.id]
        yield cancel(now, at_ns=at_ns, by=DESK, code="AMOUNT_TOO_SMALL")
        return
    fills, postings = filled
    done = sum(size for _price, size in executed)
    order = _after(order, working, done, traded)
    home_rate = home_rate_of(book.account(order.account), traded, market.rate)
    yield OrderFilled(
        at=rfc3339(at_ns),
        order=order,
        fills=fills,
        postings=postings,
        quote=seen(quote, traded),
        v=1 if is_plain(order) and home_rate is UNSET else 2,
        home_rate=home_rate,
    )
    current = book.account(order.account).open_orders.get(order.id)
    if current is not None and working.reduces and not _allowed_more(current, book):
        yield cancel(current, at_ns=at_ns, by=DESK, code="NOTHING_TO_REDUCE")


def _activated(order: Order, met: QuoteSeen | None) -> Order:
    """It works from here on; a trailing stop begins at the market that filled its parent."""
    order = with_state(order, "new")
    if order.type != "trailing_stop" or met is None:
        return order
    bid, ask = Price(parse_own(met.bid)), Price(parse_own(met.ask))
    return _trailed(order, Quote(order.pair, bid, ask, 0, met.source), pair(order.pair))


def _of_trade(child: Order, parent: Order, book: Book) -> Order:
    """Where trades are kept apart, what closes closes the one that its parent opened."""
    account = book.account(child.account)
    lots = account.lots.get(child.pair)
    closes = child.position_fill == "reduce_only" and child.trade is UNSET
    if account.configuration.mode != "hedging" or lots is None or not closes:
        return child
    trade = trade_of(lots, parent.id)
    return child if trade is None else msgspec.structs.replace(child, trade=trade.id)


def _allowed_more(working: Working, book: Book) -> bool:
    order = working.order
    account = book.account(order.account)
    return account.reducible(order.pair, order.side, order.trade) > 0


def follow_ups(entry: Entry, *, book: Book, at_ns: int) -> Iterator[Entry]:
    """What an entry that the book has folded does to the orders linked with its own."""
    if isinstance(entry, OrderDecided | OrderFilled):
        halt = throttle.tripped(entry, book)
        if halt is not None:
            yield halt
        if entry.fills:
            yield from _after_fill(entry.order, entry.quote, book, at_ns)
    elif isinstance(entry, OrderCancelled | OrderExpired):
        for working in list(book.children(entry.order)):
            yield cancel(working, at_ns=at_ns, by=DESK, code="PARENT_NOT_FILLED")


def _after_fill(order: Order, met: QuoteSeen | None, book: Book, at_ns: int) -> Iterator[Entry]:
    for working in list(book.linked(order)):
        yield cancel(working, at_ns=at_ns, by=DESK, code="OCO_FILLED")
    for working in list(book.children(order)):
        child = _activated(working.order, met)
        yield OrderActivated(rfc3339(at_ns), _of_trade(child, order, book))
    account = book.account(order.account)
    if account.closers and order.pair in account.positions:
        for working in list(account.open_orders.values()):
            held = working.order
            if (
                working.reduces
                and held.pair == order.pair
                and held.id != order.id
                and held.state != "suspended"
                and not account.reducible(held.pair, held.side, held.trade)
            ):
                yield cancel(working, at_ns=at_ns, by=DESK, code="NOTHING_TO_REDUCE")


def cancel(
    working: Working,
    *,
    at_ns: int,
    by: str,
    code: CancelCode,
    reason: str = "",
    key: str | None = None,
    request: str | None = None,
) -> OrderCancelled:
    """A working order taken back by `by`."""
    return OrderCancelled(
        at=rfc3339(at_ns),
        order=with_state(working.order, "cancelled"),
        by=by,
        reason=reason or REASONS[code],
        v=2,
        code=code,
        key=key or UNSET,
        request=request or UNSET,
    )


def expire(working: Working, *, at_ns: int) -> OrderExpired:
    """A working order whose end has come."""
    return OrderExpired(rfc3339(at_ns), with_state(working.order, "expired"))


REASONS: dict[CancelCode, str] = {
    "CLIENT_REQUEST": "asked by the client",
    "OPERATOR_REQUEST": "asked by an operator",
    "CANCEL_ALL": "all orders were cancelled",
    "OCO_FILLED": "the other order of the pair was filled",
    "PARENT_NOT_FILLED": "the order that it waited for was not filled",
    "KILL_SWITCH": "only reducing orders may trade",
    "NOTHING_TO_REDUCE": "there is no position left to reduce",
    "NOT_ALLOWED_AT_TRIGGER": "a rule forbade it when its price came",
    "MARGIN_CLOSE_OUT": "the account's positions were closed out",
    "AMOUNT_TOO_SMALL": "it is worth less than one minor unit",
}


def with_state(order: Order, state: OrderState) -> Order:
    """The same order in another state."""
    return msgspec.structs.replace(order, state=state)


def _after(order: Order, working: Working, done: int, traded: Pair) -> Order:
    """The order after `done` units more were executed."""
    takes_market = ORDERS[order.type].executes == "market"
    if done == working.quantity:
        order = with_state(order, "filled")
        return msgspec.structs.replace(order, filled=order.quantity) if order.filled else order
    before = parse_own(order.filled) if isinstance(order.filled, str) else 0
    return msgspec.structs.replace(
        order,
        state="partially_filled",
        filled=format_decimal(before + done, traded.base_digits),
        triggered=True if takes_market else order.triggered,
    )


def _trailed(order: Order, quote: Quote, traded: Pair) -> Order:
    terms = terms_of(order)
    stop = follows(terms, twice(quote, watched(order.side, terms.trigger)))
    return msgspec.structs.replace(order, stop_price=format_decimal(stop, traded.price_digits))
