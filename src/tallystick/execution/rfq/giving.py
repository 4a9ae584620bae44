"""A quote that was asked for: its prices and dates, or why there is none. Pure.

Nothing is quoted that would be rejected: each side that is asked for goes through every rule at the
price and on the dates that it would be dealt. What comes in between (a price that grows old, a
limit that is used up, trading that is stopped) is asked again when the quote is taken.
"""

from datetime import date
from fractions import Fraction
from math import ceil, floor

import msgspec
from msgspec import UNSET, UnsetType

from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.errors import Overloaded, Refused
from tallystick.execution.book import Book
from tallystick.execution.book.book import QUOTES_KEPT_MAX
from tallystick.execution.entries import Leg, QuoteGiven, Side
from tallystick.execution.market import Market
from tallystick.execution.match import take
from tallystick.execution.quotes.quote import Quote
from tallystick.execution.reach import reach_of
from tallystick.execution.rejections import RejectionCode, reject
from tallystick.execution.request import OrderRequest
from tallystick.execution.rfq.asked import QuoteRequest, dates_of
from tallystick.execution.rfq.dealt import dealt_of, leg_sides
from tallystick.execution.rfq.naming import quote_id
from tallystick.execution.rfq.points import PointsSource
from tallystick.execution.rfq.refusing import refusal_of
from tallystick.execution.rfq.taking import barred
from tallystick.execution.rules import RULES
from tallystick.execution.screening import case_of
from tallystick.fx import Pair, TwoWay, outright, trade_date
from tallystick.limits import QUOTE_SECONDS, QUOTES_OPEN_MAX
from tallystick.money import Price, divide_half_up, format_decimal

_BEFORE_PRICE = ("reference_data", "session", "trading_state", "message_rate", "price_age")
"""Rules that are asked before anything is priced."""


class _Priced(msgspec.Struct, frozen=True, gc=False):
    """The spot price inside a quote, its legs, and whose prices and points they are."""

    spot: TwoWay
    legs: tuple[TwoWay, ...]
    source: str


def give(
    asked: QuoteRequest,
    key: str | None,
    *,
    position: int,
    at_ns: int,
    market: Market,
    book: Book,
    points: PointsSource,
) -> QuoteGiven:
    """The quote as the ledger's entry at `position`.

    Raises:
        Refused: `UNKNOWN_ACCOUNT`; `TOO_MANY_QUOTES`; what `dates_of` and the source of the points
            raise; and every code of `RejectionCode` with which taking it would be rejected.
        Overloaded: too many quotes of all accounts may be taken now.
    """
    at = rfc3339(at_ns)
    _require_room(asked, book, at)
    quote = _require_price(asked, at_ns, market, book)
    day = trade_date(at_ns, asked.pair)
    dates = dates_of(asked, day)
    priced = _priced(asked, quote, dates, day, points)
    given = _said(asked, key, position, at, at_ns, dates, priced)
    _require_allowed(asked, given, at_ns, market, book)
    return given


def _require_room(asked: QuoteRequest, book: Book, at: str) -> None:
    """The account may have one quote more, and no valid one has to go for it."""
    book.account(asked.account)
    quotes = book.quotes
    if len(quotes) >= QUOTES_KEPT_MAX and next(iter(quotes.values())).valid_until > at:
        raise Overloaded
    mine = (each for each in quotes.values() if each.account == asked.account)
    own = sum(each.valid_until > at for each in mine)  # our stamps sort as texts
    if own >= QUOTES_OPEN_MAX:
        sentence = f"At most {QUOTES_OPEN_MAX} quotes of an account can be open; they end soon."
        raise Refused("TOO_MANY_QUOTES", sentence)


def _require_price(asked: QuoteRequest, at_ns: int, market: Market, book: Book) -> Quote:
    """The market's quote, where the account may trade on it at all."""
    account = book.account(asked.account)
    for side in asked.sides:
        request = _order_of(asked, side, "")
        reach = reach_of(request, account)
        case = case_of(request, account, reach, at_ns=at_ns, market=market, book=book)
        for name in _BEFORE_PRICE:
            rejection = RULES[name](case)
            if rejection is not None:
                raise refusal_of(rejection)
    assert market.quote is not None, "no price is what the last of these rules rejects"  # noqa: S101
    return market.quote


