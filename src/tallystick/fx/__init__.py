"""The conventions: currencies, pairs, calendars, value dates and cross rates; pure, with tables."""

from tallystick.fx.calendars import is_good_day, is_provisional, use_overrides, why_closed
from tallystick.fx.cross import TwoWay, cross
from tallystick.fx.currencies import CURRENCIES, Currency, currency
from tallystick.fx.dates import SpotDates, SpotStep, explain_spot, spot_date
from tallystick.fx.pairs import (
    FIXINGS,
    INSTRUMENTS,
    PAIRS,
    Fixing,
    Pair,
    instrument,
    pair,
    parse_instrument,
    parse_pair,
)
from tallystick.fx.points import Curve, Node, Points, curve, outright, parse_points, swap_points
from tallystick.fx.session import Session, end_of_day_ns, session, trade_date
from tallystick.fx.tenors import (
    TENORS,
    Tenor,
    ValueDates,
    check_value_date,
    explain,
    explain_date,
    parse_tenor,
    value_dates,
)

__all__ = [
    "CURRENCIES",
    "FIXINGS",
    "INSTRUMENTS",
    "PAIRS",
    "TENORS",
    "Currency",
    "Curve",
    "Fixing",
    "Node",
    "Pair",
    "Points",
    "Session",
    "SpotDates",
    "SpotStep",
    "Tenor",
    "TwoWay",
    "ValueDates",
    "check_value_date",
    "cross",
    "currency",
    "curve",
    "end_of_day_ns",
    "explain",
    "explain_date",
    "explain_spot",
    "instrument",
    "is_good_day",
    "is_provisional",
    "outright",
    "pair",
    "parse_instrument",
    "parse_pair",
    "parse_points",
    "parse_tenor",
    "session",
    "spot_date",
    "swap_points",
    "trade_date",
    "use_overrides",
    "value_dates",
    "why_closed",
]
