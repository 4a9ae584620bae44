"""The decision about an order that takes a quote: the price as it was quoted, or a reason. Pure.

The quote is what it was given for, by its account, once, and before its end; every rule is asked
about the order as about any other. A swap does not change what is held in the pair: margin and
the net open position are asked about its points alone, and each of its dates about settlement.
"""

from collections.abc import Mapping

import msgspec
from msgspec import UNSET

from tallystick.clock import parse_own_stamp, rfc3339
from tallystick.execution.book import Book
from tallystick.execution.entries import Fill, OrderDecided, Posting, QuoteGiven, Rejection
from tallystick.execution.market import Market, home_rate_of, seen
from tallystick.execution.outcome import REJECTED, Outcome, order_of
from tallystick.execution.reach import reach_of
from tallystick.execution.rejections import RejectionCode, reject
from tallystick.execution.request import OrderRequest
from tallystick.execution.rfq.dealt import Dealt, dealt_of, fills_of, movements_of
from tallystick.execution.rules import RULES, Case
from tallystick.execution.screening import Links, case_of
from tallystick.money import Amount, Quantity

_NET = ("margin", "position_limit")
"""Rules about what is held, of which a swap changes nothing but by its points."""


def decide_quoted(
    request: OrderRequest,
    key: str | None,
    *,
    position: int,
    at_ns: int,
    market: Market,
    book: Book,
    links: Links | None = None,
) -> OrderDecided:
    """What becomes of an order of type `quoted` as the ledger's entry at `position`.

    Raises:
        Refused: `UNKNOWN_ACCOUNT`.
    """
    account = book.account(request.account)
    given = _quote_for(request, book)
    dealt = () if given is None else dealt_of(given, request.side, request.pair)
    rejection = _misses(request, given, dealt, at_ns) or barred(
        request, dealt, at_ns=at_ns, market=market, book=book, links=links
    )
    fills: tuple[Fill, ...] = ()
    postings: tuple[Posting, ...] = ()
    if rejection is None:
        fills, postings = fills_of(dealt, account.id, request.pair, position)
    outcome = REJECTED if rejection is not None else Outcome("filled")
    quote = market.quote
    return OrderDecided(
        at=rfc3339(at_ns),
        order=order_of(request, position, outcome, at_ns, links),
        request=request.digest,
        key=key,
        fills=fills,
        postings=postings,
        rejection=rejection,
        quote=None if quote is None else seen(quote, request.pair),
        v=2,
        home_rate=home_rate_of(account, request.pair, market.rate) if fills else UNSET,
        by=UNSET if links is None else links.by,
    )


def barred(
    request: OrderRequest,
    dealt: tuple[Dealt, ...],
    *,
    at_ns: int,
    market: Market,
    book: Book,
    links: Links | None = None,
) -> Rejection | None:
    """The first reason why the account may not deal these legs now.

    Raises:
        Refused: `UNKNOWN_ACCOUNT`.
    """
    account = book.account(request.account)
    replaced = UNSET if links is None else links.replaces
    if isinstance(replaced, str) and replaced not in account.open_orders:
        return reject(RejectionCode.NOT_REPLACEABLE, f"It is {replaced}.")
    reach = reach_of(request, account)
    if reach.rejection is not None:
        return reach.rejection
    if reach.quantity != request.quantity or (len(dealt) > 1 and request.position_fill):
        figures = "It is taken whole, whatever position it meets."
        return reject(RejectionCode.QUOTE_MISMATCH, figures)
    case = case_of(request, account, reach, at_ns=at_ns, market=market, book=book, links=links)
    case = _priced(case, dealt)
    others = _asked_otherwise(case, dealt)
    for name, rule in RULES.items():
        rejection = rule(others.get(name, case))
        if rejection is not None:
            return rejection
    if not all(each.amount for each in dealt):
        return reject(RejectionCode.AMOUNT_TOO_SMALL)
    return None


def _quote_for(request: OrderRequest, book: Book) -> QuoteGiven | None:
    """The quote that it names, if that is there and the account's own."""
    given = book.quotes.get(request.quote or "")
    return given if given is not None and given.account == request.account else None


def _misses(
    request: OrderRequest, given: QuoteGiven | None, dealt: tuple[Dealt, ...], at_ns: int
) -> Rejection | None:
    """Why this order cannot take the quote."""
    if given is None:
        figures = f"{request.quote} was taken, ended long ago, or is another account's."
        return reject(RejectionCode.UNKNOWN_QUOTE, figures)
    if at_ns >= parse_own_stamp(given.valid_until):
        return reject(RejectionCode.QUOTE_EXPIRED, f"It ended at {given.valid_until}.")
    if (given.pair, given.quantity) != (request.pair.symbol, request.quantity_text):
        return reject(RejectionCode.QUOTE_MISMATCH, f"It is for {given.quantity} {given.pair}.")
    if not dealt:
        return reject(RejectionCode.QUOTE_MISMATCH, f"It is not for the side {request.side}.")
    return None


def _priced(case: Case, dealt: tuple[Dealt, ...]) -> Case:
    """The order at the quote's price and on its dates."""
    if not dealt:
        return case
    opens = case.opens if len(dealt) == 1 else case.quantity  # a swap reduces nothing
    return msgspec.structs.replace(
        case,
        amount=dealt[-1].amount,
        movements=movements_of(dealt, case.request.pair),
        opens=opens,
    )


def _asked_otherwise(case: Case, dealt: tuple[Dealt, ...]) -> Mapping[str, Case]:
    """The rules that have to be asked about something else than the whole order."""
    # What makes a position smaller may still be more to deliver on a date of its own.
    others = {"settlement": msgspec.structs.replace(case, opens=case.quantity)}
    if len(dealt) > 1:
        request = msgspec.structs.replace(case.request, quantity=Quantity(0))
        received = sum(each.received for each in dealt)
        points = Amount(-received if request.side == "buy" else received)
        net = msgspec.structs.replace(case, request=request, quantity=Quantity(0), amount=points)
        others |= dict.fromkeys(_NET, net)
    return others
