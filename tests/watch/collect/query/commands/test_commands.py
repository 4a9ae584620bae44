"""The commands: each of the registry by examples, among them the documented ones of PPL and SPL.

The accounts are those of OpenSearch's PPL documentation (docs/user/ppl/cmd), whose examples give
the numbers here.
"""

# ruff: noqa: E501, ISC004  a table of queries reads best in rows

from typing import Any

import pytest

from tallystick.errors import Refused
from tallystick.watch.collect.query import COMMANDS, LookupTable

ACCOUNTS = [
    {"n": 1, "name": "Amber", "balance": 39225, "gender": "M", "age": 32, "employer": "Pyrami",
     "state": "IL", "email": "amberduke@pyrami.com"},
    {"n": 6, "name": "Hattie", "balance": 5686, "gender": "M", "age": 36, "employer": "Netagy",
     "state": "TN", "email": "hattiebond@netagy.com"},
    {"n": 13, "name": "Nanette", "balance": 32838, "gender": "F", "age": 28,
     "employer": "Quility", "state": "VA"},
    {"n": 18, "name": "Dale", "balance": 4180, "gender": "M", "age": 33, "state": "MD",
     "email": "daleadams@boink.com"},
]  # fmt: skip
LINES = [
    {"timestamp": f"2026-11-22T04:00:{second:02}Z", **account, "body": f"id={account['n']} ok"}
    for second, account in zip((40, 30, 20, 10), ACCOUNTS, strict=True)
]
"""The newest first, so that they come in the order of the documentation."""

