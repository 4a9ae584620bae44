"""Reading a query: what it becomes, and how what it cannot be is told."""
# ruff: noqa: ISC004  queries read best in one piece

from typing import Any

import pytest

from tallystick.clock import NS_PER_SECOND, parse_rfc3339
from tallystick.errors import Refused
from tallystick.watch.collect.query import Search, compile_query, parse
from tallystick.watch.collect.query.nodes import (
    AllOf,
    AnyOf,
    Is,
    Measures,
    Node,
    Not,
    Pattern,
    Says,
)
from tallystick.watch.collect.query.search import SEQ_MAX

NOW_NS = parse_rfc3339("2026-11-22T05:00:00Z")
HOUR_NS = 3_600 * NS_PER_SECOND


def says(text: str) -> Says:
    """Free text without wildcards."""
    return Says(Pattern((text,)))


def equals(field: str, *values: str) -> Is:
    """A field with one of these values."""
    return Is(field, tuple(Pattern(tuple(value.split("*"))) for value in values))


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", None),
        (" \t ", None),
        ("timeout", says("timeout")),
        ("order rejected", AllOf((says("order"), says("rejected")))),
        ("order AND rejected", AllOf((says("order"), says("rejected")))),
        ('"order rejected"', says("order rejected")),
        ("12:30", says("12:30")),
        ("5*", Says(Pattern(("5", "")))),
        ("a=b OR c d", AllOf((AnyOf((equals("a", "b"), says("c"))), says("d")))),
        ("a b OR c d", AllOf((says("a"), AnyOf((says("b"), says("c"))), says("d")))),
        ("a OR b AND NOT c", AllOf((AnyOf((says("a"), says("b"))), Not(says("c"))))),
        ("NOT a OR b", AnyOf((Not(says("a")), says("b")))),
        ("(a b) OR c", AnyOf((AllOf((says("a"), says("b"))), says("c")))),
        ("(a (b (c)))", AllOf((says("a"), says("b"), says("c")))),
        ("-a --b", AllOf((Not(says("a")), says("--b")))),
        ("not and or", AllOf((says("not"), says("and"), says("or")))),
        ("NOTHING ORDER", AllOf((says("NOTHING"), says("ORDER")))),
        ('"OR"', says("OR")),
        ("a=C:\\temp", equals("a", "C:\\temp")),
        ('a="say \\"\\*\\" \\\\ \\*"', Is("a", (Pattern(('say "*" \\ *',)),))),
        ("a=b\\|c", equals("a", "b|c")),
        ("a IN (b, c*)", equals("a", "b", "c*")),
        ("a:[1 TO 2}", AllOf((Measures("a", ">=", 1.0), Measures("a", "<", 2.0)))),
        ("http://x", says("http://x")),
        ("search a", says("a")),
    ],
)
def test_what_a_search_means(text: str, where: Node | None) -> None:
    """The first stage by examples; OR binds tighter than AND, as in Splunk's search command."""
    assert parse(text, NOW_NS) == parse(text + "  ", NOW_NS)
    assert parse(text, NOW_NS).search == Search(where)


@pytest.mark.parametrize(
    ("text", "search"),
    [
        ("earliest=-1h latest=now", Search(None, NOW_NS - HOUR_NS, NOW_NS)),
        ("x earliest=-1h@h", Search(says("x"), NOW_NS - HOUR_NS)),
        ("earliest=rt", Search(None, NOW_NS, live=True)),
        ("latest=now() earliest='2026-11-22T04:00:00Z'", Search(None, NOW_NS - HOUR_NS, NOW_NS)),
        ("_time>=2026-11-22T04:00:00Z", Search(None, NOW_NS - HOUR_NS)),
        ("_time>2026-11-22T04:00:00Z x", Search(says("x"), NOW_NS - HOUR_NS + 1)),
        ("timestamp<=-1h timestamp<now", Search(None, None, NOW_NS - HOUR_NS + 1)),
        ("index=Web", Search(indexes=frozenset({"web"}))),
        ("index IN (a, b) index=b", Search(indexes=frozenset({"b"}))),
        ("index=w*", Search(equals("index", "w*"))),
        ("NOT index=a", Search(Not(equals("index", "a")))),
    ],
)
def test_times_and_indexes_are_taken_out(text: str, search: Search) -> None:
    """So that whole parts of the store can be left out."""
    assert parse(text, NOW_NS).search == search


def test_times_beside_the_query() -> None:
    """They hold where the query names none."""
    given = parse("x latest=now", NOW_NS, earliest="-1h", latest="-30m").search
    assert given == Search(says("x"), NOW_NS - HOUR_NS, NOW_NS)


