"""Runbooks: each can be rehearsed without an account, and the table of times is true."""

import gc
import importlib.util
import io
import json
import re
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from proof.assembly import Assembly
from proof.values import Values
from stack.capabilities.dns import notice_seconds
from stack.profile import load

BOOKS = Path(__file__).resolve().parents[1] / "runbooks"
FRAME = {"experiments", "runner", "steps"}
NOBODY = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
"""Credentials of a client that asks nobody."""
NAMES = sorted(path.stem for path in BOOKS.glob("*.py") if path.stem not in FRAME)
VARIANTS = {
    "fail_over": [["--planned"]],
    "game_day": [["--what", each] for each in ("detector", "region", "secret")],
    "break_glass": [["--end"]],
    "promote_guard": [["--home"]],
    "halt_orders": [["--again"]],
    "hold_objects": [["--lift"]],
    "propose_savings_plan": [["--buy", "00000000-0000-0000-0000-000000000000"]],
    "query_warehouse": [["--query", each] for each in ("turnover", "rejections", "missing")],
    "refuse_address": [["--address", "2001:db8::/32", "--scope", "CLOUDFRONT"], ["--again"]],
    "restore_backup": [["--kind", "DynamoDB"], ["--kind", "S3", "--from-copy"]],
    "check_readiness": [["--profile", "small"]],
    "roll_back": [["--deployment", "d-000000000"], ["--profile", "small"]],
    "rotate_key": [["--purpose", "ledger", "--secret", "tallystick/splunk"]],
    "answer_review": [["--milestone", "second quarter"]],
    "redrive_letters": [["--to", "arn:aws:sqs:eu-west-1:333333333333:other"]],
}
RUNS = [(name, extra) for name in NAMES for extra in [[], *VARIANTS.get(name, [])]]


