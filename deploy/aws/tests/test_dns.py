"""The name: primary while it answers, recovery when it does not."""

from typing import Any

from proof.assembly import Assembly
from proof.values import Values
from stack.capabilities.dns import notice_seconds


def _failing_over(full: Assembly, values: Values) -> list[tuple[str, Any]]:
    return [
        (each.region, values.of(each))
        for each in full.resources("AWS::Route53::RecordSet")
        if "Failover" in values.of(each)
    ]


def test_each_region_has_its_half(full: Assembly, values: Values) -> None:
    """A and AAAA of one name: PRIMARY in Ireland, SECONDARY in Frankfurt, each with its check."""
    records = _failing_over(full, values)
    assert {(region, each["Failover"], each["Type"]) for region, each in records} == {
        ("eu-west-1", "PRIMARY", "A"),
        ("eu-west-1", "PRIMARY", "AAAA"),
        ("eu-central-1", "SECONDARY", "A"),
        ("eu-central-1", "SECONDARY", "AAAA"),
    }
    assert {each["Name"].rstrip(".") for _, each in records} == {"api.tallystick.example.com"}
    assert all(each["HealthCheckId"] for _, each in records)
    assert all(each["AliasTarget"]["EvaluateTargetHealth"] for _, each in records)


def test_health_is_asked_often_and_over_tls(full: Assembly, values: Values) -> None:
    """Every ten seconds, three failures, from three places, at the region's own name."""
    for each in full.resources("AWS::Route53::HealthCheck"):
        check: Any = values.of(each)["HealthCheckConfig"]
        assert check["Type"] == "HTTPS"
        assert check["EnableSNI"] is True
        assert check["RequestInterval"] * check["FailureThreshold"] == notice_seconds() == 30
        assert len(check["Regions"]) >= 3
        assert each.region in check["FullyQualifiedDomainName"]
