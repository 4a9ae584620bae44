"""What a game day breaks: each with what we believe, how we would see that we are wrong, an end.

An experiment is looked at before it begins (its steady state), breaks one thing, watches, and puts
the thing back whatever happens. It is given up when its abort condition holds.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from steps import Answer, Call, Check, Steady, Step, Until, Within

WATCH = "tallystick-watch"
"""The stack whose alarms say how we are."""
ORDER = "Tallystick: orders, positions, proofs"
CONSUME = "Tallystick: scores what the ledger says"
PREPARE = "Tallystick: brings the ledger's schema to this version"
"""Functions by what the stack says they are for."""
FAILOVER = "tallystick-ledger-writer-dies"
FAILOVER_SECONDS_MAX = 1_800
NOTICED_SECONDS_MAX = 300
"""From the fault to the alarm that tells of it."""
CAUGHT_UP_SECONDS_MAX = 900
ROTATED_SECONDS_MAX = 600
WATCHED_SECONDS = 300
"""How long orders are watched while something else is broken."""


@dataclass(frozen=True)
class Experiment:
    """`breaks` makes the steps by the region that serves, and the domain."""

    hypothesis: str
    abort: str
    breaks: Callable[[str, str], Sequence[Step]]


def ringing(alarm: str, region: str, why: str) -> Call:
    """The state of a composite alarm or of one alarm, as `state`: OK, ALARM, INSUFFICIENT_DATA."""
    kinds = ["CompositeAlarm", "MetricAlarm"]
    prefix = {"AlarmNamePrefix": f"{WATCH}-{alarm}", "AlarmTypes": kinds}
    return Call(why, "cloudwatch", "describe_alarms", region, prefix)


STATE = "[CompositeAlarms, MetricAlarms][] | [0].StateValue"


def orders_are_taken(region: str, seconds: int) -> Steady:
    """The abort condition of whatever must not touch orders."""
    call = ringing("OrdersCannotBePlaced", region, "orders are placed meanwhile")
    return Steady(call, STATE, "OK", seconds)


def named(description: str, region: str, name: str) -> list[Step]:
    """A function by what it is for; its name is the answer `NAME.FunctionName`."""
    wanted = f"functions.Functions[?Description==`{json.dumps(description)}`] | [0].FunctionName"
    asked = {"FunctionName": Answer(wanted)}
    return [
        Call("the functions", "lambda", "list_functions", region, name="functions"),
        Call(f"what it is: {name}", "lambda", "get_function_configuration", region, asked, name),
    ]


def silenced(description: str, region: str, meanwhile: Sequence[Step]) -> list[Step]:
    """The function cannot be started while `meanwhile` is done; then it can as often as before."""
    function = Answer("halt.FunctionName")
    reserved = "before_halt.ReservedConcurrentExecutions"
    halt = "put_function_concurrency"
    none = {"FunctionName": function, "ReservedConcurrentExecutions": 0}
    again = {"FunctionName": function, "ReservedConcurrentExecutions": Answer(reserved, like=1)}
    return [
        *named(description, region, "halt"),
        Call(
            "how many may run at once",
            "lambda",
            "get_function_concurrency",
            region,
            {"FunctionName": function},
            name="before_halt",
        ),
        Check("it can be given back", Answer(reserved), lambda most: most > 0, "more than 0"),
        Within(
            [Call("none may run", "lambda", halt, region, none), *meanwhile],
            [Call("as many may run as before", "lambda", halt, region, again)],
        ),
    ]


def database_fails_over(region: str, domain: str) -> list[Step]:
    """AWS's fault injection kills the writer; the template's own alarm stops the experiment."""
    del domain
    template = f"templates.experimentTemplates[?tags.Name=='{FAILOVER}'] | [0].id"
    started = {
        "experimentTemplateId": Answer(template, like="EXT0"),
        "tags": {"Reason": "game day"},
    }
    over = {"id": Answer("game.experiment.id", like="EXP0")}
    return [
        Call("the experiments", "fis", "list_experiment_templates", region, name="templates"),
        Call("break it", "fis", "start_experiment", region, started, name="game"),
        Until(
            Call("it is over", "fis", "get_experiment", region, over, name="over"),
            "contains(['completed', 'stopped', 'failed'], experiment.state.status)",
            wanted=True,
            seconds_max=FAILOVER_SECONDS_MAX,
        ),
        Check(
            "it was not stopped by the alarm DoorFails",
            Answer("over.experiment.state.status"),
            lambda status: status == "completed",
            "completed",
        ),
    ]


def region_is_unreachable(region: str, domain: str) -> list[Step]:
    """The order function cannot be started: the door answers nobody."""
    host = f"api-{region}.{domain}"
    check = f"checks.HealthChecks[?HealthCheckConfig.FullyQualifiedDomainName=='{host}'] | [0].Id"
    by_id = {"HealthCheckId": Answer(check)}
    well = "HealthCheckObservations[?starts_with(StatusReport.Status, 'Success')]"
    asked = ("route53", "get_health_check_status", "us-east-1", by_id)
    return [
        Call("the health checks", "route53", "list_health_checks", "us-east-1", name="checks"),
        Call("what the world sees", *asked, name="seen"),
        Check("it sees us", Answer(f"length(seen.{well})"), lambda seen: seen > 0, "more than 0"),
        *silenced(
            ORDER,
            region,
            [
                Until(
                    Call("the world sees us no longer", *asked),
                    f"length({well})",
                    wanted=0,
                    seconds_max=NOTICED_SECONDS_MAX,
                ),
                Until(
                    ringing("OrdersCannotBePlaced", region, "somebody is woken"),
                    STATE,
                    wanted="ALARM",
                    seconds_max=NOTICED_SECONDS_MAX,
                ),
            ],
        ),
        Until(
            Call("the world sees us again", *asked),
            f"length({well}) > `0`",
            wanted=True,
            seconds_max=CAUGHT_UP_SECONDS_MAX,
        ),
    ]


def detector_is_blocked(region: str, domain: str) -> list[Step]:
    """Nobody reads the stream's entries; orders must not notice."""
    del domain
    alarm = "AlarmsConsumeThrottled"
    return [
        *silenced(
            CONSUME,
            region,
            [
                Until(
                    ringing(alarm, region, "somebody is told"),
                    STATE,
                    wanted="ALARM",
                    seconds_max=NOTICED_SECONDS_MAX,
                ),
                orders_are_taken(region, WATCHED_SECONDS),
            ],
        ),
        Until(
            ringing("AlarmsStreamReadersLate", region, "what waited has been read"),
            STATE,
            wanted="OK",
            seconds_max=CAUGHT_UP_SECONDS_MAX,
        ),
        Until(
            ringing(alarm, region, "it is over"),
            STATE,
            wanted="OK",
            seconds_max=CAUGHT_UP_SECONDS_MAX,
        ),
    ]