Rows = list[dict[str, object]]
EXAMPLES: list[tuple[str, Rows]] = [
    ("| stats avg(age) by gender", [{"gender": "F", "avg(age)": 28},
                                    {"gender": "M", "avg(age)": 101 / 3}]),
    ("| stats max(age), min(age) by gender", [{"gender": "F", "max(age)": 28, "min(age)": 28},
                                              {"gender": "M", "max(age)": 36, "min(age)": 32}]),
    ("| stats count by employer", [{"employer": name, "count": 1}
                                   for name in ("Netagy", "Pyrami", "Quility")]),
    ("| stats count span=1h by _time", [{"_time": "2026-11-22T04:00:00.000000Z", "count": 4}]),
    ("| eventstats avg(age) AS a, sum(age) AS s, count() AS c | head 1 | table a s c",
     [{"a": 32.25, "s": 129, "c": 4}]),
    ("| eventstats count AS c by employer | table name c",
     [{"name": "Amber", "c": 1}, {"name": "Hattie", "c": 1}, {"name": "Nanette", "c": 1},
      {"name": "Dale"}]),
    ("| streamstats avg(age) as a, sum(age) as s, count() as c by gender | table a s c",
     [{"a": 32, "s": 32, "c": 1}, {"a": 34, "s": 68, "c": 2}, {"a": 28, "s": 28, "c": 1},
      {"a": 101 / 3, "s": 101, "c": 3}]),
    ("| streamstats current=false window=2 max(age) as prev | table prev",
     [{}, {"prev": 32}, {"prev": 36}, {"prev": 36}]),
    ("| tstats count AS c WHERE age>30 BY gender", [{"gender": "M", "c": 3}]),
    ("| top gender", [{"gender": "M", "count": 3, "percent": 75},
                      {"gender": "F", "count": 1, "percent": 25}]),
    ("| top 1 age by gender", [
        {"gender": "F", "age": "28", "count": 1, "percent": 100},
        {"gender": "M", "age": "32", "count": 1, "percent": 100 / 3}]),
    ("| top limit=1 gender useother=t showperc=f",
     [{"gender": "M", "count": 3}, {"gender": "OTHER", "count": 1}]),
    ("| rare gender showperc=false", [{"gender": "F", "count": 1}, {"gender": "M", "count": 3}]),
    ("| dedup gender | table n gender", [{"n": "1", "gender": "M"}, {"n": "13", "gender": "F"}]),
    ("| dedup 2 gender | table n", [{"n": "1"}, {"n": "6"}, {"n": "13"}]),
    ("| dedup employer | table n", [{"n": "1"}, {"n": "6"}, {"n": "13"}]),
    ("| dedup employer keepempty=true | table n", [{"n": "1"}, {"n": "6"}, {"n": "13"}, {"n": "18"}]),
    ("| dedup gender consecutive=true | table n", [{"n": "1"}, {"n": "13"}, {"n": "18"}]),
    ("| dedup gender sortby -age | table n", [{"n": "6"}, {"n": "13"}]),
    ("| dedup gender keepevents=t | table n gender",
     [{"n": "1", "gender": "M"}, {"n": "6"}, {"n": "13", "gender": "F"}, {"n": "18"}]),
    ("| bin age span=10 | table age", [{"age": "30-40"}, {"age": "30-40"}, {"age": "20-30"},
                                       {"age": "30-40"}]),
    ("| bucket age bins=3 AS class | head 1 | table class age", [{"class": "30-40", "age": "32"}]),
    ("| bin _time span=30s | stats count by _time",
     [{"_time": "2026-11-22T04:00:00.000000Z", "count": 2},
      {"_time": "2026-11-22T04:00:30.000000Z", "count": 2}]),
    ("| sort age | table age", [{"age": "28"}, {"age": "32"}, {"age": "33"}, {"age": "36"}]),
    ("| sort 2 -balance | table balance", [{"balance": "39225"}, {"balance": "32838"}]),
    ("| sort str(balance) desc | head 1 | table balance", [{"balance": "5686"}]),
    ("| sort gender, - num(age) | table n", [{"n": "13"}, {"n": "6"}, {"n": "18"}, {"n": "1"}]),
    ("| sort employer | table n", [{"n": "6"}, {"n": "1"}, {"n": "13"}, {"n": "18"}]),
    ("| head 2 | table n", [{"n": "1"}, {"n": "6"}]),
    ("| limit 1 | table n", [{"n": "1"}]),
    ("| tail 2 | table n", [{"n": "18"}, {"n": "13"}]),
    ("| reverse | table n", [{"n": "18"}, {"n": "13"}, {"n": "6"}, {"n": "1"}]),
    ("| reverse | head 1 | table n", [{"n": "18"}]),
    ('| where age > 30 AND gender = "M" | stats count', [{"count": 3}]),
    ("| filter balance < 5000 | display name", [{"name": "Dale"}]),
    ("| search gender=m OR age<30 | stats count", [{"count": 4}]),
    ("| eval x=1 | search x=1 name=a* | table name", [{"name": "Amber"}]),
    ('| regex email="@py" | table n', [{"n": "1"}]),
    ('| regex email!="@py" | table n', [{"n": "6"}, {"n": "13"}, {"n": "18"}]),
    ('| regex "hattie.*netagy" | table n', [{"n": "6"}]),
    ("| eval double = age * 2, ddouble = double * 2 | head 1 | table age double ddouble",
     [{"age": "32", "double": 64, "ddouble": 128}]),
    ("| eval age = age + 1 | where age = 33 | table n age", [{"n": "1", "age": 33}]),
    ("| eval age = 40 | fields age | head 1", [{"age": 40}]),
    ("| fillnull value=none employer | table employer",
     [{"employer": "Pyrami"}, {"employer": "Netagy"}, {"employer": "Quility"},
      {"employer": "none"}]),
    ("| stats sum(nothing) AS s, count AS c | fillnull", [{"s": 0, "c": 4}]),
    ("| fields name, age | head 1", [{"name": "Amber", "age": "32"}]),
    ("| fields + name | head 1", [{"name": "Amber"}]),
    ("| table name age | fields - age | head 1", [{"name": "Amber"}]),
    ("| table name n | table n* | head 1", [{"name": "Amber", "n": "1"}]),
    ("| rename name AS who, age AS years | table who years | head 1",
     [{"who": "Amber", "years": "32"}]),
    ('| stats avg(age) max(age) | rename "avg(*)" AS "mean *"',
          [{"mean age": 32.25, "max(age)": 36}]),
    ("| rename employer AS name | table name | head 1", [{"name": "Pyrami"}]),
    ('| rex field=email "(?<user>[^@]+)@(?<domain>[^.]+)" | table user domain',
     [{"user": "amberduke", "domain": "pyrami"}, {"user": "hattiebond", "domain": "netagy"}, {},
      {"user": "daleadams", "domain": "boink"}]),
    ('| rex max_match=2 field=email "(?<letter>[a-z])" | head 1 | table letter',
     [{"letter": ["a", "m"]}]),
    ('| rex field=email mode=sed "s/@.*/@x/g" | head 1 | table email', [{"email": "amberduke@x"}]),
    ('| rex field=name mode=sed "y/Ar/ÄR/" | head 1 | table name', [{"name": "ÄmbeR"}]),
    ('| parse email "*@*.com" AS user, host | head 1 | table user host',
     [{"user": "amberduke", "host": "pyrami"}]),
    ('| parse email "(?<user>.*)@" | head 1 | table user', [{"user": "amberduke"}]),
    ("| extract field=body | head 1 | table id", [{"id": "1"}]),
    ("| kv field=body | stats sum(id)", [{"sum(id)": 38}]),
    ("| spath path=email output=mail | head 1 | table mail", [{"mail": "amberduke@pyrami.com"}]),
    ('| eval j="{\\"a\\":{\\"b\\":[1,2]}}" | spath input=j | head 1 | table a.b',
     [{"a.b": "[1,2]"}]),
    ('| makemv delim="@" email | head 1 | table email', [{"email": ["amberduke", "pyrami.com"]}]),
    ('| makemv tokenizer="([a-z]+)" email | mvexpand email | head 3 | table n email',
     [{"n": "1", "email": "amberduke"}, {"n": "1", "email": "pyrami"}, {"n": "1", "email": "com"}]),
    ("| mvexpand email limit=1 | stats count", [{"count": 4}]),
    ("| pattern", [{"pattern": "id=<*> ok", "count": 4, "percent": 100, "sample": "id=1 ok"}]),
    ("| patterns name limit=1 | table count", [{"count": 1}]),
    ("| chart count over gender by state",
     [{"gender": "F", "IL": 0, "MD": 0, "TN": 0, "VA": 1},
      {"gender": "M", "IL": 1, "MD": 1, "TN": 1, "VA": 0}]),
    ("| chart sum(age) by gender", [{"gender": "F", "sum(age)": 28},
                                    {"gender": "M", "sum(age)": 101}]),
    ("| timechart span=20s count",
     [{"_time": "2026-11-22T04:00:00.000000Z", "count": 1},
      {"_time": "2026-11-22T04:00:20.000000Z", "count": 2},
      {"_time": "2026-11-22T04:00:40.000000Z", "count": 1}]),
    ("age!=28 | timechart span=10s sum(age) AS s | fillnull",
     [{"_time": "2026-11-22T04:00:10.000000Z", "s": 33},
      {"_time": "2026-11-22T04:00:20.000000Z", "s": 0},
      {"_time": "2026-11-22T04:00:30.000000Z", "s": 36},
      {"_time": "2026-11-22T04:00:40.000000Z", "s": 32}]),
    ("| timechart span=1m count by gender",
     [{"_time": "2026-11-22T04:00:00.000000Z", "F": 1, "M": 3}]),
    ("| timechart span=1m count by employer limit=1 usenull=f | table _time Netagy OTHER",
     [{"_time": "2026-11-22T04:00:00.000000Z", "Netagy": 1, "OTHER": 2}]),
    ("| timechart span=1m max(age) avg(age) by gender limit=1 useother=f",
     [{"_time": "2026-11-22T04:00:00.000000Z", "max(age): M": 36, "avg(age): M": 101 / 3}]),
    ("earliest=-1h latest=-58m | timechart span=1m count",
     [{"_time": "2026-11-22T04:00:00.000000Z", "count": 4},
      {"_time": "2026-11-22T04:01:00.000000Z", "count": 0}]),
    ("| transaction gender | table gender duration eventcount name",
     [{"gender": "F", "duration": 0, "eventcount": 1, "name": ["Nanette"]},
      {"gender": "M", "duration": 30, "eventcount": 3, "name": ["Amber", "Dale", "Hattie"]}]),
    ("| transaction gender maxpause=15s | table _time eventcount",
     [{"_time": "2026-11-22T04:00:30.000000Z", "eventcount": 2},
      {"_time": "2026-11-22T04:00:20.000000Z", "eventcount": 1},
      {"_time": "2026-11-22T04:00:10.000000Z", "eventcount": 1}]),
    ("| transaction maxspan=15s | table duration eventcount",
     [{"duration": 10, "eventcount": 2}, {"duration": 10, "eventcount": 2}]),
    ('| transaction startswith="Dale" endswith=eval(age=36) | table duration name',
     [{"duration": 20, "name": ["Dale", "Hattie", "Nanette"]}]),
    ("| transaction startswith=(age=28) | table duration eventcount",
     [{"duration": 20, "eventcount": 3}]),
    ("| lookup people name OUTPUT desk | table name desk",
     [{"name": "Amber", "desk": "fx"}, {"name": "Hattie"}, {"name": "Nanette", "desk": "rates"},
      {"name": "Dale"}]),
    ("| lookup people name OUTPUTNEW desk AS state | head 1 | table state", [{"state": "IL"}]),
    ("| lookup people name | stats count by boss", [{"boss": "Zoe", "count": 2}]),
]  # fmt: skip


