"""The aggregates: each of the registry with an example and its answer, in stats and in windows."""

from typing import Any

import pytest

from tallystick.errors import Refused
from tallystick.watch.collect.query import AGGREGATES

LINES = [
    {"timestamp": f"2026-11-22T04:00:0{n}Z", "n": number, "t": text}
    for n, (number, text) in enumerate(
        [(4, "a"), (8, "b"), (15, "a"), (16, None), (23, "c"), (42, "b"), ("x", "a")]
    )
]
EXAMPLES: list[tuple[str, object]] = [
    ("avg(n)", 18),
    ("c", 7),
    ("c(t)", 6),
    ("count", 7),
    ("count()", 7),
    ("count(t)", 6),
    ("count(eval(n > 10))", 4),
    ("dc(t)", 3),
    ("distinct_count(t)", 3),
    ("earliest(t)", "a"),
    ("earliest_time(t)", 1795320000),
    ("estdc(t)", 3),
    ("first(t)", "a"),
    ("last(t)", "a"),
    ("latest(t)", "a"),
    ("latest_time(t)", 1795320006),
    ("list(t)", ["a", "b", "c", "a", "b", "a"]),
    ("max(n)", 42),
    ("max(t)", "c"),
    ("max(_time)", "2026-11-22T04:00:06.000000Z"),
    ("mean(n)", 18),
    ("median(n)", 15.5),
    ("min(n)", 4),
    ("min(t)", "a"),
    ("mode(t)", "a"),
    ("p50(n)", 15.5),
    ("perc90(n)", 32.5),
    ("p99.9(n)", 41.905),
    ("range(n)", 38),
    ("rate(n)", 38 / 5),
    ("stddev(n)", 13.490737563232042),
    ("stddev_pop(n)", 12.315302134607444),
    ("stddev_samp(n)", 13.490737563232042),
    ("stdev(n)", 13.490737563232042),
    ("stdevp(n)", 12.315302134607444),
    ("sum(n)", 108),
    ("sum(eval(n * 2))", 216),
    ("sumsq(n)", 2854),
    ("values(t)", ["a", "b", "c"]),
    ("var(n)", 182),
    ("var_pop(n)", 151.66666666666666),
    ("var_samp(n)", 182),
    ("varp(n)", 151.66666666666666),
]


@pytest.fixture(scope="module")
def numbers(open_log: Any) -> Any:
    """Seven lines, one a second."""
    return open_log(LINES)


@pytest.mark.parametrize(("aggregate", "expected"), EXAMPLES, ids=[text for text, _ in EXAMPLES])
def test_what_an_aggregate_is(numbers: Any, aggregate: str, expected: object) -> None:
    """The same in stats, in eventstats, and in the last row of streamstats."""
    for query in (
        f"| stats {aggregate} AS answer",
        f"| eventstats {aggregate} AS answer | table answer | head 1",
        f"| streamstats {aggregate} AS answer | tail 1 | table answer",
    ):
        (row,) = numbers.table(query)
        answer = row["answer"]
        if aggregate.startswith("list") and "stream" in query:
            assert isinstance(answer, list)
            answer, expected = sorted(answer), sorted(["a", "b", "c", "a", "b", "a"])
        if isinstance(expected, float):
            assert answer == pytest.approx(expected), query
        else:
            assert answer == expected, query


def test_each_aggregate_has_an_example() -> None:
    """The registry and the examples name the same aggregates."""
    named = {text.partition("(")[0] for text, _ in EXAMPLES}
    assert set(AGGREGATES) <= named


def test_nothing_counts_as_zero_and_else_is_missing(numbers: Any) -> None:
    """Of no rows there is a count, and no sum."""
    assert numbers.table("t=nowhere | stats count sum(n) values(t)") == [{"count": 0}]


@pytest.mark.parametrize(
    ("text", "position", "reason"),
    [
        ("| stats cuont", 9, "there is no aggregate cuont; the nearest is count"),
        ("| stats p9x(n)", 9, "there is no aggregate p9x; the nearest is p99"),
        ("| stats sum", 9, "sum needs a field in parentheses"),
        ("| stats", 8, "stats needs an aggregate such as count or avg(duration_us)"),
        ("| stats count by", 17, "a comma or a field or a quoted text is missing"),
        (
            "| stats count spam=1",
            15,
            "there is no option of stats called spam; the nearest is span",
        ),
    ],
)
def test_a_bad_aggregate_is_refused(numbers: Any, text: str, position: int, reason: str) -> None:
    """The sentence says where and why."""
    with pytest.raises(Refused) as refused:
        numbers.table(text)
    assert str(refused.value) == f"The query cannot be read at position {position}: {reason}."