def secret_expires(region: str, domain: str) -> list[Step]:
    """The password of the ledger's owner is another from one moment to the next."""
    del domain
    secret = Answer("prepare.Environment.Variables.TALLYSTICK_LEDGER_SECRET")
    by_name = {"SecretId": secret}
    half_way = (
        "values(VersionIdsToStages)[?contains(@, 'AWSPENDING') && !contains(@, 'AWSCURRENT')]"
    )
    new = "contains(keys(after.VersionIdsToStages), turned.VersionId)"
    prepare = {"FunctionName": Answer("prepare.FunctionName")}
    turned = {**by_name, "RotateImmediately": True}
    return [
        *named(PREPARE, region, "prepare"),
        Call("another password", "secretsmanager", "rotate_secret", region, turned, name="turned"),
        Until(
            Call("it holds", "secretsmanager", "describe_secret", region, by_name, name="after"),
            f"length({half_way})",
            wanted=0,
            seconds_max=ROTATED_SECONDS_MAX,
        ),
        Check("the new one is the secret's", Answer(new), lambda known: known is True, "True"),
        orders_are_taken(region, WATCHED_SECONDS),
        Call("its owner comes in with it", "lambda", "invoke", region, prepare, name="came"),
        Check(
            "and does its work",
            Answer("contains(keys(came), 'FunctionError')"),
            lambda failed: failed is False,
            "no FunctionError",
        ),
    ]


EXPERIMENTS = {
    "database": Experiment(
        "The ledger's writer dies: a reader of another zone writes within two minutes, the proxy "
        "keeps connections, no acknowledged order is missing.",
        "DoorFails rings: AWS stops the experiment by itself.",
        database_fails_over,
    ),
    "detector": Experiment(
        "Nobody scores orders: orders go on untouched, an alarm tells within five minutes, and "
        "what waited is scored within a quarter of an hour, nothing twice.",
        "OrdersCannotBePlaced is not OK: the detector is let go on.",
        detector_is_blocked,
    ),
    "region": Experiment(
        "The region's API answers nobody: health checks see it within a minute, people are woken "
        "within five. With fail_over.py --planned from another window the other region trades "
        "within the RTO.",
        "Five minutes without either, or Ctrl-C: orders are taken again at once.",
        region_is_unreachable,
    ),
    "secret": Experiment(
        "The password of the ledger's owner is changed: trading notices nothing (it comes in by "
        "IAM), and the next deployment's preparation comes in with the new one.",
        "OrdersCannotBePlaced is not OK: stop, and rotate once more.",
        secret_expires,
    ),
}
