"""What an order type answers."""

from collections.abc import Callable

import msgspec

from tallystick.execution.entries import OrderState, Rejection
from tallystick.execution.quotes.quote import Quote
from tallystick.execution.request import OrderRequest
from tallystick.money import Price


class Execution(msgspec.Struct, frozen=True, gc=False):
    """The order's new state; filled whole at `price`, or not at all."""

    state: OrderState
    price: Price | None = None
    rejection: Rejection | None = None


Execute = Callable[[OrderRequest, Quote], Execution]
