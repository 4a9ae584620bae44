"""The nightly check of the whole ledger, where no batch fleet does it."""

from typing import Any

import pytest

from proof.assembly import Assembly, Resource
from proof.values import Values


@pytest.fixture(scope="module")
def known(small: Assembly) -> Values:
    """Intrinsics of `small` with stand-ins."""
    return Values(small)


def found(small: Assembly, type_: str, begins: str) -> Resource:
    """The one resource of the check of this type."""
    return next(
        each
        for each in small.resources(type_, stack="service")
        if each.logical_id.startswith(begins)
    )


def test_a_function_checks_the_ledger_of_a_start_up(small: Assembly, known: Values) -> None:
    """From a reader, past the proxy, as who can only read; as long as Lambda lets it, alone."""
    own: Any = known.of(found(small, "AWS::Lambda::Function", "CheckVerify"))
    assert own["Handler"] == "tallystick.wiring.aws.verify.handler"
    assert own["Timeout"] == 900
    assert own["ReservedConcurrentExecutions"] == 1
    told = own["Environment"]["Variables"]
    assert told["POWERTOOLS_SERVICE_NAME"] == "verify"
    assert told["TALLYSTICK_LEDGER"].startswith("postgresql://tallystick_reader@")
    assert told["TALLYSTICK_LEDGER"].endswith(":5433/tallystick")
    assert told["TALLYSTICK_LEDGER_AUTHORITIES"] == "rds"
    assert told["TALLYSTICK_LEDGER_POOLED"] == "false"
    assert told["TALLYSTICK_KEYS"].startswith("kms-public:")
    assert told["TALLYSTICK_GUARD"] == "dynamodb://eu-central-1/tallystick-head-guard"
    raw = found(small, "AWS::Lambda::Function", "CheckVerify").properties["Environment"]
    assert "ReadEndpoint" in str(raw["Variables"]["TALLYSTICK_LEDGER"])


def test_it_runs_every_night(small: Assembly, known: Values) -> None:
    """Its rule is on, and tries again."""
    own: Any = known.of(found(small, "AWS::Events::Rule", "CheckNightly"))
    assert own["ScheduleExpression"] == "cron(20 2 * * ? *)"
    assert own["State"] == "ENABLED"
    assert own["Targets"][0]["RetryPolicy"]["MaximumRetryAttempts"] == 2


def test_both_alarms_wake_somebody(small: Assembly) -> None:
    """What was changed rings until a check is clean; silence of 26 hours rings as well."""
    alarms = {
        name: alarm
        for alarm in small.resources("AWS::CloudWatch::Alarm", stack="watch")
        for name in ("LedgerTampered", "LedgerUnchecked")
        if name in alarm.logical_id
    }
    tampered, unchecked = alarms["LedgerTampered"], alarms["LedgerUnchecked"]
    assert tampered.get("EvaluationPeriods") == 1
    assert tampered.get("TreatMissingData") == "ignore"
    assert tampered.get("Statistic") == "Minimum"
    assert unchecked.get("EvaluationPeriods") * unchecked.get("Period") == 26 * 3_600
    assert unchecked.get("TreatMissingData") == "breaching"
    for alarm in alarms.values():
        assert alarm.get("MetricName") == "LedgerVerified"
        assert alarm.get("Dimensions") == [{"Name": "service", "Value": "verify"}]
        assert "Critical" in str(alarm.get("AlarmActions"))
