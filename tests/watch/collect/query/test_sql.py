"""The escape hatch: SELECT over the log works, and everything else is refused."""
# ruff: noqa: E501  queries read best in one piece

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.errors import Refused
from tallystick.watch.collect.query import compile_sql

GOOD = [
    "select count(*) from events",
    'select http.route, avg("duration_us#") as a from events group by 1 order by a desc',
    "with x as (select status, count(*) n from events group by all) select * from x where n > 3",
    'select e."http.route" from events e limit 1',
    "select lower(route) as route from events group by 1",
    "select lower(route) as r, count(*) from events group by r",
    "select * from events limit 1",
    "from events limit 1",
    "select seq, row_number() over (partition by route order by seq) from events limit 2",
    "select a.seq from events a join events b on a.seq=b.seq limit 1",
    "select count(*) filter (where status like '5%') from events",
    "select date_trunc('hour',_time) h, quantile_cont(\"duration_us#\",0.99) from events group by h",
    "select json_extract_string(_raw,'$.body') from events limit 1",
    "select u from (select unnest([1,2]) as u)",
    "select * from unnest([1,2])",
    "select case when status='500' then 'bad' else 'ok' end k, count(*) from events group by k order by k",
    "select list_transform([1,2], lambda x: x+1)",
    "select distinct route from events",
    "select interval 1 day + _time from events limit 1",
    "select cast(status as integer) + 1 from events limit 1",
    "select 1 union all select 2",
    "select route from events where status in (select status from events where status='500') limit 1",
    "select exists(select 1 from events)",
    "select max(_time) - min(_time) from events",
    'select count(*), "we""ird\' name" from events group by 2',
]
EVIL = [
    "select 1; select 2",
    "insert into x values(1)",
    "attach 'x'",
    "copy (select 1) to 'x'",
    "select a from read_csv('x')",
    "select * from 'x.csv'",
    "select * from events, generate_series(1,3)",
    "pragma version",
    "set x=1",
    "select getenv('x')",
    "select current_setting('x')",
    "select * from duckdb_settings()",
    "describe events",
    "show tables",
    "summarize events",
    "call x()",
    "explain select 1",
    "select nextval('x')",
    "select foo.bar(1)",
    "select main.events.seq from main.events",
    "select ?",
    "with recursive a as (select 1 union all select * from a) select * from a",
    "select * from information_schema.tables",
    "select * from pg_catalog.pg_class",
    "select * from sqlite_master",
    "select read_text('/etc/passwd')",
    "select * from glob('*')",
    "select sleep_ms(10000)",
    "select write_log('x')",
    "with events as (select 1) select * from events",
    "select repeat('x',1000000000)",
    "select * from query('select 1')",
    "select * from query_table('events')",
    "pivot events on a using count(*)",
    "select version()",
    "select current_database()",
    "install httpfs",
    "load httpfs",
    "export database 'x'",
    "checkpoint",
    "vacuum",
    "create table a as select 1",
    "drop table events",
    "update events set a=1",
    "delete from events",
    "begin",
    "select " + "(" * 2_000 + "1" + ")" * 2_000,
    "select " + "not " * 2_000 + "true",
    "select " + "+".join(["1"] * 3_000),
    "select 'abc",
    "select * from events at (version => 1)",
    "select getvariable('x')",
    "select * from events tablesample 5 percent",
    "select x from nowhere",
    "select count(*) from events where status > [1]",
    "select nosuchfn(1)",
    "select query from duckdb_queries()",
    "select \x00 from events",
    "select cast(1 as nosuchtype)",
    "select * from range(10)",
    "select setseed(0.5)",
    "select random()",
    "select nope. from events",
    "select * from (describe events)",
    "select 1 /*",
    "use x",
    "select * from events where 1=1 -- \n; drop table x",
]


@pytest.mark.parametrize("text", GOOD)
def test_a_select_over_events_runs(log: Any, text: str) -> None:
    """What analysts write; the columns are known before it runs."""
    plan = compile_sql(text)
    rows = log.run(plan)
    assert rows
    assert all(len(row) == len(plan.fields) for row in rows)


