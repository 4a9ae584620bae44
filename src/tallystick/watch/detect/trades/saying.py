"""How the simulated desk's entries say an order, a quote and a rejection."""

from typing import Final

from msgspec import UNSET

from tallystick.clock import rfc3339
from tallystick.watch.detect.trades import entries
from tallystick.watch.detect.trades.client import Working
from tallystick.watch.detect.trades.market import SOURCE, Ticker

REASONS: Final = {
    "INSUFFICIENT_MARGIN": "The account has not the margin that the order needs.",
    "PRICE_OUT_OF_COLLAR": "The limit price is too far from the market.",
    "QUANTITY_TOO_LARGE": "The quantity is above the account's limit for one order.",
    "DUPLICATE_ORDER": "The same order came too often within the duplicate window.",
    "POSITION_LIMIT": "The account's net open position would go above its limit.",
    "MARKET_CLOSED": "The market is closed.",
}
"""Why orders are rejected here, in the product's words."""


def order_said(working: Working, state: str) -> entries.Order:
    """The order as an entry says it, in this state."""
    return entries.Order(
        account=working.client.name,
        client_order_id=working.client_order_id,
        expires_at=working.expires_at or UNSET,
        id=working.id,
        pair=working.pair,
        price=working.price_text,
        quantity=working.quantity_text,
        side=working.side,
        state=state,
        time_in_force=working.time_in_force,
        type="market" if working.price_text is None else "limit",
    )


def quote_said(ticker: Ticker) -> entries.Quote:
    """The pair as it is quoted now."""
    bid, ask = ticker.texts()
    return entries.Quote(ask, rfc3339(ticker.at_ns), bid, SOURCE)


def rejection_said(code: str) -> entries.Rejection:
    """Why an order is rejected."""
    return entries.Rejection(code=code, reason=REASONS[code])