class People:
    """A lookup table with a double and gaps."""

    def names(self) -> list[str]:
        """One table."""
        return ["people"]

    def table(self, name: str) -> Any:
        """Its rows."""
        assert name == "people"
        rows = [("Amber", "fx", "Zoe"), ("Amber", "twice", "Yan"), ("Nanette", "rates", "Zoe"),
                ("Hattie", None, None)]  # fmt: skip
        return LookupTable(("name", "desk", "boss"), rows)


@pytest.fixture(scope="module")
def accounts(open_log: Any) -> Any:
    """The four accounts as lines."""
    return open_log(LINES)


@pytest.mark.parametrize(("query", "rows"), EXAMPLES, ids=[query for query, _ in EXAMPLES])
def test_what_a_command_gives(accounts: Any, query: str, rows: Rows) -> None:
    """All rows in their order, with all their fields."""
    table = accounts.table(query, lookups=People())
    assert len(table) == len(rows), table
    for row, wanted in zip(table, rows, strict=True):
        assert row == {
            name: pytest.approx(value) if isinstance(value, float) else value
            for name, value in wanted.items()
        }


def test_each_command_has_an_example() -> None:
    """The registry and the examples name the same commands."""
    used = " ".join(query for query, _ in EXAMPLES)
    assert [name for name in COMMANDS if f"| {name}" not in used] == []


