#!/usr/bin/env python3
"""Takes a whole deployment down: says what stays and until when, then destroys in order.

It shows its plan and makes no call until `--destroy` is said, and then asks for its name. It reads
the templates in `cdk.out/PROFILE`. A last snapshot of the ledger stays; so do the buckets under
lock and the keys of what stays.
"""

import argparse
import datetime as dt
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from runner import main, parser_of
from steps import Answer, Call, Say, Step, StepError, Until, Wait

NAME = "tear_down"
SNAPSHOT = "tallystick-ledger-last"
SECRET_DAYS = 7
KEY_DAYS = 30
NEEDED_KEYS = ("archive", "ledger", "logs", "signing")
"""Purposes of keys that stay: they open buckets, the last snapshot, or prove what was signed."""
UNPROTECT: dict[str, tuple[str, str, str, dict[str, object]]] = {
    "AWS::RDS::DBCluster": (
        "rds", "modify_db_cluster", "DBClusterIdentifier", {"DeletionProtection": False},
    ),
    "AWS::DynamoDB::GlobalTable": (
        "dynamodb", "update_table", "TableName", {"DeletionProtectionEnabled": False},
    ),
    "AWS::Cognito::UserPool": (
        "cognito-idp", "update_user_pool", "UserPoolId", {"DeletionProtection": "INACTIVE"},
    ),
}  # fmt: skip
DELETE: dict[str, tuple[str, str, str, dict[str, object]]] = {
    "AWS::RDS::DBInstance": ("rds", "delete_db_instance", "DBInstanceIdentifier", {}),
    "AWS::RDS::DBCluster": (
        "rds", "delete_db_cluster", "DBClusterIdentifier",
        {"SkipFinalSnapshot": False, "FinalDBSnapshotIdentifier": SNAPSHOT},
    ),
    "AWS::DynamoDB::GlobalTable": ("dynamodb", "delete_table", "TableName", {}),
    "AWS::Kinesis::Stream": (
        "kinesis", "delete_stream", "StreamName", {"EnforceConsumerDeletion": True},
    ),
    "AWS::SQS::Queue": ("sqs", "delete_queue", "QueueUrl", {}),
    "AWS::Events::Archive": ("events", "delete_archive", "ArchiveName", {}),
    "AWS::Cognito::UserPool": ("cognito-idp", "delete_user_pool", "UserPoolId", {}),
    "AWS::SecretsManager::Secret": (
        "secretsmanager", "delete_secret", "SecretId", {"RecoveryWindowInDays": SECRET_DAYS},
    ),
    "AWS::ECR::Repository": ("ecr", "delete_repository", "repositoryName", {"force": True}),
    "AWS::Logs::LogGroup": ("logs", "delete_log_group", "logGroupName", {}),
    "AWS::KMS::Key": (
        "kms", "schedule_key_deletion", "KeyId", {"PendingWindowInDays": KEY_DAYS},
    ),
}  # fmt: skip
"""How what a stack leaves behind is deleted, in this order."""


def parser() -> argparse.ArgumentParser:
    """Its arguments."""
    made = parser_of(__doc__ or NAME)
    made.set_defaults(dry_run=True)
    made.add_argument("--destroy", dest="dry_run", action="store_false", help="do it")
    made.add_argument("--profile", default="full", help="what was deployed")
    made.add_argument("--assembly", type=Path, help="its templates; default: cdk.out/PROFILE")
    return made


def steps(arguments: argparse.Namespace) -> Sequence[Step]:
    """Say what stays; find names, take protection off, destroy the stacks, then what they leave."""
    out = Path(os.environ.get("TALLYSTICK_CDK_OUT", Path(__file__).parents[1] / "cdk.out"))
    stacks = _stacks(arguments.assembly or out / arguments.profile)
    left = [each for stack in stacks for each in _left(stack)]
    if any(each["Type"] == "AWS::RDS::GlobalCluster" for s in stacks for each in s["all"]):
        first = "Take both ledgers out of the global cluster first (RDS console, or the AWS CLI's "
        left_first: list[Step] = [Say(first + "remove-from-global-cluster). Is it done?")]
    else:
        left_first = []
    gone = [each for type_ in DELETE for each in left if each["Type"] == type_ and _goes(each)]
    return [
        Say(_stays([each for each in left if each not in gone])),
        *left_first,
        *(_named(each) for each in gone),
        *(_call(UNPROTECT[each["Type"]], each) for each in gone if each["Type"] in UNPROTECT),
        *(step for stack in reversed(stacks) for step in _destroyed(stack, gone)),
        *(_call(DELETE[each["Type"]], each) for each in gone if not _in_the_way(each)),
    ]


