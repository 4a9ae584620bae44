"""What a rule is asked about."""

from collections.abc import Callable

import msgspec

from tallystick.execution.accounts import Account
from tallystick.execution.entries import Rejection
from tallystick.execution.quotes.quote import Quote
from tallystick.execution.request import OrderRequest
from tallystick.money import Amount

Usd = Callable[[str, int], Amount | None]
"""(currency, minor units) -> US cents at the mid, None where there is no price."""


class Case(msgspec.Struct, frozen=True, gc=False):
    """One order in front of the rules: all they may look at."""

    request: OrderRequest
    account: Account
    quote: Quote | None
    amount: Amount
    """What the whole order would cost or bring at its limit, or at the market: minor units of the
    quote currency; 0 without a quote, which the price_age rule rejects first."""
    at_ns: int
    stopped: bool
    usd: Usd


Rule = Callable[[Case], Rejection | None]