def test_lines_stay_lines(accounts: Any) -> None:
    """With their new members, without the removed ones, and their number."""
    (row,) = accounts.table(
        '| where name="Dale" | eval age=age+1, x=name . "!" | fields - email | rename n AS id'
    )
    assert row == {
        "timestamp": "2026-11-22T04:00:10Z",
        "name": "Dale",
        "balance": 4180,
        "gender": "M",
        "age": 34,
        "state": "MD",
        "body": "id=18 ok",
        "x": "Dale!",
        "id": "18",
        "log.seq": 4,
    }


@pytest.mark.parametrize(
    ("text", "position", "reason"),
    [
        ("| head ten", 8, "head takes one whole number"),
        ("| tail limit=x", 14, "x is no whole number from 0 on"),
        ("| reverse x", 11, "reverse takes nothing"),
        ("| sort", 7, "sort needs a field"),
        ("| sort -", 9, "sort needs a field behind -"),
        ("| sort nmu(a)", 8, "there is no way to sort called nmu; the nearest is num"),
        ("| dedup", 8, "dedup needs a field"),
        ("| dedup 0 a", 8, "dedup keeps at least 1 row"),
        ("| dedup a keepempt=t", 11, "there is no option of dedup called keepempt; the nearest is keepempty"),
        ("| dedup a keepempty=maybe", 21, "maybe is neither true nor false"),
        ("| table", 8, "table needs a field"),
        ("| table http.*", 9, "http.* could be any member of a line; write the names out, "
         "or put a command such as stats or table before"),
        ("| rename a b", 12, "rename is written as rename old AS new"),
        ("| stats count | rename c* AS d", 30, "the new name has as many wildcards as the old one"),
        ("| fillnull", 11, "fillnull needs the names of fields while rows are still lines"),
        ("| bin a b", 9, "bin takes one field"),
        ("| bin a span=0", 14, "a span is more than 0"),
        ("| bin a span=5x", 14, "5x is no length of time such as 5m, 1h or 1d"),
        ("| rex field=a", 14, "rex needs one regular expression in quotes"),
        ('| rex "a.*"', 7, "the regular expression has no named group such as (?<user>...)"),
        ('| rex "(?<a>(?=b))"', 7, "the regular expression uses lookahead, which RE2 does not have"),
        ('| rex mode=sed "x"', 16, 'sed is written as "s/old/new/g" or "y/abc/xyz/"'),
        ("| regex a", 8, 'regex is written as regex field="expression" or regex field!="expression"'),
        ('| parse a "*-*" as b', 11, "the pattern has 2 wildcards for 1 names"),
        ("| timechart count by a, b", 25, "timechart takes one field behind by"),
        ("| timechart span=5x count", 18, "5x is no length of time such as 5m, 1h or 1d"),
        ("earliest=-1d latest=now | timechart span=1s count", 42,
         "this span makes 86,400 points; at most 10,000 go"),
        ("| chart count by a, b, c", 24, "chart takes two fields: over one, by another"),
        ("| timechart count by a limit=5000", 30, "at most 1,000 series go"),
        ("| top", 6, "top needs a field"),
        ("| top a, a", 7, "top takes each field once"),
        ("| transaction", 14, "transaction needs fields, or maxpause, maxspan, startswith or endswith"),
        ("| transaction a maxspan=1mon", 25, "a length in months is not known in seconds; write days"),
        ("| lookup", 9, "lookup needs the name of a table"),
        ("| lookup peple name", 10, "there is no lookup table peple; the nearest is people"),
        ("| lookup people", 16, "lookup needs a field to look up by"),
        ("| lookup people nam", 17, "there is no field in people called nam; the nearest is name"),
        ("| streamstats window=2 global=t count by a", 31,
         "each group has a window of its own: only global=false goes"),
        ("| tstats count from datamodel=Web", 16,
         "there are no data models; tstats reads the log itself"),
        ('| spath path="a{"', 14, "a{ is no path such as a.b{0}.c"),
        ('| makemv tokenizer="x" a', 20, "the tokenizer has a group: what is a value"),
    ],
)  # fmt: skip
def test_a_bad_command_is_refused(accounts: Any, text: str, position: int, reason: str) -> None:
    """The sentence says where and why."""
    with pytest.raises(Refused) as refused:
        accounts.table(text, lookups=People())
    assert str(refused.value) == f"The query cannot be read at position {position}: {reason}."
