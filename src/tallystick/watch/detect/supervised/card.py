"""The model card: what a classifier was trained on, how good it is, and what it is not for.

After Mitchell and others, "Model Cards for Model Reporting" (2019): a page for the person who
decides whether it may alert, written from the same numbers as the figures themselves.
"""

import math
from collections.abc import Iterable, Sequence

import msgspec

from tallystick.watch.detect.supervised.classifier import Classifier
from tallystick.watch.detect.supervised.fraud_bench import CARDS, Report
from tallystick.watch.detect.supervised.metrics import Bin, CostPoint, Interval
from tallystick.watch.detect.supervised.training import Fitting
from tallystick.watch.detect.supervised.validation import (
    ENTITIES_A_DAY,
    LOOK_COST,
    MISS_COST,
    Figures,
)

FEATURES_TOLD_MAX = 60


class Facts(msgspec.Struct, frozen=True):
    """What the card says of the data; times are RFC 3339 or days of the file."""

    source: str
    first: str
    last: str
    cases: int
    bad: int
    entities: int


def judged_card(
    classifier: Classifier, facts: Facts, fitting: Fitting, figures: Figures | None
) -> str:
    """The card of a classifier of judged anomalies."""
    return _page(
        "Classifier of anomalies",
        classifier,
        facts,
        fitting,
        [
            (
                "Says how probable it is that somebody who looks into an anomaly would confirm it."
                " Anomalies are sorted by it; it neither finds nor hides one."
            ),
        ],
        _judged_figures(figures),
        [
            "Verdicts exist for what the detectors found only: what they miss, it cannot learn.",
            "It learns the habits of those who judged, their mistakes too.",
            "Clients and markets change: train again when the drift monitor speaks.",
        ],
    )


def payments_card(classifier: Classifier, facts: Facts, fitting: Fitting, report: Report) -> str:
    """The card of a classifier of card payments."""
    return _page(
        "Classifier of card payments",
        classifier,
        facts,
        fitting,
        ["Says how probable it is that a payment is a fraud, from labels that come late."],
        _payment_figures(report),
        [
            "The first days of a fraud at a terminal cannot be seen: no label tells of it yet.",
            "Cards and terminals need a history; the first days of a file are not judged well.",
            "Figures on simulated data say little about real fraud.",
        ],
    )


def _page(
    title: str,
    classifier: Classifier,
    facts: Facts,
    fitting: Fitting,
    purpose: Sequence[str],
    figures: Sequence[str],
    limits: Sequence[str],
) -> str:
    trees = sum(len(forest.roots) for forest in classifier.content.forests)
    settings = ", ".join(f"{name} {value}" for name, value in msgspec.to_builtins(fitting).items())
    parts = [
        f"# {title} {classifier.version}",
        *purpose,
        "## Data",
        _table(
            ("what", "value"),
            (
                ("source", facts.source),
                ("from", facts.first),
                ("to", facts.last),
                ("cases", f"{facts.cases:,}"),
                ("bad", f"{facts.bad:,} ({_percent(facts.bad, facts.cases)})"),
                ("entities", f"{facts.entities:,}"),
            ),
        ),
        "## Model",
        (
            f"{len(classifier.content.forests)} boosted forests with {trees:,} trees in all, each"
            " trained without one part of the entities; calibrated by isotonic regression on the"
            f" part it had not seen. {settings}."
        ),
        "## Figures",
        *figures,
        "## Limits",
        "\n".join(f"- {limit}" for limit in limits),
        "## Features",
        _features(classifier.features),
    ]
    return "\n\n".join(parts) + "\n"


def _judged_figures(figures: Figures | None) -> list[str]:
    if figures is None:
        return [
            (
                "Not validated: no part of the time has enough verdicts before it. Treat its"
                " probabilities as a guess."
            )
        ]
    rows = [
        ("cases tested", f"{figures.cases:,}, {figures.bad:,} bad"),
        ("AUC", _with(figures.auc, figures.intervals.get("auc"))),
        ("average precision", _with(figures.ap, figures.intervals.get("ap"))),
        *((f"precision at {k}", f"{value:.3f}") for k, value in figures.precision_at.items()),
        (f"entity precision at {ENTITIES_A_DAY} a day", _number(figures.entity_precision)),
        ("calibration error", _number(figures.calibration_error)),
    ]
    return [
        (
            "Validated forward in time: each later fifth of the cases was scored by what was learnt"
            " from verdicts that had been given before it began. Intervals are 95 % bootstrap"
            " intervals over days."
        ),
        _table(("figure", "value"), rows),
        (
            "Cost curve: looking into a case costs"
            f" {LOOK_COST:g}, missing a bad one {MISS_COST:g}; normalised by the cheaper of looking"
            " into everything and into nothing."
        ),
        _costs(figures.costs),
        "Reliability: of the cases whose probability was said to be so, the share that was bad.",
        _reliability(figures.reliability),
    ]


def _payment_figures(report: Report) -> list[str]:
    weeks = [
        (
            str(week.first_day),
            f"{week.payments:,}",
            f"{week.frauds:,}",
            *(f"{value:.3f}" for value in (week.auc, week.ap, week.cp100, week.cp100_best)),
        )
        for week in report.weeks
    ]
    means = ("auc", "ap", "cp100")
    return [
        (
            f"Validated week by week: learnt from labels known {report.label_delay_days} days late,"
            " tested on the week that follows without the cards known as compromised. Intervals are"
            " 95 % bootstrap intervals over weeks."
        ),
        _table(
            ("figure", "value"),
            [(name, _with(getattr(report, name), report.intervals.get(name))) for name in means],
        ),
        _table(
            ("week from day", "payments", "frauds", "AUC", "AP", f"CP@{CARDS}", "perfect"), weeks
        ),
    ]


def _costs(points: Iterable[CostPoint]) -> str:
    return _table(
        ("threshold", "flagged", "precision", "recall", "normalised cost"),
        (
            (
                f"{point.threshold:.4f}",
                f"{point.flagged:.4f}",
                f"{point.precision:.3f}",
                f"{point.recall:.3f}",
                f"{point.normalised:.3f}",
            )
            for point in points
        ),
    )


def _reliability(bins: Iterable[Bin]) -> str:
    return _table(
        ("cases", "said", "came"),
        ((f"{each.cases:,}", f"{each.said:.4f}", f"{each.came:.4f}") for each in bins),
    )


def _features(names: Sequence[str]) -> str:
    told = ", ".join(f"`{name}`" for name in names[:FEATURES_TOLD_MAX])
    more = len(names) - FEATURES_TOLD_MAX
    return told + (f" and {more} more." if more > 0 else ".")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _with(value: float, interval: Interval | None) -> str:
    if interval is None or not math.isfinite(interval.low):
        return _number(value)
    return f"{_number(value)} ({interval.low:.3f} to {interval.high:.3f})"


def _number(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) else "cannot be told"


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2f} %" if whole else "0 %"
