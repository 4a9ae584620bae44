"""coverage.yaml holds: 47 services, each in the templates as it says, each proved as it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from cost.lines import prices
from proof import coverage, synthesise
from proof import tests as known
from proof.assembly import Assembly

HERE = Path(__file__).resolve().parent.parent
ROWS = coverage.rows()
KEYS = {
    "number",
    "service",
    "status",
    "assert",
    "control_ids",
    "fsi_questions",
    "proof",
    "runbook",
    "cost_keys",
}
NOTHING_EMULATES = {
    "Artifact",
    "Audit Manager",
    "Savings Plans",
    "Compute Optimizer",
    "Well-Architected Tool",
}
WITHOUT_TYPE = {"Artifact", "Audit Manager"}
"""Artifact has no CloudFormation type.

Audit Manager's stands only where the profile asks for it.
"""
EMULATED_MIN = 38


def row_id(row: dict[str, Any]) -> str:
    """Name a row in a test's id."""
    return f"{row['number']:02d}-{re.sub(r'[^a-z0-9]+', '-', row['service'].casefold())}"


def test_there_are_47_rows_of_one_shape() -> None:
    """Numbers run from 1 to 47, services are named once, every row has every member."""
    assert [each["number"] for each in ROWS] == list(range(1, 48))
    assert len({each["service"] for each in ROWS}) == 47
    assert all(set(each) == KEYS for each in ROWS)
    states = {each["service"]: each["status"] for each in ROWS if each["status"] != "live"}
    assert states == {"QLDB": "replaced:QLDB", "Audit Manager": "gated:AuditManager"}


@pytest.mark.parametrize("row", ROWS, ids=row_id)
def test_row_is_so_in_the_templates(full: Assembly, row: dict[str, Any]) -> None:
    """In each region that the row names, some resource is as the row says."""
    assert bool(row["assert"]) == (row["service"] not in WITHOUT_TYPE)
    for wanted in row["assert"]:
        assert len(set(wanted) & set(coverage.EXPECTATIONS)) == 1, wanted
        assert coverage.failures(full, wanted) == []


@pytest.mark.parametrize("row", ROWS, ids=row_id)
def test_row_leads_to_what_there_is(row: dict[str, Any]) -> None:
    """Controls, questions, runbook and prices that the row names exist."""
    controls = {each["id"] for each in yaml.safe_load((HERE / "controls.yaml").read_text())}
    questions = {each["id"] for each in yaml.safe_load((HERE / "lens/answers.yaml").read_text())}
    assert set(row["control_ids"]) <= controls
    assert row["fsi_questions"]
    assert {_plain(each) for each in row["fsi_questions"]} <= {_plain(each) for each in questions}
    assert (HERE / row["runbook"]).is_file()
    assert row["cost_keys"]
    for pattern, keys in coverage.cost_keys(row["cost_keys"], list(prices())).items():
        assert keys, f"cost/prices.yaml has nothing like {pattern}"


def _plain(question: str) -> str:
    """Return a question's id without leading zeros."""
    return re.sub(r"(?<=[A-Z])0+", "", question)


def test_emulator_proofs_are_there() -> None:
    """38 rows or more are proved by a call that is read back.

    Each such test exists and is not skipped.
    """
    emulated = [each for each in ROWS if each["proof"].startswith("emulator:")]
    assert len(emulated) >= EMULATED_MIN
    for each in ROWS:
        kind, _, test = each["proof"].partition(":")
        assert kind in {"emulator", "api-model"}, each["service"]
        assert known.exists(test), each["service"]
        assert test.startswith("tests/effects/test_no_emulator.py") == (kind == "api-model"), each[
            "service"
        ]


def test_what_nothing_emulates_is_held_against_its_api_model() -> None:
    """The five services without an emulator are `api-model`.

    Besides them only Redshift Serverless is.
    """
    modelled = {each["service"] for each in ROWS if each["proof"].startswith("api-model:")}
    assert modelled >= NOTHING_EMULATES
    assert modelled <= NOTHING_EMULATES | {"Redshift"}


def test_no_proof_rests_on_a_stack_that_says_it_is_complete() -> None:
    """CloudFormation in moto says CREATE_COMPLETE of what it skipped: no effect asks it."""
    text = "\n".join(path.read_text() for path in (HERE / "tests/effects").glob("test_*.py"))
    assert 'moto("cloudformation")' not in text
    assert "CREATE_COMPLETE" not in text


@pytest.mark.parametrize("profile", synthesise.PROFILES)
def test_every_type_is_covered_or_plumbing(profile: str) -> None:
    """Each type of the templates is named by a row or by plumbing.yaml.

    By one of them only.
    """
    covered = {wanted["type"] for each in ROWS for wanted in each["assert"]}
    types = set(synthesise.fresh(profile).types())
    assert types - covered - set(coverage.plumbing()) == set()
    assert covered & set(coverage.plumbing()) == set()


def test_plumbing_holds_nothing_that_is_not_there(full: Assembly) -> None:
    """plumbing.yaml names no type that the full profile does not have."""
    assert set(coverage.plumbing()) - set(full.types()) == set()


@pytest.mark.parametrize("profile", synthesise.PROFILES)
def test_nothing_that_aws_has_closed(profile: str) -> None:
    """No template holds QLDB, and none holds Audit Manager unless it is asked for."""
    types = " ".join(synthesise.fresh(profile).types())
    assert "AWS::QLDB::" not in types
    assert "AWS::AuditManager::" not in types


def test_audit_manager_comes_when_asked_for() -> None:
    """With its switch on, the assessment stands in the governance stack."""
    found = synthesise.with_switch("full", "audit_manager")
    assert {each.stack for each in found.resources("AWS::AuditManager::Assessment")} == {
        "governance"
    }


def test_two_regions_hold_data(full: Assembly) -> None:
    """Stacks stand in the primary and the recovery region, and the edge."""
    assert {each.region for each in full.stacks} == {"eu-west-1", "eu-central-1", "us-east-1"}


def test_the_product_never_imports_the_cdk() -> None:
    """No module of the product, and none of its tests, knows aws_cdk or this folder."""
    root = HERE.parents[1]
    texts = cast("list[Path]", [*(root / "src").rglob("*.py"), *(root / "tests").rglob("*.py")])
    guilty = [
        path
        for path in texts
        if re.search(
            r"^\s*(import|from) (aws_cdk|constructs|stack\.)", path.read_text(), re.MULTILINE
        )
    ]
    assert guilty == []