@pytest.fixture
def book(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ModuleType]]:
    """A script as a module, with the folder of scripts on the path as when it is run."""
    monkeypatch.syspath_prepend(str(BOOKS))

    def load(name: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(name, BOOKS / f"{name}.py")
        if spec is None or spec.loader is None:
            raise FileNotFoundError(name)
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    steps = load("steps")
    load("runner")
    load("experiments")
    yield load
    steps.model_of.cache_clear()  # AWS' models are large, and each test has its own
    gc.collect()


@pytest.mark.parametrize(("name", "extra"), RUNS, ids=str)
def test_dry_run_prints_calls_that_aws_would_understand(
    book: Callable[[str], ModuleType],
    capsys: pytest.CaptureFixture[str],
    full: Assembly,
    name: str,
    extra: list[str],
) -> None:
    """Every request fits botocore's model: names, types, lengths, patterns, words. None is made."""
    module = book(name)
    if name == "tear_down":
        extra = ["--assembly", str(full.folder)]
    code = sys.modules["runner"].main(
        module.NAME, module.parser(), module.steps, ["--dry-run", *extra]
    )
    said = capsys.readouterr()
    assert code == 0, said.err
    lines = [json.loads(line) for line in said.out.splitlines()]
    calls = [line for line in lines if "call" in line]
    assert calls
    assert all(line["why"] for line in calls)
    assert name == module.NAME


def test_script_runs_by_itself_and_needs_no_account() -> None:
    """As a person runs it: the file is executable, without credentials or network."""
    done = subprocess.run(  # noqa: S603  our own script
        [sys.executable, str(BOOKS / "fail_over.py"), "--dry-run"],
        check=True,
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin"},
        timeout=60,
    )
    assert "rds.failover_global_cluster" in done.stdout
    assert all((BOOKS / f"{name}.py").stat().st_mode & 0o111 for name in NAMES)


def test_wrong_requests_are_found(book: Callable[[str], ModuleType]) -> None:
    """A missing name, a word that is none of the enum, a text of the wrong form."""
    steps = book("steps")
    assert "Missing required" in steps.problems("rds", "failover_global_cluster", {})[0]
    given = {"TopicArn": "x", "Message": "y", "Nonsense": 1}
    assert "Unknown parameter" in steps.problems("sns", "publish", given)[0]
    wrong = {"Scope": "LUNAR"}
    assert "none of" in steps.problems("wafv2", "list_ip_sets", wrong)[0]
    with pytest.raises(steps.StepError, match="no operation"):
        steps.operation_of("rds", "fail_over_everything")


def test_nothing_is_changed_without_the_name_being_typed(
    book: Callable[[str], ModuleType],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever types something else has made no call."""
    module = book("halt_orders")
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))
    runner = sys.modules["runner"]
    arguments = module.parser().parse_args([])

    def nobody(service: str, region: str) -> Any:
        raise AssertionError((service, region))

    assert runner.run(module.NAME, arguments, module.steps(arguments), nobody) == 1
    assert "Type halt_orders to do this" in capsys.readouterr().err


def test_run_makes_the_calls_and_writes_what_was_done(
    book: Callable[[str], ModuleType], capsys: pytest.CaptureFixture[str]
) -> None:
    """Against a real client with prescribed answers: found, stopped, written down."""
    module = book("halt_orders")
    client = boto3.client("lambda", region_name="eu-west-1", **NOBODY)
    found = {"FunctionName": "order-1", "Description": module.FUNCTION}
    with Stubber(client) as stub:
        stub.add_response("list_functions", {"Functions": [{"FunctionName": "x"}, found]}, {})
        stub.add_response(
            "put_function_concurrency",
            {"ReservedConcurrentExecutions": 0},
            {"FunctionName": "order-1", "ReservedConcurrentExecutions": 0},
        )
        arguments = module.parser().parse_args(["--yes"])
        code = sys.modules["runner"].run(
            module.NAME, arguments, module.steps(arguments), lambda *_: client
        )
        stub.assert_no_pending_responses()
    assert code == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[-1]["parameters"] == {"FunctionName": "order-1", "ReservedConcurrentExecutions": 0}


def test_a_check_that_does_not_hold_stops_the_run(
    book: Callable[[str], ModuleType], capsys: pytest.CaptureFixture[str]
) -> None:
    """The guard knows no head: nothing is promoted."""
    module = book("promote_guard")
    client = boto3.client("dynamodb", region_name="eu-central-1", **NOBODY)
    with Stubber(client) as stub:
        stub.add_response("get_item", {}, {"TableName": ANY, "Key": ANY, "ConsistentRead": True})
        arguments = module.parser().parse_args(["--yes"])
        code = sys.modules["runner"].run(
            module.NAME, arguments, module.steps(arguments), lambda *_: client
        )
    assert code == 1
    assert "promote_guard: No earlier answer has head.Item.id.S" in capsys.readouterr().err


def test_what_a_game_day_breaks_is_put_back_when_it_is_given_up(
    book: Callable[[str], ModuleType],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Orders fail while the detector stands still: the run stops, the detector goes on."""
    module = book("game_day")
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    lambdas = boto3.client("lambda", region_name="eu-west-1", **NOBODY)
    alarms = boto3.client("cloudwatch", region_name="eu-west-1", **NOBODY)
    clients = {"lambda": lambdas, "cloudwatch": alarms}
    function = {"FunctionName": "consume-1"}
    made = {**function, "Description": sys.modules["experiments"].CONSUME}
    quiet: dict[str, object] = {"CompositeAlarms": []}
    rings = {"MetricAlarms": [{"StateValue": "ALARM"}]}
    fails = {"CompositeAlarms": [{"StateValue": "ALARM"}]}
    with Stubber(lambdas) as functions, Stubber(alarms) as watch:
        for answer in (quiet, rings, fails):
            watch.add_response("describe_alarms", answer)
        functions.add_response("list_functions", {"Functions": [made]})
        functions.add_response("get_function_configuration", made)
        functions.add_response("get_function_concurrency", {"ReservedConcurrentExecutions": 7})
        for most in (0, 7):
            wanted = {**function, "ReservedConcurrentExecutions": most}
            functions.add_response("put_function_concurrency", {}, wanted)
        arguments = module.parser().parse_args(["--yes", "--what", "detector"])
        steps = module.steps(arguments)
        code = sys.modules["runner"].run(
            module.NAME, arguments, steps, lambda service, _region: clients[service]
        )
        functions.assert_no_pending_responses()
        watch.assert_no_pending_responses()
    assert code == 1
    assert "orders are placed meanwhile: 'ALARM', wanted 'OK'" in capsys.readouterr().err


def test_runbooks_know_alarms_and_functions_by_names_that_exist(
    book: Callable[[str], ModuleType], full: Assembly, values: Values
) -> None:
    """What a game day or the guard's promotion asks for stands in the templates, once a region."""
    said = (book("game_day"), sys.modules["experiments"], book("promote_guard"))
    listed = (BOOKS / "experiments.py").read_text()
    alarms = {f"Alarms{name}" for name in re.findall(r'"Alarms(\w+)"', listed)}
    known = [each.logical_id for each in full.resources("AWS::CloudWatch::Alarm", stack="watch")]
    for alarm in alarms:
        assert len([each for each in known if each.startswith(alarm)]) == 1, alarm
    composite = [values.of(each)["AlarmName"] for each in full.resources(
        "AWS::CloudWatch::CompositeAlarm", stack="watch"
    )]  # fmt: skip
    assert "tallystick-watch-OrdersCannotBePlaced" in composite
    own, promoted = said[1], said[2]
    functions = [
        (each.region, each.get("Description")) for each in full.resources("AWS::Lambda::Function")
    ]
    for what in (own.ORDER, own.CONSUME, own.PREPARE):
        assert functions.count(("eu-west-1", what)) == 1, what
    for what in (promoted.ORDER, *promoted.LOOPS):
        assert functions.count(("eu-central-1", what)) == 1, what
    for each in own.EXPERIMENTS.values():
        assert each.hypothesis
        assert each.abort


def test_tear_down_says_what_stays_and_takes_what_costs(
    book: Callable[[str], ModuleType], small: Assembly
) -> None:
    """Every retained resource goes or is named with its lock; the ledger before its network."""
    module = book("tear_down")
    arguments = module.parser().parse_args(["--assembly", str(small.folder)])
    assert arguments.dry_run, "nothing is destroyed until it is said"
    listed = module.steps(arguments)
    stays = listed[0].what
    said = str([each for each in listed if hasattr(each, "operation")])
    kept = [
        each
        for each in small.resources()
        if str(each.body.get("DeletionPolicy")).startswith("Retain")
    ]
    assert len(kept) > 50
    for each in kept:
        assert each.logical_id in stays or each.logical_id in said, each.path
    assert "BypassGovernanceRetention" in stays
    done = [
        (each.operation, each.parameters.get("StackName"))
        for each in listed
        if hasattr(each, "operation")
    ]
    dropped = next(i for i, each in enumerate(done) if each[0] == "delete_db_cluster")
    assert dropped < done.index(("delete_stack", "tallystick-data"))
    assert ("modify_db_cluster", None) in done[:dropped]


def test_every_script_stands_in_the_table_and_no_other() -> None:
    """The README's list is the folder's list."""
    listed = re.findall(r"^\| `(\w+)\.py` \|", (BOOKS / "README.md").read_text(), re.MULTILINE)
    assert listed == NAMES


def _seconds(text: str) -> float:
    number, unit = text.split()
    return float(number) * {"s": 1, "min": 60, "h": 3600}[unit]


def _table() -> dict[tuple[str, str], tuple[float, float, str]]:
    rows = re.findall(
        r"^\| ([^|]+) \| ([^|]+) \| (\d+ \w+) \| (\d+ \w+) \| [^|]+ \| ([^|]+) \|$",
        (BOOKS / "README.md").read_text(),
        re.MULTILINE,
    )
    return {
        (what, loss): (_seconds(rpo), _seconds(rto), book) for what, loss, rpo, rto, book in rows
    }


def test_table_has_a_proof_for_each_line() -> None:
    """No line stands there that no test below holds."""
    assert set(_table()) == {
        ("ledger", "a zone"),
        ("ledger", "the region"),
        ("ledger", "its history (a fault, a crime)"),
        ("state table", "the region"),
        ("state table", "its content"),
        ("archive", "the region"),
        ("audit trail", "the region"),
        ("backups", "the region"),
        ("signed head", "the ledger's region"),
        ("name of the API", "the region"),
    }


def test_table_is_what_the_profiles_promise() -> None:
    """The figures of the ledger's region are the profile's, which the alarms are made of."""
    limits = load("full").limits
    assert _table()["ledger", "the region"][:2] == (limits.rpo_seconds, limits.rto_minutes * 60)


def test_scripts_of_the_table_exist() -> None:
    """A line that names a script names one that is there."""
    for _, _, book_of in _table().values():
        for name in re.findall(r"`(\w+)\.py", book_of):
            assert name in NAMES


def test_ledger_survives_a_zone(full: Assembly, values: Values) -> None:
    """RPO 0: storage spans three zones; RTO: readers in other zones, a proxy before them."""
    instances = full.resources("AWS::RDS::DBInstance", stack="data")
    assert len(instances) >= 2
    assert full.resources("AWS::RDS::DBProxy", stack="data")
    (subnets,) = full.resources("AWS::RDS::DBSubnetGroup", stack="data")
    assert len(values.of(subnets)["SubnetIds"]) == 3  # type: ignore[arg-type]
    assert _table()["ledger", "a zone"][0] == 0


def test_ledger_survives_its_region(full: Assembly, values: Values) -> None:
    """The alarm on the copy's lag rings at the RPO; noticing and moving fit into the RTO."""
    rpo, rto, _ = _table()["ledger", "the region"]
    (alarm,) = full.resources("AWS::CloudWatch::Alarm", stack="recovery")
    assert values.of(alarm)["Threshold"] == rpo * 1_000
    assert len(full.resources("AWS::RDS::GlobalCluster")) == 1
    moving = 5 * 60
    """Aurora's managed failover: about a minute; the runbook waits, a person types."""
    assert notice_seconds() + moving < rto


def test_ledgers_history_can_be_set_back(full: Assembly, values: Values) -> None:
    """Aurora keeps 35 days, the vault's continuous backups too."""
    for cluster in full.resources("AWS::RDS::DBCluster", stack="data"):
        assert values.of(cluster)["BackupRetentionPeriod"] == 35
    (plan,) = full.resources("AWS::Backup::BackupPlan")
    rules: Any = values.of(plan)["BackupPlan"]["BackupPlanRule"]  # type: ignore[index,call-overload]
    assert any(rule.get("EnableContinuousBackup") for rule in rules)
    assert _table()["ledger", "its history (a fault, a crime)"][0] == 300


def test_state_table_survives(full: Assembly, values: Values) -> None:
    """A replica with point-in-time recovery; its lag rings at the RPO."""
    (table,) = full.resources("AWS::DynamoDB::GlobalTable", stack="data")
    replicas: Any = values.of(table)["Replicas"]
    assert {each["Region"] for each in replicas} == {"eu-west-1", "eu-central-1"}
    assert all(
        each["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] for each in replicas
    )
    lag = [
        values.of(each)["Threshold"]
        for each in full.resources("AWS::CloudWatch::Alarm", stack="watch")
        if values.of(each).get("MetricName") == "ReplicationLatency"
    ]
    assert lag == [_table()["state table", "the region"][0] * 1_000]


@pytest.mark.parametrize(("what", "purpose"), [("archive", "archive"), ("audit trail", "audit")])
def test_objects_survive_their_region(
    full: Assembly, values: Values, what: str, purpose: str
) -> None:
    """S3 promises the copy within the minutes of its replication time control: the RPO."""
    (bucket,) = [
        values.of(each)
        for each in full.resources("AWS::S3::Bucket")
        if str(values.of(each)["BucketName"]).startswith(f"tallystick-{purpose}-")
        and each.region == "eu-west-1"
    ]
    rule: Any = bucket["ReplicationConfiguration"]["Rules"][0]  # type: ignore[index,call-overload]
    minutes = rule["Destination"]["ReplicationTime"]["Time"]["Minutes"]
    assert minutes * 60 == _table()[what, "the region"][0]


def test_backups_survive_their_region(full: Assembly, values: Values) -> None:
    """What is backed up daily is copied: a day is the most that the other vault lacks."""
    (plan,) = full.resources("AWS::Backup::BackupPlan")
    rules: Any = values.of(plan)["BackupPlan"]["BackupPlanRule"]  # type: ignore[index,call-overload]
    (daily,) = [rule for rule in rules if rule["RuleName"] == "daily"]
    assert daily["CopyActions"]
    assert re.fullmatch(r"cron\(\d+ \d+ \* \* \? \*\)", daily["ScheduleExpression"])
    assert _table()["backups", "the region"][0] == 24 * 3600


def test_signed_head_is_elsewhere(full: Assembly) -> None:
    """The guard's stack is in another region than the global ledger's first member."""
    (guard,) = full.resources("AWS::DynamoDB::GlobalTable", stack="guard")
    (whole,) = full.resources("AWS::RDS::GlobalCluster")
    assert guard.region != whole.region


def test_name_moves_within_a_minute(full: Assembly, values: Values) -> None:
    """Ten seconds three times, and an alias that browsers keep for no longer than a minute."""
    checks: list[Any] = [
        values.of(each)["HealthCheckConfig"] for each in full.resources("AWS::Route53::HealthCheck")
    ]
    assert checks
    for each in checks:
        seconds = each["RequestInterval"] * each["FailureThreshold"]
        assert seconds < _table()["name of the API", "the region"][1]


CHECKPOINT = f"log.acme.test/ledger\n7\n{b64encode(bytes(32)).decode()}\n\n- signature\n"


def test_a_head_is_given_up_only_for_a_checkpoint_of_this_log(
    book: Callable[[str], ModuleType], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Size and root come from the database's own note; anything else is refused in a sentence."""
    module = book("reset_guard")
    note = tmp_path / "checkpoint"

    def run(*arguments: str) -> tuple[int, str]:
        main = sys.modules["runner"].main
        code = main(module.NAME, module.parser(), module.steps, list(arguments))
        said = capsys.readouterr()
        return code, said.out + said.err

    code, said = run("--yes", "--log", "log.acme.test/ledger")
    assert code == 2
    assert "--checkpoint names the file with the database's newest checkpoint" in said
    note.write_text(CHECKPOINT)
    code, said = run("--dry-run", "--log", "log.other.test/ledger", "--checkpoint", str(note))
    assert code == 2
    assert "no checkpoint of log.other.test/ledger" in said
    code, said = run("--dry-run", "--log", "log.acme.test/ledger", "--checkpoint", str(note))
    assert code == 0
    assert '"tree_size": {"N": "7"}' in said
    note.write_text("log.acme.test/ledger\nseven\n")
    assert run("--dry-run", "--checkpoint", str(note))[0] == 2


def test_an_example_is_nobodys_own(
    book: Callable[[str], ModuleType], capsys: pytest.CaptureFixture[str]
) -> None:
    """Outside a dry run a default that stands for something of one's own is refused."""
    module = book("fail_over")
    code = sys.modules["runner"].main(module.NAME, module.parser(), module.steps, ["--yes"])
    assert code == 2
    assert "--domain tallystick.example.com is only an example" in capsys.readouterr().err
