"""How numbers read in a sentence for a trader."""

import math

from tallystick.watch.detect.observation import OrderSeen
from tallystick.watch.detect.score import P_VALUE_MIN

_UNITS = ((1e9, "billion"), (1e6, "million"), (1e3, "thousand"))
_DONE = {"buy": "bought", "sell": "sold"}


def once_in(p_value: float) -> str:
    """`once in 3 million`: how often an ordinary point would be this odd."""
    if p_value <= P_VALUE_MIN:
        return "less than once in a trillion"
    often = 1 / p_value
    for size, unit in _UNITS:
        if often >= size:
            return f"once in {grouped(rounded(often / size, 1))} {unit}"
    return f"once in {often:.0f}"


def rounded(number: float, digits: int = 2) -> float:
    """`number` (not negative) to this many significant digits."""
    if number <= 0:
        return 0.0
    return round(number, digits - 1 - math.floor(math.log10(number)))


def grouped(number: float) -> str:
    """`2,100,000` or `0.25`: thousands grouped, no idle decimals."""
    text = f"{number:,.2f}"
    return text.rstrip("0").rstrip(".")


def deed(order: OrderSeen) -> str:
    """`bought`, `tried to buy` or `ordered to buy`: what the account did with this order."""
    if order.state == "filled":
        return _DONE.get(order.side, order.side)
    verb = "ordered" if order.state == "new" else "tried"
    return f"{verb} to {order.side}"


def percent(share: float) -> str:
    """`4.6 %` of a share; small shares keep a digit that says something."""
    return f"{grouped(rounded(share * 100))} %"
