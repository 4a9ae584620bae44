"""Where prices come from: one source a file, one board that knows the newest quote of each pair."""

from tallystick.execution.quotes.board import QuoteBoard
from tallystick.execution.quotes.ecb import EcbAnchored
from tallystick.execution.quotes.quote import Quote, Source
from tallystick.execution.quotes.ticks import LeanTicks

SOURCES = {"ecb": EcbAnchored, "ticks": LeanTicks}

__all__ = ["SOURCES", "EcbAnchored", "LeanTicks", "Quote", "QuoteBoard", "Source"]
