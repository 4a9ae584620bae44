"""Backups: locked, copied, complete, tried."""

from typing import Any

from proof.assembly import Assembly
from proof.values import Values


def test_vaults_are_locked_in_both_regions(full: Assembly, values: Values) -> None:
    """Compliance mode after three days of grace; nobody deletes; our key."""
    vaults = full.resources("AWS::Backup::BackupVault")
    assert {each.region for each in vaults} == {"eu-west-1", "eu-central-1"}
    for each in vaults:
        vault: Any = values.of(each)
        assert vault["LockConfiguration"] == {"MinRetentionDays": 35, "ChangeableForDays": 3}
        assert ":kms:" in vault["EncryptionKeyArn"]
        (statement,) = vault["AccessPolicy"]["Statement"]
        assert statement["Effect"] == "Deny"
        assert "backup:DeleteRecoveryPoint" in statement["Action"]
        assert each.body["DeletionPolicy"] == "Retain"


def test_plan_backs_up_daily_copies_and_keeps(full: Assembly, values: Values) -> None:
    """Continuous for 35 days; daily and monthly with a copy in the recovery region's vault."""
    (plan,) = full.resources("AWS::Backup::BackupPlan")
    said: Any = values.of(plan)
    rules = {rule["RuleName"]: rule for rule in said["BackupPlan"]["BackupPlanRule"]}
    assert rules["continuous"]["EnableContinuousBackup"] is True
    assert rules["continuous"]["Lifecycle"]["DeleteAfterDays"] == 35
    for name, days in (("daily", 365), ("monthly", 7 * 365)):
        (copy,) = rules[name]["CopyActions"]
        assert copy["DestinationBackupVaultArn"] == (
            "arn:aws:backup:eu-central-1:333333333333:backup-vault:tallystick-vault"
        )
        assert rules[name]["Lifecycle"]["DeleteAfterDays"] == days
        assert copy["Lifecycle"]["DeleteAfterDays"] == days
    lowest = min(rule["Lifecycle"]["DeleteAfterDays"] for rule in rules.values())
    assert lowest >= 35, "a rule that keeps shorter than the lock is refused by the vault"


def test_what_is_of_tier_1_is_in_the_plan_by_its_tag(full: Assembly, values: Values) -> None:
    """The selection goes by the tag, and the ledger, the state table and the archive wear it."""
    (selection,) = full.resources("AWS::Backup::BackupSelection")
    said: Any = values.of(selection)
    (tag,) = said["BackupSelection"]["ListOfTags"]
    assert (tag["ConditionKey"], tag["ConditionValue"]) == ("Tier", "1")
    for kind in ("AWS::RDS::DBCluster", "AWS::DynamoDB::GlobalTable", "AWS::S3::Bucket"):
        worn = [
            values.of(each)
            for each in full.resources(kind)
            if each.region == "eu-west-1" and each.stack in {"data", "foundation"}
        ]
        assert worn, kind
        assert any("'Key': 'Tier', 'Value': '1'" in str(each) for each in worn), kind


def test_restores_are_tried_every_week(full: Assembly, values: Values) -> None:
    """A plan, and a selection for each kind of store, by the same tag."""
    (plan,) = full.resources("AWS::Backup::RestoreTestingPlan")
    assert "SUN" in str(values.of(plan)["ScheduleExpression"])
    tried: list[Any] = [
        values.of(each) for each in full.resources("AWS::Backup::RestoreTestingSelection")
    ]
    assert {each["ProtectedResourceType"] for each in tried} == {"Aurora", "DynamoDB", "S3"}
    for each in tried:
        (wanted,) = each["ProtectedResourceConditions"]["StringEquals"]
        assert wanted == {"Key": "aws:ResourceTag/Tier", "Value": "1"}


def test_failures_are_told(full: Assembly, values: Values) -> None:
    """Backups, copies and restores that fail go to the warning topic."""
    kinds = {
        kind
        for each in full.resources("AWS::Events::Rule", stack="governance")
        for kind in _kinds(values.of(each))
    }
    assert {
        "Backup Job State Change",
        "Copy Job State Change",
        "Restore Job State Change",
    } <= kinds


def _kinds(rule: Any) -> list[str]:
    return list(rule.get("EventPattern", {}).get("detail-type", []))
