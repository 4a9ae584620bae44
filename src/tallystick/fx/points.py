"""Forward points: what a trade for another day than spot costs beside the spot price.

Points are the difference of two prices, signed: the sign is kept, never guessed from which side is
larger. They are quoted in pips for each tenor, a bid and an ask. Beyond spot they are added to the
spot price side by side. ON and TN lie before spot, so their points are taken off, and the sides
change places: who buys for tomorrow buys at spot and swaps backwards.

Between two dates points are interpolated linearly in calendar days, as exact fractions. A price is
rounded once, at the end, to the points of the pair and outwards: the bid down, the ask up.
"""

from bisect import bisect_left
from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from math import ceil, floor
from typing import Final

import msgspec

from tallystick.errors import Refused
from tallystick.fx.cross import TwoWay
from tallystick.fx.pairs import Pair
from tallystick.fx.tenors import TENORS, Tenor, check_value_date, value_dates
from tallystick.money import Price, parse_decimal

EXTRA_DIGITS_MAX: Final = 6
"""Most decimal places that points may have beyond the pair's price."""


class Points(msgspec.Struct, frozen=True, gc=False):
    """Signed forward points: units of 10**-(price_digits + the curve's `extra_digits`)."""

    bid: int
    ask: int


class Node(msgspec.Struct, frozen=True):
    """What is added to spot for one value date: zero for spot itself, exact between tenors."""

    value_date: date
    bid: Fraction
    ask: Fraction


class Curve(msgspec.Struct, frozen=True):
    """Dated points of one pair on one trade date: `nodes` from the earliest date to the latest.

    The nodes' points are counted in the pair's price points.
    """

    pair: Pair
    trade_date: date
    nodes: tuple[Node, ...]


def parse_points(text: str, pair: Pair, extra_digits: int = 0) -> int:
    """Points written in pips ("61.9", "-12.3") as units of the pair's price.

    With `extra_digits`, of 10**-`extra_digits` of it: FIX's LastForwardPoints 0.006199 of EUR/USD
    is "61.99" pips, and with one extra digit 6199.

    Raises:
        Refused: `AMOUNT_MALFORMED`, `AMOUNT_TOO_PRECISE`.
    """
    return parse_decimal(text, pair.price_digits - pair.pip_digits + extra_digits)


def curve(
    pair: Pair, trade_date: date, quoted: Mapping[Tenor, Points], extra_digits: int = 0
) -> Curve:
    """The curve through the points `quoted` for each tenor, at the dates that they have today.

    Tenors that cannot be dealt on the day (TN where ON reaches spot) must not be among them.

    Raises:
        Refused: `POINTS_UNUSABLE`, a bid above its ask, a tenor that has no points, TN missing
            before ON; and what `value_dates` raises.
    """
    if not 0 <= extra_digits <= EXTRA_DIGITS_MAX:
        raise _unusable(f"points have 0 to {EXTRA_DIGITS_MAX} digits more than the price")
    unit = 10**extra_digits
    spot = value_dates(pair, trade_date, "SPOT")[0]
    nodes = {spot: Node(spot, Fraction(0), Fraction(0))}
    for tenor, points in sorted(quoted.items(), key=lambda item: _order(item[0])):
        if points.bid > points.ask:
            raise _unusable(f"the bid of {tenor}, {points.bid}, is above its ask, {points.ask}")
        near, far = value_dates(pair, trade_date, tenor)
        bid, ask = Fraction(points.bid, unit), Fraction(points.ask, unit)
        if far > spot:
            nodes[far] = Node(far, bid, ask)
            continue
        if far not in nodes:
            raise _unusable(f"{tenor} leads to {far}, from where TN must lead to spot")
        nodes[near] = Node(near, nodes[far].bid - ask, nodes[far].ask - bid)
    return Curve(pair, trade_date, tuple(nodes[day] for day in sorted(nodes)))


def outright(pair: Pair, spot: TwoWay, curve: Curve, value_date: date) -> TwoWay:
    """The price of `pair` for `value_date`: spot plus the points of that day, rounded outwards.

    Raises:
        Refused: `POINTS_MISSING`, the curve does not reach that day; `POINTS_UNUSABLE`, the price
            would not be above zero; and what `check_value_date` raises.
        ValueError: spot or curve are those of another pair.
    """
    if pair != spot.pair or pair != curve.pair:
        raise ValueError(f"{spot.pair.symbol} and {curve.pair.symbol} do not price {pair.symbol}")
    check_value_date(pair, curve.trade_date, value_date)
    found = points_on(curve, value_date)
    bid, ask = floor(spot.bid + found.bid), ceil(spot.ask + found.ask)
    if bid <= 0:
        raise _unusable(f"{pair.symbol} for {value_date} would cost nothing")
    return TwoWay(pair, Price(bid), Price(ask))


def swap_points(curve: Curve, near: date, far: date) -> tuple[Fraction, Fraction]:
    """The bid and ask of a swap from `near` to `far`, exact, in price points.

    The spot price is the same in both legs, so only points remain: the far leg's bid less the near
    leg's ask. A leg at spot costs nothing by itself.

    Raises:
        Refused: what `points_on` raises.
    """
    first, second = points_on(curve, near), points_on(curve, far)
    return second.bid - first.ask, second.ask - first.bid


def points_on(curve: Curve, day: date) -> Node:
    """The points of one day, exact; between two dates linear in days.

    Raises:
        Refused: `POINTS_MISSING`, the day lies outside the curve: nothing is extrapolated.
    """
    nodes = curve.nodes
    if not nodes[0].value_date <= day <= nodes[-1].value_date:
        reach = f"from {nodes[0].value_date} to {nodes[-1].value_date}"
        raise Refused(
            "POINTS_MISSING",
            f"The forward points of {curve.pair.symbol} reach {reach}, not {day}.",
            field="value_date",
        )
    place = bisect_left(nodes, day, key=lambda node: node.value_date)
    after = nodes[place]
    if after.value_date == day:
        return after
    before = nodes[place - 1]
    share = Fraction((day - before.value_date).days, (after.value_date - before.value_date).days)
    return Node(
        day,
        before.bid + (after.bid - before.bid) * share,
        before.ask + (after.ask - before.ask) * share,
    )


def _order(tenor: Tenor) -> int:
    """TN before ON, which starts from its end; the rest as they come."""
    if tenor not in TENORS:
        raise _unusable(f"{tenor} has no forward points")
    return {"TN": -2, "ON": -1}.get(tenor, TENORS.index(tenor))


def _unusable(what: str) -> Refused:
    return Refused("POINTS_UNUSABLE", f"The forward points cannot be used: {what}.")
