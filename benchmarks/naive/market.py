"""Quotes and value dates of the naive peer: fixed prices, and two week days to settlement."""

from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

SPOT_DAYS = 2
FRIDAY = 4

QUOTES = {
    "EUR/USD": (Decimal("1.08240"), Decimal("1.08250")),
    "GBP/USD": (Decimal("1.26410"), Decimal("1.26430")),
    "AUD/USD": (Decimal("0.65780"), Decimal("0.65800")),
    "USD/JPY": (Decimal("151.320"), Decimal("151.340")),
}
"""Bid and ask of each pair that is traded."""

MINOR_UNIT = {"JPY": Decimal(1)}
CENT = Decimal("0.01")


def quote_amount(quantity: Decimal, price: Decimal, currency: str) -> Decimal:
    """What `quantity` costs at `price`, rounded to the currency's minor unit."""
    return (quantity * price).quantize(MINOR_UNIT.get(currency, CENT), ROUND_HALF_UP)


def spot_date(trade_date: date) -> date:
    """Two week days after the trade."""
    day, left = trade_date, SPOT_DAYS
    while left:
        day += timedelta(days=1)
        left -= day.weekday() <= FRIDAY
    return day
