"""How far an account may come out of balance when its working orders fill. Pure.

Which of them will fill is not known, and trying all combinations takes for ever. So there are two
upper bounds, each of one pass, and the smaller one counts:

- currency by currency, all that makes it larger fills, or all that makes it smaller does;
- pair by pair, the larger side adds its whole worth to what is held.

The first is exact where orders close what is held, the second where they stand on both sides of
the market.
"""

from collections import defaultdict
from collections.abc import Mapping

from tallystick.execution.rules.case import Case
from tallystick.fx import pair


def worst(held: Mapping[str, int], case: Case) -> tuple[int, int] | None:
    """(long, short): the most that all long, and all short, currencies may be worth together.

    `held` are signed minor units by currency; the answer US cents at the mid, both >= 0. None: one
    of them has no price.
    """
    usd = case.usd
    long = short = 0
    for code, amount in held.items():
        if amount:  # nothing held needs no price
            value = usd(code, amount)
            if value is None:
                return None
            if value > 0:
                long += value
            else:
                short -= value
    if not case.account.pending:
        return long, short
    return _with_pending(held, case, long, short)


def _with_pending(
    held: Mapping[str, int], case: Case, long: int, short: int
) -> tuple[int, int] | None:
    """The same, with what working orders may add; `long` and `short` are without it."""
    usd = case.usd
    up: defaultdict[str, int] = defaultdict(int)
    down: defaultdict[str, int] = defaultdict(int)
    larger = 0
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
        bought, sold = usd(traded.base, buying), usd(traded.base, selling)
        if bought is None or sold is None:
            return None
        up[traded.base] += bought
        down[traded.quote] += bought
        down[traded.base] += sold
        up[traded.quote] += sold
        larger += max(bought, sold)
    if not larger:
        return long, short
    upmost = downmost = 0
    for code in {*held, *up}:
        amount = held.get(code, 0)
        value = usd(code, amount) if amount else 0
        assert value is not None, "priced before"  # noqa: S101
        upmost += max(0, value + up[code])
        downmost += max(0, down[code] - value)
    return min(long + larger, upmost), min(short + larger, downmost)
