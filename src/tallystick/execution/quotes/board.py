"""The board: the newest quote of every pair, and what a currency is worth in US dollars."""

from collections.abc import Callable, Iterable

from tallystick.execution.quotes.quote import Quote
from tallystick.fx import PAIRS, currency
from tallystick.money import Amount, divide_half_up

USD = "USD"
_RATE_DIGITS = 12
_SCALE = 10**_RATE_DIGITS


class QuoteBoard:
    """Newest quotes only; a quote older than the one on the board is dropped."""

    def __init__(self) -> None:
        self._quotes: dict[str, Quote] = {}
        self._usd: dict[str, int] = {USD: _SCALE}
        self._listeners: list[Callable[[list[Quote]], None]] = []

    def listen(self, listener: Callable[[list[Quote]], None]) -> None:
        """Call `listener` with each batch of fresh quotes."""
        self._listeners.append(listener)

    def update(self, quotes: Iterable[Quote]) -> None:
        """Put fresh quotes on the board and tell those who listen."""
        fresh: list[Quote] = []
        for quote in quotes:
            known = self._quotes.get(quote.pair)
            if known is None or known.at_ns <= quote.at_ns:
                self._quotes[quote.pair] = quote
                self._value(quote)
                fresh.append(quote)
        if fresh:
            for listener in self._listeners:
                listener(fresh)

    def get(self, pair: str) -> Quote | None:
        """The newest quote of a pair."""
        return self._quotes.get(pair)

    def all(self) -> list[Quote]:
        """The newest quote of every pair, by the pairs' names."""
        return [self._quotes[name] for name in sorted(self._quotes)]

    def usd(self, code: str, amount: int) -> Amount | None:
        """`amount` minor units of a currency in US cents at the mid; None where no price leads.

        For limits, not for booking: rounded half up to the cent.
        """
        rate = self._usd.get(code)
        if rate is None:
            return None
        return Amount(divide_half_up(amount * rate, _SCALE))

    def _value(self, quote: Quote) -> None:
        """Keep cents per minor unit, scaled, of the other currency of a pair with the dollar."""
        pair = PAIRS[quote.pair]
        if pair.quote == USD:
            shift = pair.quote_digits - pair.base_digits - pair.price_digits
            self._usd[pair.base] = _shifted(quote.twice_mid * _SCALE, shift) // 2
        elif pair.base == USD:
            shift = currency(USD).minor_digits - pair.quote_digits + pair.price_digits
            self._usd[pair.quote] = _shifted(2 * _SCALE, shift) // quote.twice_mid


def _shifted(value: int, digits: int) -> int:
    """`value` times 10**digits, cut."""
    power: int = 10 ** abs(digits)
    return value * power if digits >= 0 else value // power
