"""The report of a backtest is its bytes: canonical, named by their hash."""

import msgspec
import pytest

from tallystick.errors import Refused
from tallystick.watch.detect.models.report import Backtest, Outcome, read_backtest

OUTCOME = Outcome("a" * 12, "1", 2, 0, 1, 0, 1, 1, 1.0, 0.5, 20.0, 0.0, 10.0, 3.5, {"layering": 2})
REPORT = Backtest(
    0, 10, "2026-03-01T00:00:00.000000Z", "2026-03-02T00:00:00.000000Z", "ab" * 32, 0, 10, 5, 15, 0,
    (OUTCOME,), None,
)  # fmt: skip


def test_it_comes_back_as_it_was_written() -> None:
    """With the summary that a promotion has."""
    read, summary = read_backtest(REPORT.canonical, "a" * 12, REPORT.digest)
    assert read == REPORT
    assert (summary.digest, summary.from_, summary.to) == (REPORT.digest, 0, 10)
    assert (summary.found, summary.confirmed, summary.missed) == (2, 1, 1)
    assert (summary.against, summary.found_against, summary.both) == (None, 0, 0)


def test_its_members_are_those_that_are_documented() -> None:
    """`from` and `to`, sorted, a kind and a version."""
    members = list(msgspec.json.decode(REPORT.canonical))
    assert members == sorted(members)
    assert {"from", "to", "kind", "v", "leaf"} <= set(members)
    assert msgspec.json.decode(REPORT.canonical)["kind"] == "tallystick-backtest"


def test_any_change_of_it_is_refused() -> None:
    """A number, a space, and another version's name."""
    better = REPORT.canonical.replace(b'"missed":1', b'"missed":0')
    with pytest.raises(Refused, match="digest"):
        read_backtest(better, "a" * 12, REPORT.digest)
    with pytest.raises(Refused, match="not of bbbbbbbbbbbb"):
        read_backtest(REPORT.canonical, "b" * 12, REPORT.digest)
