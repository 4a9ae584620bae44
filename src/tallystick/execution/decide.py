"""The decision: order + quote + rules + account -> fill or rejection. Pure.

Every function here turns values into entries; nothing is read but the arguments and nothing is
changed. The desk makes the entries durable.
"""

from collections.abc import Callable
from datetime import date

import msgspec
from msgspec import UNSET, UnsetType

from tallystick.clock import rfc3339
from tallystick.execution.book import HOUSE, Account, Book
from tallystick.execution.entries import (
    Fill,
    Order,
    OrderDecided,
    OrderState,
    Posting,
    QuoteSeen,
    Rejection,
    Side,
)
from tallystick.execution.match import Executed, take
from tallystick.execution.orders import Terms
from tallystick.execution.orders.kind import watched
from tallystick.execution.orders.trailing_stop import follows
from tallystick.execution.quotes.quote import Quote
from tallystick.execution.reach import Reach, reach_of
from tallystick.execution.rejections import RejectionCode, reject
from tallystick.execution.request import OrderRequest
from tallystick.execution.rules import RULES, Case
from tallystick.execution.rules.case import Usd
from tallystick.execution.working import twice
from tallystick.fx import Pair, currency, end_of_day_ns, spot_date, trade_date
from tallystick.ids import fill_id, order_id
from tallystick.money import (
    Amount,
    Price,
    Quantity,
    divide_half_up,
    format_decimal,
    quote_amount,
)

RATE_DIGITS = 10
"""Decimal places of a conversion rate in an entry."""
_RULES = tuple(RULES.values())

Rate = Callable[[str, str], tuple[int, int] | None]
"""(from, to) -> minor units of `to` for one minor unit of `from` at the mid, as a fraction."""


class Market(msgspec.Struct, frozen=True, gc=False):
    """What is known of the market when an order is decided.

    `quote` is the pair's newest; `session_open` is False where the source of the prices keeps the
    market's hours and it is closed.
    """

    quote: Quote | None
    usd: Usd
    rate: Rate
    session_open: bool = True


def decide(
    request: OrderRequest,
    key: str | None,
    *,
    position: int,
    at_ns: int,
    market: Market,
    book: Book,
    links: "Links | None" = None,
) -> OrderDecided:
    """What becomes of `request` as the ledger's entry at `position`.

    Raises:
        Refused: `UNKNOWN_ACCOUNT`.
    """
    account = book.account(request.account)
    quote = market.quote
    rejection = screen(request, at_ns=at_ns, market=market, book=book, waits_for=links)
    outcome = _REJECTED if quote is None else outcome_of(request, account, quote, links)
    if rejection is None:
        rejection = outcome.rejection
    fills: tuple[Fill, ...] = ()
    postings: tuple[Posting, ...] = ()
    if rejection is None and outcome.executed:
        filled = fill(
            request.account, request.pair, request.side, outcome.executed,
            position=position, at_ns=at_ns,
        )  # fmt: skip
        if filled is None:
            rejection = reject(RejectionCode.AMOUNT_TOO_SMALL)
        else:
            fills, postings = filled
    if rejection is not None:
        outcome = _REJECTED
    order = _order(request, position, outcome, at_ns, links)
    home_rate = home_rate_of(account, request.pair, market.rate) if fills else UNSET
    return OrderDecided(
        at=rfc3339(at_ns),
        order=order,
        request=request.digest,
        key=key,
        fills=fills,
        postings=postings,
        rejection=rejection,
        quote=None if quote is None else seen(quote, request.pair),
        v=1 if is_plain(order) and home_rate is UNSET else 2,
        home_rate=home_rate,
        by=UNSET if links is None else links.by,
    )


