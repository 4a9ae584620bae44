"""The query language: every text is either a query or refused with a position, quickly."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.clock import parse_rfc3339
from tallystick.errors import Refused
from tallystick.watch.collect import Query, parse_query
from tallystick.watch.collect.query import Differs, Happened, Is, Measures, Not, Pattern, Says, Term


def exact(text: str) -> Pattern:
    """A pattern without wildcards."""
    return Pattern((text,))


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", []),
        ("  \t ", []),
        ("timeout", [Says(exact("timeout"))]),
        ("order rejected", [Says(exact("order")), Says(exact("rejected"))]),
        ('"order rejected"', [Says(exact("order rejected"))]),
        ("time*out", [Says(Pattern(("time", "out")))]),
        ("12:30", [Says(exact("12:30"))]),
        ("event_name=api.request_answered", [Is("event_name", exact("api.request_answered"))]),
        ("event_name:api.*", [Is("event_name", Pattern(("api.", "")))]),
        ("event_name = x", [Is("event_name", exact("x"))]),
        ('a="b c"', [Is("a", exact("b c"))]),
        ('a=""', [Is("a", exact(""))]),
        ('a="say \\"*\\" \\\\ \\*"', [Is("a", Pattern(('say "', '" \\ *')))]),
        ("a=C:\\temp", [Is("a", exact("C:\\temp"))]),
        ("a!=b", [Differs("a", exact("b"))]),
        ("http.response.status_code>=500", [Measures("http.response.status_code", ">=", 500.0)]),
        ("duration_us < 1e3", [Measures("duration_us", "<", 1000.0)]),
        ("a<=-1.5", [Measures("a", "<=", -1.5)]),
        (
            "timestamp>2026-11-22T04:00:00Z",
            [Happened(">", parse_rfc3339("2026-11-22T04:00:00Z"))],
        ),
        ("NOT a=b", [Not(Is("a", exact("b")))]),
        ("NOT NOT a=b", [Is("a", exact("b"))]),
        ("x AND NOT y", [Says(exact("x")), Not(Says(exact("y")))]),
        ("not and or", [Says(exact("not")), Says(exact("and")), Says(exact("or"))]),
        ("NOTHING ORDER", [Says(exact("NOTHING")), Says(exact("ORDER"))]),
        ('"OR"', [Says(exact("OR"))]),
    ],
)
def test_what_a_query_means(text: str, terms: list[Term]) -> None:
    """The language by examples."""
    assert parse_query(text) == Query(tuple(terms))


@pytest.mark.parametrize(
    ("text", "position", "reason"),
    [
        ("a=", 3, "a value after = is missing"),
        ("x error: y", 9, "a value after : is missing"),
        ('ab "cd', 4, "the quote is never closed"),
        ("a>b", 3, "> needs a number"),
        ("a>1*", 3, "> needs a number"),
        ("a>1e999", 3, "> needs a number"),
        ("a>nan", 3, "> needs a number"),
        ("timestamp>yesterday", 11, "> needs a time such as 2026-11-22T04:00:00Z"),
        ("timestamp>2026-11-22T04:00:00", 11, "> needs a time such as 2026-11-22T04:00:00Z"),
        ("a OR b", 3, 'OR is not supported; write "OR" to search for the word'),
        ("a NOT", 3, "nothing follows NOT"),
        ("=5", 1, "= cannot begin a term; quote it to search for it"),
        ("a (b c)", 3, "( cannot begin a term; quote it to search for it"),
        ("x" * 1_001, 1_001, "a query has at most 1000 characters"),
        ("x " * 51, 101, "a query has at most 50 terms"),
        ("ab \udc80", 4, "this is no character"),
    ],
)
def test_a_bad_query_is_refused_with_its_position(text: str, position: int, reason: str) -> None:
    """The sentence says where and why."""
    with pytest.raises(Refused) as refused:
        parse_query(text)
    assert refused.value.code == "BAD_QUERY"
    assert str(refused.value) == f"The query cannot be read at position {position}: {reason}."


def read(text: str) -> Query | Refused:
    """The query, or the refusal."""
    try:
        return parse_query(text)
    except Refused as refused:
        return refused


PIECES = st.sampled_from(
    ["NOT ", "AND ", "OR ", "a", "=", ":", ">", "<=", "!=", '"', "\\", "*", " ", "5", "timestamp"]
)


@given(st.one_of(st.text(max_size=1_200), st.lists(PIECES, max_size=60).map("".join)))
def test_any_text_is_a_query_or_refused(text: str) -> None:
    """No text crashes the parser; a refusal names a position within the text or its end."""
    query = read(text)
    if isinstance(query, Refused):
        match = re.match(
            r"The query cannot be read at position (\d+): .+\.$", str(query), re.DOTALL
        )
        assert match is not None
        assert 1 <= int(match[1]) <= len(text) + 1
    else:
        assert len(query.terms) <= 50
        hash(query)  # frozen through and through


@pytest.mark.parametrize(
    "text", ["a" * 1_000, '"' * 1_000, " " * 999 + "=", "NOT " * 250, "a " * 30 + " " * 900]
)
def test_the_longest_texts_end(text: str) -> None:
    """Nothing in the parser takes more than linear time; the test's own time limit holds it."""
    read(text)