def test_what_a_select_gives(log: Any) -> None:
    """Fields by their dotted names, quoted or not; numbers with a #; aliases as in queries."""
    text = (
        'SELECT http.route AS route, count(*) AS n, max("duration_us#") AS slow FROM events '
        "WHERE status = '500' GROUP BY ALL ORDER BY n DESC, route"
    )
    plan = compile_sql(text)
    assert plan.fields == ("route", "n", "slow")
    assert [use.column for use in plan.uses] == ['"duration_us#"', '"http.route"', '"status"']
    assert not plan.whole
    assert log.run(plan) == [("/v1/logs", 10, 5900.5), ("/v1/orders", 10, 5600.5)]


def test_bounds_are_those_of_the_search(log: Any) -> None:
    """The statement sees only lines of these times and indexes."""
    plan = compile_sql("SELECT count(*) FROM events", indexes=frozenset({"web"}))
    assert log.run(plan) == [(0,)]
    plan = compile_sql("SELECT count(*) FROM events", earliest_ns=0, latest_ns=1)
    assert log.run(plan) == [(0,)]


@pytest.mark.parametrize("text", EVIL, ids=range(len(EVIL)))
def test_everything_else_is_refused(text: str) -> None:
    """No file, setting, catalogue, other table, other statement, endless or waiting function."""
    with pytest.raises(Refused) as refused:
        compile_sql(text)
    assert refused.value.code == "BAD_QUERY"
    assert str(refused.value).startswith("The query cannot be read at position ")


def test_the_sentence_of_a_refusal() -> None:
    """It says what was expected and where."""
    with pytest.raises(Refused) as refused:
        compile_sql("SELECT getenv('HOME') FROM events")
    assert str(refused.value) == (
        "The query cannot be read at position 8: there is no SQL function getenv; "
        "the nearest is geomean."
    )


def test_comments_and_quotes_do_not_reach_the_engine() -> None:
    """What runs is written anew from what was understood."""
    plan = compile_sql("SELECT/* x */ 1 AS a -- ; DROP TABLE events")
    assert plan.sql.text == "SELECT 1 AS a"


PIECES = st.sampled_from(
    [
        "SELECT",
        "FROM",
        "events",
        "WHERE",
        "GROUP",
        "BY",
        "ORDER",
        "LIMIT",
        "*",
        ",",
        "(",
        ")",
        ";",
        "--",
        "/*",
        "*/",
        "'",
        '"',
        "a",
        '"b.c"',
        "1",
        "'x'",
        "=",
        "AND",
        "OR",
        "NOT",
        "IN",
        "UNION",
        "ALL",
        "WITH",
        "AS",
        "x",
        "JOIN",
        "ON",
        "read_csv('/etc/passwd')",
        "getenv('A')",
        "count(*)",
        "sum(a)",
        "OVER",
        "PRAGMA",
        "SET",
        "ATTACH",
        "COPY",
        "TO",
        "CALL",
        "VALUES",
        "?",
        "$1",
        "::",
        "INTEGER",
        "[",
        "]",
        "{",
        "}",
        "->",
        "lambda",
        "CASE",
        "WHEN",
        "THEN",
        "END",
        "duckdb_settings()",
        "range(10)",
        "unnest([1])",
        "sleep_ms(1)",
        "EXISTS",
        "INTERVAL",
        "DAY",
        "NULL",
        "TABLE",
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=80), st.lists(PIECES, max_size=14).map(" ".join)))
def test_any_text_is_a_select_or_refused(text: str) -> None:
    """And none that is let through names what is not allowed."""
    try:
        plan = compile_sql(text)
    except Refused as refused:
        assert refused.code == "BAD_QUERY"  # noqa: PT017  both ways are fine
        return
    for name in ("read_csv(", "getenv(", "duckdb_settings(", "range(", "sleep_ms(", "PRAGMA"):
        assert name not in plan.sql.text.replace('"', "").split("'")[0]
