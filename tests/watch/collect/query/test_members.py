"""Dotted names reach into objects, and find the same in hot and in sealed lines."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from tallystick.clock import ManualClock, parse_rfc3339
from tallystick.watch.collect.query import compile_query, compile_sql, parse, table_rows, value_in
from tallystick.watch.collect.query.members import SPLITS_MAX, places, pointer
from tallystick.watch.collect.store import LogStore

NOW_NS = parse_rfc3339("2026-11-22T05:00:00Z")
LINES: list[dict[str, object]] = [
    *({"n": n, "user.id": f"u{n}", "a.b": n} for n in range(1, 10)),
    {"n": 10, "redactions": {"PAN": 1, "a/b~c": 3}},
    {"n": 11, "redactions": {"PAN": 2}, "user": {"id": "inner", "name.first": "Ann"}},
    {"n": 12, "redactions.PAN": 9, "redactions": {"PAN": 1}},
    {"n": 13, "redactions": "PAN", "user.id": 13, "a": {"b": None}},
    {"n": 14, "user.id": None, "user": {"id": True}},
    {"n": 15, "deep": {"er": {"est": "gold"}}, "deep.er": {"then": "silver"}},
    {"n": 16, "a.b": "no number", "a": {"b": 7}},
    {"n": 17, "a": {"b": 7.5}, "tags": ["x", {"y": 1}]},
    {"n": 18, "a.b": None, "a": {"b": "8"}},
    {"n": 19, "a.b": True, "a": {"b": 9}},
    {"n": 20, "a": '{"b": 4}'},
    {"n": 21, "com": {"splunk": {"index": "secret"}}, "log": {"record": {"uid": "x"}}},
    {"n": 22, "index": "secret"},
]
EXAMPLES: list[tuple[str, list[int]]] = [
    ("redactions.PAN=*", [10, 11, 12]),
    ("redactions.PAN>=1", [10, 11, 12]),
    ("redactions.PAN=1", [10]),
    ("redactions.PAN=9", [12]),
    ("NOT redactions.PAN=* redactions=*", [13]),
    ('"redactions.a/b~c"=3', [10]),
    ("user.id=inner", [11]),
    ("user.id=true", [14]),
    ("user.id=13", [13]),
    ("user=u3", [3]),
    ("user.name.first=ann", [11]),
    ("deep.er.est=gold", [15]),
    ("deep.er.then=silver", [15]),
    ("a.b>=7", [7, 8, 9, 17, 18]),
    ("a.b=no*", [16]),
    ("a.b=true", [19]),
    ("a.b=4", [4]),
    ("tags.0=x", [17]),
    ("tags.1.y=1", [17]),
    ("com.splunk.index=secret", []),
    ("log.record.uid=*", []),
    ("index=secret", []),
    ("| where 'redactions.PAN' > 1", [11, 12]),
    ('| where redactions.PAN=2 OR user.name.first="Ann"', [11]),
]


@pytest.fixture(scope="module", params=["hot", "sealed", "one by one", "many names"])
def store(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LogStore]:
    """A store with the lines; with so many other members that the manifest names none of them."""
    store = LogStore(tmp_path_factory.mktemp("store") / "logs", ManualClock(NOW_NS))
    lines = [msgspec.json.encode(line) for line in LINES]
    if request.param == "many names":
        lines.append(msgspec.json.encode({f"member{n}": 1 for n in range(300)}))
    for few in [[line] for line in lines] if request.param == "one by one" else [lines]:
        store.append(few)
        if request.param != "hot":
            store.seal()
    yield store
    store.close()


def table(store: LogStore, query: str) -> list[tuple[object, ...]]:
    """The rows of a query that ends in a table."""
    plan = compile_query(parse(query, NOW_NS))
    with store.rows(plan, seconds_max=20) as found:
        return list(table_rows(plan, [row for batch in found for row in batch])[1])


@pytest.mark.parametrize(("query", "expected"), EXAMPLES, ids=[query for query, _ in EXAMPLES])
def test_a_dotted_name_finds(store: LogStore, query: str, expected: list[int]) -> None:
    """The same lines, whether they are hot or sealed, in columns or beside them."""
    found = table(store, f"{query} | sort n | stats list(n) AS n | table n")
    assert found == ([([str(n) for n in expected],)] if expected else [(None,)])


def test_a_dotted_name_counts(store: LogStore) -> None:
    """Sums, groups and charts read it as any other field."""
    assert table(store, "| stats sum(redactions.PAN) AS n, count(redactions.PAN)") == [(12, 3)]
    counted = table(store, "redactions.PAN=* | stats count BY redactions.PAN | sort redactions.PAN")
    assert counted == [("1", 1), ("2", 1), ("9", 1)]
    assert table(store, "n>=16 n<=19 | stats sum(a.b) AS s") == [(15.5,)]


def test_a_dotted_name_in_sql(store: LogStore) -> None:
    """A column as others are, as text and as number."""
    plan = compile_sql('SELECT sum("redactions.PAN#"), max("user.name.first") FROM events')
    with store.rows(plan, seconds_max=20) as found:
        assert [row for batch in found for row in batch] == [(12.0, "Ann")]


def test_no_line_says_its_way_into_another_index(store: LogStore) -> None:
    """Neither its member `index` nor an object opens the index that it names."""
    plan = compile_query(parse("index=tallystick | stats count(n) AS n", NOW_NS))
    with store.rows(plan, seconds_max=20) as found:
        assert [row for batch in found for row in batch] == [(len(LINES),)]


def test_the_ways_to_a_field() -> None:
    """Its own name first, then one dot as a step, then every dot; odd names have one way."""
    assert places("a") == (("a",),)
    assert places("a.b") == (("a.b",), ("a", "b"))
    assert places("a.b.c") == (("a.b.c",), ("a", "b.c"), ("a.b", "c"), ("a", "b", "c"))
    assert places("a..b") == (("a..b",),)
    assert places("com.splunk.index") == (("com.splunk.index",),)
    assert len(places(".".join("x" * 99))) == SPLITS_MAX + 2
    assert pointer("a/b", "c~d") == "/a~1b/c~0d"


def test_a_line_that_was_read_has_the_same_fields() -> None:
    """What Python finds in a line is what SQL finds in it: aliases, objects, its index."""
    line = {"a.b": None, "a": {"b": {"c": 7}, "d.e": 8}, "http": {"response.status_code": 500}}
    wanted = {"a.b": {"c": 7}, "a.b.c": 7, "a.d.e": 8, "a.x": None, "status": 500,
              "index": "tallystick", "d.e": None}  # fmt: skip
    assert {name: value_in(line, name) for name in wanted} == wanted
    assert value_in({"status": 1, "http.response.status_code": 2}, "status") == 1
