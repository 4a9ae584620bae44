"""The second region: its copies, its eyes, its safe."""

from typing import Any

from proof.assembly import Assembly
from proof.values import Values


def test_ledger_has_a_member_in_the_second_region(full: Assembly, values: Values) -> None:
    """Two clusters under one global identifier, both protected; the second says where from."""
    members = {
        each.region: values.of(each)
        for each in full.resources("AWS::RDS::DBCluster")
        if "GlobalClusterIdentifier" in values.of(each)
    }
    assert set(members) == {"eu-west-1", "eu-central-1"}
    (whole,) = full.resources("AWS::RDS::GlobalCluster")
    assert values.of(whole)["GlobalClusterIdentifier"] == "tallystick-ledger"
    assert all(each["DeletionProtection"] is True for each in members.values())
    assert "MasterUsername" not in members["eu-central-1"]


def test_table_has_a_replica(full: Assembly, values: Values) -> None:
    """The state table is written in one region and read in both."""
    (state,) = [
        values.of(each)
        for each in full.resources("AWS::DynamoDB::GlobalTable")
        if values.of(each)["TableName"] == "tallystick-state"
    ]
    replicas: Any = state["Replicas"]
    assert {each["Region"] for each in replicas} == {"eu-west-1", "eu-central-1"}


def test_objects_are_copied_with_their_locks_in_a_quarter_of_an_hour(
    full: Assembly, values: Values
) -> None:
    """Archive, audit trail and evidence: replicated in a measured time, into locks."""
    targets = {
        values.of(each)["BucketName"]: values.of(each)
        for each in full.resources("AWS::S3::Bucket")
        if each.region == "eu-central-1"
    }
    sources: list[Any] = [
        values.of(each)
        for each in full.resources("AWS::S3::Bucket")
        if "ReplicationConfiguration" in values.of(each)
    ]
    purposes = {str(each["BucketName"]).split("-")[1] for each in sources}
    assert purposes >= {"archive", "audit", "evidence"}
    for each in sources:
        (rule,) = each["ReplicationConfiguration"]["Rules"]
        target = targets[rule["Destination"]["Bucket"].removeprefix("arn:aws:s3:::")]
        assert target["ObjectLockEnabled"] is True
        assert rule["Destination"]["ReplicationTime"]["Time"]["Minutes"] == 15
        assert rule["Destination"]["EncryptionConfiguration"]["ReplicaKmsKeyID"]


def test_second_region_tells_by_itself(full: Assembly, values: Values) -> None:
    """Its own topics, its own alarm on how far the ledger's copy is behind."""
    (lag,) = full.resources("AWS::CloudWatch::Alarm", stack="recovery")
    alarm: Any = values.of(lag)
    assert alarm["MetricName"] == "AuroraGlobalDBReplicationLag"
    assert alarm["TreatMissingData"] == "breaching"
    assert "Critical" in str(alarm["AlarmActions"])
    assert len(full.resources("AWS::SNS::Topic", stack="recovery")) == 3


def test_loops_sleep_until_they_are_woken(full: Assembly, values: Values) -> None:
    """Relay and tend run where the ledger writes, nowhere else."""
    states = {
        (each.region, values.of(each)["State"])
        for stack in ("service", "recovery-service")
        for each in full.resources("AWS::Events::Rule", stack=stack)
        if "ScheduleExpression" in values.of(each)
    }
    assert states == {("eu-west-1", "ENABLED"), ("eu-central-1", "DISABLED")}


def test_profile_without_it_has_nothing_that_answers_there(small: Assembly) -> None:
    """The small profile's other region keeps the guard with its own key, and nothing unused."""
    there = {each.name for each in small.stacks if each.region == "eu-central-1"}
    assert there == {"guard"}
