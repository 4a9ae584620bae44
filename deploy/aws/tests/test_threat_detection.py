"""Threat detection: every detector on, in both regions, and heard."""

from typing import Any

from proof.assembly import Assembly
from proof.values import Values

REGIONS = {"eu-west-1", "eu-central-1"}


def test_guardduty_has_its_features(full: Assembly, values: Values) -> None:
    """Objects, database logins, functions, malware and run time, in both regions."""
    detectors = full.resources("AWS::GuardDuty::Detector")
    assert {each.region for each in detectors} == REGIONS
    for each in detectors:
        said: Any = values.of(each)
        on = {one["Name"] for one in said["Features"] if one["Status"] == "ENABLED"}
        assert said["Enable"] is True
        assert on >= {
            "S3_DATA_EVENTS",
            "RDS_LOGIN_EVENTS",
            "LAMBDA_NETWORK_LOGS",
            "EBS_MALWARE_PROTECTION",
            "RUNTIME_MONITORING",
        }


def test_security_hub_has_its_standards(full: Assembly, values: Values) -> None:
    """AWS's own, CIS, NIST 800-53 and PCI DSS 4.0.1; findings come together at home."""
    standards = full.resources("AWS::SecurityHub::Standard")
    for region in REGIONS:
        arns = [str(values.of(each)["StandardsArn"]) for each in standards if each.region == region]
        for part in (
            "aws-foundational-security-best-practices/v/1.0.0",
            "cis-aws-foundations-benchmark/v/3.0.0",
            "nist-800-53/v/5.0.0",
            "pci-dss/v/4.0.1",
        ):
            assert f"arn:aws:securityhub:{region}::standards/{part}" in arns
    (together,) = full.resources("AWS::SecurityHub::FindingAggregator")
    assert together.region == "eu-west-1"
    assert values.of(together)["Regions"] == ["eu-central-1"]


def test_macie_knows_our_own_secrets(full: Assembly, values: Values) -> None:
    """It runs in both regions and knows account numbers and the product's tokens."""
    assert {each.region for each in full.resources("AWS::Macie::Session")} == REGIONS
    names = {values.of(each)["Name"] for each in full.resources("AWS::Macie::CustomDataIdentifier")}
    assert names == {"tallystick-iban", "tallystick-tallystick-token"}


def test_access_is_analysed(full: Assembly, values: Values) -> None:
    """Who outside could reach in, in both regions; what nobody uses, once."""
    kinds = [
        (each.region, values.of(each)["Type"])
        for each in full.resources("AWS::AccessAnalyzer::Analyzer")
    ]
    assert sorted(kinds) == [
        ("eu-central-1", "ACCOUNT"),
        ("eu-west-1", "ACCOUNT"),
        ("eu-west-1", "ACCOUNT_UNUSED_ACCESS"),
    ]


def test_high_findings_wake_somebody(full: Assembly, values: Values) -> None:
    """GuardDuty's findings of seven and more go to the critical topic, lesser to the warning."""
    rules: list[Any] = [
        values.of(each)
        for each in full.resources("AWS::Events::Rule", stack="governance")
        if "aws.guardduty" in str(each.properties.get("EventPattern"))
    ]
    by_floor = {rule["EventPattern"]["detail"]["severity"][0]["numeric"][1]: rule for rule in rules}
    assert "Critical" in str(by_floor[7]["Targets"])
    assert "Warning" in str(by_floor[4]["Targets"])
