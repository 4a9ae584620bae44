"""The archive.

Locked, tiered, copied to the other region, and backed up, with the templates' own properties.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from proof import calls

if TYPE_CHECKING:
    from collections.abc import Callable

    from proof.assembly import Assembly, Resource
    from proof.emulators import Clients
    from proof.values import Values

DAY = dt.timedelta(days=1)


def refused(call: Callable[..., Any], **parameters: object) -> str:
    """Return the code of the error that the call ends in; fail when it does not."""
    with pytest.raises(ClientError) as error:
        call(**parameters)
    return str(error.value.response["Error"]["Code"])


def locked(full: Assembly) -> Resource:
    """Return the bucket with a default retention in compliance mode."""
    path = "ObjectLockConfiguration.Rule.DefaultRetention.Mode"
    return next(
        each for each in full.resources("AWS::S3::Bucket") if each.get(path) == "COMPLIANCE"
    )


def bucket(s3: Any, resource: Resource, values: Values, region: str = "eu-west-1") -> str:
    """Create the template's bucket: lock, versioning, and what the caller puts on it later."""
    name = str(
        values.of(resource).get("BucketName", f"tallystick-{resource.logical_id.casefold()}")
    )[:60]
    s3.create_bucket(
        Bucket=name,
        ObjectLockEnabledForBucket=resource.get("ObjectLockEnabled") is True,
        CreateBucketConfiguration={"LocationConstraint": region},
    )
    values.know(resource, name, Arn=f"arn:aws:s3:::{name}")
    return name


def test_archive_cannot_be_unwritten(ministack: Clients, full: Assembly, values: Values) -> None:
    """Nobody deletes, shortens or downgrades what was archived.

    The retention is the template's own default.
    """
    s3 = ministack("s3")
    resource = locked(full)
    name = bucket(s3, resource, values)
    rule = values.of(resource)["ObjectLockConfiguration"]
    s3.put_object_lock_configuration(Bucket=name, ObjectLockConfiguration=rule)
    version = s3.put_object(Bucket=name, Key="tile/0/000", Body=b"leaves")["VersionId"]
    which = {"Bucket": name, "Key": "tile/0/000", "VersionId": version}
    kept = s3.get_object_retention(**which)["Retention"]
    retention = rule["Rule"]["DefaultRetention"]
    days = int(retention.get("Days", 0)) + 365 * int(retention.get("Years", 0))
    now = dt.datetime.now(dt.UTC)
    assert kept["Mode"] == "COMPLIANCE"
    assert abs(kept["RetainUntilDate"] - (now + days * DAY)) < 5 * DAY
    assert refused(s3.delete_object, **which) == "AccessDenied"
    assert refused(s3.delete_object, **which, BypassGovernanceRetention=True) == "AccessDenied"
    sooner = {"Mode": "COMPLIANCE", "RetainUntilDate": now + DAY}
    assert refused(s3.put_object_retention, **which, Retention=sooner) == "AccessDenied"
    softer = {"Mode": "GOVERNANCE", "RetainUntilDate": kept["RetainUntilDate"]}
    assert (
        refused(s3.put_object_retention, **which, Retention=softer, BypassGovernanceRetention=True)
        == "AccessDenied"
    )
    later = {"Mode": "COMPLIANCE", "RetainUntilDate": kept["RetainUntilDate"] + DAY}
    s3.put_object_retention(**which, Retention=later)
    assert (
        s3.get_object_retention(**which)["Retention"]["RetainUntilDate"] > kept["RetainUntilDate"]
    )


def test_legal_hold_outlives_a_delete(ministack: Clients, full: Assembly, values: Values) -> None:
    """A hold keeps a version whatever its retention.

    A plain delete only hides it behind a marker.
    """
    s3 = ministack("s3")
    name = bucket(s3, locked(full), values)
    version = s3.put_object(Bucket=name, Key="evidence", Body=b"1")["VersionId"]
    which = {"Bucket": name, "Key": "evidence", "VersionId": version}
    s3.put_object_legal_hold(**which, LegalHold={"Status": "ON"})
    assert refused(s3.delete_object, **which) == "AccessDenied"
    assert s3.delete_object(Bucket=name, Key="evidence")["DeleteMarker"] is True
    assert s3.get_object(**which)["Body"].read() == b"1"
    s3.put_object_legal_hold(**which, LegalHold={"Status": "OFF"})
    s3.delete_object(**which)
    assert refused(s3.get_object, **which) in {"NoSuchVersion", "NoSuchKey"}


