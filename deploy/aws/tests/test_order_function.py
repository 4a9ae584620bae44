"""The functions: private, each with its own role, released with care."""

from typing import Any

import pytest

from proof.assembly import MISSING, Assembly, Resource
from proof.values import Values

HANDLERS = {
    "order": "service", "authorise": "service", "relay": "service", "tend": "service",
    "consume": "stream", "prepare": "data",
}  # fmt: skip


def function(assembly: Assembly, name: str, stack: str) -> Resource:
    """The function of a handler."""
    return assembly.one(
        "AWS::Lambda::Function", stack=stack, Handler=f"tallystick.wiring.aws.{name}.handler"
    )


@pytest.mark.parametrize(("name", "stack"), HANDLERS.items())
def test_a_function_is_private_traced_bounded_and_encrypted(
    full: Assembly, values: Values, name: str, stack: str
) -> None:
    """Private subnets, traces, dead letters, a bound on how many run, environment under our key."""
    own: Any = values.of(function(full, name, stack))
    assert own["Runtime"] == "python3.14"
    assert own["Architectures"] == ["arm64"]
    assert len(own["VpcConfig"]["SubnetIds"]) == 3
    assert len(own["VpcConfig"]["SecurityGroupIds"]) == 1
    assert own["TracingConfig"] == {"Mode": "Active"}
    assert own["DeadLetterConfig"]["TargetArn"]
    assert own["ReservedConcurrentExecutions"] >= 1
    assert own["KmsKeyArn"]
    assert own["LoggingConfig"]["LogFormat"] == "JSON"
    assert own["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"] == name


def test_no_two_functions_share_a_role(full: Assembly) -> None:
    """Each of the product's handlers has a role that no other uses."""
    roles = [
        (each.stack, str(each.properties["Role"]))
        for each in full.resources("AWS::Lambda::Function")
        if str(each.properties.get("Handler", "")).startswith("tallystick.")
    ]
    assert len(roles) == len(set(roles)) >= len(HANDLERS)


def test_no_function_is_told_a_secret(full: Assembly, values: Values) -> None:
    """Passwords, keys and tokens are names of where they lie."""
    for name, stack in HANDLERS.items():
        variables: Any = values.of(function(full, name, stack))["Environment"]
        said = variables["Variables"]
        login = said.get("TALLYSTICK_LEDGER_LOGIN", "iam")
        assert login == ("secret" if name == "prepare" else "iam")
        assert ":" not in said.get("TALLYSTICK_LEDGER", "//").split("//")[1].split("@")[0]
        if "TALLYSTICK_KEYS" in said:
            scheme = "kms-public" if name == "relay" else "kms"
            assert said["TALLYSTICK_KEYS"].startswith(f"{scheme}:arn:")


def test_the_guard_asked_first_is_the_recovery_regions(full: Assembly, values: Values) -> None:
    """It remembers the last head when the primary region is lost, and answers there at once."""
    for stack in ("service", "recovery-service"):
        for name in ("order", "relay", "tend"):
            variables: Any = values.of(function(full, name, stack))["Environment"]
            guard = variables["Variables"]["TALLYSTICK_GUARD"]
            assert guard == "dynamodb://eu-central-1/tallystick-head-guard"


def test_after_a_failover_either_guard_may_be_asked(full: Assembly, values: Values) -> None:
    """The recovery region's roles reach both tables and keys; the primary's reach one."""
    both = {"eu-central-1", "eu-west-1"}
    for stack, regions in (("service", {"eu-central-1"}), ("recovery-service", both)):
        asking = 0
        for policy in full.resources("AWS::IAM::ManagedPolicy", stack=stack):
            document: Any = values.of(policy)["PolicyDocument"]
            tables = [each for each in document["Statement"] if "head-guard" in str(each)]
            keys = [each for each in document["Statement"] if "alias/tallystick/guard" in str(each)]
            assert len(tables) == len(keys)
            for each in (*tables, *keys):
                arns = each["Resource"]
                arns = [arns] if isinstance(arns, str) else arns
                guards = [arn for arn in arns if "head-guard" in arn or ":key/*" in arn]
                assert {arn.split(":")[3] for arn in guards} == regions
            asking += len(tables)
        assert asking == 4, "orders, relay, tend, containers"


