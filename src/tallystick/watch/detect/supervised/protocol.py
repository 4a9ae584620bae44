"""Which payments are learnt from and which are tested, week by week, with labels known late.

The protocol of the Fraud Detection Handbook (Le Borgne and others, chapters 3.4 and 5.3).
"""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from tallystick.errors import Misconfigured
from tallystick.watch.detect.supervised.features import LABEL_DELAY_DAYS
from tallystick.watch.detect.supervised.payments import Payments

WEEK_DAYS = 7
WEEKS_MIN = 4
"""So many weeks are tested at least, where the file is long enough."""
WEEKS_SHARE = 3
"""The last third of the weeks is tested."""
HISTORY_DAYS_MIN = 14
"""A test week needs so many days with known labels before it."""
WARM_UP_DAYS = 14
"""The first days are not learnt from: nothing is known yet of cards and terminals."""


class Split(msgspec.Struct, frozen=True):
    """A test week from `first_day` on, and the rows that are learnt from and tested."""

    first_day: int
    train: NDArray[np.int64]
    test: NDArray[np.int64]


def weeks_to_test(payments: Payments, weeks: int | None = None) -> list[int]:
    """The first days of the test weeks, oldest first.

    Weeks are counted back from the end of the file; the last third of them is tested, at least
    four. Whatever is asked for, every test week has enough known labels before it.

    Raises:
        Misconfigured: the file is too short, or fewer than one week is asked for.
    """
    first, end = int(payments.day[0]), 1 + int(payments.day[-1])
    possible = (end - first - LABEL_DELAY_DAYS - HISTORY_DAYS_MIN) // WEEK_DAYS
    if possible < 1:
        raise Misconfigured(
            f"{end - first} days are too few: a test week needs"
            f" {LABEL_DELAY_DAYS + HISTORY_DAYS_MIN} days before it."
        )
    whole = (end - first) // WEEK_DAYS
    wanted = max(WEEKS_MIN, whole // WEEKS_SHARE) if weeks is None else weeks
    if wanted < 1:
        raise Misconfigured("At least one week is to be tested.")
    return [end - WEEK_DAYS * number for number in range(min(wanted, possible), 0, -1)]


def split(payments: Payments, first_day: int) -> Split:
    """What is learnt from before the week that begins on `first_day`, and what is tested in it.

    Learnt from is what has a known label when the week begins. A card is not tested on a day by
    which it is known as compromised: by a fraud of the week that ends when the delay begins, or
    one since then whose label is known by the day (the book's rule, for its training week).
    """
    day, delay = payments.day, LABEL_DELAY_DAYS
    warm = min(int(day[0]) + WARM_UP_DAYS, first_day - delay - WEEK_DAYS)
    start, end = np.searchsorted(day, (warm, first_day - delay))
    tested = [
        _testable(payments, today, first_day - delay - WEEK_DAYS)
        for today in range(first_day, first_day + WEEK_DAYS)
    ]
    return Split(first_day, np.arange(start, end), np.concatenate(tested))


def _testable(payments: Payments, today: int, known_from: int) -> NDArray[np.int64]:
    """The rows of a day, without the cards that are known as compromised."""
    day = payments.day
    start, end = np.searchsorted(day, (known_from, today - LABEL_DELAY_DAYS))
    known = payments.card[start:end][payments.fraud[start:end] > 0]
    rows = np.arange(*np.searchsorted(day, (today, today + 1)))
    return rows[~np.isin(payments.card[rows], known)]


def splits(payments: Payments, weeks: Sequence[int]) -> list[Split]:
    """The splits of all these weeks."""
    return [split(payments, first_day) for first_day in weeks]
