"""Judged anomalies as a desk leaves them: large ones by certain detectors are mostly confirmed."""

import numpy as np

from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.watch.detect.score import Anomaly, Contribution
from tallystick.watch.detect.supervised.judged import Case, case

MONDAY = 1_767_571_200


def judged(count: int = 400, seed: int = 1) -> list[Case]:
    """Cases of 40 days: layering with many cancels is bad, unusual hours hardly ever.

    Verdicts come one to five days later.
    """
    chance = np.random.default_rng(seed)
    cases = []
    for number in range(count):
        at = MONDAY + number * 40 * 86_400 / count
        layering = bool(chance.random() < 0.4)
        cancels = float(chance.uniform(0, 1))
        bad = chance.random() < (0.9 if layering and cancels > 0.5 else 0.05)
        found = anomaly(number, at, layering=layering, cancels=cancels)
        later = at + chance.uniform(1, 5) * 86_400
        cases.append(case(found, "confirmed" if bad else "dismissed", stamp(later)))
    return cases


def anomaly(number: int, at: float, *, layering: bool, cancels: float) -> Anomaly:
    """One anomaly of account 0 to 19."""
    detector = "layering" if layering else "unusual_hour"
    feature = "cancel_share" if layering else "hour_surprise"
    return Anomaly(
        id=f"{detector}-{number}",
        detector=detector,
        family="market_abuse" if layering else "fraud",
        entity=f"account-{number % 20} EURUSD",
        at=stamp(at),
        p_value=1e-8,
        expected="few",
        came="many",
        sentence="Much was cancelled.",
        contributions=(Contribution(feature, "share", cancels, 0.0, 0.2, 3.0 + cancels),),
        account=f"account-{number % 20}",
    )


def stamp(at: float) -> str:
    """RFC 3339."""
    return rfc3339(round(at * NS_PER_SECOND))
