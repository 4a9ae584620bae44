"""The first stage: what is found by examples, and against a definition of its own in Python."""

import re
import string
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tallystick.clock import parse_rfc3339
from tallystick.watch.collect.columns import Sql
from tallystick.watch.collect.query import JsonColumns, Search, parse, predicate
from tallystick.watch.collect.query.nodes import (
    AllOf,
    AnyOf,
    Differs,
    Happened,
    Is,
    Measures,
    Node,
    Not,
    Pattern,
    Says,
)
from tallystick.watch.collect.query.patterns import exact_number_of, number_of

NOW_NS = parse_rfc3339("2026-11-22T05:00:00Z")
LINES: list[dict[str, object]] = [
    {
        "timestamp": "2026-11-22T04:08:16.123456Z",
        "severity_text": "INFO",
        "event_name": "api.request_answered",
        "service.name": "tallystick",
        "http.response.status_code": 201,
        "order.id": "O-1",
        "duration_us": 912.5,
    },
    {
        "timestamp": "2026-11-22T04:08:16.123456789Z",
        "severity_text": "ERROR",
        "event_name": "api.request_answered",
        "body": 'It said "no\\yes" to 100% of a_b\nand left.',
        "http.response.status_code": 503,
        "url/path~x": "/v1/*",
        "flag": True,
        "nothing": None,
        "com.splunk.index": "Web",
    },
    {"event_name": "x", "price": "1.10", "big": 12345678901234567890, "tags": ["a", "b"]},
]


@pytest.fixture(scope="module")
def three(open_log: Any) -> Any:
    """The lines above."""
    return open_log(LINES)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [1, 2, 3]),
        ("event_name=api.request_answered", [1, 2]),
        ("event_name=API.Request_Answered", [1, 2]),
        ("event_name=api.request", []),
        ("event_name=api.*", [1, 2]),
        ("event_name:api.*", [1, 2]),
        ("event_name = x", [3]),
        ("event_name==x", [3]),
        ("event_name=*", [1, 2, 3]),
        ("event_name!=x", [1, 2]),
        ("severity_text!=INFO", [2]),
        ("NOT severity_text=INFO", [2, 3]),
        ("-severity_text:INFO", [2, 3]),
        ("NOT NOT severity_text=INFO", [1]),
        ("severity_text=error http.response.status_code>=500", [2]),
        ("level=error status>=500", [2]),
        ("http.response.status_code=201", [1]),
        ("http.response.status_code=201.0", [1]),
        ("status:201", [1]),
        ("status:>=500", [2]),
        ("http.response.status_code<500", [1]),
        ("http.response.status_code=5*", [2]),
        ("status:[500 TO 599]", [2]),
        ("status:[201 TO 503}", [1]),
        ("status:{201 TO 503]", [2]),
        ("status:{201 TO *}", [2]),
        ("status:[* TO *]", [1, 2]),
        ("status IN (500, 503, 2*)", [1, 2]),
        ('event_name in ("x", y)', [3]),
        ("NOT status IN (503)", [1, 3]),
        ("status=201 OR status=503", [1, 2]),
        ("price=* OR status=503 severity_text=*", [2]),
        ("(price=*) OR (status=503 severity_text=*)", [2, 3]),
        ("NOT (status=201 OR price=*)", [2]),
        ("duration_us>912", [1]),
        ("duration_us<=912.5", [1]),
        ("price=1.1", [3]),
        ("price=1.10", [3]),
        ("price>1.05", [3]),
        ("price>1.10", []),
        ("big=12345678901234567890", [3]),
        ("big=12345678901234567891", []),
        ("flag=true", [2]),
        ("nothing=*", []),
        ("NOT nothing=*", [1, 2, 3]),
        ("url/path~x=/v1/\\*", [2]),
        ('"url/path~x"="/v1/\\*"', [2]),
        ("url/path~x=/v*/\\*", [2]),
        ("tags=*", [3]),
        ("order.id=O-1", [1]),
        ("ORDER.ID=O-1", []),
        ("tallystick", [1]),
        ("TALLY", [1]),
        ("100%", [2]),
        ("a_b", [2]),
        ("a.b", []),
        ("axb", []),
        ('"said \\"no\\\\yes\\""', [2]),
        ('"a_b\nand"', [2]),
        ('body="It said*left."', [2]),
        ("api*answered", [1, 2]),
        ("api*503", []),
        ("NOT tallystick", [2, 3]),
        ("log.seq=2", [2]),
        ("log.seq>1", [2, 3]),
        ("timestamp>2026-11-22T04:08:16.123456Z", [2]),
        ("_time>=2026-11-22T05:08:16.123456+01:00", [1, 2]),
        ("timestamp<0001-01-01T00:00:00Z", []),
        ("timestamp<9999-12-31T23:59:59Z", [1, 2]),
        ("timestamp=2026-11-22T04:08:16.1234567*", [2]),
        ("_time:[2026-11-22 TO 2026-11-23}", [1, 2]),
        ("earliest=-1h latest=now", [1, 2]),
        ("earliest=@d latest=-51m", [1, 2]),
        ("index=tallystick", [1, 3]),
        ("index=web", [2]),
        ("index=W*", [2]),
        ("index=web OR index=tallystick", [1, 2, 3]),
        ("NOT index=web", [1, 3]),
        ("index IN (a, b)", []),
        ("http://x", []),
        ("said: x", []),
        ('"x\'); DROP TABLE logs; --"', []),
        ("a=' body=\"'' OR true --\"", []),
        ("search tallystick", [1]),
    ],
)
def test_what_is_found(three: Any, query: str, expected: list[int]) -> None:
    """Examples of every kind of term; the same behind a pipe, on the same lines."""
    assert sorted(three.numbers(query)) == expected
    if "earliest" not in query and not query.startswith("search"):
        assert sorted(three.numbers(f"| search {query}")) == expected
        assert sorted(three.numbers(f"| eval zzz=null() | search {query}")) == expected


