#!/usr/bin/env python3
"""Puts the head guard into the other region than the ledger's, as it has to be.

After a failover the ledger is in the recovery region, where its guard is too: whoever owns that
region's data could then help a fork. This carries the head that was signed last into the guard of
the primary region (a larger head there stays), and lets the order function use that one. With
`--home` it goes back.
"""

import argparse
import sys
from collections.abc import Sequence

from runner import main, parser_of
from steps import Answer, Call, Check, Step

NAME = "promote_guard"
TABLE = "tallystick-head-guard"
FUNCTION = "Tallystick: orders, positions, proofs"


def parser() -> argparse.ArgumentParser:
    """Its arguments."""
    made = parser_of(__doc__ or NAME)
    made.add_argument("--log", default="tallystick.example.com/ledger", help="the ledger's origin")
    made.add_argument("--home", action="store_true", help="after the fail back")
    return made


def steps(arguments: argparse.Namespace) -> Sequence[Step]:
    """Read the head here, write it there, tell the function."""
    old, new = arguments.recovery, arguments.primary
    if arguments.home:
        old, new = new, old
    trades = old  # the guard lay beside the ledger until now
    head = Answer("head.Item", like={"id": {"S": arguments.log}})
    return [
        Call(
            "the head that was signed last",
            "dynamodb",
            "get_item",
            old,
            {"TableName": TABLE, "Key": {"id": {"S": arguments.log}}, "ConsistentRead": True},
            name="head",
        ),
        Check("there is one", Answer("head.Item.id.S"), bool, "the log's name"),
        Call(
            "the other guard remembers it, unless it knows a larger one",
            "dynamodb",
            "put_item",
            new,
            {
                "TableName": TABLE,
                "Item": head,
                "ConditionExpression": "attribute_not_exists(id) OR tree_size <= :size",
                "ExpressionAttributeValues": {
                    ":size": Answer("head.Item.tree_size", like={"N": "1"})
                },
            },
        ),
        *_use(new, trades),
    ]


def _use(guard: str, region: str) -> list[Step]:
    """The order function of `region` asks the guard in the region `guard` from now on."""
    name = Answer(f"functions.Functions[?Description=='{FUNCTION}'] | [0].FunctionName")
    variables = (
        f"merge(order.Environment.Variables, {{TALLYSTICK_GUARD: 'dynamodb://{guard}/{TABLE}'}})"
    )
    return [
        Call("the functions", "lambda", "list_functions", region, name="functions"),
        Call(
            "what the order function is told",
            "lambda",
            "get_function_configuration",
            region,
            {"FunctionName": name},
            name="order",
        ),
        Call(
            "it is told of the other guard",
            "lambda",
            "update_function_configuration",
            region,
            {
                "FunctionName": name,
                "Environment": {
                    "Variables": Answer(
                        variables, like={"TALLYSTICK_GUARD": f"dynamodb://{guard}/{TABLE}"}
                    )
                },
            },
        ),
        Call(
            "a version of it",
            "lambda",
            "publish_version",
            region,
            {"FunctionName": name},
            name="version",
        ),
        Call(
            "which is the live one",
            "lambda",
            "update_alias",
            region,
            {
                "FunctionName": name,
                "Name": "live",
                "FunctionVersion": Answer("version.Version", like="1"),
            },
        ),
    ]


if __name__ == "__main__":
    sys.exit(main(NAME, parser(), steps))
