"""Small card payments with two kinds of fraud, made by a seed: enough to learn from in a second."""

import numpy as np
import pytest

from tallystick.watch.detect.supervised.payments import Payments

DAYS, CARDS, TERMINALS, A_DAY = 56, 150, 90, 250


def make_payments(seed: int = 3, days: int = DAYS) -> Payments:
    """Ordinary payments; some terminals are bad for 20 days, some cards spend far too much."""
    chance = np.random.default_rng(seed)
    count = days * A_DAY
    at = np.sort(chance.integers(0, days * 86_400, count)).astype(np.int64)
    card, terminal = chance.integers(0, CARDS, count), chance.integers(0, TERMINALS, count)
    usual = chance.uniform(5, 80, CARDS)
    amount = usual[card] * np.clip(chance.normal(1, 0.3, count), 0.1, 2)
    fraud = np.zeros(count, np.uint8)
    day = at // 86_400
    for start in range(days):
        rows = (terminal == chance.integers(TERMINALS)) & (day >= start) & (day < start + 20)
        fraud[rows & (start % 3 == 0)] = 1
        spent = (card == chance.integers(CARDS)) & (day >= start) & (day < start + 10)
        spent &= chance.random(count) < 0.5
        amount[spent] *= 4
        fraud[spent] = 1
    return Payments(at, card, terminal, amount, fraud)


@pytest.fixture(scope="session")
def payments() -> Payments:
    """Eight weeks of payments."""
    return make_payments()
