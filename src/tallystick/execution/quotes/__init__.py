"""Where prices come from: one source a file, one board that knows the newest quote of each pair."""

from tallystick.execution.quotes.ages import MAX_AGES, MaxAges, max_age_ns
from tallystick.execution.quotes.best import BestOf
from tallystick.execution.quotes.board import QuoteBoard
from tallystick.execution.quotes.ecb import EcbAnchored
from tallystick.execution.quotes.feed import PriceFeed
from tallystick.execution.quotes.provider import LiquidityProvider, Provider
from tallystick.execution.quotes.quote import Level, Quote
from tallystick.execution.quotes.source import Drops, LiveSource, Sink, Source
from tallystick.execution.quotes.ticks import LeanTicks

SOURCES = {"ecb": EcbAnchored, "provider": LiquidityProvider, "ticks": LeanTicks}
"""Every kind of price source by its name in the settings."""

__all__ = [
    "MAX_AGES",
    "SOURCES",
    "BestOf",
    "Drops",
    "EcbAnchored",
    "LeanTicks",
    "Level",
    "LiquidityProvider",
    "LiveSource",
    "MaxAges",
    "PriceFeed",
    "Provider",
    "Quote",
    "QuoteBoard",
    "Sink",
    "Source",
    "max_age_ns",
]
