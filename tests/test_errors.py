"""The errors: a tree under one root, each explaining itself, and drawn as it is."""

import inspect
import re

import pytest

from tallystick import errors
from tallystick.errors import Overloaded, PermanentError, Refused, TallystickError, TemporaryError

CLASSES = [kind for _, kind in inspect.getmembers(errors, inspect.isclass)]


def test_every_error_stands_under_the_one_root() -> None:
    """Whoever catches `TallystickError` catches every error of the house and nothing else."""
    assert all(issubclass(kind, TallystickError) for kind in CLASSES)
    assert TallystickError.__bases__ == (Exception,)


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    """Names and indentation drawn at the top of the module are the classes and their parents."""
    assert errors.__doc__
    path: list[str] = []
    drawn = {}
    for line in errors.__doc__.splitlines():
        match = re.match(r"    ((?:\|   |    )*(?:\+-- )?)([A-Z]\w+)  ", line)
        if match:
            depth = len(match[1]) // 4
            path[depth:] = [match[2]]
            drawn[match[2]] = path[depth - 1] if depth else "Exception"

    assert drawn == {kind.__name__: kind.__bases__[0].__name__ for kind in CLASSES}


@pytest.mark.parametrize("kind", [kind for kind in CLASSES if kind is not Refused])
def test_the_docstring_is_the_default_message(kind: type[TallystickError]) -> None:
    """Raised without a word an error says its docstring; raised with one, it says that."""
    assert str(kind()) == inspect.getdoc(kind)
    assert str(kind("The disk is full.")) == "The disk is full."


def test_a_refusal_carries_its_code_sentence_and_field() -> None:
    """The three parts of a problem document travel with the exception."""
    refused = Refused("UNKNOWN_PAIR", "There is no pair EUR/XXX.", field="pair")

    assert (refused.code, str(refused), refused.field) == (
        "UNKNOWN_PAIR",
        "There is no pair EUR/XXX.",
        "pair",
    )
    assert Refused("UNKNOWN_PAIR", "There is no pair EUR/XXX.").field is None


def test_temporary_and_permanent_exclude_each_other() -> None:
    """Whether to try again has one answer, and a temporary error says after how long."""
    both = [k for k in CLASSES if issubclass(k, TemporaryError) and issubclass(k, PermanentError)]

    assert not both
    assert Overloaded().retry_after_seconds >= 1
