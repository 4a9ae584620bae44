"""What a rule is asked about."""

from collections.abc import Callable

import msgspec

from tallystick.execution.book import Account, Economics, Limits
from tallystick.execution.entries import Rejection, TradingState
from tallystick.execution.quotes.quote import Quote
from tallystick.execution.request import OrderRequest
from tallystick.execution.working import Working
from tallystick.money import Amount, Quantity

Usd = Callable[[str, int], Amount | None]
"""(currency, minor units) -> US cents at the mid, None where there is no price."""


class Movement(msgspec.Struct, frozen=True, gc=False):
    """What a fill would settle: `amount` (signed minor units) of a currency on a value date."""

    value_date: str
    currency: str
    amount: int


class Case(msgspec.Struct, frozen=True, gc=False):
    """One order in front of the rules: all they may look at.

    `quantity` is what of the order may execute (less than asked where it only reduces), `opens`
    what of that would open or add to a position; both minor units of the base currency. `state` is
    the trading state and `limits` the tightest limits that it is under. `session_open` is whether
    the market is open, where that matters for the source of the prices. `replaced` is the working
    order in whose place it comes. `is_message` is False for what comes with another order, which
    is one message with it. `where` is the scope that the trading state comes from, in words.
    `movements` are what its fill would settle, where that is not one spot date.
    """

    request: OrderRequest
    account: Account
    quote: Quote | None
    amount: Amount
    """What the whole order would cost or bring at its limit, or at the market: minor units of the
    quote currency; 0 without a quote, which the price_age rule rejects first."""
    at_ns: int
    state: TradingState
    usd: Usd
    limits: Limits
    quantity: Quantity
    opens: int
    session_open: bool = True
    replaced: Working | None = None
    is_message: bool = True
    where: str = ""
    movements: tuple[Movement, ...] = ()

    @property
    def economics(self) -> Economics:
        """What tells the order from another one that asks for the same."""
        request = self.request
        price = request.price or request.distance or request.stop
        return request.pair.symbol, request.side, request.quantity, request.type, price

    @property
    def freed(self) -> int:
        """Units that the replaced order had reserved, on its own side of its pair."""
        old = self.replaced
        reserved = old is not None and not old.reduces
        return old.quantity if old is not None and reserved else 0

    @property
    def released(self) -> int:
        """The same, where they were on the side and in the pair of this order; else 0."""
        old, request = self.replaced, self.request
        if old is None or (old.order.side, old.order.pair) != (request.side, request.pair.symbol):
            return 0
        return self.freed

    @property
    def only_reduces(self) -> bool:
        """Whether its fill can do nothing but make a position smaller.

        Working orders of the same side may have closed the position by then, so what they leave
        of it counts; an order that may only reduce never does more.
        """
        if self.opens:
            return False
        request = self.request
        if request.position_fill == "reduce_only":
            return True
        pending = self.account.pending.get(request.pair.symbol)
        if pending is None:
            return True
        reserved = pending.buying if request.side == "buy" else pending.selling
        reserved -= self.released
        if not reserved:
            return True
        held = self.account.reducible(request.pair.symbol, request.side, request.trade)
        return self.quantity + reserved <= held


Rule = Callable[[Case], Rejection | None]
