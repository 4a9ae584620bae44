"""The protocol of the fraud benchmark: which weeks, which rows, which cards."""

import numpy as np
import pytest

from tallystick.errors import Misconfigured
from tallystick.watch.detect.supervised.payments import Payments
from tallystick.watch.detect.supervised.protocol import split, weeks_to_test


def days_of(count: int, first: int = 0) -> Payments:
    """One good payment a day of one card."""
    at = (first + np.arange(count)) * 86_400
    nought = np.zeros(count, np.int64)
    return Payments(at, nought, nought, np.ones(count), nought.astype(np.uint8))


@pytest.mark.parametrize(
    ("days", "weeks"),
    [
        (183, [127, 134, 141, 148, 155, 162, 169, 176]),
        (122, [87, 94, 101, 108, 115]),
        (61, [33, 40, 47, 54]),
        (28, [21]),
    ],
    ids=["half a year", "four months", "two months", "four weeks"],
)
def test_the_last_third_of_the_weeks_is_tested(days: int, weeks: list[int]) -> None:
    """Counted back from the end, at least four where the history allows."""
    assert weeks_to_test(days_of(days)) == weeks
    assert weeks_to_test(days_of(days, first=100)) == [100 + week for week in weeks]


def test_as_many_weeks_as_are_asked_for() -> None:
    """`weeks` is obeyed as far as there is history before them."""
    assert weeks_to_test(days_of(122), 2) == [108, 115]
    assert weeks_to_test(days_of(122), 99)[0] == 122 - 14 * 7


def test_too_short_a_file_is_said() -> None:
    """Three weeks cannot be tested; nor can less than one."""
    with pytest.raises(Misconfigured, match="27 days are too few"):
        weeks_to_test(days_of(27))
    with pytest.raises(Misconfigured, match="At least one week"):
        weeks_to_test(days_of(122), 0)


def test_training_ends_a_delay_before_the_week(payments: Payments) -> None:
    """Whoever trains at the week's beginning knows no younger label."""
    parts = split(payments, 49)
    assert payments.day[parts.train].max() == 41
    assert payments.day[parts.train].min() == 14
    assert set(payments.day[parts.test]) == set(range(49, 56))


def test_known_cards_are_not_tested(payments: Payments) -> None:
    """Day by day: exactly the cards without a fraud from 14 days before the week to 8 days ago."""
    parts, week = split(payments, 49), 49
    tested = np.zeros(len(payments), bool)
    tested[parts.test] = True
    for today in range(week, week + 7):
        seen = (payments.day >= week - 14) & (payments.day <= today - 8) & (payments.fraud > 0)
        known = set(payments.card[seen])
        for row in np.flatnonzero(payments.day == today):
            assert tested[row] == (payments.card[row] not in known)
