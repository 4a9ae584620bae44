"""The query as SQL: it finds what the language promises, in hot and in sealed lines alike."""

import re
import string
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.clock import ManualClock, parse_rfc3339
from tallystick.errors import Refused
from tallystick.watch.collect import LogStore, parse_query
from tallystick.watch.collect.conditions import conditions
from tallystick.watch.collect.query import (
    Differs,
    Happened,
    Is,
    Measures,
    Not,
    Pattern,
    Says,
    Term,
    number_of,
)

OpenStore = Callable[..., LogStore]
ReadAll = Callable[..., list[dict[str, object]]]


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
    },
    {"event_name": "x", "price": "1.10", "big": 12345678901234567890, "tags": ["a", "b"]},
]


@pytest.fixture
def store(open_store: OpenStore) -> LogStore:
    """A store with the lines above, not sealed yet."""
    store = open_store()
    store.append([msgspec.json.encode(line) for line in LINES])
    return store


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [1, 2, 3]),
        ("event_name=api.request_answered", [1, 2]),
        ("event_name=API.Request_Answered", [1, 2]),
        ("event_name=api.request", []),
        ("event_name=api.*", [1, 2]),
        ("event_name=*", [1, 2, 3]),
        ("event_name!=x", [1, 2]),
        ("severity_text!=INFO", [2]),
        ("NOT severity_text=INFO", [2, 3]),
        ("severity_text=error http.response.status_code>=500", [2]),
        ("http.response.status_code=201", [1]),
        ("http.response.status_code=201.0", [1]),
        ("http.response.status_code<500", [1]),
        ("http.response.status_code=5*", [2]),
        ("duration_us>912", [1]),
        ("duration_us<=912.5", [1]),
        ("price=1.1", [3]),
        ("price=1.10", [3]),
        ("price>1.05", [3]),
        ("price>1.10", []),
        ("big=12345678901234567890", [3]),
        ("big=12345678901234567891", []),
        ('"flag"', [2]),
        ("flag=true", [2]),
        ("nothing=*", []),
        ("NOT nothing=*", [1, 2, 3]),
        ("url/path~x=/v1/\\*", [2]),
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
        ("api*503", [2]),
        ("NOT tallystick", [2, 3]),
        ("log.seq=2", [2]),
        ("log.seq>1", [2, 3]),
        ("timestamp>2026-11-22T04:08:16.123456Z", [2]),
        ("timestamp>=2026-11-22T05:08:16.123456+01:00", [1, 2]),
        ("timestamp<0001-01-01T00:00:00Z", []),
        ("timestamp<9999-12-31T23:59:59Z", [1, 2]),
        ("timestamp=2026-11-22T04:08:16.1234567*", [2]),
        ("x'); DROP TABLE logs; --", []),
        ("a=' body=\"'' OR true --\"", []),
    ],
)
def test_what_is_found(store: LogStore, read_all: ReadAll, query: str, expected: object) -> None:
    """Examples of every kind of term, on hot lines and on the same lines sealed."""
    for _ in range(2):
        assert [line["log.seq"] for line in read_all(store, query)] == expected
        store.seal()


def test_values_are_bound_and_never_written_into_sql() -> None:
    """Whatever stands in a query, the SQL is made of our own words and question marks."""
    queries = ["'x", 'a="\'; x"', "a=*'*", "b>1", "timestamp>2026-11-22T04:00:00Z", "a/'~=x"]
    for query in queries:
        try:
            condition = conditions(parse_query(query))
        except Refused:
            continue
        assert "'" not in condition.sql
        assert condition.sql.count("?") == len(condition.values)


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
    wanted = number_of(pattern.exact or "")
    if wanted is not None and number_of(text) is not None and Decimal(text) == Decimal(wanted):
        return True
    return fits(pattern, text, whole=True)


def compare(order: str, left: float, right: float) -> bool:
    """One of the four orders."""
    return {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[order]


def holds(term: Term, line: dict[str, object], raw: str) -> bool:
    """Whether one term is true of one line."""
    match term:
        case Not(test):
            return not holds(test, line, raw)
        case Says(pattern):
            pieces = tuple(msgspec.json.encode(piece)[1:-1].decode() for piece in pattern.pieces)
            return fits(Pattern(pieces), raw, whole=False)
        case Is(field, pattern):
            text = text_of(line.get(field))
            return text is not None and equal(pattern, text)
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


WORDS = st.sampled_from(
    ["api", "API", "a", "b*", "*", "1", "1.0", "01", "-2", "é", "%", "a_b", "."]
)
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
QUOTED = st.text(string.ascii_letters + ' .*"\\_%1', max_size=4).map(
    lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
)
TESTS = st.one_of(
    WORDS,
    QUOTED,
    st.tuples(NAMES, st.sampled_from(["=", ":", "!="]), st.one_of(WORDS, QUOTED)).map("".join),
    st.tuples(NAMES, ORDERS, st.sampled_from(["0", "1", "-1.25", "1e0"])).map("".join),
    st.tuples(st.just("timestamp"), ORDERS, STAMPS).map("".join),
)
QUERIES = st.lists(
    st.tuples(st.sampled_from(["", "NOT "]), TESTS).map("".join), min_size=1, max_size=3
).map(" ".join)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_sql_agrees_with_the_language(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Random lines and queries: hot SQL, sealed SQL and the definition above find the same."""
    folder: Path = tmp_path_factory.mktemp("agree")
    lines = data.draw(RANDOM_LINES)
    encoded = [msgspec.json.encode(line) for line in lines]
    store = LogStore(folder, ManualClock())
    store.append(encoded)
    queries = data.draw(st.lists(QUERIES, min_size=5, max_size=15))
    expected = [
        [
            number
            for number, (line, raw) in enumerate(zip(lines, encoded, strict=True), start=1)
            if all(holds(term, line, raw.decode()) for term in parse_query(query).terms)
        ][::-1]
        for query in queries
    ]
    for _ in range(2):
        for query, wanted in zip(queries, expected, strict=True):
            page = store.search(query)
            found = [msgspec.json.decode(line)["log.seq"] for line in page.logs]
            assert found == wanted, query
        store.seal()
    store.close()


@settings(max_examples=20, deadline=None)
@given(st.lists(st.text(max_size=60), min_size=1, max_size=20))
def test_no_query_breaks_the_engine(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    """Any text that parses can be run: no value reaches the engine as syntax."""
    store = LogStore(tmp_path_factory.mktemp("any"), ManualClock())
    store.append([msgspec.json.encode(line) for line in LINES])
    for text in texts:
        try:
            store.search(text)
        except Refused as refused:
            assert refused.code == "BAD_QUERY"  # noqa: PT017  both ways are fine
    store.close()
