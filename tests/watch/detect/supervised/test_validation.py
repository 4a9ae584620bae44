"""Validation forward in time, and the model card that tells of it."""

import msgspec
import numpy as np

from tallystick.watch.detect.supervised.card import Facts, judged_card, payments_card
from tallystick.watch.detect.supervised.fraud_bench import fit_latest, run
from tallystick.watch.detect.supervised.judged import cases_of
from tallystick.watch.detect.supervised.payments import Payments
from tallystick.watch.detect.supervised.training import Fitting, fit
from tallystick.watch.detect.supervised.validation import (
    Scored,
    figures_of,
    validate_forward,
)

from .desk import judged

QUICK = Fitting(trees=40)
CHANCE = np.random.default_rng


def test_later_cases_are_scored_by_earlier_verdicts() -> None:
    """Three of five parts are tested, and well, since the desk judges by a rule."""
    cases = cases_of(judged(600))
    tested = validate_forward(cases, QUICK, lambda _: None)
    assert tested is not None
    assert len(tested.labels) == 360
    figures = figures_of(tested, CHANCE(1))
    assert figures.auc > 0.8
    assert figures.ap > figures.bad / figures.cases + 0.2
    assert figures.precision_at[10] > 0.6
    assert figures.intervals["auc"].low < figures.auc < figures.intervals["auc"].high
    assert min(point.normalised for point in figures.costs) < 1
    assert figures.calibration_error < 0.2


def test_a_verdict_that_came_late_teaches_nothing_before() -> None:
    """Verdicts all given at the end leave no part that could be tested."""
    late = [msgspec.structs.replace(each, judged_at_seconds=4e9) for each in judged(600)]
    assert validate_forward(cases_of(late), QUICK, lambda _: None) is None


def test_later_verdicts_change_no_earlier_score() -> None:
    """Turning the verdicts of the last fifth round changes none of the scores before it."""
    all_cases = judged(600)
    turned = [
        msgspec.structs.replace(each, bad=not each.bad) if place >= 480 else each
        for place, each in enumerate(all_cases)
    ]
    first, other = (
        validate_forward(cases_of(each), QUICK, lambda _: None) for each in (all_cases, turned)
    )
    assert first is not None
    assert other is not None
    np.testing.assert_array_equal(first.scores, other.scores)


def test_the_card_tells_figures_and_limits() -> None:
    """Data, period, features, figures with intervals, the cost curve, reliability and limits."""
    cases = cases_of(judged(600))
    classifier = fit(cases.rows, cases.labels, cases.groups, cases.names, QUICK)
    tested = validate_forward(cases, QUICK, lambda _: None)
    assert tested is not None
    figures = figures_of(tested, CHANCE(1))
    facts = Facts("judged anomalies", "2026-01-05", "2026-02-14", 600, 140, 20)
    card = judged_card(classifier, facts, QUICK, figures)
    assert classifier.version in card
    for heading in ("## Data", "## Model", "## Figures", "## Limits", "## Features"):
        assert heading in card
    assert f"| AUC | {figures.auc:.3f} (" in card
    assert "normalised cost" in card
    assert "`surprise:cancel_share`" in card
    assert "Not validated" in judged_card(classifier, facts, QUICK, None)


def test_the_card_of_payments(payments: Payments) -> None:
    """Weeks and means stand in it."""
    report = run(payments, weeks=1, fitting=QUICK, chance=CHANCE(1))
    classifier = fit_latest(payments, QUICK)
    card = payments_card(classifier, Facts("f", "day 0", "day 55", 1, 1, 1), QUICK, report)
    assert f"| ap | {report.ap:.3f}" in card
    assert "CP@100" in card


def test_figures_without_a_bad_case_cannot_be_told() -> None:
    """A tested part where nothing was bad gives a card, not an error."""
    tested = Scored(
        np.zeros(30, np.uint8), np.linspace(0, 1, 30), np.arange(30), np.arange(30) // 10
    )
    figures = figures_of(tested, CHANCE(1))
    assert np.isnan(figures.auc)
    cases = cases_of(judged(400))
    classifier = fit(cases.rows, cases.labels, cases.groups, cases.names, QUICK)
    card = judged_card(classifier, Facts("s", "a", "b", 30, 0, 30), QUICK, figures)
    assert "cannot be told" in card
