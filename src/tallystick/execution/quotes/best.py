"""The best of several sources: their newest quotes composed into one, pair by pair.

A source's quote stands until it is replaced, withdrawn, or too old. The composed bid is the
highest and the ask the lowest of those that stand; depth is all of theirs, best first. Where one
source's bid meets another's ask, somebody is late: the newest quotes that do not meet are taken
and the others left out, which is counted in `uncrossed`. Costs O(sources) an update.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter, itemgetter

from tallystick.execution.quotes.crossing import LEVELS_MAX, UNLIMITED
from tallystick.execution.quotes.quote import Level, Quote
from tallystick.money import Quantity

SOURCES_MAX = 16
"""Most sources of one pair."""
MaxAge = Callable[[str, str], int]
"""Greatest age in nanoseconds of a quote of (pair, source)."""


class BestOf:
    """The newest quote of every source of every pair, and what they make together."""

    def __init__(self, max_age_ns: MaxAge) -> None:
        self._max_age_ns = max_age_ns
        self._standing: dict[str, dict[str, Quote]] = {}
        """Pair -> source -> its quote."""
        self.uncrossed: Counter[str] = Counter()
        """How often quotes of a pair were left out because they met others."""
        self.out_of_order = 0
        """Quotes that were older than their source's last one of the pair."""

    def take(self, quotes: Iterable[Quote], now_ns: int) -> list[Quote]:
        """The composed quote of each pair, once for each quote that changes it."""
        composed: list[Quote] = []
        for quote in quotes:
            standing = self._standing.setdefault(quote.pair, {})
            before = standing.get(quote.source)
            if before is not None and before.at_ns > quote.at_ns:
                self.out_of_order += 1
                continue
            if before is None and len(standing) >= SOURCES_MAX:
                continue
            standing[quote.source] = quote
            best = self._compose(quote.pair, now_ns)
            if best is not None:
                composed.append(best)
        return composed

    def withdraw(self, source: str, now_ns: int) -> tuple[list[Quote], list[str]]:
        """Forget a source: (pairs that others still quote, composed anew; pairs nobody quotes)."""
        composed: list[Quote] = []
        gone: list[str] = []
        for pair, standing in self._standing.items():
            if standing.pop(source, None) is None:
                continue
            best = self._compose(pair, now_ns)
            if best is None:
                gone.append(pair)
            else:
                composed.append(best)
        return composed, gone

    def expire(self, now_ns: int) -> list[Quote]:
        """Let what is too old drop out; the pairs that others still quote, composed anew.

        A pair of which everything is too old keeps its last composed quote, whose age says it.
        """
        composed: list[Quote] = []
        for pair, standing in self._standing.items():
            if len(standing) > 1 and any(self._is_old(each, now_ns) for each in standing.values()):
                best = self._compose(pair, now_ns)
                if best is not None:
                    composed.append(best)
        return composed

    def _compose(self, pair: str, now_ns: int) -> Quote | None:
        standing = self._standing[pair]
        for source in [s for s, quote in standing.items() if self._is_old(quote, now_ns)]:
            del standing[source]
        if not standing:
            return None
        quotes = list(standing.values())
        if len(quotes) == 1:
            return quotes[0]
        if max(quote.bid for quote in quotes) >= min(quote.ask for quote in quotes):
            kept = uncross(quotes)
            self.uncrossed[pair] += len(quotes) - len(kept)
            quotes = kept
        return compose(quotes)

    def _is_old(self, quote: Quote, now_ns: int) -> bool:
        return now_ns - quote.at_ns > self._max_age_ns(quote.pair, quote.source)


def uncross(quotes: Iterable[Quote]) -> list[Quote]:
    """The newest quotes of one pair of which none meets another."""
    kept: list[Quote] = []
    for quote in sorted(quotes, key=attrgetter("at_ns"), reverse=True):
        if all(quote.bid < other.ask and other.bid < quote.ask for other in kept):
            kept.append(quote)
    return kept


def compose(quotes: Sequence[Quote]) -> Quote:
    """One quote of several of one pair that do not meet; as new as the newest of them.

    Its source names who is best on each side.
    """
    bid = max(quotes, key=attrgetter("bid", "at_ns"))
    ask = min(quotes, key=lambda quote: (quote.ask, -quote.at_ns))
    source = bid.source
    if ask.source != source:
        source = f"{bid.source} (bid) + {ask.source} (ask)"
    return Quote(
        bid.pair,
        bid.bid,
        ask.ask,
        max(quote.at_ns for quote in quotes),
        source,
        _merge((q.bids or (Level(q.bid, UNLIMITED),) for q in quotes), falling=True),
        _merge((q.asks or (Level(q.ask, UNLIMITED),) for q in quotes), falling=False),
    )


def _merge(sides: Iterable[tuple[Level, ...]], *, falling: bool) -> tuple[Level, ...]:
    """All levels, best first, equal prices together; nothing where the best has no end."""
    merged = tuple(_levels([level for side in sides for level in side], falling=falling))
    return () if merged[0].quantity >= UNLIMITED else merged


def _levels(levels: list[Level], *, falling: bool) -> Iterator[Level]:
    levels.sort(key=itemgetter(0), reverse=falling)
    for number, (price, equal) in enumerate(groupby(levels, key=itemgetter(0)), 1):
        quantity = min(UNLIMITED, Quantity(sum(level.quantity for level in equal)))
        yield Level(price, quantity)
        if quantity == UNLIMITED or number == LEVELS_MAX:  # nobody gets behind such a level
            return
