"""The head guard: in the other region, and nothing in it is forgotten."""

from typing import Any

from proof.assembly import Assembly, Resource
from proof.values import Values


def _guards(assembly: Assembly, values: Values) -> list[Resource]:
    return [
        each
        for each in assembly.resources("AWS::DynamoDB::GlobalTable")
        if values.of(each)["TableName"] == "tallystick-head-guard"
    ]


def test_guard_lies_in_the_other_region(full: Assembly, values: Values) -> None:
    """The ledger writes in eu-west-1; the stack `guard` is in eu-central-1. One waits at home."""
    assert {(each.stack, each.region) for each in _guards(full, values)} == {
        ("guard", "eu-central-1"),
        ("governance", "eu-west-1"),
    }


def test_small_profile_has_its_guard_there_too(small: Assembly) -> None:
    """Without a second region the guard still is in one."""
    assert [each.region for each in _guards(small, Values(small))] == ["eu-central-1"]


def test_nobody_deletes_an_item(full: Assembly, values: Values) -> None:
    """The table's own policy refuses it to everybody; it is protected, and can be set back."""
    for each in _guards(full, values):
        table: Any = values.of(each)
        (replica,) = table["Replicas"]
        (statement,) = replica["ResourcePolicy"]["PolicyDocument"]["Statement"]
        assert statement["Effect"] == "Deny"
        assert set(statement["Action"]) == {
            "dynamodb:BatchWriteItem",
            "dynamodb:DeleteItem",
            "dynamodb:PartiQLDelete",
        }
        assert replica["DeletionProtectionEnabled"] is True
        recovery = replica["PointInTimeRecoverySpecification"]
        assert recovery["PointInTimeRecoveryEnabled"] is True
        assert recovery["RecoveryPeriodInDays"] == 35
        assert table["KeySchema"] == [{"AttributeName": "id", "KeyType": "HASH"}]
        assert each.body["DeletionPolicy"] == "Retain"


def test_guard_has_a_key_of_its_own(full: Assembly, values: Values) -> None:
    """Whoever reads the ledger's database with its key cannot read the guard."""
    aliases = {
        values.of(each)["AliasName"] for each in full.resources("AWS::KMS::Alias", stack="guard")
    }
    assert aliases == {"alias/tallystick/guard"}
    (key,) = full.resources("AWS::KMS::Key", stack="guard")
    assert values.of(key)["EnableKeyRotation"] is True
