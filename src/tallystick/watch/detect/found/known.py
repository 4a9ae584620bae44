"""An anomaly as the house knows it: what was found, and what people said of it."""

import math
from typing import Literal

import msgspec

from tallystick.ledger.notices import AnomalyJudged
from tallystick.watch.detect.score import P_VALUE_MIN, Anomaly, Contribution

VerdictWord = Literal["confirmed", "dismissed"]
NUMBER_MAX = 1e300
"""Stands for what is infinite."""


class Verdict(msgspec.Struct, frozen=True):
    """What somebody said of an anomaly, and the ledger entry that says so.

    `scope` is what else it judges: like ones of the same detector and entity ("stream"), or of
    every detector about the entity ("entity"). `until` ends a dismissal that holds by itself.
    """

    position: int
    at: str
    verdict: VerdictWord
    reason: str
    by: str
    scope: Literal["stream", "entity"]
    until: str | None


class Known(msgspec.Struct, frozen=True):
    """An anomaly, when it was found, and the verdict that holds; None: nobody has judged it."""

    anomaly: Anomaly
    found_at: str
    verdict: Verdict | None


class Labelled(msgspec.Struct, frozen=True):
    """An anomaly whose truth is known: what a classifier is trained on; `at` is the verdict's."""

    anomaly: Anomaly
    verdict: VerdictWord
    at: str


def finite(anomaly: Anomaly) -> Anomaly:
    """The anomaly in numbers that JSON has: what is not finite becomes the nearest that is."""
    p_value = min(1.0, max(P_VALUE_MIN, anomaly.p_value))
    contributions = tuple(_finite(each) for each in anomaly.contributions)
    if p_value == anomaly.p_value and contributions == anomaly.contributions:
        return anomaly
    return msgspec.structs.replace(anomaly, p_value=p_value, contributions=contributions)


def _finite(contribution: Contribution) -> Contribution:
    numbers = (
        contribution.came, contribution.expected_low, contribution.expected_high,
        contribution.surprise,
    )  # fmt: skip
    if all(map(math.isfinite, numbers)):
        return contribution
    kept = [
        0.0 if math.isnan(each) else max(-NUMBER_MAX, min(NUMBER_MAX, each)) for each in numbers
    ]
    return Contribution(contribution.feature, contribution.unit, *kept)


def verdict_of(position: int, entry: AnomalyJudged) -> Verdict:
    """The verdict that an entry says."""
    return msgspec.convert(
        {
            "position": position,
            "at": entry.at,
            "verdict": entry.verdict,
            "reason": entry.reason,
            "by": entry.by,
            "scope": entry.scope,
            "until": entry.until,
        },
        Verdict,
    )
