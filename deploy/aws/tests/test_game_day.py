"""What may break things, and what may repair them in an emergency."""

from typing import Any

from proof.assembly import Assembly
from proof.values import Values


def test_experiment_stops_when_orders_fail(full: Assembly, values: Values) -> None:
    """The ledger's writer fails over; the alarm on failed orders ends it."""
    (template,) = full.resources("AWS::FIS::ExperimentTemplate")
    said: Any = values.of(template)
    assert said["Actions"]["failover"]["ActionId"] == "aws:rds:failover-db-cluster"
    (stop,) = said["StopConditions"]
    assert stop["Source"] == "aws:cloudwatch:alarm"
    assert "DoorFails" in str(template.properties["StopConditions"])
    assert said["LogConfiguration"]["CloudWatchLogsConfiguration"]["LogGroupArn"]


def test_experiment_may_break_one_thing(full: Assembly, values: Values) -> None:
    """Its role may fail over the ledger's cluster, and set up its log."""
    (policy,) = [
        values.of(each)
        for each in full.resources("AWS::IAM::ManagedPolicy", stack="watch")
        if "GameDay" in each.logical_id
    ]
    document: Any = policy["PolicyDocument"]
    changing = [
        each for each in document["Statement"] if "rds:FailoverDBCluster" in str(each["Action"])
    ]
    assert len(changing) == 1
    assert changing[0]["Resource"] != "*"


def test_glass_is_broken_with_a_second_factor_for_an_hour(full: Assembly, values: Values) -> None:
    """A fresh factor; what guards is out of its reach."""
    (role,) = [
        values.of(each)
        for each in full.resources("AWS::IAM::Role", stack="governance")
        if values.of(each).get("RoleName") == "tallystick-break-glass"
    ]
    assert role["MaxSessionDuration"] == 3600
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]  # type: ignore[index,call-overload]
    assert statement["Condition"]["Bool"] == {"aws:MultiFactorAuthPresent": "true"}
    assert int(statement["Condition"]["NumericLessThan"]["aws:MultiFactorAuthAge"]) <= 900
    (policy,) = [
        values.of(each)
        for each in full.resources("AWS::IAM::ManagedPolicy", stack="governance")
        if "BreakGlass" in each.logical_id
    ]
    text = str(policy["PolicyDocument"])
    assert not any(word in text for word in ("kms:", "cloudtrail:", "backup:", "iam:", "s3:"))
    assert "'Resource': '*'" not in text