def test_values_are_bound_and_never_written_into_sql() -> None:
    """Whatever stands in a query, the predicate is made of our own words and question marks."""
    for query in ["'x", 'a="\'; x"', "a=*'*", "b>1", "_time>2026-11-22", "a/'~=x", "a IN (';--)"]:
        sql = predicate(parse(query, NOW_NS).search, JsonColumns())
        assert "'" not in sql.text.replace("'$.*'", "")
        assert sql.text.count("?") == len(sql.values)


def test_comparisons_stay_bare_at_the_top() -> None:
    """So that they reach the statistics of Parquet files; integers are bound as integers."""
    sql = predicate(parse("http.response.status_code>=500 b<1.5", NOW_NS).search, JsonColumns())
    assert "coalesce" not in sql.text
    assert 500 in sql.values
    assert isinstance(sql.values[sql.values.index(500)], int)
    assert 1.5 in sql.values


class Sealed:
    """A shape with two columns of its own."""

    def has(self, field: str) -> bool:
        """Only these."""
        return field in {"http.response.status_code", "body"}

    def text(self, field: str) -> Sql:
        """A column."""
        return Sql(f'CAST("{field}" AS VARCHAR)')

    def number(self, field: str) -> Sql:
        """A column."""
        return Sql(f'"{field}"')

    def searched(self, text: str = "") -> tuple[Sql, ...]:
        """One column, and none where a number is looked for."""
        return () if text.isdigit() else (Sql("body"),)

    def line(self) -> Sql:
        """Not asked for."""
        raise NotImplementedError


@pytest.mark.parametrize(
    ("query", "sql"),
    [
        ("status>=500", '("http.response.status_code" >= ?)'),
        ("status=500", '("http.response.status_code" = ?)'),
        ("route=x", "(lower(CAST(NULL AS VARCHAR)) = lower(?))"),
        ("timeout", "contains(lower(body), lower(?))"),
        ("123", "false"),
        ("index=web", "(lower(?) IN (?))"),
    ],
)
def test_a_shape_is_asked_only_for_what_it_has(query: str, sql: str) -> None:
    """Aliases lead to the column that is there; what is not there is left out."""
    assert predicate(parse(query, NOW_NS).search, Sealed()).text == sql


# What the language means, once more and independently, in Python.


