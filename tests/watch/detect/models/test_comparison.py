"""Champion and challenger on one stream: counted as they find, in bounded memory."""

import pytest

from tallystick.watch.detect.models import Shadow
from tallystick.watch.detect.models.comparison import (
    CASE_SECONDS,
    EXAMPLES_MAX,
    OPEN_CASES_MAX,
    WAITING_MAX,
    Matching,
    Tally,
)

from .conftest import anomaly


def test_both_one_and_the_other() -> None:
    """Cases of both, missed and extra ones, by detector and in 100,000 observations."""
    shadow = Shadow("a" * 12, "b" * 12)
    shadow.add(
        [anomaly(10), anomaly(20, "blue"), anomaly(5_000)],
        [anomaly(12, detector="random_cut_forest"), anomaly(3_000, "green")],
        50_000,
    )
    shadow.add([], [anomaly(5_030)], 50_000)
    found = shadow.report()

    assert found.all == Tally(3, 3, 2)
    assert (found.missed, found.extra, found.agreement) == (1, 1, 0.5)
    assert (found.champion_per_100k, found.challenger_per_100k) == (3.0, 3.0)
    assert found.detectors == {
        "order_size": Tally(3, 2, 1),
        "random_cut_forest": Tally(0, 1, 0),
    }
    assert {(each.side, each.subject) for each in found.examples} == {
        ("champion", "account blue"), ("challenger", "account green"),
    }  # fmt: skip
    assert found.earlier_seconds == -2.0


def test_who_is_first_does_not_matter() -> None:
    """A challenger that is earlier, in an earlier batch, is matched too."""
    shadow = Shadow("a", "b")
    shadow.add([], [anomaly(10)], 1)
    shadow.add([anomaly(40)], [], 1)
    assert shadow.report().all == Tally(1, 1, 1)
    assert shadow.report().earlier_seconds == 30.0
    assert shadow.report().examples == ()


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (anomaly(0), anomaly(CASE_SECONDS + 1)),
        (anomaly(0), anomaly(0, "blue")),
        (anomaly(0, None, route="GET /a"), anomaly(0, None, route="GET /b")),
        (anomaly(0, None), anomaly(0, route=None, account="None EURUSD")),
    ],
    ids=["later", "account", "route", "kind of subject"],
)
def test_other_cases_are_others(one: object, two: object) -> None:
    """Far apart, or about somebody else."""
    shadow = Shadow("a", "b")
    shadow.add([one], [two], 1)  # type: ignore[list-item]
    assert shadow.report().all.both == 0


def test_each_anomaly_is_in_one_case() -> None:
    """Three of one and one of the other are one case and two more."""
    shadow = Shadow("a", "b")
    shadow.add([anomaly(0), anomaly(1), anomaly(2)], [anomaly(1)], 3)
    assert shadow.report().all == Tally(3, 1, 1)
    assert shadow.report().missed == 2


def test_the_nearest_is_matched() -> None:
    """Not the first that waits."""
    matching = Matching()
    for at in (0.0, 100.0, 200.0):
        assert matching.match("champion", "x", at) is None
    assert matching.match("challenger", "x", 110.0) == 100.0
    assert matching.match("challenger", "x", 110.0) == 200.0
    assert matching.match("challenger", "x", 110.0) == 0.0
    assert matching.match("challenger", "x", 110.0) is None


def test_a_restart_changes_nothing() -> None:
    """What waits for its other half waits on."""
    one, two = Shadow("a", "b"), Shadow("a", "b")
    one.add([anomaly(10), anomaly(20, "blue")], [anomaly(30, "green")], 5)
    two.restore(one.snapshot())
    for shadow in (one, two):
        shadow.add([anomaly(31, "green")], [anomaly(11)], 5)
    assert one.report() == two.report()
    with pytest.raises(ValueError, match=r"."):
        two.restore(b"{}")


def test_an_empty_comparison_agrees() -> None:
    """Nobody found anything: that is agreement, and no rate is infinite."""
    found = Shadow("a", "b").report()
    assert (found.agreement, found.champion_per_100k, found.earlier_seconds) == (1.0, 0.0, None)


def test_memory_is_bounded() -> None:
    """Subjects, waiting anomalies of one subject, and examples."""
    shadow = Shadow("a", "b")
    shadow.add([anomaly(0, f"a{number}") for number in range(OPEN_CASES_MAX + 10)], [], 1)
    shadow.add([anomaly(number) for number in range(WAITING_MAX + 10)], [], 1)
    assert len(shadow._cases.snapshot()) == OPEN_CASES_MAX
    assert len(shadow._cases.snapshot()["account acme"].champion) == WAITING_MAX
    assert len(shadow.report().examples) == EXAMPLES_MAX
