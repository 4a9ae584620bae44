"""Pairs that no source quotes, priced through two that are: over the dollar or the euro.

The price of each piece of depth is `fx.cross` of the legs' levels; it is worked out here in the
same way on plain numbers, because a board does it for many pairs and levels.
"""

from collections.abc import Iterator, Sequence
from typing import Literal

from tallystick.execution.quotes.quote import Level, Quote
from tallystick.fx import PAIRS, Pair
from tallystick.money import Price, Quantity

MIDDLES = ("USD", "EUR")
"""The currencies that lead from one to another, the deeper market first."""
LEVELS_MAX = 10
"""Most levels of depth on one side of a quote that is made of others."""
UNLIMITED = Quantity(10**18)
"""The quantity of a level without end among levels that have one."""

Side = Literal["bid", "ask"]


class Cross:
    """One way from the base to the quote currency of a pair, and the quote it led to last."""

    def __init__(self, pair: Pair, middle: str, first: Pair, second: Pair) -> None:
        """`first` holds the base and the middle currency, `second` the middle and the quote."""
        self.first = first.symbol
        self.second = second.symbol
        self._pair = pair
        self._points = 10**pair.price_digits
        self._middle = middle
        self._near = _Leg(first, pair.base)
        self._far = _Leg(second, middle)
        self._of: tuple[Quote, Quote] | None = None
        self._quote: Quote | None = None

    def quote(self, first: Quote, second: Quote) -> Quote | None:
        """The price through these two; as old as the older of them.

        None where nobody could deal at it: it rounds down to nothing.
        """
        if self._of is None or self._of[0] is not first or self._of[1] is not second:
            self._quote = self._through(first, second)
            self._of = (first, second)
        return self._quote

    def _through(self, first: Quote, second: Quote) -> Quote | None:
        bids, asks = self._depth("bid", first, second), self._depth("ask", first, second)
        if not bids or not asks:
            return None
        sources = dict.fromkeys((first.source, second.source))
        return Quote(
            self._pair.symbol,
            bids[0].price,
            asks[0].price,
            min(first.at_ns, second.at_ns),
            f"cross via {self._middle} ({'; '.join(sources)})",
            () if bids[0].quantity >= UNLIMITED else bids,
            () if asks[0].quantity >= UNLIMITED else asks,
        )

    def _depth(self, side: Side, first: Quote, second: Quote) -> tuple[Level, ...]:
        """Level by level, as much as both legs can do; the bid is rounded down, the ask up."""
        found: list[Level] = []
        near, far = self._near.levels(side, first), self._far.levels(side, second)
        for quantity, i, j in self._walk(near, far):
            n1, d1 = self._near.rate(near[i].price)
            n2, d2 = self._far.rate(far[j].price)
            numerator, denominator = n1 * n2 * self._points, d1 * d2
            price = numerator // denominator if side == "bid" else -(-numerator // denominator)
            if price <= 0:
                break
            if found and found[-1].price == price:
                found[-1] = Level(Price(price), Quantity(quantity + found[-1].quantity))
                continue
            if len(found) == LEVELS_MAX:
                break
            found.append(Level(Price(price), Quantity(quantity)))
        return tuple(found)

    def _walk(self, near: Sequence[Level], far: Sequence[Level]) -> Iterator[tuple[int, int, int]]:
        """(base currency, level of the first leg, level of the second) of each piece."""
        first, second = self._near, self._far
        if near[0].quantity >= UNLIMITED and far[0].quantity >= UNLIMITED:
            yield UNLIMITED, 0, 0
            return
        i = j = 0
        near_left, far_left = first.in_base(near[0]), second.in_base(far[0])
        while True:
            far_base = first.back(near[i].price, far_left)
            taken = min(near_left, far_base)
            if taken > 0:
                yield taken, i, j
            if far_base <= near_left:
                j += 1
                if j == len(far):
                    return
                near_left -= taken
                far_left = second.in_base(far[j])
            else:
                far_left = max(0, far_left - first.forth(near[i].price, taken))
                i += 1
                if i == len(near):
                    return
                near_left = first.in_base(near[i])


class _Leg:
    """A pair on the way from `base`, one of its currencies, to the other; amounts are cut."""

    def __init__(self, pair: Pair, base: str) -> None:
        self._turned = pair.base != base
        self._points: int = 10**pair.price_digits
        # So many minor units of its base currency are `down` x price of its quote currency.
        self._up: int = 10 ** (pair.base_digits + pair.price_digits)
        self._down: int = 10**pair.quote_digits

    def levels(self, side: Side, quote: Quote) -> tuple[Level, ...]:
        """What is dealt on: buying the pair's own base uses its asks, buying the other its bids."""
        if (side == "ask") != self._turned:
            return quote.asks or (Level(quote.ask, UNLIMITED),)
        return quote.bids or (Level(quote.bid, UNLIMITED),)

    def rate(self, price: Price) -> tuple[int, int]:
        """One unit of `base` in the other currency: numerator and denominator."""
        return (self._points, price) if self._turned else (price, self._points)

    def in_base(self, level: Level) -> int:
        """A level's quantity in `base`."""
        return self._value(*level) if self._turned else level.quantity

    def forth(self, price: Price, amount: int) -> int:
        """`amount` of `base` in the other currency."""
        return self._units(price, amount) if self._turned else self._value(price, amount)

    def back(self, price: Price, amount: int) -> int:
        """`amount` of the other currency in `base`."""
        return self._value(price, amount) if self._turned else self._units(price, amount)

    def _value(self, price: Price, amount: int) -> int:
        return amount * price * self._down // self._up

    def _units(self, price: Price, amount: int) -> int:
        return amount * self._up // (price * self._down)


def crosses_of(symbol: str) -> Iterator[tuple[Pair, str, Pair, Pair]]:
    """(pair, middle, first leg, second leg) of each way to price a pair, the best first."""
    pair = PAIRS[symbol]
    for middle in MIDDLES:
        if middle not in (pair.base, pair.quote):
            first, second = _between(pair.base, middle), _between(middle, pair.quote)
            if first is not None and second is not None:
                yield pair, middle, first, second


def _between(one: str, other: str) -> Pair | None:
    """The pair of two currencies, whichever way the market quotes it."""
    return PAIRS.get(f"{one}/{other}") or PAIRS.get(f"{other}/{one}")
