"""Who is let in: an order in front of the rules, before anything is known of its price. Pure."""

import msgspec
from msgspec import UNSET, UnsetType

from tallystick.execution.book import Account, Book
from tallystick.execution.entries import Rejection
from tallystick.execution.market import Market, amount_of
from tallystick.execution.quotes.quote import Quote
from tallystick.execution.reach import Reach, reach_of
from tallystick.execution.rejections import RejectionCode, reject
from tallystick.execution.request import OrderRequest
from tallystick.execution.rules import RULES, Case
from tallystick.money import Amount

_RULES = tuple(RULES.values())
_PARTICULAR = frozenset(
    {
        "reference_data", "session", "trading_state", "message_rate", "order_value", "margin",
        "settlement", "throttle",
    }
)  # fmt: skip
"""Rules that have nothing to say of most orders; `_is_plain` knows which."""
_PLAIN_RULES = tuple(rule for name, rule in RULES.items() if name not in _PARTICULAR)


class Links(msgspec.Struct, frozen=True, gc=False):
    """What ties an order to others, and who placed it where that was no client.

    `parent` waits to be filled while `suspended`; otherwise it was filled already.
    """

    parent: str | UnsetType = UNSET
    oco: str | UnsetType = UNSET
    replaces: str | UnsetType = UNSET
    suspended: bool = False
    by: str | UnsetType = UNSET


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
    for rule in _PLAIN_RULES if _is_plain(case) else _RULES:
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


def _is_plain(case: Case) -> bool:
    """Whether none of the particular rules can reject the order: not one of them is asked."""
    limits = case.limits
    return (
        limits.messages_per_second is None
        and limits.order_usd_max is None
        and limits.settlement_usd_max is None
        and limits.executions_max is None
        and case.account.configuration.margin is None
        and case.state == "active"
        and case.session_open
        and case.request.pair.settlement == "deliverable"
    )


def _amount_at_worst(request: OrderRequest, quote: Quote | None) -> Amount:
    """The whole order at its limit, or at the side of the quote that a market order takes."""
    if quote is None:
        return Amount(0)
    market = quote.ask if request.side == "buy" else quote.bid
    return amount_of(request.quantity, request.price or request.stop or market, request.pair)