def test_a_release_is_a_canary_that_alarms_take_back(full: Assembly) -> None:
    """A tenth of the traffic for ten minutes; errors or lateness undo it."""
    group = full.one("AWS::CodeDeploy::DeploymentGroup", stack="service")
    own: Any = group.properties
    assert set(own["AutoRollbackConfiguration"]["Events"]) == {
        "DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST",
    }  # fmt: skip
    assert own["AlarmConfiguration"]["Enabled"] is True
    watched = {
        each.properties["MetricName"]
        for each in full.resources("AWS::CloudWatch::Alarm", stack="service")
    }
    assert watched == {"Errors", "Duration", "ServerErrors"}
    assert len(own["AlarmConfiguration"]["Alarms"]) == 3
    shape: Any = full.one("AWS::CodeDeploy::DeploymentConfig", stack="service").properties
    assert shape["TrafficRoutingConfig"] == {
        "Type": "TimeBasedCanary",
        "TimeBasedCanary": {"CanaryInterval": 10, "CanaryPercentage": 10},
    }
    alias = full.one("AWS::Lambda::Alias", stack="service")
    assert alias.properties["Name"] == "live"
    assert alias.get("ProvisionedConcurrencyConfig.ProvisionedConcurrentExecutions") == 5
    policy: Any = alias.body["UpdatePolicy"]
    assert "CodeDeployLambdaAliasUpdate" in policy


def test_loops_overlap_and_sleep_in_the_recovery_region(full: Assembly) -> None:
    """Each minute one begins before the last one ends; the other region's wait for a failover."""
    for stack, state in (("service", "ENABLED"), ("recovery-service", "DISABLED")):
        for name in ("relay", "tend"):
            loop = function(full, name, stack)
            assert loop.properties["ReservedConcurrentExecutions"] == 2
            assert loop.properties["Timeout"] == 75
        rules = [
            each
            for each in full.resources("AWS::Events::Rule", stack=stack)
            if each.get("ScheduleExpression") == "rate(1 minute)"
        ]
        assert len(rules) == 2
        assert {each.properties["State"] for each in rules} == {state}


def test_the_order_function_may_do_what_an_order_needs(full: Assembly, values: Values) -> None:
    """By ARN, and not one action of any other service."""
    policy = next(
        each
        for each in full.resources("AWS::IAM::ManagedPolicy", stack="service")
        if each.logical_id.startswith("OrdersOrderRole")
    )
    document: Any = values.of(policy)["PolicyDocument"]
    actions = set()
    for statement in document["Statement"]:
        found = statement["Action"]
        actions |= {found} if isinstance(found, str) else set(found)
        assert statement["Resource"] != "*"
    assert {action.split(":")[0] for action in actions} == {
        "dynamodb", "kms", "logs", "rds-db", "secretsmanager", "sqs",
    }  # fmt: skip
    assert "dynamodb:DeleteItem" not in actions


def test_only_writers_can_sign(full: Assembly, values: Values) -> None:
    """The relay knows the public half alone; the authoriser and the consumer not even that."""
    signing = set()
    for stack in ("service", "stream"):
        for policy in full.resources("AWS::IAM::ManagedPolicy", stack=stack):
            document: Any = values.of(policy)["PolicyDocument"]
            actions = str([each["Action"] for each in document["Statement"]])
            if "kms:Sign" in actions:
                signing.add(policy.logical_id.partition("Role")[0])
    assert signing == {"OrdersOrder", "TendWork", "Containers"}


def test_the_small_profile_keeps_none_warm(small: Assembly) -> None:
    """Nothing is paid for while nobody trades."""
    alias = small.one("AWS::Lambda::Alias", stack="service")
    assert alias.get("ProvisionedConcurrencyConfig") is MISSING
