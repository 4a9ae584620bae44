"""How far an account may come out of balance when its working orders fill. Pure.

Which of them will fill is not known. Within a pair the worst is that one side fills whole; of the
pairs with the most waiting every combination is tried, and those with less add all their worth.
So the answer is exact where orders wait in a few pairs, and never too small.

Almost always even the sum of everything is within what is allowed: then nothing is tried.
"""

from collections.abc import Mapping
from itertools import product

from tallystick.execution.rules.case import Case
from tallystick.fx import pair

TRIED_PAIRS_MAX = 3
"""Pairs of which every combination is tried: eight at most."""

_Side = tuple[str, str, int]
"""(currency that becomes longer, the one that becomes shorter, by how many US cents)."""


def worst(held: Mapping[str, int], case: Case, enough: int = -1) -> tuple[int, int] | None:
    """(long, short): the most that all long, and all short, currencies may be worth together.

    `held` are signed minor units by currency; the answer US cents at the mid, both >= 0. None: one
    of them has no price. A simple upper bound is given where that is at most `enough` already.
    """
    usd = case.usd
    values: dict[str, int] = {}
    for code, amount in held.items():
        if amount:  # nothing held needs no price
            value = usd(code, amount)
            if value is None:
                return None
            values[code] = value
    long, short = _sides(values)
    if not case.account.pending:
        return long, short
    waiting = _waiting(case)
    if waiting is None:
        return None
    more = sum(max(sell[2], buy[2]) for buy, sell in waiting)
    if max(long, short) + more <= enough:
        return long + more, short + more
    return _worst_of(values, waiting)


def _worst_of(values: Mapping[str, int], waiting: list[tuple[_Side, _Side]]) -> tuple[int, int]:
    waiting.sort(key=lambda sides: max(sides[0][2], sides[1][2]), reverse=True)
    rest = sum(max(buy[2], sell[2]) for buy, sell in waiting[TRIED_PAIRS_MAX:])
    long = short = 0
    for filled in product(*waiting[:TRIED_PAIRS_MAX]):
        after = dict(values)
        for longer, shorter, worth in filled:
            after[longer] = after.get(longer, 0) + worth
            after[shorter] = after.get(shorter, 0) - worth
        now = _sides(after)
        long, short = max(long, now[0]), max(short, now[1])
    return long + rest, short + rest


def _waiting(case: Case) -> list[tuple[_Side, _Side]] | None:
    """What the working orders of each pair may do, by side; None: one has no price."""
    found: list[tuple[_Side, _Side]] = []
    replaced = None if case.replaced is None else case.replaced.order
    for symbol, pending in case.account.pending.items():
        buying, selling = pending.buying, pending.selling
        if replaced is not None and replaced.pair == symbol:
            if replaced.side == "buy":
                buying -= case.freed
            else:
                selling -= case.freed
        if not buying and not selling:
            continue
        traded = pair(symbol)
        bought, sold = case.usd(traded.base, buying), case.usd(traded.base, selling)
        if bought is None or sold is None:
            return None
        found.append(((traded.base, traded.quote, bought), (traded.quote, traded.base, sold)))
    return found


def _sides(values: Mapping[str, int]) -> tuple[int, int]:
    long = short = 0
    for value in values.values():
        if value > 0:
            long += value
        else:
            short -= value
    return long, short
