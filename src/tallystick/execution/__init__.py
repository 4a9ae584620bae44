"""The decision: order + quote + rules + account -> fill or rejection, and the desk around it."""

from tallystick.execution.batch import Recorded
from tallystick.execution.book import HOUSE, Book, balances_text
from tallystick.execution.desk import Desk
from tallystick.execution.entries import (
    Entry,
    Fill,
    LimitsText,
    Order,
    OrderDecided,
    OrderFilled,
    Rejection,
    decode,
    encode,
)
from tallystick.execution.history import History, OrderRow, TradeRow
from tallystick.execution.placed import Placed
from tallystick.execution.quotes import EcbAnchored, LeanTicks, Quote, QuoteBoard, Source
from tallystick.execution.rejections import RejectionCode
from tallystick.execution.request import OrderRequest, PlaceOrder, check_key, parse_request

__all__ = [
    "HOUSE",
    "Book",
    "Desk",
    "EcbAnchored",
    "Entry",
    "Fill",
    "History",
    "LeanTicks",
    "LimitsText",
    "Order",
    "OrderDecided",
    "OrderFilled",
    "OrderRequest",
    "OrderRow",
    "PlaceOrder",
    "Placed",
    "Quote",
    "QuoteBoard",
    "Recorded",
    "Rejection",
    "RejectionCode",
    "Source",
    "TradeRow",
    "balances_text",
    "check_key",
    "decode",
    "encode",
    "parse_request",
]
