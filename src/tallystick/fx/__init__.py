"""The conventions: currencies, pairs, calendars, value dates and cross rates; pure, with tables."""

from tallystick.fx.calendars import is_good_day, is_provisional, why_closed
from tallystick.fx.cross import TwoWay, cross
from tallystick.fx.currencies import CURRENCIES, Currency, currency
from tallystick.fx.dates import SpotDates, SpotStep, explain_spot, spot_date, trade_date
from tallystick.fx.pairs import PAIRS, Pair, pair, parse_pair

__all__ = [
    "CURRENCIES",
    "PAIRS",
    "Currency",
    "Pair",
    "SpotDates",
    "SpotStep",
    "TwoWay",
    "cross",
    "currency",
    "explain_spot",
    "is_good_day",
    "is_provisional",
    "pair",
    "parse_pair",
    "spot_date",
    "trade_date",
    "why_closed",
]
