"""The workload in the Well-Architected Tool."""

from proof.assembly import Assembly
from proof.values import Values


def test_workload_is_reviewed_under_both_lenses(full: Assembly, values: Values) -> None:
    """The general lens and the one of financial services, both regions, this account."""
    (workload,) = full.resources("AWS::WellArchitected::Workload")
    said = values.of(workload)
    assert said["Lenses"] == ["wellarchitected", "financialservices"]
    assert said["AwsRegions"] == ["eu-west-1", "eu-central-1"]
    assert said["AccountIds"] == ["333333333333"]
    assert said["Environment"] == "PRODUCTION"