def _priced(
    asked: QuoteRequest, quote: Quote, dates: tuple[date, ...], day: date, points: PointsSource
) -> _Priced:
    """The legs' all-in prices."""
    traded = asked.pair
    if asked.type == "swap":  # the spot price is the same in both legs: nobody pays its spread
        mid = Price(divide_half_up(quote.twice_mid, 2))
        spot = TwoWay(traded, mid, mid)
    else:
        spot = TwoWay(traded, _spot(asked, quote, "sell"), _spot(asked, quote, "buy"))
    if asked.type == "spot":
        return _Priced(spot, (spot,), quote.source)
    curve = points.curve(quote, day)
    legs = tuple(outright(traded, spot, curve, each) for each in dates)
    return _Priced(spot, legs, f"{quote.source}; points: {points.name}")


def _spot(asked: QuoteRequest, quote: Quote, side: Side) -> Price:
    """What the whole quantity costs or brings through depth, rounded away from the client."""
    executed = take(quote, side, asked.quantity, None)
    dealt = sum(size for _price, size in executed)
    if dealt != asked.quantity:
        if side not in asked.sides:
            return quote.ask if side == "buy" else quote.bid
        traded = asked.pair
        figures = (
            f"{format_decimal(dealt, traded.base_digits)} {traded.base} of"
            f" {format_decimal(asked.quantity, traded.base_digits)}."
        )
        raise refusal_of(reject(RejectionCode.INSUFFICIENT_LIQUIDITY, figures), "quantity")
    average = Fraction(sum(price * size for price, size in executed), dealt)
    return Price(ceil(average) if side == "buy" else floor(average))


def _said(
    asked: QuoteRequest,
    key: str | None,
    position: int,
    at: str,
    at_ns: int,
    dates: tuple[date, ...],
    priced: _Priced,
) -> QuoteGiven:
    """The quote in decimals."""
    traded, spot = asked.pair, priced.spot
    bid_points: str | UnsetType = UNSET
    ask_points: str | UnsetType = UNSET
    if asked.type == "swap":
        near, far = priced.legs
        if "sell" in asked.sides:
            bid_points = _pips(far.bid - near.ask, traded)
        if "buy" in asked.sides:
            ask_points = _pips(far.ask - near.bid, traded)
    return QuoteGiven(
        at=at,
        id=quote_id(position),
        account=asked.account,
        pair=traded.symbol,
        type=asked.type,
        quantity=format_decimal(asked.quantity, traded.base_digits),
        legs=_legs(asked, dates, priced),
        spot_bid=format_decimal(spot.bid, traded.price_digits),
        spot_ask=format_decimal(spot.ask, traded.price_digits),
        valid_until=rfc3339(at_ns + QUOTE_SECONDS * NS_PER_SECOND),
        source=priced.source,
        request=asked.digest,
        key=key,
        tenor=asked.tenor,
        side=asked.side,
        client_quote_id=asked.client_quote_id,
        bid_points=bid_points,
        ask_points=ask_points,
    )


def _legs(asked: QuoteRequest, dates: tuple[date, ...], priced: _Priced) -> tuple[Leg, ...]:
    """The legs, each with the sides on which it would be dealt."""
    traded, spot, count = asked.pair, priced.spot, len(priced.legs)
    found = []
    for number, (when, day, price) in enumerate(zip(asked.legs, dates, priced.legs, strict=True)):
        sides = {leg_sides(side, count)[number] for side in asked.sides}
        sells, buys = "sell" in sides, "buy" in sides
        found.append(
            Leg(
                value_date=day.isoformat(),
                bid=format_decimal(price.bid, traded.price_digits) if sells else UNSET,
                ask=format_decimal(price.ask, traded.price_digits) if buys else UNSET,
                bid_points=_pips(price.bid - spot.bid, traded) if sells else UNSET,
                ask_points=_pips(price.ask - spot.ask, traded) if buys else UNSET,
                tenor=when.tenor if when.named else UNSET,
            )
        )
    return tuple(found)


def _pips(points: int, traded: Pair) -> str:
    """A difference of two prices, in pips."""
    return format_decimal(points, traded.price_digits - traded.pip_digits)


def _require_allowed(
    asked: QuoteRequest, given: QuoteGiven, at_ns: int, market: Market, book: Book
) -> None:
    """Each side could be taken now."""
    for side in asked.sides:
        request = _order_of(asked, side, given.id)
        dealt = dealt_of(given, side, asked.pair)
        rejection = barred(request, dealt, at_ns=at_ns, market=market, book=book)
        if rejection is None:
            continue
        refusal = refusal_of(rejection)
        if asked.side is UNSET:
            sentence = f"{refusal} That is who would {side}; ask for one side alone."
            refusal = Refused(refusal.code, sentence, field="side")
        raise refusal


def _order_of(asked: QuoteRequest, side: Side, quote: str) -> OrderRequest:
    """The order that would take the quote."""
    return OrderRequest(
        "", asked.account, asked.pair, side, asked.quantity, "quoted", "FOK", None, "", quote=quote
    )
