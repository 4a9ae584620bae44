"""The main commands against a slow definition of their own in Python, on random lines."""
# ruff: noqa: E501  queries read best in one piece

import statistics
from collections import Counter, defaultdict
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tallystick.clock import NS_PER_SECOND, parse_rfc3339, rfc3339

RANDOM = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
START_NS = parse_rfc3339("2026-11-22T04:00:00Z")
Line = dict[str, Any]
ROWS = st.lists(
    st.fixed_dictionaries(
        {"at": st.integers(0, 600)},
        optional={
            "k": st.sampled_from(["a", "b", "c"]),
            "n": st.integers(-5, 20),
            "edge": st.sampled_from(["start", "end"]),
        },
    ),
    max_size=25,
)


def as_lines(rows: list[Line]) -> list[Line]:
    """The rows as log lines, `at` seconds behind four o'clock."""
    return [
        {
            "timestamp": rfc3339(START_NS + row["at"] * NS_PER_SECOND),
            **{name: value for name, value in row.items() if name != "at"},
        }
        for row in rows
    ]


def newest_first(rows: list[Line]) -> list[Line]:
    """The order in which lines come: by time, then by arrival, backwards."""
    numbered = sorted(enumerate(rows, start=1), key=lambda pair: (pair[1]["at"], pair[0]))
    return [{**row, "seq": number} for number, row in reversed(numbered)]


def stamp(seconds: int) -> str:
    """As it stands in a table."""
    return rfc3339(START_NS + seconds * NS_PER_SECOND)


@pytest.fixture(scope="module")
def ask(open_log: Any) -> Any:
    """Asks a query of some rows."""

    def asked(rows: list[Line], query: str) -> list[Line]:
        log = open_log(as_lines(rows))
        try:
            table: list[Line] = log.table(query)
        finally:
            log.connection.close()
        return table

    return asked


@RANDOM
@given(ROWS)
def test_stats(ask: Any, rows: list[Line]) -> None:
    """Groups, and values of each."""
    groups: dict[str, list[Line]] = defaultdict(list)
    for row in rows:
        if "k" in row:
            groups[row["k"]].append(row)
    wanted = []
    for key in sorted(groups):
        numbers = [row["n"] for row in groups[key] if "n" in row]
        answer: Line = {"k": key, "count": len(groups[key]), "dc": len(set(numbers))}
        if numbers:
            answer |= {"sum": sum(numbers), "low": min(numbers), "mid": statistics.median(numbers)}
            answer["values"] = sorted({str(number) for number in numbers})
        wanted.append(answer)
    query = "| stats count dc(n) AS dc sum(n) AS sum min(n) AS low median(n) AS mid values(n) AS values BY k"
    assert ask(rows, query) == wanted


