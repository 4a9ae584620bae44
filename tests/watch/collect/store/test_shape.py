"""Which members become columns: decided from counts alone."""

import pytest

from tallystick.watch.collect.store.shape import (
    COLUMNS_MAX,
    candidates,
    column_types,
    fits,
    others,
)


def test_the_most_frequent_members_come_first() -> None:
    """By how many lines have them, then by name."""
    assert candidates([(("b", "a"), 50), (("a", "c"), 30), (("b", "c"), 10)]) == ["a", "b", "c"]


def test_names_that_sql_cannot_tell_apart_become_one_column() -> None:
    """Also those of other alphabets; the most frequent wins."""
    keys = [(("Status",), 31), (("status",), 20), (("Ä",), 20), (("ä",), 30)]
    assert candidates(keys) == ["Status", "ä"]


@pytest.mark.parametrize("name", ["", "seq", "_TIME", "Rest", "raw", "x" * 129, "a\0b"])
def test_some_names_never_become_columns(name: str) -> None:
    """Those of the store's own columns, none at all, and those that are too long."""
    assert candidates([((name, "good"), 9)]) == ["good"]


def test_rare_members_do_not_become_columns() -> None:
    """One line in a thousand is the least."""
    assert candidates([(("a", "b"), 9), (("a",), 9_991)]) == ["a"]
    assert candidates([(("a", "b"), 10), (("a",), 9_990)]) == ["a", "b"]


def test_thousands_of_names_make_a_bounded_number_of_columns() -> None:
    """Whatever somebody sends."""
    names = tuple(f"n{i}" for i in range(5_000))
    assert len(candidates([(names, 100)])) == COLUMNS_MAX


@pytest.mark.parametrize(
    ("counted", "expected"),
    [
        ([("VARCHAR", 1)], "VARCHAR"),
        ([("UBIGINT", 1), ("BIGINT", 1), (None, 9)], "BIGINT"),
        ([("DOUBLE", 1), ("UBIGINT", 5)], "DOUBLE"),
        ([("BOOLEAN", 3), ("NULL", 7)], "BOOLEAN"),
        ([("VARCHAR", 99), ("UBIGINT", 1)], "VARCHAR"),
        ([("VARCHAR", 98), ("UBIGINT", 2)], None),
        ([("OBJECT", 3)], None),
        ([("ARRAY", 3), ("VARCHAR", 3)], None),
        ([("NULL", 3)], None),
    ],
    ids=str,
)
def test_the_type_of_a_column(counted: list[tuple[str | None, int]], expected: str | None) -> None:
    """The one that (nearly) all values have; lists, objects and mixtures have none."""
    types = column_types(["a"], [((kind,), lines) for kind, lines in counted])
    assert types.get("a") == expected


def test_a_line_that_does_not_fit_is_seen() -> None:
    """By the types of its values; what is missing, null or without a column fits anywhere."""
    assert fits(["VARCHAR", "UBIGINT", None, "OBJECT"], ["VARCHAR", "DOUBLE", "BIGINT", None])
    assert fits(["NULL"], ["VARCHAR"])
    assert not fits(["UBIGINT"], ["VARCHAR"])
    assert not fits(["DOUBLE"], ["BIGINT"])
    assert not fits(["BOOLEAN"], ["TIME6"])


def test_members_beside_the_columns_are_named() -> None:
    """Each once."""
    assert others([["b", "a"], ["c", "a"]], {"a": "VARCHAR"}) == {"b", "c"}
