"""What would become of an order, and what it would cost: a dry run on the book as it stands. Pure.

It asks what `decide` asks, and goes on where `decide` stops at the first reason. Nothing is
written and nothing is reserved: another order may come in between.
"""

from collections.abc import Iterator

import msgspec

from tallystick.execution.book import FLAT, Account, Book
from tallystick.execution.decide import decide, fill, outcome_of
from tallystick.execution.entries import Fill, OrderState, Posting, QuoteSeen, Rejection
from tallystick.execution.headroom import Headroom, MarginImpact, headroom_of, impact_of
from tallystick.execution.market import Market, seen
from tallystick.execution.match import Executed
from tallystick.execution.outcome import REJECTED, Outcome
from tallystick.execution.placing import reject_linked
from tallystick.execution.reach import reach_of
from tallystick.execution.rejections import RejectionCode, reject
from tallystick.execution.request import OrderRequest
from tallystick.execution.rules import RULES, Case
from tallystick.execution.screening import Links, case_of, screen
from tallystick.fx import currency, spot_date, trade_date
from tallystick.money import Price, Quantity, divide_half_up, format_decimal, parse_own

Filled = tuple[tuple[Fill, ...], tuple[Posting, ...]]
HOME_DEFAULT = "USD"
"""In which costs are told of an account without a home currency."""


class Money(msgspec.Struct, frozen=True):
    """An amount of a currency, with exactly its digits."""

    currency: str
    amount: str


class ExpectedFill(msgspec.Struct, frozen=True):
    """One level of the market that the order would take."""

    price: str
    quantity: str
    amount: str


class PositionChange(msgspec.Struct, frozen=True):
    """Net units of the pair's base currency now, and if the order were filled whole."""

    before: str
    after: str


class LinkedCheck(msgspec.Struct, frozen=True):
    """An order that would come with it, and why it would be rejected."""

    client_order_id: str
    rejections: tuple[Rejection, ...]


class Precheck(msgspec.Struct, frozen=True):
    """What would become of an order that is placed now.

    `rejections` are all reasons, in the order in which they are asked; the first would stand.
    `fills` is what it would take at once, also where a rule forbids it. `amount` is what these
    come to, or (nothing would be filled at once) the whole order at its own price. `cost` is what
    the spread takes against the mid, in the account's home currency; null where no price leads
    there. `value_date` is the day on which a fill of now would settle. `margin` is null for an
    account without a margin profile. `limits` are the account's, the nearest first. `position` is
    the size of the ledger that this was found on.
    """

    accepted: bool
    state: OrderState
    rejections: tuple[Rejection, ...]
    quote: QuoteSeen | None
    fills: tuple[ExpectedFill, ...]
    average_price: str | None
    amount: Money | None
    cost: Money | None
    value_date: str
    net_position: PositionChange
    margin: MarginImpact | None
    limits: tuple[Headroom, ...]
    linked: tuple[LinkedCheck, ...]
    position: int


class _Found(msgspec.Struct, frozen=True):
    """What the market would do with the order, and why it would be rejected."""

    state: OrderState
    executed: tuple[Executed, ...]
    fills: tuple[Fill, ...]
    rejections: tuple[Rejection, ...]


def precheck(request: OrderRequest, *, at_ns: int, market: Market, book: Book) -> Precheck:
    """The dry run of an order at a time, on the market and the book as they stand.

    Raises:
        Refused: `UNKNOWN_ACCOUNT`.
    """
    account = book.account(request.account)
    reach = reach_of(request, account)
    case = case_of(request, account, reach, at_ns=at_ns, market=market, book=book)
    if request.type == "quoted":
        found = _quoted(request, at_ns, market, book)
    else:
        found = _dealt(case, reach.rejection, book)
    linked = tuple(_linked(request, at_ns, market, book))
    rejections = _each_once((*found.rejections, *_of_linked(linked)))
    return Precheck(
        accepted=not rejections,
        state="rejected" if rejections else found.state,
        rejections=rejections,
        quote=None if market.quote is None else seen(market.quote, request.pair),
        fills=tuple(ExpectedFill(each.price, each.quantity, each.amount) for each in found.fills),
        average_price=_average(case, found.executed),
        amount=_amount(case, found.fills),
        cost=_cost(case, found.executed, market),
        value_date=_value_date(case, found.fills),
        net_position=_positions(case, account),
        margin=impact_of(case),
        limits=headroom_of(case, waits=found.state in {"new", "partially_filled"}),
        linked=linked,
        position=book.size,
    )


