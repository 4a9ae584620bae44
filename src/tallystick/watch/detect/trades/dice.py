"""Chance for the simulator: one seeded source, drawn in blocks because most of it is small numbers.

A number that was drawn beforehand costs a tenth of a call of `random.Random`. The same seed gives
the same numbers on every machine whose C library rounds alike.
"""

import math
import random
from bisect import bisect
from collections.abc import Sequence
from typing import TypeVar

BLOCK = 4_096
"""Numbers drawn at once."""

T = TypeVar("T")


class Dice:
    """Draws from the laws that trading needs."""

    __slots__ = ("_exponentials", "_normals", "_random", "_uniforms")

    def __init__(self, source: random.Random) -> None:
        self._random = source
        self._uniforms: list[float] = []
        self._normals: list[float] = []
        self._exponentials: list[float] = []

    def uniform(self) -> float:
        """A number in [0, 1)."""
        if not self._uniforms:
            draw = self._random.random
            self._uniforms = [draw() for _ in range(BLOCK)]
        return self._uniforms.pop()

    def normal(self) -> float:
        """A number of the standard normal law."""
        if not self._normals:
            draw = self._random.gauss
            self._normals = [draw(0.0, 1.0) for _ in range(BLOCK)]
        return self._normals.pop()

    def exponential(self) -> float:
        """A waiting time of mean 1."""
        if not self._exponentials:
            draw, log = self._random.random, math.log
            self._exponentials = [-log(1.0 - draw()) for _ in range(BLOCK)]
        return self._exponentials.pop()

    def between(self, low: float, high: float) -> float:
        """A number in [low, high)."""
        return low + (high - low) * self.uniform()

    def whole(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both inside."""
        return low + int((high - low + 1) * self.uniform())

    def chance(self, share: float) -> bool:
        """True in this share of cases."""
        return self.uniform() < share

    def poisson(self, mean: float) -> int:
        """How many came, where `mean` come on average."""
        count, passed = 0, self.exponential()
        while passed < mean:
            count += 1
            passed += self.exponential()
        return count

    def one_of(self, choices: Sequence[T]) -> T:
        """One of them, each as likely."""
        return choices[int(self.uniform() * len(choices))]

    def weighted(self, choices: Sequence[T], cumulative: Sequence[float]) -> T:
        """One of them; `cumulative` are running sums of weights, the last one is their sum."""
        return choices[bisect(cumulative, self.uniform() * cumulative[-1])]

    def bits(self, count: int) -> int:
        """A whole number of so many random bits."""
        return self._random.getrandbits(count)
