"""The decision: order + quote + rules + account -> fill or rejection. Pure.

Every function here turns values into an entry; nothing is read but the arguments and nothing is
changed. The desk makes the entry durable.
"""

from tallystick.clock import rfc3339
from tallystick.execution.accounts import HOUSE, Book, Resting
from tallystick.execution.entries import (
    Fill,
    Order,
    OrderCancelled,
    OrderDecided,
    OrderFilled,
    OrderState,
    Posting,
    QuoteSeen,
    Rejection,
    Side,
)
from tallystick.execution.orders import ORDERS, Execution
from tallystick.execution.orders.limit import marketable
from tallystick.execution.quotes.quote import Quote
from tallystick.execution.rejections import RejectionCode, reject
from tallystick.execution.request import OrderRequest
from tallystick.execution.rules import RULES, Case
from tallystick.execution.rules.case import Usd
from tallystick.fx import Pair, pair, spot_date, trade_date
from tallystick.ids import fill_id, order_id
from tallystick.money import Amount, Price, Quantity, format_decimal, quote_amount

_RULES = tuple(RULES.values())


def decide(
    request: OrderRequest,
    key: str | None,
    *,
    position: int,
    at_ns: int,
    quote: Quote | None,
    book: Book,
    usd: Usd,
) -> OrderDecided:
    """What becomes of `request` as the ledger's entry at `position`.

    Raises:
        Refused: `UNKNOWN_ACCOUNT`.
    """
    account = book.account(request.account)
    stopped = book.is_stopped(request.account)
    case = Case(request, account, quote, _amount_at_worst(request, quote), at_ns, stopped, usd)
    rejection = _first_rejection(case)
    if rejection is not None or quote is None:
        execution = Execution("rejected", rejection=rejection)
    else:
        execution = ORDERS[request.type](request, quote)
    fills: tuple[Fill, ...] = ()
    postings: tuple[Posting, ...] = ()
    if execution.price is not None:
        filled = _fill(
            request.account, request.pair, request.side, request.quantity, execution.price,
            position=position, at_ns=at_ns,
        )  # fmt: skip
        if filled is None:
            rejection = reject(RejectionCode.AMOUNT_TOO_SMALL)
            execution = Execution("rejected", rejection=rejection)
        else:
            fills, postings = filled
    return OrderDecided(
        at=rfc3339(at_ns),
        order=_order(request, position, execution.state),
        request=request.digest,
        key=key,
        fills=fills,
        postings=postings,
        rejection=execution.rejection,
        quote=None if quote is None else _seen(quote, request.pair),
    )


def fill_resting(
    resting: Resting, quote: Quote, *, position: int, at_ns: int
) -> OrderFilled | None:
    """The fill of a resting order that `quote` meets; None where it does not."""
    order = resting.order
    price = marketable(order.side, resting.price, quote)
    if price is None:
        return None
    traded = pair(order.pair)
    filled = _fill(
        order.account, traded, order.side, resting.quantity, price,
        position=position, at_ns=at_ns,
    )  # fmt: skip
    if filled is None:
        return None
    fills, postings = filled
    return OrderFilled(
        at=rfc3339(at_ns),
        order=_with_state(order, "filled"),
        fills=fills,
        postings=postings,
        quote=_seen(quote, traded),
    )


def cancel_resting(resting: Resting, *, at_ns: int, by: str, reason: str) -> OrderCancelled:
    """A resting order taken back by `by`."""
    order = _with_state(resting.order, "cancelled")
    return OrderCancelled(at=rfc3339(at_ns), order=order, by=by, reason=reason)


def _amount_at_worst(request: OrderRequest, quote: Quote | None) -> Amount:
    """The whole order at its limit, or at the side of the quote that a market order takes."""
    if quote is None:
        return Amount(0)
    market = quote.ask if request.side == "buy" else quote.bid
    return _amount(request.quantity, request.price or market, request.pair)


def _amount(quantity: Quantity, price: Price, traded: Pair) -> Amount:
    return quote_amount(
        quantity,
        price,
        base_digits=traded.base_digits,
        price_digits=traded.price_digits,
        quote_digits=traded.quote_digits,
    )


def _first_rejection(case: Case) -> Rejection | None:
    for rule in _RULES:
        rejection = rule(case)
        if rejection is not None:
            return rejection
    return None


def _order(request: OrderRequest, position: int, state: OrderState) -> Order:
    return Order(
        id=order_id(position),
        account=request.account,
        client_order_id=request.client_order_id,
        pair=request.pair.symbol,
        side=request.side,
        quantity=request.quantity_text,
        type=request.type,
        time_in_force=request.time_in_force,
        price=request.price_text,
        state=state,
    )


def _with_state(order: Order, state: OrderState) -> Order:
    return Order(
        order.id, order.account, order.client_order_id, order.pair, order.side, order.quantity,
        order.type, order.time_in_force, order.price, state,
    )  # fmt: skip


def _fill(
    account: str,
    traded: Pair,
    side: Side,
    quantity: Quantity,
    price: Price,
    *,
    position: int,
    at_ns: int,
) -> tuple[tuple[Fill, ...], tuple[Posting, ...]] | None:
    """One whole fill against the house, and its double entry: zero in both currencies.

    None where it would be worth nothing: a buy that was worth one minor unit at its limit may be
    worth less at a better price.
    """
    amount = _amount(quantity, price, traded)
    if amount == 0:
        return None
    base = format_decimal(quantity, traded.base_digits)
    quoted = format_decimal(amount, traded.quote_digits)
    fill = Fill(
        id=fill_id(position, 1),
        price=format_decimal(price, traded.price_digits),
        quantity=base,
        amount=quoted,
        value_date=spot_date(traded, trade_date(at_ns, traded)).isoformat(),
    )
    buyer, seller = (account, HOUSE) if side == "buy" else (HOUSE, account)
    postings = (
        Posting(buyer, traded.base, base),
        Posting(seller, traded.base, f"-{base}"),
        Posting(buyer, traded.quote, f"-{quoted}"),
        Posting(seller, traded.quote, quoted),
    )
    return (fill,), postings


def _seen(quote: Quote, traded: Pair) -> QuoteSeen:
    """The quote in decimals; many orders meet one quote, so the last of each pair is kept."""
    known = _last_seen.get(quote.pair)
    if known is not None and known[0] is quote:
        return known[1]
    digits = traded.price_digits
    seen = QuoteSeen(
        bid=format_decimal(quote.bid, digits),
        ask=format_decimal(quote.ask, digits),
        at=rfc3339(quote.at_ns),
        source=quote.source,
    )
    _last_seen[quote.pair] = (quote, seen)
    return seen


_last_seen: dict[str, tuple[Quote, QuoteSeen]] = {}
"""A memo, no state: at most one quote a pair."""