def test_lock_is_only_for_buckets_born_with_it(ministack: Clients) -> None:
    """A bucket without Object Lock refuses a retention: the template's flag is what gives it."""
    s3 = ministack("s3")
    s3.create_bucket(Bucket="plain", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket="plain", Key="k", Body=b"1")
    retention = {"Mode": "COMPLIANCE", "RetainUntilDate": dt.datetime.now(dt.UTC) + DAY}
    assert refused(s3.put_object_retention, Bucket="plain", Key="k", Retention=retention) in {
        "InvalidRequest",
        "InvalidArgument",
    }


def lifecycle(full: Assembly, values: Values, wanted: set[str]) -> tuple[Resource, dict[str, Any]]:
    """Return a bucket with transitions into `wanted`, and its lifecycle in the API's words."""
    for resource in full.resources("AWS::S3::Bucket"):
        rules = values.of(resource).get("LifecycleConfiguration", {}).get("Rules", [])
        classes = {step["StorageClass"] for rule in rules for step in rule.get("Transitions", [])}
        if wanted <= classes:
            return resource, {"Rules": [api_rule(rule) for rule in rules]}
    raise AssertionError(f"no bucket moves what it keeps to {wanted}")


def api_rule(rule: dict[str, Any]) -> dict[str, Any]:
    """Return a rule of a template in the form of the API."""
    own: dict[str, Any] = {
        "ID": rule.get("Id", "rule"),
        "Status": rule["Status"],
        "Filter": {"Prefix": rule.get("Prefix", "")},
    }
    if "Transitions" in rule:
        own["Transitions"] = [
            {"Days": int(each["TransitionInDays"]), "StorageClass": each["StorageClass"]}
            for each in rule["Transitions"]
        ]
    if "ExpirationInDays" in rule:
        own["Expiration"] = {"Days": int(rule["ExpirationInDays"])}
    if "NoncurrentVersionExpiration" in rule:
        own["NoncurrentVersionExpiration"] = {
            "NoncurrentDays": int(rule["NoncurrentVersionExpiration"]["NoncurrentDays"])
        }
    if "AbortIncompleteMultipartUpload" in rule:
        own["AbortIncompleteMultipartUpload"] = rule["AbortIncompleteMultipartUpload"]
    return own


def test_old_entries_move_to_glacier(ministack: Clients, full: Assembly, values: Values) -> None:
    """The bucket accepts our transitions to Glacier and Deep Archive, and gives them back."""
    s3 = ministack("s3")
    resource, rules = lifecycle(full, values, {"GLACIER", "DEEP_ARCHIVE"})
    name = bucket(s3, resource, values)
    s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration=rules)
    kept = s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    steps = {
        (each["StorageClass"], each["Days"])
        for rule in kept
        for each in rule.get("Transitions", [])
    }
    assert {"GLACIER", "DEEP_ARCHIVE"} <= {name for name, _ in steps}
    assert steps == {
        (each["StorageClass"], each["Days"])
        for rule in rules["Rules"]
        for each in rule.get("Transitions", [])
    }


def test_warm_logs_tier_themselves(ministack: Clients, full: Assembly, values: Values) -> None:
    """The bucket accepts the transition to Intelligent-Tiering.

    An object may be written straight into it.
    """
    s3 = ministack("s3")
    resource, rules = lifecycle(full, values, {"INTELLIGENT_TIERING"})
    name = bucket(s3, resource, values)
    s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration=rules)
    kept = s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    assert any(
        each["StorageClass"] == "INTELLIGENT_TIERING"
        for rule in kept
        for each in rule.get("Transitions", [])
    )
    s3.put_object(Bucket=name, Key="warm", Body=b"1", StorageClass="INTELLIGENT_TIERING")
    assert s3.head_object(Bucket=name, Key="warm")["StorageClass"] == "INTELLIGENT_TIERING"


