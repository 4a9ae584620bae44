"""Laying an event flat: values at paths, and in which elements they stand."""

from typing import Any

import pytest

from tallystick.stream.rules.flat import ARRAYS_MAX, Paths, flatten, together


@pytest.mark.parametrize(
    ("event", "flat"),
    [
        ({"a": 1, "x": 2}, {"a": [(1, ())]}),
        ({"a": {"b": 1}}, {"a.b": [(1, ())]}),
        ({"a.b": 1}, {"a.b": [(1, ())]}),
        ({"a": [1, [2]]}, {"a": [(1, ()), (2, ((0, 1),))]}),
        ({"a": [{"b": 1}, {"b": 2}]}, {"a.b": [(1, ((0, 0),)), (2, ((0, 1),))]}),
        ({"a": []}, {}),
        ({"a": {}}, {}),
        ({"a": None}, {"a": [(None, ())]}),
    ],
)
def test_values_stand_at_their_paths(event: dict[str, Any], flat: Any) -> None:
    """Arrays are crushed out, empty ones leave nothing, dots are nesting."""
    assert flatten(event, Paths(["a", "a.b"])) == flat


def test_arrays_in_arrays_are_looked_into_so_deep_and_no_deeper() -> None:
    """No event brings the matcher to its knees."""
    deep: Any = 1
    for _ in range(900):
        deep = [deep]
    assert flatten({"a": deep}, Paths(["a"])) == {}
    fits: Any = 1
    for _ in range(ARRAYS_MAX):
        fits = [fits]
    assert len(flatten({"a": fits}, Paths(["a"]))["a"]) == 1


def test_elements_that_belong_together() -> None:
    """Of one array the same element; of others any."""
    assert together((), ((0, 1),)) == ((0, 1),)
    assert together(((0, 1),), ()) == ((0, 1),)
    assert together(((0, 1),), ((0, 2),)) is None
    assert together(((0, 1),), ((1, 2),)) == ((0, 1), (1, 2))
