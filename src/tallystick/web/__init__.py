"""The window: what people look at; the page itself is built from frontend/."""

from tallystick.web.events import (
    AlertRow,
    Head,
    IncidentNews,
    Logs,
    MarginRow,
    OrderRow,
    Orders,
    PriceRow,
    Prices,
    TradingStateRow,
)
from tallystick.web.live import LiveHub, live_route
from tallystick.web.pages import page_routes

__all__ = [
    "AlertRow",
    "Head",
    "IncidentNews",
    "LiveHub",
    "Logs",
    "MarginRow",
    "OrderRow",
    "Orders",
    "PriceRow",
    "Prices",
    "TradingStateRow",
    "live_route",
    "page_routes",
]
