"""The functions: each of the registry with an example and its answer."""

from typing import Any

import pytest

from tallystick.errors import Refused
from tallystick.watch.collect.query import FUNCTIONS

LINE = {
    "timestamp": "2026-11-22T04:08:16.123456Z",
    "text": "Hello World",
    "number": 7.5,
    "digits": "42",
    "ip": "10.1.2.3",
    "tags": ["b", "a", "b"],
    "json": '{"user":{"name":"amber","roles":["a","b"]},"flat.name":1}',
    "flag": True,
    "http.route": "/v1/orders",
}
EXAMPLES: list[tuple[str, object]] = [
    ("abs(-7.5)", 7.5),
    ("array(1, 2)", ["1", "2"]),
    ('case(number>10, "big", number>5, "middle", true(), "small")', "middle"),
    ("case(number>10, 1)", None),
    ("ceil(number)", 8),
    ("ceiling(number)", 8),
    ('cidrmatch("10.0.0.0/8", ip)', True),
    ('cidrmatch(ip, "10.1.2.0/30")', True),
    ('cidrmatch("192.168.0.0/16", ip)', False),
    ('coalesce(nothing, text, "x")', "Hello World"),
    ('concat("a", number)', "a7.5"),
    ("eval(number * 2)", 15),
    ("exact(0.1)", 0.1),
    ("exp(0)", 1),
    ("floor(number)", 7),
    ('if(text="Hello World", 1, 2)', 1),
    ('ifnull(nothing, "x")', "x"),
    ('in(digits, 41, "42")', True),
    ("isbool(true)", True),
    ("isint(digits)", True),
    ("isnotnull(text)", True),
    ("isnull(nothing)", True),
    ("isnum(digits)", True),
    ("isnum(text)", False),
    ("ispresent(nothing)", False),
    ("isstr(text)", True),
    ('json_extract(json, "user.name")', "amber"),
    ("len(text)", 11),
    ("length(text)", 11),
    ('like(text, "hello%")', False),
    ('like(text, "He_lo%")', True),
    ('like("50%", "50\\\\%")', True),
    ("ln(exp(2))", 2),
    ("log(1000)", 3),
    ("log(8, 2)", 3),
    ("log(0)", None),
    ("lower(text)", "hello world"),
    ('ltrim("  a ")', "a "),
    ('match(text, "^H\\w+ W")', True),
    ("max(1, digits, number)", 42),
    ('md5("a")', "0cc175b9c0f1b6a831c399e269772661"),
    ("min(1, digits, number)", 1),
    ('mvappend("x", tags)', ["x", "b", "a", "b"]),
    ("mvcount(tags)", 3),
    ("mvdedup(tags)", ["a", "b"]),
    ('mvfind(tags, "^a$")', 1),
    ("mvindex(tags, 0)", "b"),
    ("mvindex(tags, -1)", "b"),
    ("mvindex(tags, 0, 1)", ["b", "a"]),
    ('mvjoin(tags, ";")', "b;a;b"),
    ("mvsort(tags)", ["a", "b", "b"]),
    ("now()", 1795323600),
    ("null()", None),
    ('nullif(digits, "42")', None),
    ("round(pi(), 3)", 3.142),
    ("pow(2, 10)", 1024),
    ("pow(10, 400)", None),
    ('regex_match(text, "World$")', True),
    ('regexp_match(text, "world")', False),
    ('relative_time(1795323600, "-1d@d")', 1795219200),
    ('relative_time(1795323600, "@w1")', 1794787200),
    ('relative_time(1795323600, "-1mon@mon")', 1790812800),
    ('replace(text, "(\\w+) (\\w+)", "\\2 \\1")', "World Hello"),
    ('reverse("abc")', "cba"),
    ("round(2.5)", 3),
    ('rtrim("aXX", "X")', "a"),
    ('sha1("a")', "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"),
    ('sha256("a")', "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"),
    ("sign(-3)", -1),
    ('spath(json, "user.roles{}")', ["a", "b"]),
    ('spath(json, "user.roles{1}")', "b"),
    ('spath(json, "flat.name")', "1"),
    ('spath("no json", "a")', None),
    ('split("a,b", ",")', ["a", "b"]),
    ("sqrt(16)", 4),
    ("sqrt(-1)", None),
    ('strftime(_time, "%Y/%m/%d %H:%M:%S.%3N %Z")', "2026/11/22 04:08:16.123 UTC"),
    ('strftime(_time, "%s")', "1795320496"),
    ('strptime("2026-11-22 04:00", "%Y-%m-%d %H:%M")', 1795320000),
    ("substr(text, 1, 5)", "Hello"),
    ("substr(text, -5)", "World"),
    ("substring(text, 7)", "World"),
    ("time()", 1795323600),
    ("tonumber(digits) + 1", 43),
    ('tonumber("ff", 16)', 255),
    ('tonumber("x")', None),
    ("tostring(number)", "7.5"),
    ('tostring(1234567, "commas")', "1,234,567"),
    ('tostring(255, "hex")', "0xFF"),
    ('tostring(3725, "duration")', "01:02:05"),
    ('trim("  a ")', "a"),
    ("typeof(digits)", "Number"),
    ("typeof(nothing)", "Null"),
    ("upper(text)", "HELLO WORLD"),
    ('urldecode("a%20b")', "a b"),
    ('urlencode("a b")', "a%20b"),
    # operators
    ("1 + 2 * 3 - 4 / 2", 5),
    ("-(1 + 2) % 2", -1),
    ("number / 0", None),
    ("text + 1", None),
    ('text . "!" . 1', "Hello World!1"),
    ('"a" + "b"', "ab"),
    ('digits = "42.0"', True),
    ("digits >= 42", True),
    ('text != "x"', True),
    ('text = "hello world"', False),
    ("digits != 7", True),
    ("text != 7", True),
    ("nothing = nothing", None),
    ("NOT nothing = 1", True),
    ("true XOR false", True),
    ("true OR false AND false", True),
    ("number BETWEEN 7 AND 8", True),
    ("number NOT BETWEEN 7 AND 8", False),
    ('digits NOT IN ("1", 2)', True),
    ('text LIKE "%World"', True),
    ("nothing IS NULL", True),
    ("text IS NOT NULL", True),
    ('_time > "2026-11-22"', True),
    ('_time > "-1h"', True),
    ("http.route", "/v1/orders"),
    ("'http.route'", "/v1/orders"),
    ("`http.route`", "/v1/orders"),
    ('mvdedup(tags) = "a"', True),
    ("flag = true", True),
    ("_time", "2026-11-22T04:08:16.123456Z"),
    ("_time - 1795320496", 0.123456001),
]