def _dealt(case: Case, reach: Rejection | None, book: Book) -> _Found:
    """What an order takes of the market, and every reason against it."""
    request, outcome = case.request, REJECTED
    if case.quote is not None:
        outcome = outcome_of(request, case.account, case.quote, None)
    filled: Filled | None = ((), ())
    if outcome.executed:
        filled = fill(
            request.account, request.pair, request.side, outcome.executed,
            position=book.size, at_ns=case.at_ns,
        )  # fmt: skip
    fills = None if filled is None else filled[0]
    reasons = tuple(_reasons(case, reach, outcome, fills))
    return _Found(outcome.state, outcome.executed, fills or (), reasons)


def _quoted(request: OrderRequest, at_ns: int, market: Market, book: Book) -> _Found:
    """What taking a quote that was asked for comes to: its first reason is the only one."""
    entry = decide(request, None, position=book.size, at_ns=at_ns, market=market, book=book)
    reasons = () if entry.rejection is None else (entry.rejection,)
    executed: tuple[Executed, ...] = ()
    if len(entry.fills) == 1:  # the legs of a swap have no average
        (only,) = entry.fills
        executed = ((Price(parse_own(only.price)), Quantity(parse_own(only.quantity))),)
    return _Found(entry.order.state, executed, entry.fills, reasons)


def _each_once(rejections: tuple[Rejection, ...]) -> tuple[Rejection, ...]:
    """The first of each code, in their order."""
    found: dict[str, Rejection] = {}
    for each in rejections:
        found.setdefault(each.code, each)
    return tuple(found.values())


def _of_linked(linked: tuple[LinkedCheck, ...]) -> tuple[Rejection, ...]:
    """The first order that comes with it and would be rejected, as a reason against all."""
    for each in linked:
        if each.rejections:
            return (reject_linked(each.client_order_id, each.rejections[0]),)
    return ()


def _reasons(
    case: Case, reach: Rejection | None, outcome: Outcome, fills: tuple[Fill, ...] | None
) -> Iterator[Rejection]:
    """Every reason to reject, in the order in which `decide` asks for them."""
    request = case.request
    if request.expires_ns is not None and request.expires_ns <= case.at_ns:
        yield reject(RejectionCode.ALREADY_EXPIRED)
    if reach is not None:
        yield reach
    for rule in RULES.values():
        rejection = rule(case)
        if rejection is not None:
            yield rejection
            if case.quote is None:
                return  # what is asked behind it takes a price for granted
    if outcome.rejection is not None:
        yield outcome.rejection
    if fills is None:
        yield reject(RejectionCode.AMOUNT_TOO_SMALL)


def _linked(request: OrderRequest, at_ns: int, market: Market, book: Book) -> Iterator[LinkedCheck]:
    child = Links(parent="", suspended=True)
    for each in request.linked:
        links = None if each is request.oco else child
        found = screen(each, at_ns=at_ns, market=market, book=book, waits_for=links)
        yield LinkedCheck(each.client_order_id, () if found is None else (found,))


def _average(case: Case, executed: tuple[Executed, ...]) -> str | None:
    """The average price through depth: rounded once, half up, to the pair's points."""
    quantity = sum(size for _price, size in executed)
    if not quantity:
        return None
    total = sum(price * size for price, size in executed)
    return format_decimal(divide_half_up(total, quantity), case.request.pair.price_digits)


def _amount(case: Case, fills: tuple[Fill, ...]) -> Money | None:
    traded = case.request.pair
    total = sum(parse_own(each.amount) for each in fills) or case.amount
    if not total:
        return None
    return Money(traded.quote, format_decimal(total, traded.quote_digits))


def _cost(case: Case, executed: tuple[Executed, ...], market: Market) -> Money | None:
    """How much worse the fills are than the mid: exact, rounded once, half up."""
    if case.quote is None:
        return None
    traded = case.request.pair
    home = case.account.configuration.home or HOME_DEFAULT
    rate = market.rate(traded.quote, home)
    if rate is None:
        return None
    sign = 1 if case.request.side == "buy" else -1
    twice_mid = case.quote.twice_mid
    twice = sum(sign * (2 * price - twice_mid) * size for price, size in executed)
    shift = traded.quote_digits - traded.price_digits - traded.base_digits
    numerator = twice * rate[0] * _power(shift)
    denominator = 2 * rate[1] * _power(-shift)
    digits = currency(home).minor_digits
    return Money(home, format_decimal(divide_half_up(numerator, denominator), digits))


def _power(digits: int) -> int:
    power: int = 10 ** max(0, digits)
    return power


def _value_date(case: Case, fills: tuple[Fill, ...]) -> str:
    if fills:
        return fills[0].value_date
    traded = case.request.pair
    return spot_date(traded, trade_date(case.at_ns, traded)).isoformat()


def _positions(case: Case, account: Account) -> PositionChange:
    traded = case.request.pair
    before = account.positions.get(traded.symbol, FLAT).net
    units = case.quantity if case.request.side == "buy" else -case.quantity
    texts = (format_decimal(each, traded.base_digits) for each in (before, before + units))
    return PositionChange(*texts)
