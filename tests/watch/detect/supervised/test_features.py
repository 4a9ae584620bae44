"""The profile of cards and terminals: what its numbers mean, and that it sees nothing later."""

from dataclasses import replace

import numpy as np
import pytest

from tallystick.watch.detect.supervised.features import FEATURES, NAMES, describe
from tallystick.watch.detect.supervised.kernels import AGE_DAYS_MAX, DAY_SECONDS, FEATURE_COUNT
from tallystick.watch.detect.supervised.payments import Payments

DAY = DAY_SECONDS
COLUMN = {name: column for column, name in enumerate(NAMES)}


def blotter(*rows: tuple[float, int, int, float, int]) -> Payments:
    """Payments from (day, card, terminal, amount, fraud)."""
    days, cards, terminals, amounts, frauds = zip(*rows, strict=True)
    return Payments(
        (np.array(days) * DAY).astype(np.int64),
        np.array(cards, np.int64),
        np.array(terminals, np.int64),
        np.array(amounts, float),
        np.array(frauds, np.uint8),
    )


def told(payments: Payments, row: int, name: str) -> float:
    """One feature of one payment."""
    return float(describe(payments)[row, COLUMN[name]])


def test_every_column_has_a_name() -> None:
    """The registry names the kernel's columns, each with a meaning."""
    assert len(NAMES) == FEATURE_COUNT
    assert all(feature.meaning.endswith(".") for feature in FEATURES.values())


def test_no_row_knows_a_later_payment(payments: Payments) -> None:
    """A prefix of the file gives the same rows as the whole file: nothing later is looked at."""
    whole = describe(payments)
    for count in (1, 777, len(payments) // 2):
        np.testing.assert_array_equal(describe(payments.first(count)), whole[:count])


def test_no_row_knows_a_label_younger_than_the_delay(payments: Payments) -> None:
    """Turning every label round from a moment on changes no row for seven days, and then some."""
    whole, moment = describe(payments), 20 * DAY
    turned = replace(
        payments, fraud=np.where(payments.at < moment, payments.fraud, 1 - payments.fraud)
    )
    other = describe(turned)
    same = payments.at < moment + 7 * DAY
    np.testing.assert_array_equal(other[same], whole[same])
    assert not np.array_equal(other[~same], whole[~same])


@pytest.mark.parametrize("delay", [0, 1, 30])
def test_the_delay_is_as_long_as_it_is_said(payments: Payments, delay: int) -> None:
    """For any delay, labels count from it on and not before."""
    moment = 15 * DAY
    turned = replace(
        payments, fraud=np.where(payments.at < moment, payments.fraud, 1 - payments.fraud)
    )
    whole, other = describe(payments, delay), describe(turned, delay)
    same = payments.at < moment + delay * DAY
    np.testing.assert_array_equal(other[same], whole[same])


def test_a_later_amount_changes_no_earlier_row(payments: Payments) -> None:
    """Only rows after a changed amount are others."""
    row = len(payments) // 2
    amount = payments.amount.copy()
    amount[row] *= 50
    other = describe(replace(payments, amount=amount))
    np.testing.assert_array_equal(other[:row], describe(payments)[:row])


def test_the_ratio_is_to_the_cards_own_amount() -> None:
    """Ten times the usual is about ten, and a spike hardly moves what is usual."""
    rows = [(day, 0, 0, 10.0, 0) for day in range(20)]
    day = blotter(*rows, (20, 0, 0, 100.0, 0), (21, 0, 0, 10.0, 0))
    assert told(day, 20, "card_amount_ratio") == pytest.approx(
        100 / ((200 + 300 / 21) / 21), rel=0.2
    )
    assert told(day, 20, "card_amount_ratio") > 6
    assert 0.8 < told(day, 21, "card_amount_ratio") < 1.1
    assert told(day, 21, "card_spikes_7d") == 1
    assert told(day, 21, "card_spike_age") == pytest.approx(1.0)


def test_a_run_of_frauds_at_a_terminal_is_known_after_the_delay() -> None:
    """Plain frauds make a run once their labels are known; a known good payment ends it."""
    day = blotter(
        (0, 0, 0, 10, 0), (1, 1, 0, 10, 1), (2, 2, 0, 10, 1),
        (7.5, 3, 0, 10, 0), (8, 3, 0, 10, 0), (9, 3, 0, 10, 0), (15, 3, 0, 10, 0),
    )  # fmt: skip
    assert [told(day, row, "terminal_plain_run") for row in range(3, 7)] == [0, 1, 2, 0]
    assert told(day, 5, "terminal_run_age") == 8
    assert told(day, 5, "terminal_run_cards") == 2
    assert told(day, 5, "terminal_risk_30d") == pytest.approx(2 / 3)
    assert told(day, 3, "terminal_good_age") == 7
    assert np.isnan(told(day, 6, "terminal_run_ratio"))


def test_a_terminal_nobody_knows_is_as_old_as_can_be() -> None:
    """Ages begin at the most, and windows let go of what is older."""
    day = blotter((0, 0, 0, 10, 0), (40, 0, 0, 10, 0), (50, 0, 1, 10, 0))
    assert told(day, 2, "terminal_known_age") == AGE_DAYS_MAX
    assert told(day, 1, "terminal_known_age") == 40
    assert told(day, 1, "card_payments_30d") == 0
    assert told(day, 2, "card_payments_30d") == 1


def test_poisoned_amounts_break_nothing() -> None:
    """Zero, tiny and huge amounts give rows; only what has no history is not a number."""
    day = blotter((0, 0, 0, 0.0, 0), (1, 0, 0, 1e12, 1), (1, 0, 0, 0.0, 0), (9, 0, 0, 1e-9, 0))
    assert not np.isinf(describe(day)).any()
