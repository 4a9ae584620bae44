#!/usr/bin/env python3
"""Lets the ledger sign again after history was lost: the guard takes the head that there still is.

After a forced failover that lost entries, or a restored backup, the guard knows a head that the
database no longer reaches, and nothing is signed: whoever had a receipt of what is lost would hold
a fork. This is the decision that it is lost. Take the newest checkpoint out of the database that
is to go on (`SELECT note FROM ledger_checkpoints ORDER BY size DESC LIMIT 1`) as a file. The head
that is given up is printed, and stands in this run's evidence: say it to whoever holds receipts.
"""

import argparse
import base64
import binascii
import sys
from collections.abc import Sequence
from pathlib import Path

from runner import main, parser_of
from steps import Answer, Call, Check, Say, Step, StepError

NAME = "reset_guard"
TABLE = "tallystick-head-guard"
STATE = "tallystick-state"
RELAY = "cursor relay tallystick"
HASH_BYTES = 32
EXAMPLE = (1, bytes(HASH_BYTES))
"""What a dry run without a file shows."""


def parser() -> argparse.ArgumentParser:
    """Its arguments."""
    made = parser_of(__doc__ or NAME)
    made.add_argument("--checkpoint", type=Path, help="file with the database's newest checkpoint")
    made.add_argument("--log", default="tallystick.example.com/ledger", help="the ledger's origin")
    made.add_argument("--region", help="where the guard is that the functions ask; else --recovery")
    return made


def steps(arguments: argparse.Namespace) -> Sequence[Step]:
    """Show what is held, give it up on condition that it still is.

    Raises:
        StepError: there is no file, or it holds no checkpoint of this log.
    """
    size, root = _head(arguments)
    region = arguments.region or arguments.recovery
    key = {"id": {"S": f"head {arguments.log}"}}
    held = Answer("held.Item.tree_size", like={"N": "2"})
    return [
        Call(
            "the head that the guard holds",
            "dynamodb",
            "get_item",
            region,
            {"TableName": TABLE, "Key": key, "ConsistentRead": True},
            name="held",
        ),
        Check(
            f"it is larger than {size}, so that something is lost",
            Answer("held.Item.tree_size.N", like="2"),
            lambda is_: int(is_) > size,
            f"more than {size}",
        ),
        Call(
            f"the guard takes the head of {size} entries, unless another was signed meanwhile",
            "dynamodb",
            "put_item",
            region,
            {
                "TableName": TABLE,
                "Item": {**key, "tree_size": {"N": str(size)}, "root": {"B": root}},
                "ConditionExpression": "tree_size = :held",
                "ExpressionAttributeValues": {":held": held},
            },
        ),
        Call(
            "the relay goes on where the ledger does, if it was further",
            "dynamodb",
            "update_item",
            region,
            {
                "TableName": STATE,
                "Key": {"id": {"S": RELAY}},
                "UpdateExpression": "SET place = :size",
                "ConditionExpression": "place > :size",
                "ExpressionAttributeValues": {":size": {"N": str(size)}},
            },
            unless="ConditionalCheckFailedException",
        ),
        Say(
            "The functions sign again within a minute. Look into the other region's table too: a "
            "head there that was given up must not be carried back by promote_guard.py. Entries "
            f"from {size} on are lost: tell the holders of their receipts, and keep this evidence."
        ),
    ]


def _head(arguments: argparse.Namespace) -> tuple[int, bytes]:
    """Size and root of the checkpoint in the file (C2SP tlog-checkpoint: origin, size, root)."""
    if arguments.checkpoint is None:
        if arguments.dry_run:
            return EXAMPLE
        raise StepError("--checkpoint names the file with the database's newest checkpoint.")
    try:
        origin, size, root = arguments.checkpoint.read_text().splitlines()[:3]
        head = int(size), base64.b64decode(root, validate=True)
    except (OSError, ValueError, binascii.Error) as error:
        raise StepError(f"{arguments.checkpoint} is no checkpoint: {error}") from error
    if origin != arguments.log or len(head[1]) != HASH_BYTES:
        raise StepError(f"{arguments.checkpoint} is no checkpoint of {arguments.log}.")
    return head


if __name__ == "__main__":
    sys.exit(main(NAME, parser(), steps))
