"""Puts load on a server over HTTP and says honestly how long its answers took."""

from tallystick.wiring.load.check import Check, check_orders
from tallystick.wiring.load.histogram import Histogram
from tallystick.wiring.load.market import Price, prices_of
from tallystick.wiring.load.orders import KINDS, orders_of
from tallystick.wiring.load.plan import Mix, Plan, parse_mix
from tallystick.wiring.load.put import put_load
from tallystick.wiring.load.result import Result
from tallystick.wiring.load.run import Progress

__all__ = [
    "KINDS",
    "Check",
    "Histogram",
    "Mix",
    "Plan",
    "Price",
    "Progress",
    "Result",
    "check_orders",
    "orders_of",
    "parse_mix",
    "prices_of",
    "put_load",
]
