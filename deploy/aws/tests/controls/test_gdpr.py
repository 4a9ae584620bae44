"""GDPR, by article: what the templates and the folder have to say for each."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from proof.assembly import Assembly, Resource
    from proof.values import Values

EDGE = "us-east-1"
HOLDS_NO_DATA = {
    "AWS::CDK::Metadata",
    "AWS::CertificateManager::Certificate",
    "AWS::CloudFront::Distribution",
    "AWS::CloudFront::CachePolicy",
    "AWS::CloudFront::Function",
    "AWS::CloudFront::MonitoringSubscription",
    "AWS::CloudFront::OriginAccessControl",
    "AWS::CloudFront::OriginRequestPolicy",
    "AWS::CloudFront::ResponseHeadersPolicy",
    "AWS::KMS::Alias",
    "AWS::KMS::Key",
    "AWS::IAM::Policy",
    "AWS::IAM::Role",
    "AWS::IAM::ManagedPolicy",
    "AWS::Logs::LogGroup",
    "AWS::Logs::ResourcePolicy",
    "AWS::Route53::RecordSet",
    "AWS::Route53::HealthCheck",
    "AWS::WAFv2::LoggingConfiguration",
    "AWS::WAFv2::WebACL",
    "AWS::CloudWatch::Alarm",
    "AWS::SNS::Topic",
    "AWS::SNS::TopicPolicy",
    "AWS::Events::Rule",
    "AWS::SSM::Parameter",
    "AWS::SNS::Subscription",
    "AWS::WAFv2::IPSet",
}
"""Types that may stand in the edge region: the page's door, and who knocked there."""


def paths(found: list[Resource]) -> list[str]:
    """Return where the resources stand, for a failure that says it."""
    return [each.path for each in found]


def test_gdpr_5_nothing_is_kept_for_ever(full: Assembly) -> None:
    """Every log group forgets, every bucket has a lifecycle, queues and streams keep for days."""
    for_ever = [
        each
        for each in full.resources("AWS::Logs::LogGroup")
        if "RetentionInDays" not in each.properties
    ]
    for_ever += [
        each
        for each in full.resources("AWS::S3::Bucket")
        if "LifecycleConfiguration" not in each.properties
    ]
    assert paths(for_ever) == []
    assert all(
        int(str(each.get("RetentionPeriodHours"))) <= 24 * 365
        for each in full.resources("AWS::Kinesis::Stream")
    )


def test_gdpr_17_erasure_destroys_the_key(full: Assembly, here: Path) -> None:
    """Personal values lie sealed under a key a person, apart from what is locked.

    The guide says how erasing works.
    """
    guide = (here.parents[1] / "docs/guides/erasure.md").read_text()
    assert re.search(r"(?i)key", guide)
    tree = (here.parents[1] / "docs/decisions/0016-erasure.md").read_text()
    assert re.search(r"(?i)commitment|salt", tree)
    locked = [
        each for each in full.resources("AWS::S3::Bucket") if each.get("ObjectLockEnabled") is True
    ]
    assert locked
    assert "personal" not in " ".join(paths(locked)).casefold()


def test_gdpr_25_personal_data_is_protected_by_design(full: Assembly) -> None:
    """Macie searches buckets for personal data where none should lie.

    It knows our own identifiers besides its own.
    """
    assert any(
        each.get("Status") in {"ENABLED", None} or "Status" not in each.properties
        for each in full.resources("AWS::Macie::Session")
    )
    assert full.resources("AWS::Macie::CustomDataIdentifier")


def test_gdpr_30_processing_is_on_record(full: Assembly, here: Path) -> None:
    """The trail keeps who did what; every store says the class of its data.

    Providers are registered.
    """
    assert full.resources("AWS::CloudTrail::Trail")
    assert (here / "registers/third-parties.yaml").exists()
    untold = [
        each
        for each in full.resources("AWS::RDS::DBCluster")
        if "DataClass" not in str(each.properties.get("Tags"))
    ]
    assert paths(untold) == []


def test_gdpr_32_processing_is_secure(full: Assembly) -> None:
    """The ledger's database is sealed with our key, asks for IAM, keeps backups, and is watched."""
    for cluster in full.resources("AWS::RDS::DBCluster"):
        assert cluster.get("StorageEncrypted") is True, cluster.path
        assert cluster.get("EnableIAMDatabaseAuthentication") is True, cluster.path
    assert full.resources("AWS::Backup::BackupPlan")
    assert full.resources("AWS::GuardDuty::Detector")


def test_gdpr_33_a_breach_is_heard_within_hours(full: Assembly) -> None:
    """What GuardDuty or Macie finds reaches people by push.

    Findings are published every quarter of an hour.
    """
    for detector in full.resources("AWS::GuardDuty::Detector"):
        assert detector.get("FindingPublishingFrequency") == "FIFTEEN_MINUTES", detector.path
    patterns = " ".join(
        str(each.get("EventPattern")) for each in full.resources("AWS::Events::Rule")
    )
    assert re.search(r"aws\.guardduty|aws\.securityhub", patterns)


def test_gdpr_44_data_stays_in_the_union(full: Assembly, values: Values) -> None:
    """Every stack lies in the Union but the edge, which holds no data.

    Nothing is copied outside.
    """
    outside = {each.name for each in full.stacks if not each.region.startswith("eu-")}
    assert {each.region for each in full.stacks if each.name in outside} <= {EDGE}
    holding = [
        each
        for each in full.resources()
        if each.stack in outside and each.type not in HOLDS_NO_DATA
    ]
    assert [f"{each.type} {each.path}" for each in holding] == []
    copied = " ".join(
        str(values.of(each).get("ReplicationConfiguration", ""))
        for each in full.resources("AWS::S3::Bucket")
    )
    copied += " ".join(
        str(each.get("Replicas")) for each in full.resources("AWS::DynamoDB::GlobalTable")
    )
    assert set(re.findall(r"\b(?:us|ap|ca|sa|me|af|il)-[a-z]+-\d\b", copied)) == set()
