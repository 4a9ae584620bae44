"""Matchers as text, and what they hold for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.errors import Refused
from tallystick.watch.notify.routing import Matcher, all_match, parse_matcher


@pytest.mark.parametrize(
    ("text", "matcher"),
    [
        ('severity="critical"', Matcher("severity", "=", "critical")),
        ("severity=critical", Matcher("severity", "=", "critical")),
        (' team != "fx desk" ', Matcher("team", "!=", "fx desk")),
        ('severity=~"critical|error"', Matcher("severity", "=~", "critical|error")),
        ('host!~"db-[0-9]+"', Matcher("host", "!~", "db-[0-9]+")),
        (r'host=~"db\d"', Matcher("host", "=~", r"db\d")),
        (r'note="say \"hi\"\n"', Matcher("note", "=", 'say "hi"\n')),
        ('empty=""', Matcher("empty", "=", "")),
        ("a.b-c=d", Matcher("a.b-c", "=", "d")),
    ],
)
def test_a_matcher_is_read_from_its_text(text: str, matcher: Matcher) -> None:
    """Alertmanager's syntax, with or without quotes."""
    assert parse_matcher(text) == matcher


@pytest.mark.parametrize("text", ["", "severity", '="x"', 'a=~"("', 'a="x', 'a="x" b="y"', "{a=b}"])
def test_other_text_is_refused(text: str) -> None:
    """With a sentence that shows one."""
    with pytest.raises(Refused) as refused:
        parse_matcher(text)
    assert refused.value.code == "MATCHER_PATTERN"


@given(
    labels=st.dictionaries(st.text(max_size=4), st.text(max_size=300), max_size=4),
    label=st.text(min_size=1, max_size=4),
    value=st.text(max_size=20),
)
def test_not_equal_is_the_opposite_of_equal(labels: dict[str, str], label: str, value: str) -> None:
    """Whatever the labels: exactly one of `=` and `!=` holds."""
    equal, other = (Matcher(label, op, value).matches(labels) for op in ("=", "!="))
    assert equal is not other


def test_all_of_none_hold() -> None:
    """A route without matchers takes everything."""
    assert all_match([], {"a": "b"})
    assert not all_match([Matcher("a", "=", "b"), Matcher("a", "=", "c")], {"a": "b"})