class Links(msgspec.Struct, frozen=True, gc=False):
    """What ties an order to others, and who placed it where that was no client.

    `parent` waits to be filled while `suspended`; otherwise it was filled already.
    """

    parent: str | UnsetType = UNSET
    oco: str | UnsetType = UNSET
    replaces: str | UnsetType = UNSET
    suspended: bool = False
    by: str | UnsetType = UNSET


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """The order's new state, what was executed at once, and where it then waits."""

    state: OrderState
    executed: tuple[Executed, ...] = ()
    rejection: Rejection | None = None
    filled: int | None = None
    """Cumulative units of an order that was not filled whole."""
    stop: Price | None = None
    """Of a trailing stop: where it begins."""
    triggered: bool = False


_REJECTED = Outcome("rejected")


def screen(
    request: OrderRequest,
    *,
    at_ns: int,
    market: Market,
    book: Book,
    waits_for: Links | None = None,
) -> Rejection | None:
    """The first reason to reject, of those that do not depend on the price it would get.

    Raises:
        Refused: `UNKNOWN_ACCOUNT`.
    """
    account = book.account(request.account)
    if request.expires_ns is not None and request.expires_ns <= at_ns:
        return reject(RejectionCode.ALREADY_EXPIRED)
    replaced = UNSET if waits_for is None else waits_for.replaces
    if isinstance(replaced, str) and replaced not in account.open_orders:
        return reject(RejectionCode.NOT_REPLACEABLE, f"It is {replaced}.")
    is_child = waits_for is not None and isinstance(waits_for.parent, str)
    reach = reach_of(request, account, is_child=is_child)
    if reach.rejection is not None:
        return reach.rejection
    case = case_of(request, account, reach, at_ns=at_ns, market=market, book=book, links=waits_for)
    for rule in _RULES:
        rejection = rule(case)
        if rejection is not None:
            return rejection
    return None


def case_of(
    request: OrderRequest,
    account: Account,
    reach: Reach,
    *,
    at_ns: int,
    market: Market,
    book: Book,
    links: Links | None = None,
) -> Case:
    """An order as the rules are asked about it."""
    symbol = request.pair.symbol
    scopes = book.scopes
    state = scopes.state_of(account, symbol)
    replaced = None if links is None else account.open_orders.get(links.replaces or "")
    return Case(
        request, account, market.quote, _amount_at_worst(request, market.quote), at_ns,
        state, market.usd, scopes.limits_of(account, symbol, at_ns), reach.quantity, reach.opens,
        market.session_open, replaced, links is None or replaced is not None,
        "" if state == "active" else scopes.where_stopped(account, symbol, state),
    )  # fmt: skip


def outcome_of(
    request: OrderRequest, account: Account, quote: Quote, links: Links | None
) -> Outcome:
    """What the market does with an order that passed the rules."""
    kind = request.kind
    if kind.waits is None or request.type == "limit":
        if links is not None and links.suspended:
            return Outcome("suspended")
        return _taken(request, account, quote)
    stop = _first_stop(request, quote)
    if links is not None and links.suspended:
        return Outcome("suspended", stop=stop)
    if not kind.waits(_terms(request, stop))[0].holds(quote):
        return Outcome("new", stop=stop)
    triggered = request.price is None or kind.arms
    return msgspec.structs.replace(_taken(request, account, quote), stop=stop, triggered=triggered)


def _taken(request: OrderRequest, account: Account, quote: Quote) -> Outcome:
    """What an order takes of the quote, and what becomes of the rest."""
    quantity = request.quantity
    if request.position_fill == "reduce_only":
        held = account.reducible(request.pair.symbol, request.side, request.trade)
        quantity = Quantity(min(quantity, held))
        if not quantity:  # its parent's fill left nothing to close
            return Outcome("rejected", rejection=reject(RejectionCode.NOTHING_TO_REDUCE))
    worst = request.price if request.kind.executes == "limit" else request.bound
    executed = take(quote, request.side, quantity, worst)
    done = executed[0][1] if len(executed) == 1 else sum(size for _price, size in executed)
    if done == request.quantity:
        return Outcome("filled", executed)
    if done == quantity:  # the position is closed, and nothing more to do
        return Outcome("cancelled", executed, filled=done)
    time_in_force = request.time_in_force
    if time_in_force == "FOK" or (time_in_force == "IOC" and not done):
        return Outcome("rejected", rejection=_not_dealt(request, quote, done))
    if time_in_force == "IOC":
        return Outcome("cancelled", executed, filled=done)
    return Outcome("partially_filled" if done else "new", executed, filled=done or None)


