"""Triangles: pairs without the dollar, and the two dollar pairs that say the same."""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

USD = "USD"
_PAIR = re.compile(r"([A-Z]{3})/?([A-Z]{3})")


class Triangle(NamedTuple):
    """Three pairs, and the signs with which the logarithms of their prices add up to nothing."""

    legs: tuple[str, str, str]
    signs: tuple[float, float, float]

    @property
    def name(self) -> str:
        """The pair and its two legs."""
        return " ".join(self.legs)


def currencies(pair: str) -> tuple[str, str] | None:
    """The base and the quote currency of `EUR/USD` or `EURUSD`; None where it is no such name."""
    found = _PAIR.fullmatch(pair)
    return (found[1], found[2]) if found else None


def triangles_of(pairs: Iterable[str]) -> dict[str, Triangle]:
    """The triangles among these pairs by name, in order of their pairs."""
    known = sorted(pairs)
    dollars: dict[str, tuple[str, float]] = {}
    for pair in known:
        codes = currencies(pair)
        if codes is not None and USD in codes:
            base, quote = codes
            dollars[base if quote == USD else quote] = (pair, 1.0 if quote == USD else -1.0)
    return {each.name: each for pair in known for each in _closed(pair, dollars)}


def _closed(pair: str, dollars: Mapping[str, tuple[str, float]]) -> Iterable[Triangle]:
    codes = currencies(pair)
    if codes is None or USD in codes or codes[0] not in dollars or codes[1] not in dollars:
        return
    first, second = dollars[codes[0]], dollars[codes[1]]
    yield Triangle((pair, first[0], second[0]), (1.0, -first[1], second[1]))
