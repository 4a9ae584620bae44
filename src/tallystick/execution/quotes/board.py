"""The board: the newest quote of every pair, crosses included, and what currencies are worth."""

from collections import Counter
from collections.abc import Callable, Iterable

from tallystick.execution.quotes.crossing import Cross, crosses_of
from tallystick.execution.quotes.quote import Quote
from tallystick.fx import PAIRS, currency
from tallystick.money import Amount, divide_half_up

USD = "USD"
EURO = "EUR"
Listener = Callable[[list[Quote]], None]
Rate = tuple[int, int]
"""Numerator and denominator, both above zero."""
_RATE_DIGITS = 12
_SCALE = 10**_RATE_DIGITS


class QuoteBoard:
    """Newest quotes only; a quote older than the one on the board is dropped.

    A pair that nobody quotes is priced through two pairs that are quoted: worked out when it is
    asked for, and said to listeners only while somebody `want`s it, so that a tick costs the same
    however many crosses there are.
    """

    def __init__(self) -> None:
        self._quotes: dict[str, Quote] = {}
        self._usd: dict[str, int] = {USD: _SCALE}
        self._rates: dict[tuple[str, str], Rate] = {}
        """Minor units of the second currency for one of the first, at the mid, both ways."""
        self._crosses: dict[str, list[Cross]] = {}
        """The ways to each pair that was asked for in vain."""
        self._wanted: Counter[str] = Counter()
        self._wanted_by_leg: dict[str, set[str]] = {}
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> None:
        """Call `listener` with each batch of fresh quotes."""
        self._listeners.append(listener)

    def want(self, pair: str) -> None:
        """Say `pair` to listeners also as a cross, when one of its legs moves; until `unwant`."""
        self._wanted[pair] += 1
        if self._wanted[pair] == 1:
            for leg in self._legs(pair):
                self._wanted_by_leg.setdefault(leg, set()).add(pair)

    def unwant(self, pair: str) -> None:
        """Take one `want` back."""
        self._wanted[pair] -= 1
        if self._wanted[pair] <= 0:
            del self._wanted[pair]
            for leg in self._legs(pair):
                self._wanted_by_leg[leg].discard(pair)

    def update(self, quotes: Iterable[Quote]) -> None:
        """Put fresh quotes on the board and tell those who listen."""
        fresh: list[Quote] = []
        for quote in quotes:
            known = self._quotes.get(quote.pair)
            if known is None or known.at_ns <= quote.at_ns:
                self._put(quote)
                fresh.append(quote)
        self._tell(fresh)

    def replace(self, quotes: Iterable[Quote]) -> None:
        """Put these on the board whatever stood there: for whoever knows that it no longer does."""
        fresh = list(quotes)
        for quote in fresh:
            self._put(quote)
        self._tell(fresh)

    def withdraw(self, pair: str) -> None:
        """Nobody quotes `pair` any more: it has its cross or no price; its worth stays."""
        self._quotes.pop(pair, None)

    def get(self, pair: str) -> Quote | None:
        """The newest quote of a pair: quoted, or else its cross."""
        quote = self._quotes.get(pair)
        return quote if quote is not None else self._cross(pair)

    def quoted(self, pair: str) -> bool:
        """Whether a source quotes the pair itself."""
        return pair in self._quotes

    def all(self) -> list[Quote]:
        """The newest quote of every pair that is quoted itself, by the pairs' names."""
        return [self._quotes[name] for name in sorted(self._quotes)]

    def usd(self, code: str, amount: int) -> Amount | None:
        """`amount` minor units of a currency in US cents at the mid; None where no price leads.

        For limits, not for booking: rounded half up to the cent.
        """
        rate = self._usd.get(code)
        if rate is None:
            return None
        return Amount(divide_half_up(amount * rate, _SCALE))

    def rate(self, code_from: str, code_to: str) -> Rate | None:
        """Minor units of `code_to` for one minor unit of `code_from`, at the newest mid.

        An exact fraction (numerator, denominator), both above zero: an amount is converted by
        `divide_half_up(amount * numerator, denominator)`. From their own pair, else through the
        dollar, else through the euro; None where no price leads. A rate outlives its quote: what
        was the worth of a currency stays until there is a newer price.
        """
        if code_from == code_to:
            return (1, 1)
        rates = self._rates
        found = rates.get((code_from, code_to))
        if found is not None:
            return found
        for middle in (USD, EURO):
            first = rates.get((code_from, middle))
            second = rates.get((middle, code_to))
            if first is not None and second is not None:
                return (first[0] * second[0], first[1] * second[1])
        return None

    def _tell(self, fresh: list[Quote]) -> None:
        if not fresh:
            return
        if self._wanted:
            fresh += self._moved_crosses(fresh)
        for listener in self._listeners:
            listener(fresh)

    def _moved_crosses(self, fresh: list[Quote]) -> list[Quote]:
        """The wanted crosses with a leg among `fresh`, each once."""
        names: dict[str, None] = {}
        for quote in fresh:
            names.update(dict.fromkeys(sorted(self._wanted_by_leg.get(quote.pair, ()))))
        found = (self._cross(name) for name in names if name not in self._quotes)
        return [quote for quote in found if quote is not None]

    def _cross(self, pair: str) -> Quote | None:
        """Through the dollar, else through the euro; worked out again only when a leg moved."""
        for cross in self._ways(pair):
            first = self._quotes.get(cross.first)
            second = self._quotes.get(cross.second)
            if first is not None and second is not None:
                return cross.quote(first, second)
        return None

    def _legs(self, pair: str) -> set[str]:
        return {leg for each in self._ways(pair) for leg in (each.first, each.second)}

    def _ways(self, pair: str) -> list[Cross]:
        found = self._crosses.get(pair)
        if found is None:
            if pair not in PAIRS:
                return []
            found = self._crosses[pair] = [Cross(*each) for each in crosses_of(pair)]
        return found

    def _put(self, quote: Quote) -> None:
        """The quote, and what it says about its currencies' worth."""
        self._quotes[quote.pair] = quote
        pair = PAIRS[quote.pair]
        twice_mid = quote.twice_mid
        shift = pair.quote_digits - pair.base_digits - pair.price_digits
        numerator, denominator = _shifted(twice_mid, shift), 2 * _shifted(1, -shift)
        self._rates[pair.base, pair.quote] = (numerator, denominator)
        self._rates[pair.quote, pair.base] = (denominator, numerator)
        if pair.quote == USD:
            self._usd[pair.base] = _power(twice_mid * _SCALE, shift) // 2
        elif pair.base == USD:
            back = currency(USD).minor_digits - pair.quote_digits + pair.price_digits
            self._usd[pair.quote] = _power(2 * _SCALE, back) // twice_mid


def _shifted(value: int, digits: int) -> int:
    """`value` times 10**digits where that is whole, else `value`."""
    power: int = 10 ** max(0, digits)
    return value * power


def _power(value: int, digits: int) -> int:
    """`value` times 10**digits, cut."""
    power: int = 10 ** abs(digits)
    return value * power if digits >= 0 else value // power