def _not_dealt(request: OrderRequest, quote: Quote, done: int) -> Rejection:
    price = quote.ask if request.side == "buy" else quote.bid
    digits = request.pair.price_digits
    worst = request.price or request.bound
    limit = "" if worst is None else f"Limit {format_decimal(worst, digits)}, market"
    figures = f"{limit} {format_decimal(price, digits)}, {request.time_in_force}."
    if not done:
        return reject(RejectionCode.NOT_MARKETABLE, figures.lstrip())
    dealt = format_decimal(done, request.pair.base_digits)
    return reject(RejectionCode.INSUFFICIENT_LIQUIDITY, f"{dealt} of {request.quantity_text}.")


def _first_stop(request: OrderRequest, quote: Quote) -> Price | None:
    """The stop price of a request: as said, or where a trailing stop begins."""
    if request.distance is None:
        return request.stop
    return follows(
        _terms(request, None), twice(quote, watched(request.side, request.trigger or "default"))
    )


def _terms(request: OrderRequest, stop: Price | None) -> Terms:
    return Terms(
        request.pair, request.side, request.price, stop, request.distance, request.bound,
        request.trigger or "default", False,
    )  # fmt: skip


def _amount_at_worst(request: OrderRequest, quote: Quote | None) -> Amount:
    """The whole order at its limit, or at the side of the quote that a market order takes."""
    if quote is None:
        return Amount(0)
    market = quote.ask if request.side == "buy" else quote.bid
    return amount_of(request.quantity, request.price or request.stop or market, request.pair)


def amount_of(quantity: Quantity, price: Price, traded: Pair) -> Amount:
    """`quantity` of the pair's base at `price`, in minor units of its quote currency."""
    return quote_amount(
        quantity,
        price,
        base_digits=traded.base_digits,
        price_digits=traded.price_digits,
        quote_digits=traded.quote_digits,
    )


def _order(
    request: OrderRequest, position: int, outcome: Outcome, at_ns: int, links: Links | None
) -> Order:
    plain = Order(
        order_id(position), request.account, request.client_order_id, request.pair.symbol,
        request.side, request.quantity_text, request.type, request.time_in_force,
        request.price_text, outcome.state,
    )  # fmt: skip
    if _says_no_more(request, outcome, links):
        return plain
    digits = request.pair.price_digits
    expires_ns = request.expires_ns
    if request.time_in_force == "GFD":
        expires_ns = end_of_day_ns(at_ns)
    if links is None:
        links = _UNTIED
    group = links.oco
    if request.oco is not None:
        group = plain.id
    return msgspec.structs.replace(
        plain,
        filled=UNSET if outcome.filled is None
        else format_decimal(outcome.filled, request.pair.base_digits),
        stop_price=_text(outcome.stop or request.stop, digits),
        distance=_text(request.distance, digits),
        trigger=request.trigger,
        triggered=outcome.triggered or UNSET,
        expires_at=UNSET if expires_ns is None else rfc3339(expires_ns),
        price_bound=_text(request.bound, digits),
        position_fill=request.position_fill,
        parent=links.parent,
        oco=group,
        linked=len(request.linked) or UNSET,
        replaces=links.replaces,
        trade=request.trade,
        quote=request.quote,
    )  # fmt: skip


_UNTIED = Links()


def _says_no_more(request: OrderRequest, outcome: Outcome, links: Links | None) -> bool:
    """Whether the first form of the order says all of it."""
    return (
        links is None
        and outcome.filled is None
        and request.position_fill is UNSET
        and request.bound is None
        and request.stop is None
        and request.distance is None
        and request.time_in_force not in {"GTD", "GFD"}
        and request.oco is None
        and not request.if_done
        and request.quote is UNSET
    )


