"""Requests for quotes: spot, outright and swap, given for some seconds, and taken at most once."""

from tallystick.execution.rfq.asked import AskQuote, QuoteRequest, dates_of, parse_asked
from tallystick.execution.rfq.giving import give
from tallystick.execution.rfq.naming import quote_id, quote_position, unknown_quote
from tallystick.execution.rfq.points import ParityPoints, PointsSource, dealt_tenors
from tallystick.execution.rfq.taking import decide_quoted

__all__ = [
    "AskQuote",
    "ParityPoints",
    "PointsSource",
    "QuoteRequest",
    "dates_of",
    "dealt_tenors",
    "decide_quoted",
    "give",
    "parse_asked",
    "quote_id",
    "quote_position",
    "unknown_quote",
]
