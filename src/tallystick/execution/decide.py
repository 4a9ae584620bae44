"""The decision: order + quote + rules + account -> fill or rejection. Pure.

Every function here turns values into entries; nothing is read but the arguments and nothing is
changed. The desk makes the entries durable.
"""

from datetime import date

import msgspec
from msgspec import UNSET

from tallystick.clock import rfc3339
from tallystick.execution.book import HOUSE, Account, Book
from tallystick.execution.entries import Fill, OrderDecided, Posting, Rejection, Side
from tallystick.execution.market import Market, amount_of, home_rate_of, seen
from tallystick.execution.match import Executed, take
from tallystick.execution.orders import Terms
from tallystick.execution.orders.kind import watched
from tallystick.execution.orders.trailing_stop import follows
from tallystick.execution.outcome import REJECTED, Outcome, is_plain, order_of
from tallystick.execution.quotes.quote import Quote
from tallystick.execution.rejections import RejectionCode, reject
from tallystick.execution.request import OrderRequest
from tallystick.execution.rfq import decide_quoted
from tallystick.execution.screening import Links, case_of, screen
from tallystick.execution.working import twice
from tallystick.fx import Pair, spot_date, trade_date
from tallystick.ids import fill_id
from tallystick.money import Price, Quantity, format_decimal

__all__ = [
    "Links",
    "Market",
    "Outcome",
    "amount_of",
    "case_of",
    "decide",
    "fill",
    "home_rate_of",
    "is_plain",
    "outcome_of",
    "screen",
    "seen",
]


def decide(
    request: OrderRequest,
    key: str | None,
    *,
    position: int,
    at_ns: int,
    market: Market,
    book: Book,
    links: Links | None = None,
) -> OrderDecided:
    """What becomes of `request` as the ledger's entry at `position`.

    Raises:
        Refused: `UNKNOWN_ACCOUNT`.
    """
    if request.quote is not UNSET:
        return decide_quoted(
            request, key, position=position, at_ns=at_ns, market=market, book=book, links=links
        )
    account = book.account(request.account)
    quote = market.quote
    rejection = screen(request, at_ns=at_ns, market=market, book=book, waits_for=links)
    outcome = REJECTED if quote is None else outcome_of(request, account, quote, links)
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
        outcome = REJECTED
    order = order_of(request, position, outcome, at_ns, links)
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
