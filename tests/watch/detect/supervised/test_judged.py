"""Anomalies as rows: what the columns say, and that an unknown one breaks nothing."""

import math

import msgspec
import numpy as np
import pytest

from tallystick.errors import Refused
from tallystick.watch.detect.score import Contribution
from tallystick.watch.detect.supervised.judged import cases_of, columns_of, probabilities, rows_of
from tallystick.watch.detect.supervised.training import Fitting, fit

from .desk import MONDAY, anomaly, judged


def test_a_row_says_what_the_explanation_says() -> None:
    """Surprise, hour, detector, and how far out each feature was; missing ones are not numbers."""
    first = anomaly(1, MONDAY + 5 * 3_600, layering=True, cancels=0.6)
    second = anomaly(2, MONDAY, layering=False, cancels=0.1)
    names = columns_of([first, second])
    row = dict(zip(names, rows_of([first, second], names)[0], strict=True))
    assert row["surprise"] == pytest.approx(8)
    assert row["contributions"] == 1
    assert row["hour_of_day"] == 5
    assert (row["detector:layering"], row["detector:unusual_hour"]) == (1, 0)
    assert row["surprise:cancel_share"] == pytest.approx(3.6)
    assert row["excess:cancel_share"] == pytest.approx(2.0)
    assert math.isnan(row["surprise:hour_surprise"])
    inside = rows_of([second], names)[0]
    assert inside[names.index("excess:hour_surprise")] == 0


@pytest.mark.parametrize(
    ("came", "low", "high", "excess"),
    [(5, 0, 1, 4), (-3, 0, 1, -3), (2, 1, 1, 1e9), (math.nan, 0, 1, None), (1, 2, 1, None)],
    ids=["above", "below", "no width", "nan", "no range"],
)
def test_how_far_out(came: float, low: float, high: float, excess: float | None) -> None:
    """In widths of the usual range, signed; not a number where there is no such range."""
    odd = msgspec.structs.replace(
        anomaly(1, MONDAY, layering=True, cancels=1),
        contributions=(Contribution("f", "", came, low, high, 1.0),),
    )
    value = rows_of([odd], ["excess:f"])[0, 0]
    assert math.isnan(value) if excess is None else value == pytest.approx(excess)


def test_unknown_detectors_and_features_are_rows_too() -> None:
    """A classifier that never saw a detector still gets a row of its own width."""
    new = msgspec.structs.replace(anomaly(1, MONDAY, layering=True, cancels=1), detector="newer")
    row = rows_of([new], ["surprise", "detector:layering", "surprise:else"])[0]
    assert row[0] == pytest.approx(8)
    assert row[1] == 0
    assert np.isnan(row[2])


def test_cases_are_in_order_of_time_and_grouped_by_account() -> None:
    """However they come, rows follow the anomalies' own time."""
    cases = cases_of(reversed(judged(60)))
    assert (np.diff(cases.at_seconds) > 0).all()
    assert len(np.unique(cases.groups)) == 20
    assert (cases.judged_at_seconds > cases.at_seconds).all()
    with pytest.raises(Refused, match="No anomaly was confirmed"):
        cases_of([])


def test_probabilities_of_new_anomalies() -> None:
    """What is like the confirmed ones is probable, what is like the dismissed ones is not."""
    cases = cases_of(judged())
    classifier = fit(cases.rows, cases.labels, cases.groups, cases.names, Fitting(trees=40))
    layering, hour = probabilities(
        classifier,
        [
            anomaly(1, MONDAY, layering=True, cancels=0.9),
            anomaly(2, MONDAY, layering=False, cancels=0.9),
        ],
    )
    assert layering > 0.6
    assert hour < 0.2
    assert probabilities(classifier, []) == []