@pytest.fixture(scope="module")
def one(open_log: Any) -> Any:
    """One line."""
    return open_log([LINE])


@pytest.mark.parametrize(("expression", "expected"), EXAMPLES, ids=[text for text, _ in EXAMPLES])
def test_what_an_expression_is(one: Any, expression: str, expected: object) -> None:
    """Functions and operators by examples."""
    (row,) = one.table(f"| eval answer = {expression} | table answer")
    if isinstance(expected, float):
        assert row["answer"] == pytest.approx(expected)
    else:
        assert row.get("answer") == expected


def test_each_function_has_an_example() -> None:
    """The registry and the examples name the same functions."""
    texts = " ".join(text for text, _ in EXAMPLES)
    assert [name for name in FUNCTIONS if f"{name}(" not in texts] == []


@pytest.mark.parametrize(
    ("expression", "position", "reason"),
    [
        ("lowr(a)", 12, "there is no function lowr; the nearest is lower"),
        ("lower()", 12, "lower takes 1 argument, not 0"),
        ("if(a, b)", 12, "if takes 3 arguments, not 2"),
        ("substr(a)", 12, "substr takes 2 to 3 arguments, not 1"),
        ("coalesce()", 12, "coalesce takes at least 1 arguments, not 0"),
        ("case(a, b, c)", 12, "case takes pairs: a condition, and the value where it holds"),
        ("match(a, b)", 21, "match needs a regular expression in quotes here"),
        (
            'match(a, "(?!x)")',
            21,
            "the regular expression uses lookahead, which RE2 does not have",
        ),
        (
            'match(a, "(?<=x)y")',
            21,
            "the regular expression uses lookbehind, which RE2 does not have",
        ),
        (
            'match(a, "(x)\\\\1")',
            21,
            "the regular expression uses a backreference, which RE2 does not have",
        ),
        ('match(a, "(")', 21, "the regular expression cannot be read: missing ): ("),
        ('replace(a, "x", "\\\\1")', 28, "there is no group 1 in the regular expression"),
        ('cidrmatch("10.0.0.0/99", a)', 22, "10.0.0.0/99 is no IPv4 network such as 10.0.0.0/8"),
        ('strftime(a, "%!")', 24, "% is no part of a time format"),
        ("round(a, b)", 21, "round needs the digits, a whole number, here"),
        (
            'relative_time(a, "soon")',
            29,
            "soon is no time such as -1h@h, now or 2026-11-22T04:00:00Z",
        ),
        ('spath(a, "x{")', 21, "x{ is no path such as a.b{0}.c"),
        ('tostring(a, "roman")', 24, 'tostring makes "commas", "hex" or "duration", not roman'),
        ("tonumber(a, 99)", 24, "the base is from 2 to 36"),
    ],
)
def test_a_bad_call_is_refused(one: Any, expression: str, position: int, reason: str) -> None:
    """The sentence says where and why."""
    with pytest.raises(Refused) as refused:
        one.table(f"| eval x = {expression}")
    assert str(refused.value) == f"The query cannot be read at position {position}: {reason}."
