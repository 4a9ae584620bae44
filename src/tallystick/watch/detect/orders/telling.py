"""What findings about orders have in common: positions, examples, contributions in words."""

import math
from typing import TypeGuard

from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.watch.detect.feature import Feature
from tallystick.watch.detect.observation import Observation, OrderSeen
from tallystick.watch.detect.orders.look import Out
from tallystick.watch.detect.score import P_VALUE_MIN, Contribution, Example

_UNITS = ((86_400.0, "day"), (3_600.0, "hour"), (60.0, "minute"), (1.0, "second"))


def order(seen: Observation) -> OrderSeen:
    """The observation, which is one of an order: only such rows are ever found odd.

    Raises:
        TypeError: it is another: a programmer's error.
    """
    if not _is_order(seen):
        raise TypeError(f"{type(seen).__name__} is no order")
    return seen


def _is_order(seen: Observation) -> TypeGuard[OrderSeen]:
    return type(seen) is OrderSeen


def case(out: Out, row: int) -> tuple[int, ...]:
    """The ledger positions that make the case, oldest first, each once."""
    told = [position for position in out.case[row].tolist() if position >= 0]
    return tuple(sorted(set(told)))


def example(out: Out, row: int, text: str) -> Example | None:
    """The nearest ordinary observation: `text` with the time of day behind it."""
    position, at = int(out.example_position[row]), float(out.example_at[row])
    if position < 0:
        return None
    stamp = rfc3339(round(at * NS_PER_SECOND))
    return Example(stamp, f"{text} at {stamp[11:19]}", position)


def nearer(number: float, usual: float, came: float) -> bool:
    """Whether a size is, by its ratio, nearer to what is usual than to the odd one that came.

    An earlier mistake stays in the habit for a while. It is told neither as the end of what is
    usual nor as the ordinary example.
    """
    return number * number <= usual * came


def contribution(
    feature: Feature, came: float, low: float, high: float, p_value: float
) -> Contribution:
    """One feature's part in the surprise."""
    return Contribution(
        feature.name, feature.unit, short(came), short(low), short(high), surprise(p_value)
    )


def surprise(p_value: float) -> float:
    """-log10 of a p-value, 0 to 12."""
    return round(-math.log10(min(max(p_value, P_VALUE_MIN), 1.0)), 3)


def share(number: float, of: float) -> float:
    """A share, 0 where there is nothing to have a share of."""
    return number / of if of > 0 else 0.0


def span(seconds: float) -> str:
    """`1 second`, `10 seconds`, `1 hour`, `2 days`."""
    for size, unit in _UNITS:
        if seconds >= size:
            number = round(seconds / size)
            return f"{number} {unit}{'' if number == 1 else 's'}"
    return "no time"


def short(number: float) -> float:
    """To six significant digits: nobody reads more."""
    return float(f"{number:.6g}") if math.isfinite(number) else 0.0
