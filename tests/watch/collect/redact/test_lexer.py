"""The lexer: places and pointers of all that stands in a line."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tallystick.watch.collect.redact.lexer import Lexer, quoted, unquoted

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=12,
)


def leaves(value: Any, place: str = "") -> list[tuple[str, Any]]:
    """Every leaf with its pointer, in order."""
    if isinstance(value, dict):
        steps = {name.replace("~", "~0").replace("/", "~1"): each for name, each in value.items()}
        return [leaf for name, each in steps.items() for leaf in leaves(each, f"{place}/{name}")]
    if isinstance(value, list):
        return [leaf for n, each in enumerate(value) for leaf in leaves(each, f"{place}/{n}")]
    return [(place, value)]


@given(JSON, st.booleans(), st.sampled_from([None, 2]))
def test_every_leaf_and_its_pointer(value: Any, ascii_only: bool, indent: int | None) -> None:
    """As a parser sees it, whatever the spelling."""
    line = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    lexer = Lexer(line)

    seen = [
        (lexer.pointer(), json.loads(line[item.start : item.end]))
        for item in lexer.items()
        if item.what in {"text", "word"}
    ]

    assert seen == leaves(value)


def test_ends_tell_whole_values() -> None:
    """Of members of objects, at their depth."""
    line = '{"a": {"b": [1, 2]}, "c": "x"}'
    ends = [
        (i.depth, i.frame.name, line[i.start : i.end])
        for i in Lexer(line).items()
        if i.what == "end"
    ]
    assert ends == [(2, "b", "[1, 2]"), (1, "a", '{"b": [1, 2]}'), (1, "c", '"x"')]


@given(st.text(max_size=60))
def test_no_json_is_no_reason_to_fail(line: str) -> None:
    """What can be made out is given."""
    assert all(0 <= item.start < item.end <= len(line) for item in Lexer(line).items())


@given(st.text(st.characters()))
def test_quoting_there_and_back(text: str) -> None:
    """Also what no UTF-8 can say."""
    assert unquoted(quoted(text)) == text


def test_broken_strings_say_themselves() -> None:
    """A wrong escape is text like any other."""
    assert unquoted(r'"a\q"') == r"a\q"
    assert unquoted('"') == '"'
    assert unquoted("12") == "12"
