"""Any text is a plan or refused, and every plan runs: the property that all others rest on."""

import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from tallystick.clock import parse_rfc3339
from tallystick.errors import Refused
from tallystick.watch.collect.columns import SEQ_FIELD
from tallystick.watch.collect.query import Plan, compile_query, event_line, parse, table_rows
from tallystick.watch.collect.query.pipeline import PIPELINE_CHARACTERS_MAX

NOW_NS = parse_rfc3339("2026-11-22T05:00:00Z")
SHARED = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200
)
ODD_LINES: list[dict[str, object]] = [
    {},
    {"a": None, "b": True, "c": [1, None, {"d": "x"}], "d": {"e": "f"}},
    {"a": "1.10", "b": "nan", "c": "inf", "d": "-0", "e": 1e308, "f": 12345678901234567890},
    {"a": "", "b": " ", "c": "é\u0000\n\"'\\", "d": "[1", "e": '["x","y"]', "f": "{bad"},
    {"timestamp": "2026-11-22T04:00:00Z", "a": 1, "b": 2, "c": "x", "host": "h", "duration_us": 5},
    {"timestamp": "2026-11-22T04:30:00.123456789Z", "a": -1, "b": "2", "c": "X", "status": 500},
    {"timestamp": "1700-01-01T00:00:00Z", "a": 0, "e": -1e308, "f": "10.0.0.1"},
    {"timestamp": "2200-01-01T00:00:00Z", "a": 7, "e": 1e-308, "f": "%41%zz", "body": "k=v l=w"},
]


@pytest.fixture(scope="module")
def odd(open_log: Any) -> Any:
    """Lines with every kind of value that JSON has, and some that break what is careless."""
    return open_log(ODD_LINES)


def planned(text: str) -> Plan | None:
    """The plan of the text, or None where it is refused in the form that is promised."""
    try:
        return compile_query(parse(text, NOW_NS))
    except Refused as refusal:
        refused = refusal
    assert refused.code == "BAD_QUERY"
    form = r"The query cannot be read at position (\d+): .+\."
    sentence = re.fullmatch(form, str(refused), re.DOTALL)
    assert sentence is not None, str(refused)
    assert 1 <= int(sentence[1]) <= len(text) + 1, str(refused)
    assert len(str(refused)) < 2_000
    return None


def run_through(log: Any, text: str) -> bool:
    """Run the text if it is a query; its rows have the form that the plan tells."""
    plan = planned(text)
    if plan is None:
        return False
    rows = log.run(plan)
    if plan.shape == "events":
        assert all(SEQ_FIELD.encode() in event_line(plan, row) for row in rows)
    else:
        fields, shown = table_rows(plan, rows)
        assert all(len(row) == len(fields) for row in shown)
    return True


PIECES = st.sampled_from(
    [
        "|",
        "search",
        "where",
        "eval",
        "stats",
        "count",
        "by",
        "timechart",
        "span=5m",
        "rex",
        '"(?<x>\\w+)"',
        "(",
        ")",
        ",",
        "=",
        "!=",
        ">=",
        "<",
        ":",
        "*",
        '"',
        "'",
        "a",
        "b.c",
        "5",
        "1.5",
        "-1",
        "NOT",
        "AND",
        "OR",
        "IN",
        "as",
        "-",
        "+",
        ".",
        "/",
        "%",
        "[",
        "]",
        "{",
        "}",
        "TO",
        "earliest=-1h@h",
        "latest=now",
        "sum(a)",
        "avg(b)",
        "top",
        "rare",
        "dedup",
        "head",
        "tail",
        "sort",
        "table",
        "fields",
        "rename",
        "bin",
        "lookup",
        "transaction",
        "chart",
        "eventstats",
        "streamstats",
        "fillnull",
        "spath",
        "makemv",
        "mvexpand",
        "extract",
        "patterns",
        "tstats",
        "if(",
        "case(",
        "coalesce(",
        "like(",
        "match(",
        "\\",
        ";",
        "--",
        "/*",
        "'",
        "$",
        "?",
        "é",
        "\x00",
    ]
)


@SHARED
@given(st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=30).map(" ".join)))
def test_any_text_is_a_query_that_runs_or_is_refused(odd: Any, text: str) -> None:
    """No text crashes the reader, the compiler or the engine."""
    run_through(odd, text)


FIELDS = st.sampled_from(
    ["a", "b", "c", "d", "e", "f", "_time", "host", "status", "duration_us", "'no such'", "_raw"]
)
NAMES = st.sampled_from(["a", "x", "y", "_time", '"a b"', "count"])
NUMBERS = st.sampled_from(["0", "1", "-1", "2.5", "1e300", "3"])
TEXTS = st.sampled_from(
    ['""', '"x"', '"\'; DROP TABLE events; --"', '"[1,2]"', '"1.1"', '"%"', '"é\\"?"', '"a\\\\"']
)


