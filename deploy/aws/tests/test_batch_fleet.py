"""The batch fleet: mostly Spot, none without a job, machines that nobody logs in to."""

from typing import Any

from proof.assembly import Assembly
from proof.values import Values


def test_machines_are_spare_ones_of_several_kinds(full: Assembly, values: Values) -> None:
    """A fifth on demand at most, the rest Spot over four types and three zones; none when idle."""
    own: Any = values.of(full.one("AWS::AutoScaling::AutoScalingGroup"))
    assert own["MinSize"] == "0"
    policy = own["MixedInstancesPolicy"]
    spread = policy["InstancesDistribution"]
    assert spread["OnDemandBaseCapacity"] == 0
    assert spread["OnDemandPercentageAboveBaseCapacity"] == 20
    assert spread["SpotAllocationStrategy"] == "price-capacity-optimized"
    assert len(policy["LaunchTemplate"]["Overrides"]) == 4
    assert own["CapacityRebalance"] is True
    assert len(own["VPCZoneIdentifier"]) == 3
    assert own["NotificationConfigurations"]


def test_a_machine_has_imdsv2_an_encrypted_disk_and_no_key_pair(
    full: Assembly, values: Values
) -> None:
    """What cdk-nag does not read in a mixed group's template stands there all the same."""
    own: Any = values.of(full.one("AWS::EC2::LaunchTemplate"))
    data = own["LaunchTemplateData"]
    assert data["MetadataOptions"]["HttpTokens"] == "required"
    assert data["MetadataOptions"]["HttpPutResponseHopLimit"] == 1
    (disk,) = data["BlockDeviceMappings"]
    assert disk["Ebs"]["Encrypted"] is True
    assert disk["Ebs"]["KmsKeyId"]
    assert "KeyName" not in data
    assert data["Monitoring"] == {"Enabled": True}


def test_a_job_is_a_name_of_a_list(full: Assembly) -> None:
    """The worker runs what its own list holds; a message cannot bring a command."""
    from stack.capabilities.batch_fleet import WORKER  # noqa: PLC0415  loads the CDK

    script = WORKER.read_text()
    assert "${JOBS[$job]:-}" in script
    assert "eval" not in script
    template = full.one("AWS::EC2::LaunchTemplate")
    assert "@QUEUE@" not in str(template.properties)


def test_a_job_that_fails_three_times_is_kept(full: Assembly) -> None:
    """Then a person looks at it."""
    jobs = next(
        each
        for each in full.resources("AWS::SQS::Queue", stack="analytics")
        if each.properties.get("RedrivePolicy")
    )
    assert jobs.get("RedrivePolicy.maxReceiveCount") == 3