def test_objects_have_a_copy_in_the_other_region(
    ministack: Clients, full: Assembly, values: Values
) -> None:
    """The archive's replication names a versioned bucket of the recovery region.

    The bucket keeps the rule.
    """
    s3 = ministack("s3")
    resource = next(
        each
        for each in full.resources("AWS::S3::Bucket")
        if "ReplicationConfiguration" in each.properties
    )
    name = bucket(s3, resource, values)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    other = ministack("s3", "eu-central-1")
    own = values.of(resource)["ReplicationConfiguration"]
    target = str(own["Rules"][0]["Destination"]["Bucket"]).rsplit(":", 1)[-1]
    other.create_bucket(
        Bucket=target,
        CreateBucketConfiguration={"LocationConstraint": "eu-central-1"},
        ObjectLockEnabledForBucket=True,
    )
    other.put_bucket_versioning(Bucket=target, VersioningConfiguration={"Status": "Enabled"})
    shaped = calls.parameters(
        s3, "put_bucket_replication", {"ReplicationConfiguration": own}, Bucket=name
    )
    for rule, source in zip(shaped["ReplicationConfiguration"]["Rules"], own["Rules"], strict=True):
        rule["ID"] = source.get("Id", "copy")
    s3.put_bucket_replication(**shaped)
    kept = s3.get_bucket_replication(Bucket=name)["ReplicationConfiguration"]["Rules"][0]
    assert kept["Status"] == "Enabled"
    assert kept["Destination"]["Bucket"] == own["Rules"][0]["Destination"]["Bucket"]
    assert other.get_bucket_location(Bucket=target)["LocationConstraint"] == "eu-central-1"


def test_backups_are_locked_and_copied(moto: Clients, full: Assembly, values: Values) -> None:
    """The vault keeps its lock.

    The plan copies each backup to a vault of the recovery region.
    """
    backup = moto("backup")
    plan = next(
        each
        for each in full.resources("AWS::Backup::BackupPlan")
        if "CopyActions" in str(each.properties)
    )
    vault = next(
        each
        for each in full.resources("AWS::Backup::BackupVault", stack=plan.stack)
        if "LockConfiguration" in each.properties
    )
    own = values.of(vault)
    calls.call(backup, "create_backup_vault", own, {"BackupVaultTags": "BackupVaultTags"})
    name = str(own["BackupVaultName"])
    values.know(vault, name)
    calls.call(
        backup,
        "put_backup_vault_lock_configuration",
        own["LockConfiguration"],
        BackupVaultName=name,
    )
    described = backup.describe_backup_vault(BackupVaultName=name)
    assert described["Locked"] is True
    assert described["MinRetentionDays"] == int(own["LockConfiguration"]["MinRetentionDays"])
    answer = calls.call(
        backup, "create_backup_plan", {"BackupPlan": plan_of(values.of(plan)["BackupPlan"])}
    )
    rules = backup.get_backup_plan(BackupPlanId=answer["BackupPlanId"])["BackupPlan"]["Rules"]
    copies = [
        each["DestinationBackupVaultArn"] for rule in rules for each in rule.get("CopyActions", [])
    ]
    assert copies
    assert all(":eu-central-1:" in each for each in copies)


def test_backups_select_what_is_tagged(ministack: Clients, full: Assembly, values: Values) -> None:
    """The selection takes resources by tag, so that a new store is backed up without a new line."""
    backup = ministack("backup")
    selection = full.one("AWS::Backup::BackupSelection")
    own = values.of(selection)["BackupSelection"]
    backup.create_backup_vault(BackupVaultName="vault")
    rule = {"RuleName": "daily", "TargetBackupVaultName": "vault"}
    plan = backup.create_backup_plan(BackupPlan={"BackupPlanName": "plan", "Rules": [rule]})[
        "BackupPlanId"
    ]
    made = calls.call(
        backup, "create_backup_selection", {"BackupSelection": own}, BackupPlanId=plan
    )
    kept = backup.get_backup_selection(BackupPlanId=plan, SelectionId=made["SelectionId"])[
        "BackupSelection"
    ]
    assert kept.get("ListOfTags") == own.get("ListOfTags")
    assert own.get("ListOfTags") or own.get("Conditions") or own.get("Resources")


def plan_of(own: dict[str, Any]) -> dict[str, Any]:
    """Return a plan of a template in the API's words."""
    rules = [
        {**each, "TargetBackupVaultName": each["TargetBackupVault"]}
        for each in own["BackupPlanRule"]
    ]
    return {"BackupPlanName": own["BackupPlanName"], "Rules": rules}