@pytest.mark.parametrize(
    ("text", "position", "reason"),
    [
        ("status:[500 TO", 8, "this is no whole range; one is written as [500 TO 599]"),
        ("status:[500 TO 599", 8, "this is no whole range; one is written as [500 TO 599]"),
        ("(status={500 TO *) x", 9, "this is no whole range; one is written as [500 TO 599]"),
        ("status:[TO 599]", 8, "this is no whole range; one is written as [500 TO 599]"),
        ("status:[500 to 599]", 8, "this is no whole range; one is written as [500 TO 599]"),
        ("a status:[500 TO ] b", 10, "this is no whole range; one is written as [500 TO 599]"),
        ("a=", 3, "a quoted text or a range or a value is missing"),
        ('ab "cd', 4, "the quote is never closed"),
        ("a>b", 3, "> needs a number, and b is none"),
        ("a>1*", 3, "> needs a number"),
        ("a>1e999", 3, "> needs a number, and 1e999 is none"),
        ("a:[x TO 5]", 3, ">= needs a number, and x is none"),
        ("a>[1 TO 5]", 3, "a range stands behind = or :, not behind >"),
        (
            "timestamp>yesterday",
            11,
            "yesterday is no time such as -1h@h, now or 2026-11-22T04:00:00Z",
        ),
        ("a NOT", 6, "( or a quoted text or a word is missing"),
        ("a OR", 5, "( or a quoted text or a word is missing"),
        ("=5", 1, "= cannot begin a term; quote it to search for it"),
        ("a (b c", 7, ") is missing"),
        ("a b)", 4, ") does not fit here; the end would"),
        ("a IN (b", 8, ") or a comma is missing"),
        ("earliest=-1h OR b", 1, "earliest= bounds the whole search and cannot stand under OR"),
        ("NOT latest=now", 5, "latest= bounds the whole search and cannot stand under NOT"),
        ("earliest=soon", 10, "soon is no time such as -1h@h, now or 2026-11-22T04:00:00Z"),
        ("x" * 10_001, 10_001, "a query has at most 10000 characters"),
        ("x " * 51, 101, "a query has at most 50 terms"),
        ("ab \udc80", 4, "this is no character"),
        ("(" * 21 + "x" + ")" * 21, 21, "parentheses stand at most 20 deep in one another"),
        ("a |", 4, "a command is missing behind the pipe"),
        ("a | | head", 4, "a command is missing behind the pipe"),
        ("a" + "|head" * 51, 252, "a query has at most 50 commands"),
        ("a | staats count", 5, "there is no command staats; the nearest is stats"),
        ("| tabel x", 3, "there is no command tabel; the nearest is table"),
        (
            "| join x [search y]",
            3,
            "there is no command join; stats ... by the common field joins lines, "
            "and lookup joins tables",
        ),
        ("| where a=1 | where b=", 23, "( or a field or a function or a number is missing"),
        ("| where a ! 1", 11, "! does not fit here; = or a comparison would"),
    ],
)
def test_a_bad_query_is_refused_with_its_position(text: str, position: int, reason: str) -> None:
    """The sentence says where, counted from 1, and why."""
    with pytest.raises(Refused) as refused:
        compile_query(parse(text, NOW_NS))
    assert refused.value.code == "BAD_QUERY"
    assert str(refused.value) == f"The query cannot be read at position {position}: {reason}."


def test_a_query_is_frozen_through_and_through() -> None:
    """The same text is the same value."""
    text: Any = 'a=b OR "c" | where x>1 | stats count by y | head 2'
    assert parse(text, NOW_NS) == parse(text, NOW_NS)
    assert hash(parse(text, NOW_NS).search) == hash(parse(text, NOW_NS).search)


@pytest.mark.parametrize(
    ("text", "bounds"),
    [
        ("error", (1, SEQ_MAX)),
        ("log.seq>=100 error", (100, SEQ_MAX)),
        ("log.seq>99.5", (99, SEQ_MAX)),
        ("log.seq<200 log.seq>=100", (100, 200)),
        ("log.seq:[100 TO 200]", (100, 200)),
        ("log.seq=4711", (4711, 4711)),
        ("log.seq IN (7, 9)", (7, 9)),
        ("log.seq=47*", (1, SEQ_MAX)),
        ("NOT log.seq=4711", (1, SEQ_MAX)),
        ("log.seq=4711 OR error", (1, SEQ_MAX)),
        ("log.seq>=1e300", (int(1e300), SEQ_MAX)),
    ],
)
def test_numbers_of_lines_leave_out_parts(text: str, bounds: tuple[int, int]) -> None:
    """What must hold of a line's number anyway bounds the parts that are read; never too narrow."""
    search = parse(text, 0).search

    assert (search.first_seq, search.last_seq) == bounds
