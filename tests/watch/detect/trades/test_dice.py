"""The simulator's dice: the laws are what they say."""

import random
import statistics
from collections import Counter

from tallystick.watch.detect.trades.dice import Dice


def dice(seed: int = 1) -> Dice:
    """Dice of this seed."""
    return Dice(random.Random(seed))  # noqa: S311  a simulation


def test_the_laws_have_their_means() -> None:
    """Uniform, normal, exponential and Poisson, each over twenty thousand draws."""
    one = dice()
    count = range(20_000)

    assert abs(statistics.mean(one.uniform() for _ in count) - 0.5) < 0.01
    normals = [one.normal() for _ in count]
    assert abs(statistics.mean(normals)) < 0.03
    assert abs(statistics.stdev(normals) - 1) < 0.02
    assert abs(statistics.mean(one.exponential() for _ in count) - 1) < 0.03
    assert abs(statistics.mean(one.poisson(2.5) for _ in count) - 2.5) < 0.05
    assert one.poisson(0.0) == 0


def test_choices_follow_their_weights() -> None:
    """Three to one; whole numbers reach both ends."""
    one = dice()
    found = Counter(one.weighted("ab", (3.0, 4.0)) for _ in range(8_000))

    assert 2.7 < found["a"] / found["b"] < 3.3
    assert {one.whole(1, 3) for _ in range(100)} == {1, 2, 3}
    assert {one.one_of("xyz") for _ in range(100)} == {"x", "y", "z"}


def test_the_same_seed_draws_the_same() -> None:
    """Whatever is asked for, in the same order."""
    first, again = dice(4), dice(4)

    assert [first.normal(), first.uniform(), first.bits(64)] == [
        again.normal(), again.uniform(), again.bits(64),
    ]  # fmt: skip
