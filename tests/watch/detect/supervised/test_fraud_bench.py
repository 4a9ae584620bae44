"""The fraud benchmark as a whole: it learns, repeats itself, and cannot see what is later."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from tallystick.watch.detect.supervised.features import describe
from tallystick.watch.detect.supervised.fraud_bench import fit_latest, fit_payments, run
from tallystick.watch.detect.supervised.payments import Payments
from tallystick.watch.detect.supervised.protocol import split
from tallystick.watch.detect.supervised.training import Fitting

QUICK = Fitting(trees=40)


def test_it_finds_what_can_be_found(payments: Payments) -> None:
    """On simulated fraud it is far better than chance, and no better than a perfect order."""
    report = run(payments, weeks=2, fitting=QUICK, chance=np.random.default_rng(1))
    assert len(report.weeks) == 2
    assert report.auc > 0.75
    assert report.ap > 0.3
    assert 0 < report.cp100 <= report.cp100_best
    assert report.intervals["auc"].low <= report.auc <= report.intervals["auc"].high
    assert report.configurations_tried > 0


def test_it_is_deterministic(payments: Payments) -> None:
    """The same file and seed give the same report, models and all."""
    first, again = (
        run(payments, weeks=1, fitting=QUICK, chance=np.random.default_rng(1)) for _ in range(2)
    )
    assert first == again


def test_a_week_knows_no_label_of_its_own_and_none_of_the_seven_days_before(
    payments: Payments,
) -> None:
    """Turn round what is not known yet: the trees, and the scores of the first day, are the same.

    Labels of the day seven days before become known in the course of the first day, so the scores
    are compared with those from the day after it turned.
    """
    week = 49
    parts = split(payments, week)
    rows = describe(payments)
    first = fit_payments(payments, rows, parts.train, QUICK)
    for turned_from in (week - 7, week - 6):
        late = payments.day >= turned_from
        turned = replace(payments, fraud=np.where(late, 1 - payments.fraud, payments.fraud))
        other = describe(turned)
        assert fit_payments(turned, other, parts.train, QUICK).encode() == first.encode()
    today = np.flatnonzero(payments.day == week)
    np.testing.assert_array_equal(first.score(rows[today]), first.score(other[today]))


def test_the_latest_classifier_learns_from_the_whole_file(payments: Payments) -> None:
    """What `detect train` writes is learnt up to the last known label, and is a classifier."""
    classifier = fit_latest(payments, QUICK)
    assert len(classifier.content.forests) == QUICK.folds
    assert classifier.content.unseen is not None
    earlier = fit_latest(payments.first(len(payments) // 2), QUICK)
    assert earlier.version != classifier.version


def test_the_report_is_plain_json(payments: Payments) -> None:
    """The command prints it: figures on top, a row a week."""
    report = run(payments, weeks=1, fitting=QUICK, chance=np.random.default_rng(1))
    facts = msgspec.json.decode(msgspec.json.encode(report))
    assert {"auc", "ap", "cp100", "intervals", "weeks"} <= facts.keys()
    assert facts["weeks"][0]["frauds"] == report.weeks[0].frauds
    assert pytest.approx(report.ap) == facts["weeks"][0]["ap"]
