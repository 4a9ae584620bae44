"""The gates over the full profile.

Nothing unanswered in four packs, in the validator, in cfn-lint; and what they cost.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from proof import acknowledged
from proof.assembly import read

HERE = Path(__file__).resolve().parents[2]
FOLDER = HERE / "cdk.out/gate"
PACKS = {"AwsSolutions", "NIST.800.53.R5", "PCI.DSS.321", "Serverless", "CloudFormation Validate"}
SECONDS_MAX = 240
"""Shown, not demanded: other work on the machine counts in it."""
MEMORY_MB_MAX = 800
"""Of all processes at once; a page that two share counts in each."""
REASON_CHARACTERS_MIN = 30
BY_THE_CDK = "CloudFormation-Validate::W3010"
"""aws-cdk-lib itself answers for a whole stack that literal zones are expected; we do not."""


@pytest.fixture(scope="session")
def took() -> dict[str, float]:
    """Run the gates once, in a process of their own, and return what they took."""
    subprocess.run([sys.executable, "-m", "proof.gate", str(FOLDER)], check=True, cwd=HERE)  # noqa: S603  our own
    return cast("dict[str, float]", json.loads((FOLDER / "took.json").read_text()))


@pytest.fixture(scope="session")
def report(took: dict[str, float]) -> Path:
    """Return the validation report that the run left."""
    assert took
    return FOLDER / "validation-report.json"


def test_nothing_is_unanswered(report: Path) -> None:
    """No finding of the four packs or of the validator stands without an answer."""
    assert {each["pluginName"] for each in acknowledged.read(report)} == PACKS
    assert acknowledged.unanswered(report) == []


def test_every_answer_is_small_and_has_a_reason(report: Path) -> None:
    """Each acknowledgement stands on a construct below a stack.

    It names one rule of a pack, and says why.
    """
    stacks = {each.name for each in read(FOLDER).stacks}
    found = [each for each in acknowledged.answered(report) if each.rule != BY_THE_CDK]
    assert found
    for each in found:
        assert "/" in each.at, f"{each.rule} at {each.at}"
        assert each.at not in stacks, f"{each.rule} at {each.at}"
        assert len(each.reason) >= REASON_CHARACTERS_MIN, (
            f"{each.rule} at {each.at}: {each.reason!r}"
        )
        assert "::" in each.rule or each.rule[1:].isdigit(), each.rule


def test_the_page_of_answers_is_fresh(report: Path) -> None:
    """docs/acknowledgements.md is what the report says."""
    assert acknowledged.PAGE.read_text() == acknowledged.page(acknowledged.answered(report)), (
        "run `make aws-docs`"
    )


def findings(took: dict[str, float]) -> list[dict[str, Any]]:
    """Return what cfn-lint found and nobody has a reason for."""
    assert took
    ignored = cast(
        "dict[str, str]", yaml.safe_load((HERE / "tests/gates/ignored-checks.yaml").read_text())
    )
    assert all(len(reason) >= REASON_CHARACTERS_MIN for reason in ignored.values())
    found = cast("list[dict[str, Any]]", json.loads((FOLDER / "cfn-lint.json").read_text()))
    return [each for each in found if each["Rule"]["Id"] not in ignored]


def test_cfn_lint_finds_no_error(took: dict[str, float]) -> None:
    """cfn-lint, which knows every type's schema, finds no error in any template."""
    errors = [each for each in findings(took) if each["Level"] == "Error"]
    assert [
        f"{Path(each['Filename']).name} {each['Rule']['Id']} {each['Message'][:200]}"
        for each in errors
    ] == []


def test_the_gates_stay_small(took: dict[str, float]) -> None:
    """All processes of the run together never hold more than 800 megabytes.

    What the run took is printed beside its limits; how long it took says as much of the machine.
    """
    sys.stdout.write(
        f"gates: {took['seconds']} s (of {SECONDS_MAX}), "
        f"{took['together_mb']} MB in all processes together (of {MEMORY_MB_MAX}), "
        f"{took['memory_mb']} MB in the largest\n"
    )
    assert took["together_mb"] <= MEMORY_MB_MAX
