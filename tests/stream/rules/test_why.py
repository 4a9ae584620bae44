"""Why a pattern does not match: the path and a sentence."""

from typing import Any

import pytest

from tallystick.stream.rules import compile_pattern, verdict


@pytest.mark.parametrize(
    ("pattern", "event", "path", "reason"),
    [
        ({"a": [1]}, {"a": 2}, "a", "a is 2; asked for is [1]."),
        ({"a": {"b": [1]}}, {"a": {}}, "a.b", "a.b is not there; asked for is [1]."),
        ({"a": [1]}, {"a": [2, 3]}, "a", "a is [2, 3]; asked for is [1]."),
        (
            {"l": {"a": [1], "b": [2]}},
            {"l": [{"a": 1}, {"b": 2}]},
            "l.b",
            "Each of l.a, l.b is met, but by different elements of an array.",
        ),
        (
            {"x": [1], "$or": [{"a": [1]}, {"b": [1], "c": [1]}]},
            {"x": 1, "b": 1},
            "c",
            "c is not there; asked for is [1] (the nearest of 2 alternatives).",
        ),
    ],
    ids=["value", "absent", "array", "elements", "or"],
)
def test_the_first_path_that_fails_is_told(
    pattern: dict[str, Any], event: dict[str, Any], path: str, reason: str
) -> None:
    """A person can see at once what to change."""
    said = verdict(compile_pattern(pattern), event)
    assert (said.matched, said.path, said.reason) == (False, path, reason)


def test_a_match_needs_no_reason() -> None:
    """Then there is nothing to explain."""
    assert verdict(compile_pattern({"a": [1]}), {"a": 1}).matched


def test_long_values_are_shown_in_part() -> None:
    """A sentence stays a sentence."""
    said = verdict(compile_pattern({"a": ["x" * 900]}), {"a": "y" * 900})
    assert said.reason is not None
    assert len(said.reason) < 500