SHAPES = [
    'strftime(@@, "%Y-%m-%d %T.%6N %Z")',
    'strptime(@@, "%Y-%m-%dT%H:%M:%S%z")',
    'relative_time(@@, "-1mon@w1+3h")',
    'replace(@@, "(\\w)(.)", "\\2\\1")',
    "substr(@@, -2, 3)",
    "mvindex(@@, -1)",
    "mvindex(@@, 0, 1)",
    'mvjoin(@@, ";")',
    'mvfind(@@, "x")',
    'match(@@, "^[a-z]+$")',
    'cidrmatch("10.0.0.0/8", @@)',
    'spath(@@, "a.b{0}.c{}")',
    'json_extract(@@, "e")',
    'tostring(@@, "commas")',
    'tostring(@@, "duration")',
    'tostring(@@, "hex")',
    "tonumber(@@, 16)",
    "round(@@, 2)",
    "(@@ BETWEEN 1 AND 3)",
    '(@@ IN (1, "x", a))',
    "(@@ IS NOT NULL)",
]


def calls(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Expressions one level deeper."""
    one = st.sampled_from(
        [
            "abs",
            "ceil",
            "exp",
            "floor",
            "ln",
            "log",
            "sqrt",
            "round",
            "sign",
            "len",
            "lower",
            "upper",
            "trim",
            "md5",
            "sha1",
            "sha256",
            "tostring",
            "tonumber",
            "isnull",
            "isnotnull",
            "isnum",
            "isstr",
            "typeof",
            "urldecode",
            "urlencode",
            "mvcount",
            "mvdedup",
            "mvsort",
            "exact",
            "null_",
            "reverse",
            "isint",
            "isbool",
        ]
    )
    two = st.sampled_from(["pow", "min", "max", "coalesce", "mvappend", "nullif", "in", "split"])
    operators = st.sampled_from(
        ["+", "-", "*", "/", "%", ".", "=", "!=", "<", "<=", ">", ">=", "AND", "OR", "XOR", "LIKE"]
    )
    return st.one_of(
        st.tuples(one, inner).map(lambda t: f"{t[0].replace('null_', 'isnull')}({t[1]})"),
        st.tuples(two, inner, inner).map(lambda t: f"{t[0]}({t[1]}, {t[2]})"),
        st.tuples(inner, operators, inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(inner, inner, inner).map(lambda t: f"if({t[0]}, {t[1]}, {t[2]})"),
        st.tuples(inner, inner).map(lambda t: f"case({t[0]}, {t[1]}, true(), null())"),
        inner.map(lambda t: f"(NOT {t})"),
        inner.map(lambda t: f"(- {t})"),
        st.tuples(st.sampled_from(SHAPES), inner).map(lambda t: t[0].replace("@@", t[1])),
    )


EXPRESSIONS = st.recursive(
    st.one_of(FIELDS, NUMBERS, TEXTS, st.sampled_from(["now()", "true", "null", "pi()"])),
    calls,
    max_leaves=6,
)
AGGREGATES = st.one_of(
    st.sampled_from(["count", "c", "count()"]),
    st.tuples(
        st.sampled_from(
            [
                "count",
                "dc",
                "sum",
                "avg",
                "min",
                "max",
                "median",
                "p50",
                "p99.9",
                "perc95",
                "stdev",
                "stdevp",
                "var",
                "varp",
                "first",
                "last",
                "earliest",
                "latest",
                "values",
                "list",
                "mode",
                "range",
                "rate",
                "sumsq",
                "estdc",
                "earliest_time",
                "latest_time",
            ]
        ),
        st.one_of(FIELDS, EXPRESSIONS.map(lambda text: f"eval({text})")),
        st.sampled_from(["", " as x", ' as "a b"', " as count"]),
    ).map(lambda t: f"{t[0]}({t[1]}){t[2]}"),
)
BY = st.one_of(
    st.just(""),
    FIELDS.map(lambda field: f" by {field}"),
    st.tuples(FIELDS, FIELDS).map(lambda t: f" by {t[0]}, {t[1]}"),
)
MANY = st.lists(AGGREGATES, min_size=1, max_size=3).map(", ".join)
COMMANDS = st.one_of(
    EXPRESSIONS.map("where {}".format),
    st.lists(st.tuples(NAMES.filter(str.isidentifier), EXPRESSIONS), min_size=1, max_size=3).map(
        lambda pairs: "eval " + ", ".join(f"{name}={value}" for name, value in pairs)
    ),
    st.tuples(MANY, BY).map(lambda t: f"stats {t[0]}{t[1]}"),
    st.tuples(MANY, BY).map(lambda t: f"eventstats {t[0]}{t[1]}"),
    st.tuples(st.sampled_from(["", "window=2 ", "current=f "]), MANY, BY).map(
        lambda t: f"streamstats {t[0]}{t[1]}{t[2]}"
    ),
    st.tuples(
        st.sampled_from(["", "span=10m ", "span=1mon ", "span=1w ", "bins=7 "]),
        MANY,
        st.one_of(st.just(""), FIELDS.map(" by {}".format)),
        st.sampled_from(["", " limit=1", " limit=2 useother=f usenull=f"]),
    ).map(lambda t: f"timechart {t[0]}{t[1]}{t[2]}{t[3] if t[2] else ''}"),
    st.tuples(MANY, FIELDS, FIELDS).map(lambda t: f"chart {t[0]} over {t[1]} by {t[2]}"),
    st.tuples(st.sampled_from(["top", "rare"]), FIELDS, BY.filter(lambda by: "," not in by)).map(
        lambda t: f"{t[0]} 2 {t[1]}{t[2]} useother=t"
    ),
    st.tuples(FIELDS, st.sampled_from(["", " keepempty=t", " consecutive=t", " keepevents=t"])).map(
        lambda t: f"dedup {t[0]}{t[1]}"
    ),
    st.lists(FIELDS, min_size=1, max_size=3).map(lambda names: "table " + ", ".join(names)),
    FIELDS.map("fields - {}".format),
    st.tuples(FIELDS, NAMES).map(lambda t: f"rename {t[0]} as {t[1]}"),
    st.tuples(st.sampled_from(["", "-", "+"]), FIELDS).map(lambda t: f"sort {t[0]}{t[1]}"),
    st.sampled_from(["head 3", "tail 2", "reverse", "head", "patterns", "patterns a", "spath"]),
    st.tuples(FIELDS, st.sampled_from(["span=10", "bins=3", "span=1h", "span=2mon", ""])).map(
        lambda t: f"bin {t[0]} {t[1]}"
    ),
    FIELDS.map("fillnull value=7 {}".format),
    FIELDS.map(lambda field: f'rex field={field} "(?<x>\\w)(?<y>.*)"'),
    FIELDS.map(lambda field: f'rex max_match=2 field={field} "(?<x>\\w)"'),
    FIELDS.map(lambda field: f'rex mode=sed field={field} "s/(\\w)/<\\1>/g"'),
    FIELDS.map(lambda field: f'regex {field}!="x|\\d"'),
    FIELDS.map(lambda field: f'parse {field} "*=*" as x, y'),
    FIELDS.map(lambda field: f"extract field={field}"),
    FIELDS.map(lambda field: f"spath input={field} path=a.e{{}} output=x"),
    FIELDS.map(lambda field: f'makemv delim="," {field}'),
    FIELDS.map("mvexpand {}".format),
    st.tuples(FIELDS, st.sampled_from(["", " maxpause=1h", " maxspan=1d", ' startswith="x"'])).map(
        lambda t: f"transaction {t[0]}{t[1]}"
    ),
    st.tuples(FIELDS, NUMBERS).map(lambda t: f'search {t[0]}={t[1]} OR x "y*z"'),
)
SEARCHES = st.sampled_from(
    [
        "",
        "x",
        "a>0",
        "NOT a=1",
        "earliest=-2h latest=now",
        "a:[0 TO 5] OR b=*",
        "index=tallystick",
        'c="é*" -d=x',
        "timestamp>2026-11-22T04:00:00Z",
        "status IN (500, x*)",
    ]
)


@settings(SHARED, max_examples=250)
@given(SEARCHES, st.lists(COMMANDS, min_size=1, max_size=4))
def test_every_plan_runs(odd: Any, search: str, commands: list[str]) -> None:
    """Commands in any order over any fields make SQL that the engine runs without an error."""
    text = " | ".join([search, *commands])
    note(text)
    run_through(odd, text)


@pytest.mark.parametrize(
    "text",
    [
        "a" * PIPELINE_CHARACTERS_MAX,
        '"' * PIPELINE_CHARACTERS_MAX,
        " " * (PIPELINE_CHARACTERS_MAX - 1) + "=",
        "NOT " * 2_500,
        "(" * PIPELINE_CHARACTERS_MAX,
        "| where " + "NOT " * 2_000 + "a",
        "| where " + "- " * 2_000 + "a",
        "| where a" + "+a" * 2_000,
        "| where a" + " AND a=1" * 1_000,
        "| where " + "if(a>b," * 19 + "1" + ",2)" * 19,
        "| where " + "(a<" * 19 + "1" + ")" * 19,
        "| eval " + ",".join(f"a{n}=a{n - 1}+1" for n in range(1, 90)),
        "| eval x=1" * 50,
        "| reverse" * 51,
        "| where x" + "=" * 5_000,
        "| rex " + '"' + "(" * 9_000 + '"',
        '| rex "(?<x>(a{1000}){1000})"',
        "[" * 5_000 + " TO ]",
        "a IN (" + "b," * 4_000 + "c)",
        "| eval x=mvindex(a,999999999999999999999)",
        "| head 999999999999999999999999",
        "earliest=-999999y",
        "earliest=+999999y@w9",
        "| bin _time span=999999999y",
        "| timechart span=1us count",
        "earliest=-10y latest=now | timechart span=1s count",
        "| transaction a startswith=eval((((((a))))))",
        "| where a=" + "9" * 400,
        "| search " + "x " * 60,
        "\x00 | where a=\x00",
    ],
    ids=range(30),
)
def test_what_is_extreme_ends_soon(odd: Any, text: str) -> None:
    """Long, deep and huge: a plan that runs or a refusal, in time and memory that are bounded."""
    run_through(odd, text)
