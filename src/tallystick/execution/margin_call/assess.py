"""What margin asks of one account now: a call, its end, or closing positions out. Pure.

Closed out is the pair that needs the most margin first (it frees the most with the fewest trades),
whole, until the equity is at the close-out level again. The orders are the desk's own: no pre-trade
rule holds them up, but they meet the market like any other. Where a pair has no price to deal on,
it waits.
"""

from collections.abc import Callable, Iterator
from hashlib import sha256

from msgspec import UNSET

from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.errors import Refused
from tallystick.execution.book import FLAT, HOUSE, Account, Book, Pending
from tallystick.execution.book.account import CALLED_NS, EXTENDED_NS
from tallystick.execution.decide import Market, fill, home_rate_of, seen
from tallystick.execution.entries import (
    Entry,
    FundsMoved,
    MarginChanged,
    MarginEvent,
    Order,
    OrderDecided,
    Posting,
    Side,
)
from tallystick.execution.margin import Figures, Profile, figures, profile_of
from tallystick.execution.margin.requirement import exposure, margin
from tallystick.execution.match import take
from tallystick.execution.quotes.ages import max_age_ns
from tallystick.execution.quotes.quote import Quote
from tallystick.execution.worked import cancel
from tallystick.fx import currency, pair
from tallystick.ids import order_id
from tallystick.money import Quantity, format_decimal

CALL_AGAIN_SECONDS = 900
"""How often a margin call that goes on is said again."""
CLOSE_OUT = "margin close-out"
"""Who places the orders that close out, and cancels what would open."""
PROTECTION = "negative balance protection"
USD_DIGITS = 2
MarketOf = Callable[[str, int], Market]
"""(pair, time ns) -> the market."""


def assess(account: Account, *, book: Book, at_ns: int, market: MarketOf) -> Iterator[Entry]:
    """What margin asks of the account now, entry by entry; nothing where all is in order.

    The book must have folded each entry before the next one is asked for.
    """
    profile = profile_of(account.configuration.margin)
    if profile is None:
        return
    usd = market("", at_ns).usd
    now = figures(account, profile, usd)
    if now is None:
        return
    if is_below(now, profile.close_out_percent):
        if not account.marks.get(CALLED_NS):
            yield _said(account, "call_entered", now, at_ns)
        yield from _close_out(account, profile, book=book, at_ns=at_ns, market=market)
        now = figures(account, profile, usd) or now
    if profile.negative_balance_protection and owes(account, now):
        yield _protect(account, at_ns)
        now = figures(account, profile, usd) or now
    yield from _call(account, profile, now, at_ns)


def is_below(now: Figures, percent: int) -> bool:
    """Whether the equity is less than `percent` of the margin that the positions need."""
    return now.used > 0 and now.equity * 100 < now.used * percent


def owes(account: Account, now: Figures) -> bool:
    """Whether the account has no position left, and less than nothing."""
    return now.equity < 0 and not any(p.long or p.short for p in account.positions.values())


def _call(account: Account, profile: Profile, now: Figures, at_ns: int) -> Iterator[MarginChanged]:
    """The margin call: it begins, goes on or ends."""
    marks = account.marks
    if not marks.get(CALLED_NS):
        if is_below(now, profile.call_percent):
            yield _said(account, "call_entered", now, at_ns)
    elif not is_below(now, profile.exit_percent):
        yield _said(account, "call_exited", now, at_ns)
    elif at_ns - marks.get(EXTENDED_NS, 0) >= CALL_AGAIN_SECONDS * NS_PER_SECOND:
        yield _said(account, "call_extended", now, at_ns)


def _said(account: Account, event: MarginEvent, now: Figures, at_ns: int) -> MarginChanged:
    return MarginChanged(
        at=rfc3339(at_ns),
        account=account.id,
        event=event,
        equity=format_decimal(now.equity, USD_DIGITS),
        used=format_decimal(now.used, USD_DIGITS),
    )


