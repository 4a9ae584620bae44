"""What the calendar says of a moment."""

from datetime import UTC, datetime

import pytest

from tallystick.watch.detect.operations.prices.market import Roll, is_moment, is_open


def _at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("2026-09-29 12:00", True),
        ("2026-09-29 20:54", True),
        ("2026-09-29 20:56", False),  # 16:56 in New York: the trade date rolls
        ("2026-09-29 21:04", False),
        ("2026-09-29 21:06", True),
        ("2026-10-02 21:30", False),  # Friday after the close
        ("2026-10-03 12:00", False),
        ("2026-10-04 20:00", False),
        ("2026-10-04 21:06", True),  # the week has opened
        ("2026-12-01 21:30", True),  # winter: the roll is at 22:00
        ("2026-12-01 22:01", False),
    ],
)
def test_when_quotes_are_to_be_expected(when: str, expected: bool) -> None:
    """Open in the week of New York, but for some minutes around the roll."""
    assert is_open(_at(when)) is expected


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("2026-09-29 12:00", False),
        ("2026-09-29 20:40", True),
        ("2026-09-29 22:30", True),
        ("2026-09-29 23:10", False),
        ("2026-10-04 22:30", True),  # the first hours of the week
        ("2026-10-04 23:30", False),
    ],
)
def test_when_spreads_are_wide_by_habit(when: str, expected: bool) -> None:
    """Around the roll and after the week has opened."""
    assert Roll().at(_at(when)) is expected


def test_the_answer_is_that_of_the_moment() -> None:
    """One `Roll` asked in any order says what a new one says."""
    roll = Roll()
    moments = [_at("2026-09-29 20:00") + 60 * n for n in range(240)]
    for moment in [*moments, *reversed(moments)]:
        assert roll.at(moment) == Roll().at(moment)


def test_what_is_no_moment() -> None:
    """Stamps that no clock of this market can say."""
    assert is_moment(1.79e9)
    assert not any(map(is_moment, (float("nan"), float("inf"), -1.0, 0.0, 1e11)))
