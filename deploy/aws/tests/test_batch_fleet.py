"""The batch fleet: mostly Spot, none without a job, machines that nobody logs in to."""

import json
import re
import subprocess
import sys
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

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
    assert re.findall(r"^  \[(\w+)\]=\"(.+)\"$", script, re.MULTILINE) == [
        ("verify", "tallystick.wiring.aws.verify")
    ]
    template = full.one("AWS::EC2::LaunchTemplate")
    assert "@QUEUE@" not in str(template.properties)


def test_a_job_that_fails_three_times_is_kept(full: Assembly) -> None:
    """Then a person looks at it."""
    jobs = next(
        each
        for each in full.resources("AWS::SQS::Queue", stack="analytics")
        if each.properties.get("RedrivePolicy")
    )
    assert jobs.get("RedrivePolicy.maxReceiveCount") == 4


def test_every_night_the_whole_ledger_is_checked_from_a_reader(
    full: Assembly, values: Values
) -> None:
    """The rule brings the job; the machine knows a reader, public keys and the guard's region."""
    rule: Any = values.of(
        next(
            each
            for each in full.resources("AWS::Events::Rule", stack="analytics")
            if each.logical_id.startswith("BatchNightly")
        )
    )
    assert rule["ScheduleExpression"] == "cron(20 2 * * ? *)"
    assert rule["State"] == "ENABLED"
    assert json.loads(rule["Targets"][0]["Input"]) == {"job": "verify"}
    machine: Any = values.of(full.one("AWS::EC2::LaunchTemplate"))
    script = b64decode(machine["LaunchTemplateData"]["UserData"]).decode()
    for said in (
        "--env 'TALLYSTICK_LEDGER=postgresql://tallystick_reader@",
        "--env 'TALLYSTICK_LEDGER_AUTHORITIES=rds'",
        "--env 'TALLYSTICK_KEYS=kms-public:",
        "--env 'TALLYSTICK_GUARD=dynamodb://eu-central-1/tallystick-head-guard'",
        "--network host",
    ):
        assert said in script
    assert "@WORDS@" in script  # of its own comment
    assert len(re.findall(r"@[A-Z_]+@", script)) == 1
    assert not [
        each
        for each in full.resources("AWS::Lambda::Function", stack="service")
        if each.get("Handler") == "tallystick.wiring.aws.verify.handler"
    ]


def test_who_checks_the_ledger_can_write_nothing(full: Assembly, values: Values) -> None:
    """As the reader of the database, with the guard's head to read and no key to sign with."""
    policy: Any = values.of(
        next(
            each
            for each in full.resources("AWS::IAM::ManagedPolicy", stack="analytics")
            if each.logical_id.startswith("BatchRole")
        )
    )
    allowed = policy["PolicyDocument"]["Statement"]
    by_action = {
        action: each["Resource"]
        for each in allowed
        for action in ([each["Action"]] if isinstance(each["Action"], str) else each["Action"])
    }
    assert by_action["rds-db:connect"].endswith("/tallystick_reader")
    assert "kms:Sign" not in by_action
    assert [action for action in by_action if action.startswith("dynamodb:")] == [
        "dynamodb:GetItem"
    ]


def test_a_machine_is_not_taken_from_its_work(full: Assembly) -> None:
    """The group shrinks when no job waits and none is being done."""
    alarms = [
        each
        for each in full.resources("AWS::CloudWatch::Alarm", stack="analytics")
        if each.logical_id.startswith("BatchGroup")
    ]
    assert alarms
    for alarm in alarms:
        named = {
            each["MetricStat"]["Metric"]["MetricName"]
            for each in alarm.properties["Metrics"]
            if "MetricStat" in each
        }
        assert named == {
            "ApproximateNumberOfMessagesVisible",
            "ApproximateNumberOfMessagesNotVisible",
        }


ANSWERS = {0: True, 1: True, 2: False, 137: False}
"""Whether a job is done with, by what its container ends with."""
SHIMS = {
    "aws": """case "$1 $2" in
"sqs receive-message")
  [ ! -e "$FOLDER/asked" ] || exit 9
  touch "$FOLDER/asked"
  printf '%s' "$MESSAGE" ;;
esac""",
    "docker": '[ "$1" != run ] || exit "$CODE"',
    "dnf": "",
    "systemctl": "",
    "sleep": "exec /bin/sleep 0.2",
    "jq": f"""exec {sys.executable} -c '
import json, sys
(message,) = json.load(sys.stdin)["Messages"]
print(json.loads(message["Body"])["job"] if "job" in sys.argv[2] else message["ReceiptHandle"])
' "$@" """,
}
"""Stand-ins for the machine's programs; each writes down what it was asked."""


@pytest.mark.parametrize(("code", "done"), ANSWERS.items())
def test_the_worker_gives_a_job_back_that_got_no_answer(
    tmp_path: Path, code: int, *, done: bool
) -> None:
    """Clean and tampered are answers; a process that could not tell, or was killed, is none."""
    said = worked(tmp_path, "verify", code)
    runs = [line for line in said if line.startswith("docker run")]
    assert len(runs) == 1
    assert runs[0].endswith("python -m tallystick.wiring.aws.verify")
    assert "--env A=b c" in runs[0]
    assert "--env POWERTOOLS_SERVICE_NAME=verify" in runs[0]
    deleted = [line for line in said if line.startswith("aws sqs delete-message")]
    assert len(deleted) == done
    assert all("--receipt-handle r-1" in line for line in deleted)


def test_the_worker_leaves_what_it_does_not_know(tmp_path: Path) -> None:
    """A name that is not in its list is never run."""
    said = worked(tmp_path, "rm -rf /", 0)
    assert not [line for line in said if line.startswith(("docker run", "aws sqs delete"))]


def worked(folder: Path, job: str, code: int) -> list[str]:
    """What the worker asks of its machine for one job, whose container ends with this code."""
    from stack.capabilities.batch_fleet import WORKER  # noqa: PLC0415  loads the CDK

    script = WORKER.read_text().replace("@ENVIRONMENT@", "  --env 'A=b c'").replace("@LEASE@", "9")
    (folder / "worker.sh").write_text(re.sub(r"@([A-Z_]+)@", r"\1", script))
    log = folder / "log"
    for name, body in SHIMS.items():
        shim = folder / name
        shim.write_text(f'#!/bin/bash\necho "{name} $*" >>"$FOLDER/log"\n{body}\n')
        shim.chmod(0o700)
    body = json.dumps({"job": job})
    message = json.dumps({"Messages": [{"Body": body, "ReceiptHandle": "r-1"}]})
    ended = subprocess.run(  # noqa: S603  our own script
        ["/bin/bash", str(folder / "worker.sh")],
        env={
            "PATH": f"{folder}:/usr/bin:/bin",
            "FOLDER": str(folder),
            "MESSAGE": message,
            "CODE": str(code),
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
        timeout=30,
    )
    assert ended.returncode == 9, "it asks for the next job"
    return log.read_text().splitlines()
