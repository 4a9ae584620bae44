"""Trailing stops are stop-losses whose stop price follows the market at a distance.

The stop price moves in steps, each an entry, so that it is known after a crash and can be proved:
a step is a tenth of the distance, at least one pip.
"""

from tallystick.execution.orders.kind import WAITING, OrderKind, Terms, against, at_market, watched
from tallystick.execution.working import Condition
from tallystick.money import Price

STEPS = 10
"""Steps in one distance."""


def step(terms: Terms) -> int:
    """The least move of the stop price, in points."""
    assert terms.distance is not None, "a trailing stop has a distance"  # noqa: S101
    pip: int = 10 ** (terms.pair.price_digits - terms.pair.pip_digits)
    return max(pip, terms.distance // STEPS)


def follows(terms: Terms, now: int) -> Price:
    """The stop price when the watched price is `now` half points: rounded away from the market."""
    assert terms.distance is not None, "a trailing stop has a distance"  # noqa: S101
    if terms.side == "sell":
        return Price(now // 2 - terms.distance)
    return Price(-(-now // 2) + terms.distance)


def waits(terms: Terms) -> tuple[Condition, ...]:
    """For the stop price, and for a move that takes the stop price along."""
    assert terms.stop is not None, "it was set when the order was decided"  # noqa: S101
    assert terms.distance is not None, "a trailing stop has a distance"  # noqa: S101
    if terms.triggered:
        return (at_market(terms),)
    away = terms.distance + step(terms)
    sells = terms.side == "sell"
    best = terms.stop + away if sells else terms.stop - away
    moved = Condition(watched(terms.side, terms.trigger), sells, 2 * best)
    return (against(terms, terms.stop), moved)


KIND = OrderKind(
    needs=("distance",),
    may=("trigger", "price_bound", "trade"),
    times=WAITING,
    executes="market",
    waits=waits,
    reduces=True,
)
