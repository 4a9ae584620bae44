"""Which tests there are, read from their files: a link to a test has to lead to one that runs."""

from __future__ import annotations

import ast
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent


def exists(test: str, *, root: Path = HERE) -> bool:
    """Say whether `tests/x.py::test_y` is a test function that is not marked to be skipped.

    A parameter in brackets is left out of account.
    """
    file, _, name = test.partition("::")
    path = root / file
    if not path.is_file() or not name.startswith("test_"):
        return False
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef) and node.name == name.partition("[")[0]:
            return not any(
                "skip" in ast.unparse(each) or "xfail" in ast.unparse(each)
                for each in node.decorator_list
            )
    return False


def text_of(test: str, *, root: Path = HERE) -> str:
    """Return the docstring of a test, which says what it proves.

    Empty where there is no such test.
    """
    file, _, name = test.partition("::")
    for node in ast.parse((root / file).read_text()).body if (root / file).is_file() else ():
        if isinstance(node, ast.FunctionDef) and node.name == name.partition("[")[0]:
            return ast.get_docstring(node) or ""
    return ""
