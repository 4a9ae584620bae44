"""controls.yaml names each control once and the one test that holds it.

Each control's test is named there.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import cast

import yaml

from proof import tests as known

HERE = Path(__file__).resolve().parent.parent
FRAMEWORKS = {"PCI DSS 4.0.1", "DORA", "SOC 2", "GDPR"}


def controls() -> list[dict[str, str]]:
    """Return the lines of controls.yaml."""
    return cast("list[dict[str, str]]", yaml.safe_load((HERE / "controls.yaml").read_text()))


def test_each_control_has_one_test_that_wears_its_id() -> None:
    """Ids are unique, their tests exist and run.

    Each test's name begins with its control's id.
    """
    rows = controls()
    assert len({each["id"] for each in rows}) == len(rows) >= 40
    assert {each["framework"] for each in rows} == FRAMEWORKS
    for each in rows:
        assert known.exists(each["test"]), each["id"]
        worn = each["id"].casefold().replace("-", "_").replace(".", "_")
        assert each["test"].rpartition("::")[2].startswith(f"test_{worn}_"), each["id"]


def test_no_test_of_a_control_stands_outside_the_list() -> None:
    """Every test below tests/controls belongs to a line of controls.yaml."""
    named = {each["test"] for each in controls()}
    written = {
        f"{path.relative_to(HERE)}::{node.name}"
        for path in (HERE / "tests/controls").glob("test_*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }
    assert written == named
