"""What the classifier of payments looks at: names, units and meanings of the profile's columns."""

import numpy as np
from numpy.typing import NDArray

from tallystick.watch.detect.feature import Feature, named
from tallystick.watch.detect.supervised.kernels import (
    DAY_SECONDS,
    FEATURE_COUNT,
    WINDOW_DAYS,
    profile,
)
from tallystick.watch.detect.supervised.payments import Payments

LABEL_DELAY_DAYS = 7
"""A payment's label is known so many days after it (Fraud Detection Handbook, chapter 3)."""
UNSEEN = "terminal_known_age"
"""How long nobody has told anything about a terminal: what may have happened there meanwhile."""


def _feature(name: str, unit: str, meaning: str) -> Feature:
    return Feature(name, unit, meaning, "ledger", ("payment_fraud",))


def _windowed(days: int) -> tuple[Feature, ...]:
    last = f"in the last {days} days"
    known = f"among its labels that became known {last}"
    return (
        _feature(f"card_payments_{days}d", "payments", f"Payments of the card {last}."),
        _feature(f"card_amount_ratio_{days}d", "", f"The amount over the card's mean {last}."),
        _feature(
            f"card_spikes_{days}d", "payments", f"Unusually large amounts of the card {last}."
        ),
        _feature(f"terminal_known_{days}d", "payments", f"Payments of the terminal {known}."),
        _feature(f"terminal_frauds_{days}d", "payments", f"Frauds at the terminal {known}."),
        _feature(
            f"terminal_plain_frauds_{days}d",
            "payments",
            f"Frauds at the terminal of an amount that is usual for the card, {known}.",
        ),
        _feature(f"terminal_risk_{days}d", "share", f"Share of frauds at the terminal {known}."),
    )


FEATURES = named(
    _feature("payment_amount", "", "The amount of the payment."),
    _feature("card_amount_ratio", "", "The amount over the card's usual amount, spikes left out."),
    _feature("card_good_ratio", "", "The amount over the mean of the card's known good payments."),
    _feature("card_usual_amount", "", "The card's usual amount, spikes left out."),
    _feature("card_spike_evidence", "", "Decayed sum of how far recent amounts were too large."),
    _feature("card_spike_age", "days", "Time since the card's last unusually large amount."),
    _feature("terminal_run", "payments", "Known frauds at the terminal since its last good one."),
    _feature("terminal_plain_run", "payments", "The same, of amounts that are usual for the card."),
    _feature("terminal_run_age", "days", "Days since that run began."),
    _feature("terminal_good_age", "days", "Days since the terminal's last known good payment."),
    _feature("terminal_fraud_age", "days", "Days since the terminal's last known plain fraud."),
    _feature(UNSEEN, "days", "Days since the terminal's last payment with a known label."),
    _feature(
        "terminal_run_ratio", "", "Mean ratio of the plain run's amounts to their cards' own."
    ),
    _feature("terminal_run_cards", "cards", "Changes of card within the plain run, from one."),
    _feature("terminal_run_card_spikes", "", "Evidence of spikes of the card that was last in it."),
    _feature("terminal_run_card_frauds", "payments", "Known frauds of that card, decayed."),
    *(feature for days in WINDOW_DAYS for feature in _windowed(days)),
)
"""The columns of `describe`, in order."""
NAMES = tuple(FEATURES)


def describe(payments: Payments, delay_days: int = LABEL_DELAY_DAYS) -> NDArray[np.float32]:
    """The features of every payment, a column each in the order of FEATURES.

    Strictly causal: a row depends on the payments up to its own and on labels that are at least
    `delay_days` old.
    """
    out = np.empty((len(payments), FEATURE_COUNT), np.float32)
    profile(
        payments.at,
        payments.card,
        payments.terminal,
        payments.amount,
        payments.fraud,
        delay_days * DAY_SECONDS,
        out,
    )
    return out
