"""What a rule is asked about."""

from collections.abc import Callable

import msgspec

from tallystick.execution.accounts import Account
from tallystick.execution.entries import Rejection
from tallystick.execution.quotes.quote import Quote
from tallystick.execution.request import OrderRequest
from tallystick.money import Amount, Price

Usd = Callable[[str, int], Amount | None]
"""(currency, minor units) -> US cents at the mid, None where there is no price."""


class Case(msgspec.Struct, frozen=True, gc=False):
    """One order in front of the rules: all they may look at."""

    request: OrderRequest
    account: Account
    quote: Quote | None
    at_ns: int
    stopped: bool
    usd: Usd

    @property
    def worst_price(self) -> Price:
        """The limit, or for a market order the side of the quote it would take, in points."""
        if self.request.price is not None:
            return self.request.price
        assert self.quote is not None, "the price_age rule comes first"  # noqa: S101
        return self.quote.ask if self.request.side == "buy" else self.quote.bid


Rule = Callable[[Case], Rejection | None]
