"""Many patterns at once decide as each alone, and cost little."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.stream.rules import Index, compile_pattern

NAMES = st.sampled_from(["a", "b"])
VALUES = st.sampled_from([1, True, "1", None, "x", 2.0])
LEAVES = st.lists(
    st.one_of(VALUES, st.just({"exists": False}), st.just({"prefix": "x"})), min_size=1, max_size=2
)
PATTERNS = st.one_of(
    st.dictionaries(NAMES, LEAVES, min_size=1, max_size=2),
    st.builds(lambda one, other: {"$or": [{"a": one}, {"b": other}]}, LEAVES, LEAVES),
    st.builds(lambda one, other: {"o": {"a": one, "b": other}}, LEAVES, LEAVES),
)
OBJECTS = st.dictionaries(NAMES, st.one_of(VALUES, st.lists(VALUES, max_size=2)), max_size=2)
EVENTS = st.builds(lambda top, inner: {**top, "o": inner}, OBJECTS, st.lists(OBJECTS, max_size=3))


@settings(max_examples=300, deadline=None)
@given(patterns=st.lists(PATTERNS, max_size=8), event=EVENTS)
def test_the_index_decides_as_each_pattern_alone(
    patterns: list[dict[str, Any]], event: dict[str, Any]
) -> None:
    """Whatever is asked, nothing is found twice, nothing is missed, and the order is ours."""
    compiled = {number: compile_pattern(pattern) for number, pattern in enumerate(patterns)}
    expected = [number for number, pattern in compiled.items() if pattern.matches(event)]
    assert Index(compiled).matching(event) == expected


def test_of_a_thousand_rules_one_is_tried() -> None:
    """The leaf that tells rules apart is the one that is looked up, not the one they share."""
    rules = {
        f"r{number}": compile_pattern(
            {"detail-type": ["Order Decided"], "detail": {"account": [f"a{number}"]}}
        )
        for number in range(1_000)
    }
    index = Index(rules)
    assert index.matching({"detail-type": "Order Decided", "detail": {"account": "a7"}}) == ["r7"]
    assert set(index._found) == {"detail.account"}
    assert index._tried == []