def is_plain(order: Order) -> bool:
    """Whether the order is in its first form: of what came later, each such order has one."""
    return (
        order.filled is UNSET
        and order.stop_price is UNSET
        and order.expires_at is UNSET
        and order.price_bound is UNSET
        and order.position_fill is UNSET
        and order.parent is UNSET
        and order.oco is UNSET
        and order.linked is UNSET
        and order.replaces is UNSET
        and order.quote is UNSET
    )


def _text(price: Price | None, digits: int) -> str | UnsetType:
    return UNSET if price is None else format_decimal(price, digits)


def fill(
    account: str,
    traded: Pair,
    side: Side,
    executed: tuple[Executed, ...],
    *,
    position: int,
    at_ns: int,
) -> tuple[tuple[Fill, ...], tuple[Posting, ...]] | None:
    """Fills against the house, and their double entry: zero in both currencies.

    None where one would be worth nothing: a buy that was worth one minor unit at its limit may be
    worth less at a better price.
    """
    value_date = _value_date(traded, at_ns)
    base_digits, quote_digits = traded.base_digits, traded.quote_digits
    fills: list[Fill] = []
    quantity_all = amount_all = 0
    for number, (price, quantity) in enumerate(executed, 1):
        amount = amount_of(quantity, price, traded)
        if amount == 0:
            return None
        quantity_all += quantity
        amount_all += amount
        base = format_decimal(quantity, base_digits)
        quoted = format_decimal(amount, quote_digits)
        price_text = format_decimal(price, traded.price_digits)
        fills.append(Fill(fill_id(position, number), price_text, base, quoted, value_date))
    if len(fills) > 1:
        base = format_decimal(quantity_all, base_digits)
        quoted = format_decimal(amount_all, quote_digits)
    buyer, seller = (account, HOUSE) if side == "buy" else (HOUSE, account)
    postings = (
        Posting(buyer, traded.base, base),
        Posting(seller, traded.base, f"-{base}"),
        Posting(buyer, traded.quote, f"-{quoted}"),
        Posting(seller, traded.quote, quoted),
    )
    return tuple(fills), postings


def _value_date(traded: Pair, at_ns: int) -> str:
    """The spot date of a trade now; many are made on one day, so its text is kept."""
    day = trade_date(at_ns, traded)
    known = _value_dates.get(traded.symbol)
    if known is not None and known[0] is day:
        return known[1]
    text = spot_date(traded, day).isoformat()
    _value_dates[traded.symbol] = (day, text)
    return text


_value_dates: dict[str, tuple[date, str]] = {}
"""A memo, no state: the last trade date of each pair, and its spot date."""


def home_rate_of(account: Account, traded: Pair, rate: Rate) -> str | UnsetType:
    """The quote currency in the account's home currency; UNSET where that needs no rate."""
    home = account.configuration.home
    if home is None or home == traded.quote:
        return UNSET
    found = rate(traded.quote, home)
    if found is None:
        return UNSET
    numerator = found[0] * 10 ** (traded.quote_digits + RATE_DIGITS)
    denominator = found[1] * 10 ** currency(home).minor_digits
    return format_decimal(divide_half_up(numerator, denominator), RATE_DIGITS)


def seen(quote: Quote, traded: Pair) -> QuoteSeen:
    """The quote in decimals; many orders meet one quote, so the last of each pair is kept."""
    known = _last_seen.get(quote.pair)
    if known is not None and known[0] is quote:
        return known[1]
    digits = traded.price_digits
    found = QuoteSeen(
        bid=format_decimal(quote.bid, digits),
        ask=format_decimal(quote.ask, digits),
        at=rfc3339(quote.at_ns),
        source=quote.source,
    )
    _last_seen[quote.pair] = (quote, found)
    return found


_last_seen: dict[str, tuple[Quote, QuoteSeen]] = {}
"""A memo, no state: at most one quote a pair."""