def text_of(value: object) -> str | None:
    """A member's text, as the language compares it."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return msgspec.json.encode(value).decode()


def fits(pattern: Pattern, text: str, *, whole: bool) -> bool:
    """Whether the text fits, whatever the case."""
    expression = ".*".join(map(re.escape, pattern.pieces))
    match = re.fullmatch if whole else re.search
    return match(expression, text, re.DOTALL | re.IGNORECASE) is not None


def equal(pattern: Pattern, text: str) -> bool:
    """Equality of a field, with the other spellings of a number."""
    wanted = exact_number_of(pattern.exact or "")
    if wanted is not None and number_of(text) is not None and Decimal(text) == Decimal(wanted):
        return True
    return fits(pattern, text, whole=True)


def compare(order: str, left: float, right: float) -> bool:
    """One of the four orders."""
    return {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[order]


def holds(node: Node | None, line: dict[str, object]) -> bool:  # noqa: PLR0911  one a kind of node
    """Whether a test is true of one line."""
    match node:
        case None:
            return True
        case AllOf(nodes):
            return all(holds(inner, line) for inner in nodes)
        case AnyOf(nodes):
            return any(holds(inner, line) for inner in nodes)
        case Not(inner):
            return not holds(inner, line)
        case Says(pattern):
            texts = [text for text in map(text_of, line.values()) if text is not None]
            return not any(pattern.pieces) or any(fits(pattern, t, whole=False) for t in texts)
        case Is(field, patterns):
            text = text_of(line.get(field))
            return text is not None and any(equal(pattern, text) for pattern in patterns)
        case Differs(field, pattern):
            text = text_of(line.get(field))
            return text is not None and not equal(pattern, text)
        case Measures(field, order, number):
            text = text_of(line.get(field))
            value = None if text is None else number_of(text)
            return value is not None and compare(order, value, number)
        case Happened(order, at_ns):
            stamp = line.get("timestamp")
            return isinstance(stamp, str) and compare(order, parse_rfc3339(stamp), at_ns)


def found(search: Search, line: dict[str, object]) -> bool:
    """Whether the search finds the line."""
    nodes: list[Node] = [] if search.where is None else [search.where]
    if search.earliest_ns is not None:
        nodes.append(Happened(">=", search.earliest_ns))
    if search.latest_ns is not None:
        nodes.append(Happened("<", search.latest_ns))
    return holds(AllOf(tuple(nodes)), line)


WORDS = st.sampled_from(["api", "API", "a", "b*", "*", "1", "1.0", "01", "2", "é", "%", "a_b", "."])
NAMES = st.sampled_from(["event_name", "body", "severity_text", "n", "service.name", "a/b"])
STAMPS = st.integers(0, 99).map(lambda us: f"2026-11-22T04:08:16.0000{us:02}Z")
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([0.5, -1.25, 2.0]),
    st.sampled_from(["api", "Api", "1", "1.0", "a b", "", "é", "a_b", 'q"', "x\\y", "l\nm", "50%"]),
    st.text(string.ascii_letters + string.digits + ' .*"\\_%', max_size=6),
)
RANDOM_LINES = st.lists(
    st.dictionaries(NAMES, VALUES, max_size=4).flatmap(
        lambda line: st.one_of(st.just(line), STAMPS.map(lambda at: {"timestamp": at, **line}))
    ),
    min_size=1,
    max_size=12,
)
ORDERS = st.sampled_from(["<", "<=", ">", ">="])
QUOTED = st.text(string.ascii_letters + ' .*"\\_%1', min_size=1, max_size=4).map(
    lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
)
TESTS = st.one_of(
    WORDS,
    QUOTED,
    st.tuples(NAMES, st.sampled_from(["=", ":", "!="]), st.one_of(WORDS, QUOTED)).map("".join),
    st.tuples(NAMES, ORDERS, st.sampled_from(["0", "1", "-1.25", "1e0"])).map("".join),
    st.tuples(NAMES, WORDS, QUOTED).map(lambda t: f"{t[0]} IN ({t[1]}, {t[2]})"),
    NAMES.map("{}:[-1 TO 2}}".format),
    st.tuples(st.just("timestamp"), ORDERS, STAMPS).map("".join),
)
QUERIES = st.recursive(
    TESTS,
    lambda inner: st.one_of(
        inner.map("NOT {}".format),
        st.tuples(inner, st.sampled_from([" ", " AND ", " OR "]), inner).map("".join),
        inner.map("({})".format),
    ),
    max_leaves=4,
)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(RANDOM_LINES, st.lists(QUERIES, min_size=5, max_size=15))
def test_sql_agrees_with_the_language(
    open_log: Any, lines: list[dict[str, object]], queries: list[str]
) -> None:
    """Random lines and queries: SQL and the definition above find the same."""
    log = open_log(lines)
    for query in queries:
        search = parse(query, NOW_NS).search
        wanted = [number for number, line in enumerate(lines, start=1) if found(search, line)]
        assert sorted(log.numbers(query)) == wanted, query
    log.connection.close()