def _stacks(folder: Path) -> list[dict[str, Any]]:
    """The stacks in the order in which they were deployed.

    Raises:
        StepError: there are no templates.
    """
    if not (folder / "manifest.json").exists():
        raise StepError(f"No templates in {folder}: `make aws-synth` writes them.")
    artifacts = json.loads((folder / "manifest.json").read_text())["artifacts"]
    found: list[dict[str, Any]] = []

    def visit(name: str) -> None:
        own = artifacts[name]
        if own["type"] != "aws:cloudformation:stack" or any(s["id"] == name for s in found):
            return
        for before in own.get("dependencies", ()):
            visit(before)
        body = json.loads((folder / own["properties"]["templateFile"]).read_text())["Resources"]
        every = [{**each, "id": key} for key, each in body.items()]
        region = own["environment"].rsplit("/", 1)[1]
        title = own["properties"].get("stackName", name)
        found.append({"id": name, "title": title, "region": region, "all": every})

    for name in artifacts:
        visit(name)
    return found


def _left(stack: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What the stack leaves when it is destroyed."""
    for each in stack["all"]:
        if str(each.get("DeletionPolicy", "")).startswith("Retain"):
            answer = f"{stack['id']}_{each['id']}".replace("-", "_")
            yield {**each, "stack": stack["title"], "region": stack["region"], "answer": answer}


def _goes(left: dict[str, Any]) -> bool:
    """Whether it can be deleted without losing what stays."""
    said = str(left.get("Properties", {}).get("Description", ""))
    return left["Type"] != "AWS::KMS::Key" or not any(said.find(k) > 0 for k in NEEDED_KEYS)


def _stays(left: Sequence[dict[str, Any]]) -> str:
    """What stays, where, and until when."""
    lines = ["This stays and costs money until somebody deletes it:"]
    for each in left:
        where = f"{each['region']} {each['stack']}"
        lines.append(f"  {where} {each['Type']} {each['id']}{_until(each)}")
    lines.append(f"  a last snapshot of the ledger, {SNAPSHOT}")
    return "\n".join(lines)


def _until(left: dict[str, Any]) -> str:
    """Whose lock holds it, and until when."""
    lock = left.get("Properties", {}).get("ObjectLockConfiguration")
    if not lock:
        return ""
    rule = lock["Rule"]["DefaultRetention"]
    if rule["Mode"] == "GOVERNANCE":
        return ": an administrator may delete its objects (s3:BypassGovernanceRetention)"
    today = dt.datetime.now(dt.UTC).date()
    return f": nobody can delete what was written today before {today + _days(rule['Days'])}"


def _days(count: int) -> dt.timedelta:
    return dt.timedelta(days=count)


def _named(left: dict[str, Any]) -> Call:
    return Call(
        f"the name of {left['id']}",
        "cloudformation",
        "describe_stack_resource",
        left["region"],
        {"StackName": left["stack"], "LogicalResourceId": left["id"]},
        name=left["answer"],
    )


def _call(how: tuple[str, str, str, dict[str, object]], left: dict[str, Any]) -> Call:
    service, operation, key, more = how
    like = "eu-west-1_sample" if key == "UserPoolId" else "sample"
    if key == "KeyId":
        like = "00000000-0000-0000-0000-000000000000"
    name = Answer(f"{left['answer']}.StackResourceDetail.PhysicalResourceId", like=like)
    why = f"{left['id']}: {operation.replace('_', ' ')}"
    return Call(why, service, operation, left["region"], {key: name, **more})


def _away(cluster: dict[str, Any]) -> Until:
    """Gone is a cluster that the list of all does not name: its protection is off in none."""
    look = Call(
        f"{cluster['id']} is gone", "rds", "describe_db_clusters", cluster["region"], {}, name="rds"
    )
    return Until(look, "length(DBClusters[?starts_with(DBClusterIdentifier, 'tallystick')])", 0)


def _in_the_way(left: dict[str, Any]) -> bool:
    """Whether it uses the stack's own network, which could not go before it."""
    return str(left["Type"]).startswith("AWS::RDS::")


def _destroyed(stack: dict[str, Any], gone: Sequence[dict[str, Any]]) -> Sequence[Step]:
    here = (stack["title"], stack["region"])
    own = [each for each in gone if _in_the_way(each) and (each["stack"], each["region"]) == here]
    name = {"StackName": stack["title"]}
    free = {**name, "EnableTerminationProtection": False}
    region = stack["region"]
    why = f"{stack['id']} may go"
    return [
        *(_call(DELETE[each["Type"]], each) for each in own),
        *(_away(each) for each in own if each["Type"] == "AWS::RDS::DBCluster"),
        Call(why, "cloudformation", "update_termination_protection", region, free),
        Call(f"{stack['id']} goes", "cloudformation", "delete_stack", region, name),
        Wait(f"{stack['id']} is gone", "cloudformation", "stack_delete_complete", region, name),
    ]


if __name__ == "__main__":
    sys.exit(main(NAME, parser(), steps))
