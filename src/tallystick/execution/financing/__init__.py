"""Overnight: open positions go from one value date to the next, and what that costs or brings."""

from tallystick.execution.financing.end_of_day import EndOfDay
from tallystick.execution.financing.rates import SHIPPED, Rates, parse_rates
from tallystick.execution.financing.roll import next_date, rolls

__all__ = ["SHIPPED", "EndOfDay", "Rates", "next_date", "parse_rates", "rolls"]
