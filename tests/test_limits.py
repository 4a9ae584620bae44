"""The limits: each a positive number, named with its unit, and explained beneath itself."""

import ast
import inspect

import pytest

from tallystick import limits

TREE = ast.parse(inspect.getsource(limits))
NAMES = [name for name in vars(limits) if name.isupper()]
QUALIFIERS = ("MAX", "MIN", "DEFAULT")
UNITS = ("BYTES", "CHARACTERS", "SECONDS", "MS", "US", "NS", "DAYS", "BPS", "COUNT")


def docstring(node: ast.stmt) -> str:
    """The text of a statement that is nothing but a string; empty for any other."""
    return ast.get_docstring(ast.Module([node], [])) or ""


def explained() -> dict[str, str]:
    """The docstring that stands directly under each assignment of the module."""
    following = [*TREE.body[1:], ast.Pass()]
    return {
        ast.unparse(node.targets[0]): docstring(after)
        for node, after in zip(TREE.body, following, strict=True)
        if isinstance(node, ast.Assign)
    }


def test_nothing_else_lives_among_the_limits() -> None:
    """The module is assignments and their sentences, so the list below is the whole list."""
    assert all(isinstance(node, ast.Assign) or docstring(node) for node in TREE.body)
    assert set(explained()) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_limit_is_a_number_with_a_unit_and_a_reason(name: str) -> None:
    """A positive int; the name ends in a unit or in a qualifier after one; a sentence follows."""
    value = getattr(limits, name)
    words = name.split("_")

    assert isinstance(value, int)
    assert value > 0
    assert words[-1] in QUALIFIERS + UNITS, f"{name} ends in no unit and no qualifier"
    assert len(words) >= 2, f"{name} does not say of what"
    assert explained()[name].endswith("."), f"{name} is not explained beneath itself"


def test_limits_fit_each_other() -> None:
    """A default fits its maximum, an order's body a batch's, an entry its uint16 length."""
    assert limits.PAGE_ITEMS_DEFAULT <= limits.PAGE_ITEMS_MAX
    assert limits.ENTRY_BYTES_MAX == 2**16 - 1
    assert limits.BODY_BYTES_MAX <= limits.HEC_BODY_BYTES_MAX
