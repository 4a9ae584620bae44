"""Positions: what a fill does to what an account holds in a pair. Pure.

A position is kept in units of base currency (minor units) with what they cost in quote currency
(minor units), so every figure is exact: what a part of a position cost is rounded once, half up,
and the rest keeps the remainder; when all is closed, the results add up to what was paid.
"""

import msgspec

from tallystick.money import divide_half_up


class Position(msgspec.Struct, frozen=True, gc=False):
    """One pair of one account: long and short apart; both only where the account hedges.

    `long_cost` is what the long units cost, `short_cost` what the short ones brought; `realised`
    is the result of all that was closed, in minor units of the quote currency.
    """

    long: int = 0
    long_cost: int = 0
    short: int = 0
    short_cost: int = 0
    realised: int = 0

    @property
    def net(self) -> int:
        """Long minus short units."""
        return self.long - self.short


FLAT = Position()


class Lot(msgspec.Struct, frozen=True, gc=False):
    """One open trade: `units` (signed) that cost (or, short, brought) `cost`.

    `position` is that of the entry that opened it, `order` the order: where trades are kept apart,
    all fills of an order are one trade, named by the first of them.
    """

    id: str
    units: int
    cost: int
    position: int
    order: str = ""


def opened(held: Position, units: int, amount: int) -> Position:
    """`held` and `units` (signed) more for `amount`."""
    if units > 0:
        return Position(
            held.long + units, held.long_cost + amount, held.short, held.short_cost, held.realised
        )
    return Position(
        held.long, held.long_cost, held.short - units, held.short_cost + amount, held.realised
    )


def closed(held: Position, units: int, cost: int, amount: int) -> Position:
    """`held` after a trade of `units` (signed: a sale closes long) for `amount`.

    `cost` is what of the position's cost goes with them.
    """
    if units < 0:
        return Position(
            held.long + units,
            held.long_cost - cost,
            held.short,
            held.short_cost,
            held.realised + amount - cost,
        )
    return Position(
        held.long,
        held.long_cost,
        held.short - units,
        held.short_cost - cost,
        held.realised + cost - amount,
    )


def passed(held: Position, units: int, amount: int) -> Position:
    """`held` after one leg of a swap: it stays as it is, and what is paid becomes its result."""
    return msgspec.structs.replace(
        held, realised=held.realised + (amount if units < 0 else -amount)
    )


def share(cost: int, part: int, whole: int) -> int:
    """What `part` of `whole` units cost: rounded half up; all of it when they are all."""
    return cost if part == whole else divide_half_up(cost * part, whole)


def net(held: Position, units: int, amount: int) -> Position:
    """`held` after a trade at average cost: what opposes it is closed first, the rest opens."""
    opposite = held.short if units > 0 else held.long
    size = abs(units)
    if not opposite:
        return opened(held, units, amount)
    closing = min(size, opposite)
    sign = 1 if units > 0 else -1
    paid = share(amount, closing, size)
    whole_cost = held.short_cost if units > 0 else held.long_cost
    held = closed(held, sign * closing, share(whole_cost, closing, opposite), paid)
    if closing == size:
        return held
    return opened(held, sign * (size - closing), amount - paid)
