"""Limit orders fill at their price or better; otherwise they rest or are rejected."""

from tallystick.execution.entries import Side
from tallystick.execution.orders.execution import Execution
from tallystick.execution.quotes.quote import Quote
from tallystick.execution.rejections import RejectionCode, reject
from tallystick.execution.request import OrderRequest
from tallystick.money import Price, format_decimal


def execute(request: OrderRequest, quote: Quote) -> Execution:
    """Fill at the quote when it is as good as the limit; else GTC rests, IOC and FOK reject."""
    assert request.price is not None, "a limit order has a price"  # noqa: S101
    price = marketable(request.side, request.price, quote)
    if price is not None:
        return Execution("filled", price)
    if request.time_in_force == "GTC":
        return Execution("new")
    market = quote.ask if request.side == "buy" else quote.bid
    figures = (
        f"Limit {request.price_text}, market"
        f" {format_decimal(market, request.pair.price_digits)}, {request.time_in_force}."
    )
    return Execution("rejected", rejection=reject(RejectionCode.NOT_MARKETABLE, figures))


def marketable(side: Side, limit: Price, quote: Quote) -> Price | None:
    """The price at which the quote fills such a limit now; None where it does not."""
    if side == "buy":
        return quote.ask if quote.ask <= limit else None
    return quote.bid if quote.bid >= limit else None
