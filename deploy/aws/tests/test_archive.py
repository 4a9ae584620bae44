"""The archive: nobody changes or deletes it, it grows cold by itself, it lies in two regions."""

from typing import Any

import pytest

from proof.assembly import MISSING, Assembly
from proof.values import Values


def archive(assembly: Assembly, values: Values, stack: str) -> Any:
    """The archive's properties in one region."""
    region = {"foundation": "eu-west-1", "recovery-foundation": "eu-central-1"}[stack]
    name = f"tallystick-archive-333333333333-{region}"
    return values.of(assembly.one("AWS::S3::Bucket", stack=stack, BucketName=name))


@pytest.mark.parametrize("stack", ["foundation", "recovery-foundation"])
def test_objects_are_locked_in_compliance_mode_for_seven_years(
    full: Assembly, values: Values, stack: str
) -> None:
    """Not even the account's root shortens it."""
    own = archive(full, values, stack)
    assert own["ObjectLockEnabled"] is True
    rule = own["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]
    assert rule == {"Mode": "COMPLIANCE", "Days": 2556}
    assert own["VersioningConfiguration"] == {"Status": "Enabled"}


def test_the_ledger_goes_to_glacier_and_then_deeper(full: Assembly, values: Values) -> None:
    """After 90 days Glacier, after a year Deep Archive; no rule ever expires what is locked."""
    rules = archive(full, values, "foundation")["LifecycleConfiguration"]["Rules"]
    ledger = next(rule for rule in rules if rule.get("Prefix") == "ledger/")
    assert ledger["Transitions"] == [
        {"StorageClass": "GLACIER", "TransitionInDays": 90},
        {"StorageClass": "DEEP_ARCHIVE", "TransitionInDays": 365},
    ]
    assert not any("ExpirationInDays" in rule for rule in rules)


def test_logs_find_their_own_tier(full: Assembly, values: Values) -> None:
    """Intelligent-Tiering from the first day, with both archive tiers."""
    own = archive(full, values, "foundation")
    rules = own["LifecycleConfiguration"]["Rules"]
    logs = next(rule for rule in rules if rule.get("Prefix") == "logs/")
    assert logs["Transitions"] == [{"StorageClass": "INTELLIGENT_TIERING", "TransitionInDays": 0}]
    tiers = own["IntelligentTieringConfigurations"][0]["Tierings"]
    assert {tier["AccessTier"] for tier in tiers} == {"ARCHIVE_ACCESS", "DEEP_ARCHIVE_ACCESS"}


def test_everything_is_copied_within_a_quarter_of_an_hour(full: Assembly, values: Values) -> None:
    """Into the other region's archive, under that region's key; the copy copies nothing back."""
    own = archive(full, values, "foundation")
    (rule,) = own["ReplicationConfiguration"]["Rules"]
    there = rule["Destination"]
    assert rule["Status"] == "Enabled"
    assert there["Bucket"] == "arn:aws:s3:::tallystick-archive-333333333333-eu-central-1"
    assert there["ReplicationTime"] == {"Status": "Enabled", "Time": {"Minutes": 15}}
    assert there["EncryptionConfiguration"]["ReplicaKmsKeyID"].endswith("alias/tallystick/archive")
    assert "ReplicationConfiguration" not in archive(full, values, "recovery-foundation")


def test_every_bucket_is_closed_encrypted_and_tls_only(full: Assembly, values: Values) -> None:
    """Public access blocked, versions kept, our key (or S3's, for access logs), old TLS refused."""
    policies: dict[str, Any] = {}
    for policy in full.resources("AWS::S3::BucketPolicy"):
        bucket: Any = policy.properties["Bucket"]
        own: Any = values.of(policy)["PolicyDocument"]
        policies[policy.stack + bucket["Ref"]] = own["Statement"]
    for bucket_ in full.resources("AWS::S3::Bucket"):
        block: Any = bucket_.properties["PublicAccessBlockConfiguration"]
        assert list(block.values()) == [True] * 4, bucket_.path
        assert bucket_.get("VersioningConfiguration.Status") == "Enabled", bucket_.path
        rule = "BucketEncryption.ServerSideEncryptionConfiguration.0.ServerSideEncryptionByDefault"
        algorithm = bucket_.get(f"{rule}.SSEAlgorithm")
        assert algorithm in {"aws:kms", "AES256"}, bucket_.path
        if algorithm == "AES256":
            assert bucket_.get("LoggingConfiguration") is MISSING, bucket_.path
        assert bucket_.body["DeletionPolicy"] in {"Retain", "RetainExceptOnCreate"}
        denied = [
            statement
            for statement in policies[bucket_.stack + bucket_.logical_id]
            if statement["Effect"] == "Deny"
        ]
        conditions = str([statement.get("Condition") for statement in denied])
        assert "aws:SecureTransport" in conditions, bucket_.path
        assert "s3:TlsVersion" in conditions, bucket_.path


def test_the_small_profile_locks_as_well(small: Assembly) -> None:
    """One region and no copy; a lock that its own roles cannot open, an administrator can."""
    bucket = small.one("AWS::S3::Bucket", BucketName="tallystick-archive-333333333333-eu-west-1")
    lock = "ObjectLockConfiguration.Rule.DefaultRetention.Mode"
    assert bucket.get(lock) == "GOVERNANCE"
    assert bucket.get("ReplicationConfiguration") is MISSING
    modes = [each.get(lock) for each in small.resources("AWS::S3::Bucket")]
    assert "COMPLIANCE" not in modes
