"""The window: what people look at; the page itself is built from frontend/."""

from tallystick.web.events import (
    AlertRow,
    Head,
    Logs,
    OrderRow,
    Orders,
    PriceRow,
    Prices,
)
from tallystick.web.live import LiveHub, live_route
from tallystick.web.pages import page_routes

__all__ = [
    "AlertRow",
    "Head",
    "LiveHub",
    "Logs",
    "OrderRow",
    "Orders",
    "PriceRow",
    "Prices",
    "live_route",
    "page_routes",
]