@RANDOM
@given(ROWS)
def test_timechart(ask: Any, rows: list[Line]) -> None:
    """Classes of a minute, with the empty ones between the first and the last."""
    counts = Counter(row["at"] // 60 for row in rows)
    wanted = [
        {"_time": stamp(60 * minute), "count": counts[minute]}
        for minute in range(min(counts, default=0), max(counts, default=-1) + 1)
    ]
    assert ask(rows, "| timechart span=1m count") == wanted


@RANDOM
@given(ROWS)
def test_timechart_by(ask: Any, rows: list[Line]) -> None:
    """The series with the largest sum has its name, the others are one, the missing another."""
    counts: Counter[tuple[int, str]] = Counter()
    totals: Counter[str] = Counter()
    for row in rows:
        totals[row.get("k", "NULL")] += 1
    largest = min(totals, key=lambda key: (-totals[key], key), default="")
    for row in rows:
        key = row.get("k", "NULL")
        counts[row["at"] // 60, key if key == largest else "OTHER"] += 1
    names = {name for _, name in counts}
    minutes = {minute for minute, _ in counts}
    wanted = [
        {"_time": stamp(60 * minute)} | {name: counts[minute, name] for name in names}
        for minute in range(min(minutes, default=0), max(minutes, default=-1) + 1)
    ]
    assert ask(rows, "| timechart span=1m count BY k limit=1") == wanted


@RANDOM
@given(ROWS, st.integers(1, 3))
def test_dedup(ask: Any, rows: list[Line], keep: int) -> None:
    """The newest of each value."""
    seen: Counter[str] = Counter()
    wanted = []
    for row in newest_first(rows):
        if "k" in row:
            seen[row["k"]] += 1
            if seen[row["k"]] <= keep:
                wanted.append(row["seq"])
    assert [line["log.seq"] for line in ask(rows, f"| dedup {keep} k")] == wanted


@RANDOM
@given(ROWS)
def test_top(ask: Any, rows: list[Line]) -> None:
    """The most frequent first, and the share of each."""
    counts = Counter(row["k"] for row in rows if "k" in row)
    ordered = sorted(counts, key=lambda key: (-counts[key], key))[:2]
    wanted = [
        {
            "k": key,
            "count": counts[key],
            "percent": pytest.approx(100 * counts[key] / counts.total()),
        }
        for key in ordered
    ]
    assert ask(rows, "| top 2 k") == wanted


@RANDOM
@given(ROWS, st.integers(0, 3), st.booleans())
def test_streamstats(ask: Any, rows: list[Line], window: int, current: bool) -> None:
    """Running values of a group, over all before or a window."""
    passed: dict[str, list[int | None]] = defaultdict(list)
    wanted: list[Line] = []
    for row in newest_first(rows):
        if "k" not in row:
            wanted.append({"seq": row["seq"]})
            continue
        before = passed[row["k"]]
        span = [*before, row.get("n")] if current else list(before)
        span = span[-window:] if window else span
        before.append(row.get("n"))
        numbers = [number for number in span if number is not None]
        answer = {"seq": row["seq"], "c": len(span)}
        wanted.append(answer | ({"s": sum(numbers)} if numbers else {}))
    query = (
        f"| streamstats window={window} current={current} count AS c sum(n) AS s BY k"
        " | table log.seq c s | rename log.seq AS seq"
    )
    assert ask(rows, query) == wanted


@RANDOM
@given(ROWS)
def test_eventstats(ask: Any, rows: list[Line]) -> None:
    """The value of the group beside each line."""
    totals = Counter(row["k"] for row in rows if "k" in row)
    wanted = [
        {"seq": row["seq"]} | ({"c": totals[row["k"]]} if "k" in row else {})
        for row in newest_first(rows)
    ]
    query = "| eventstats count AS c BY k | table log.seq c | rename log.seq AS seq"
    assert ask(rows, query) == wanted


@RANDOM
@given(ROWS, st.sampled_from(["", "start", "end", "both"]))
def test_transaction(ask: Any, rows: list[Line], edges: str) -> None:
    """Lines of a value, cut at pauses of more than a minute and at first and last lines."""
    starts, ends = edges in {"start", "both"}, edges in {"end", "both"}
    groups: list[list[Line]] = []
    for key in ("a", "b", "c"):
        own = [row for row in reversed(newest_first(rows)) if row.get("k") == key]
        for number, row in enumerate(own):
            last = own[number - 1] if number else None
            cut = last is None or row["at"] - last["at"] > 60
            cut |= starts and row.get("edge") == "start"
            cut |= ends and last is not None and last.get("edge") == "end"
            if cut:
                groups.append([])
            groups[-1].append(row)
    groups = [
        group
        for group in groups
        if (not starts or group[0].get("edge") == "start")
        and (not ends or group[-1].get("edge") == "end")
    ]
    wanted = [
        (group[0]["k"], group[0]["at"], group[-1]["at"] - group[0]["at"], len(group))
        for group in groups
    ]
    options = (' startswith="start"' if starts else "") + (
        ' endswith=eval(edge="end")' if ends else ""
    )
    found = [
        (line["k"], line["_time"], line["duration"], line["eventcount"])
        for line in ask(rows, f"| transaction k maxpause=1m{options}")
    ]
    assert sorted(found) == sorted(
        (key, stamp(at), length, count) for key, at, length, count in wanted
    )
    assert [time for _, time, _, _ in found] == sorted((t for _, t, _, _ in found), reverse=True)
