"""Plans: which columns they read, how they are put over events, and that users write no SQL."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.clock import parse_rfc3339
from tallystick.errors import Refused
from tallystick.watch.collect.columns import Sql, Use
from tallystick.watch.collect.query import (
    JsonColumns,
    compile_query,
    event_line,
    parse,
    plain,
    predicate,
    reading,
    table_rows,
)

NOW_NS = parse_rfc3339("2026-11-22T05:00:00Z")


def planned(text: str) -> Any:
    """The plan of a query."""
    return compile_query(parse(text, NOW_NS))


@pytest.mark.parametrize(
    ("text", "uses", "whole"),
    [
        ("", [], True),
        ("status>=500", [], True),
        ("| stats count", [], False),
        (
            "| stats p99(duration_us) BY http.route",
            ["duration_us number", "http.route text"],
            False,
        ),
        ("| where status>=500 | stats count BY route", ["route text", "status number"], False),
        ("| timechart count", [], False),
        ("| timechart count BY host", ["host text"], False),
        ("| table a b", ["a text", "b text"], False),
        ("| eval x=a+1 | stats sum(x)", ["a number"], False),
        ("| rename a AS b | stats sum(b)", ["a number"], False),
        ("| eval x=1 | head 5", [], True),
        ('| rex field=body "(?<x>.)" | stats count BY x', ["body text", "x text"], False),
        ("| top a BY b", ["a text", "b text"], False),
        ("| transaction a | stats avg(duration)", ["a text"], False),
        ("| transaction a | table b", ["a text", "b text"], False),
        ("| stats count | table a b", [], False),
        ("| search error | stats count", [], False),
        ("| eval x=1 | search error | stats count", [], True),
    ],
)
def test_a_plan_reads_what_it_needs(text: str, uses: list[str], whole: bool) -> None:
    """No column more, and the line only where it is given out or searched."""
    plan = planned(text)
    assert [f"{use.field} {use.kind}" for use in plan.uses] == uses
    assert plan.whole is whole


@pytest.mark.parametrize(
    ("text", "shape", "fields", "simple", "charted", "spread"),
    [
        ("a", "events", (), True, False, False),
        ("a | search b", "events", (), True, False, False),
        ("| eval x=1", "events", ("x",), False, False, False),
        ("| head 1", "events", (), False, False, False),
        ("| stats count AS n BY a", "table", ("a", "n"), False, False, False),
        ("| timechart count", "table", ("_time", "count"), False, True, False),
        ("| timechart count BY a", "table", ("_time",), False, True, True),
        ("| chart count OVER a BY b", "table", ("a",), False, False, True),
    ],
)
def test_what_a_plan_gives(
    text: str, shape: str, fields: tuple[str, ...], simple: bool, charted: bool, spread: bool
) -> None:
    """Lines or a table, and what is in it."""
    plan = planned(text)
    assert (plan.shape, plan.fields, plan.simple) == (shape, fields, simple)
    assert (plan.charted, plan.spread) == (charted, spread)


def test_a_search_behind_the_search_is_part_of_it() -> None:
    """So that the store can leave out whole parts."""
    assert planned("a | search b earliest=-1h").search == parse("a b earliest=-1h", NOW_NS).search


def test_over_puts_events_first() -> None:
    """With steps of its own and without; the values in the order of the question marks."""
    events = Sql("SELECT ? AS x", (1,))
    for text in ("", "| where a=2 | stats count"):
        plan = planned(text)
        whole = plan.over(events)
        assert whole.text.startswith("WITH events AS (SELECT ? AS x)")
        assert whole.values == (1, *plan.sql.values)
        assert whole.text.count("WITH ") == 1


EVIL = st.text(st.sampled_from("ab'\"`;-/*()?$\\\0\né%_{}[]= "), min_size=1, max_size=12)
QUERIES = [
    '| eval x="{}"',
    '| where a="{}" OR like(b, "{}")',
    '| stats count AS "{}" BY "{}"',
    '| rename a AS "{}" | table "{}"',
    '| rex field="{}" "(?<x>.)"',
    '| fillnull value="{}" "{}"',
    '| makemv delim="{}" a',
    '| timechart count BY "{}" otherstr="{}"',
    '| top "{}" countfield="{}"',
    '| transaction "{}" startswith="{}"',
    '| extract field="{}" pairdelim="{}"',
    '| spath input="{}" | table "{}"',
    '| lookup "{}" "{}"',
    '| sort "{}"',
    '| search a="{}" "{}"',
    '"{}"="{}"',
]
MARK = "zqz"


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(QUERIES), EVIL)
def test_no_text_of_users_is_sql(query: str, evil: str) -> None:
    """What a query says is bound, or the quoted name of a column of `events`."""
    quoted = evil.replace("\\", "\\\\").replace('"', '\\"')
    try:
        plan = planned(query.replace("{}", f"{MARK}{quoted}{MARK}"))
    except Refused:
        return
    rest = plan.sql.text
    for use in sorted(plan.uses, key=lambda use: -len(use.column)):
        assert re.fullmatch(r'"(?:[^"]|"")*"', use.column)
        rest = rest.replace(use.column, "")
    assert MARK not in rest
    where = predicate(plan.search, JsonColumns())
    assert MARK not in where.text


def test_a_column_of_events_is_read_by_aliases() -> None:
    """The line's own member wins; an index that is not named is our own."""
    columns = JsonColumns("raw")
    status = reading(Use("status", "text"), columns)
    assert status.text.startswith("coalesce(")
    assert status.values == (
        "/status",
        [
            "/http.response.status_code",
            "/http/response.status_code",
            "/http.response/status_code",
            "/http/response/status_code",
        ],
    )
    assert reading(Use("index", "text"), columns).values[-1] == "tallystick"
    assert reading(Use("log.seq", "number"), columns).text == "seq"


def test_plain_values() -> None:
    """What DuckDB gives, as JSON has it."""
    assert plain(5.0) == 5
    assert plain(5.5) == 5.5
    assert plain(float("nan")) is None
    assert plain(float("inf")) is None
    assert plain(["a", 1.0]) == ["a", 1]
    assert plain(True) is True
    assert plain(1e300) == 1e300


def test_a_line_keeps_what_no_command_changed() -> None:
    """Byte for byte, also numbers that no double holds."""
    plan = planned("| eval x=1 | fields - b")
    line = event_line(plan, (7, None, '{"a":12345678901234567890.10,"b":1,"x":null}', 1.0))
    assert line == b'{"a":12345678901234567890.10,"x":1,"log.seq":7}'


def test_a_table_without_rows_has_its_fields() -> None:
    """Also where further ones would be told by the first row."""
    fields, rows = table_rows(planned("| timechart count BY a"), [])
    assert fields == ("_time",)
    assert list(rows) == []