def _close_out(
    account: Account, profile: Profile, *, book: Book, at_ns: int, market: MarketOf
) -> Iterator[Entry]:
    for working in list(account.open_orders.values()):
        # A cancel may have taken others with it: the children of its order.
        if not working.reduces and working.order.id in account.open_orders:
            yield cancel(working, at_ns=at_ns, by=CLOSE_OUT, code="MARGIN_CLOSE_OUT")
    usd = market("", at_ns).usd
    closed = False
    now = figures(account, profile, usd)
    for symbol in _by_margin(account, profile, market, at_ns):
        for side in ("sell", "buy"):
            if now is None or not is_below(now, profile.close_out_percent):
                break
            order = _closing(account, symbol, side, book.size, at_ns, market(symbol, at_ns))
            if order is not None:
                yield order
                closed = True
                now = figures(account, profile, usd)
    if closed and now is not None:
        yield _said(account, "closed_out", now, at_ns)


def _by_margin(account: Account, profile: Profile, market: MarketOf, at_ns: int) -> list[str]:
    """The pairs held, that which needs the most margin first."""
    usd = market("", at_ns).usd
    hedges = account.configuration.mode == "hedging"
    needs: dict[str, int] = {}
    for symbol, held in account.positions.items():
        units = exposure(held, Pending(), profile, hedges=hedges)
        needed = margin(symbol, units, profile, usd)
        if (held.long or held.short) and needed is not None:
            needs[symbol] = needed
    return sorted(needs, key=lambda symbol: (-needs[symbol], symbol))


def _closing(
    account: Account, symbol: str, side: Side, position: int, at_ns: int, market: Market
) -> OrderDecided | None:
    """A market order that closes all that the account has on one side; None: not dealt now."""
    held = account.positions.get(symbol, FLAT)
    quantity = Quantity(held.long if side == "sell" else held.short)
    quote = market.quote
    if not quantity or quote is None or not market.session_open or _is_old(quote, at_ns):
        return None
    traded = pair(symbol)
    executed = take(quote, side, quantity, None)
    try:
        filled = executed and fill(
            account.id, traded, side, executed, position=position, at_ns=at_ns
        )  # fmt: skip
    except Refused:  # the calendars do not reach its value date
        return None
    if not filled:
        return None
    fills, postings = filled
    done = sum(size for _price, size in executed)
    # A space stands in no client_order_id of a client's, so nobody can have taken this one.
    name = f"close-out {position}"
    order = Order(
        id=order_id(position),
        account=account.id,
        client_order_id=name,
        pair=symbol,
        side=side,
        quantity=format_decimal(quantity, traded.base_digits),
        type="market",
        time_in_force="IOC",
        price=None,
        state="filled" if done == quantity else "cancelled",
        filled=UNSET if done == quantity else format_decimal(done, traded.base_digits),
        position_fill="reduce_only",
    )
    digest = sha256(f"{name}\n{account.id}\n{symbol}\n{side}\n{quantity}".encode()).hexdigest()
    return OrderDecided(
        at=rfc3339(at_ns),
        order=order,
        request=digest,
        fills=fills,
        postings=postings,
        quote=seen(quote, traded),
        v=2,
        home_rate=home_rate_of(account, traded, market.rate),
        by=CLOSE_OUT,
    )


def _is_old(quote: Quote, at_ns: int) -> bool:
    return at_ns - quote.at_ns > max_age_ns(quote.pair, quote.source)


def _protect(account: Account, at_ns: int) -> FundsMoved:
    """The house takes over every balance, on the day it settles: nothing is owed, nothing moves."""
    at = rfc3339(at_ns)
    today = at[:10]
    taken: dict[tuple[str, str], int] = {}
    for code, balance in account.balances.items():
        taken[code, today] = balance
    for (code, value_date), flow in account.flows.items():
        if value_date > today:
            taken[code, value_date] = taken.get((code, value_date), 0) + flow
            taken[code, today] = taken.get((code, today), 0) - flow
    postings: list[Posting] = []
    for (code, value_date), amount in sorted(taken.items()):
        if amount:
            digits = currency(code).minor_digits
            given, got = format_decimal(-amount, digits), format_decimal(amount, digits)
            postings.append(Posting(account.id, code, given, value_date))
            postings.append(Posting(HOUSE, code, got, value_date))
    return FundsMoved(at, account.id, tuple(postings), by=CLOSE_OUT, reason=PROTECTION)
