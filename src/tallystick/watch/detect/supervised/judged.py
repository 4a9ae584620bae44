"""Anomalies that people judged, as rows for the classifier: what it learns on a desk.

A row says what the anomaly's own explanation says: which detector, how improbable, and how much
each feature surprised. So a row needs nothing but the anomaly, and an old one gives the same row.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from tallystick.clock import NS_PER_SECOND, parse_rfc3339
from tallystick.errors import Refused
from tallystick.watch.detect.score import P_VALUE_MIN, Anomaly
from tallystick.watch.detect.supervised.classifier import Classifier
from tallystick.watch.detect.supervised.kernels import DAY_SECONDS

SURPRISE = "surprise"
"""-log10 of the anomaly's p-value."""
EVIDENCE = "contributions"
"""How many features contributed."""
HOUR = "hour_of_day"
DETECTOR = "detector:"
"""1 where the detector of that name found it."""
FEATURE = "surprise:"
"""How much the feature of that name surprised; missing where it did not contribute."""
EXCESS = "excess:"
"""How far it lay outside its usual range, in widths of that range, signed."""
FEATURES_KEPT_MAX = 200
"""Features that are looked at: the most frequent ones."""


class Case(msgspec.Struct, frozen=True):
    """An anomaly, whether it was confirmed, and when that was said; times in seconds."""

    anomaly: Anomaly
    bad: bool
    at_seconds: float
    judged_at_seconds: float


@dataclass(frozen=True)
class Cases:
    """Cases as arrays, in the order of their time; `groups` are accounts, or else entities."""

    names: tuple[str, ...]
    rows: NDArray[np.float64]
    labels: NDArray[np.uint8]
    groups: NDArray[np.int64]
    at_seconds: NDArray[np.float64]
    judged_at_seconds: NDArray[np.float64]

    @property
    def day(self) -> NDArray[np.int64]:
        """The day of each case."""
        return (self.at_seconds // DAY_SECONDS).astype(np.int64)


def case(anomaly: Anomaly, verdict: str, judged_at: str) -> Case:
    """A judged anomaly; `verdict` is "confirmed" or "dismissed", `judged_at` RFC 3339."""
    return Case(anomaly, verdict == "confirmed", _seconds(anomaly.at), _seconds(judged_at))


def cases_of(judged: Iterable[Case]) -> Cases:
    """The arrays of these cases.

    Raises:
        Refused: TOO_FEW_CASES: there are none.
    """
    ordered = sorted(judged, key=lambda each: (each.at_seconds, each.anomaly.id))
    if not ordered:
        raise Refused("TOO_FEW_CASES", "No anomaly was confirmed or dismissed yet.")
    anomalies = [each.anomaly for each in ordered]
    names = columns_of(anomalies)
    entities = [each.account or f"{each.detector} {each.entity}" for each in anomalies]
    return Cases(
        names,
        rows_of(anomalies, names),
        np.array([each.bad for each in ordered], np.uint8),
        np.unique(entities, return_inverse=True)[1].astype(np.int64),
        np.array([each.at_seconds for each in ordered]),
        np.array([each.judged_at_seconds for each in ordered]),
    )


def columns_of(anomalies: Sequence[Anomaly]) -> tuple[str, ...]:
    """The names of all columns that these anomalies need, sorted within their kind."""
    detectors = sorted({each.detector for each in anomalies})
    count: dict[str, int] = {}
    for anomaly in anomalies:
        for contribution in anomaly.contributions:
            count[contribution.feature] = count.get(contribution.feature, 0) + 1
    kept = sorted(sorted(count, key=lambda name: (-count[name], name))[:FEATURES_KEPT_MAX])
    return (
        SURPRISE,
        EVIDENCE,
        HOUR,
        *(DETECTOR + name for name in detectors),
        *(FEATURE + name for name in kept),
        *(EXCESS + name for name in kept),
    )


def rows_of(anomalies: Sequence[Anomaly], names: Sequence[str]) -> NDArray[np.float64]:
    """A row an anomaly; NaN where a feature did not contribute. Names it never saw are skipped."""
    place = {name: column for column, name in enumerate(names)}
    rows = np.full((len(anomalies), len(names)), np.nan)
    for row, anomaly in zip(rows, anomalies, strict=True):
        for name, number in _numbers(anomaly):
            column = place.get(name)
            if column is not None:
                row[column] = number
        for name, column in place.items():
            if name.startswith(DETECTOR):
                row[column] = float(name == DETECTOR + anomaly.detector)
    return rows


def probabilities(classifier: Classifier, anomalies: Sequence[Anomaly]) -> list[float]:
    """How probable it is that each anomaly would be confirmed, 0 to 1."""
    if not anomalies:
        return []
    scores: list[float] = classifier.score(rows_of(anomalies, classifier.features)).tolist()
    return scores


def _numbers(anomaly: Anomaly) -> Iterable[tuple[str, float]]:
    p_value = max(P_VALUE_MIN, anomaly.p_value)
    yield SURPRISE, -math.log10(min(p_value, 1.0))
    yield EVIDENCE, float(len(anomaly.contributions))
    yield HOUR, _seconds(anomaly.at) % DAY_SECONDS / 3600
    for each in anomaly.contributions:
        yield FEATURE + each.feature, each.surprise
        yield EXCESS + each.feature, _excess(each.came, each.expected_low, each.expected_high)


def _excess(came: float, low: float, high: float) -> float:
    """How far outside of low .. high, in widths of it: 0 inside, NaN where there is no range."""
    if not (math.isfinite(came) and math.isfinite(low) and math.isfinite(high)) or high < low:
        return math.nan
    width = max(high - low, 1e-9 * max(1.0, abs(low), abs(high)))
    if came > high:
        return (came - high) / width
    return (came - low) / width if came < low else 0.0


def _seconds(stamp: str) -> float:
    return parse_rfc3339(stamp) / NS_PER_SECOND
