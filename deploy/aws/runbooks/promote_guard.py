#!/usr/bin/env python3
"""Puts the head guard into the other region than the ledger's, as it has to be.

The recovery region's functions ask that region's guard, which knows the last head when the primary
region is lost. As soon as the primary region answers again, this carries the head that was signed
last into its guard (a larger head there stays), and lets the functions that trade in the recovery
region ask that one: whoever owns the ledger's region must not own its memory. With `--home`, after
the fail back, both go back.
"""

import argparse
import json
import sys
from collections.abc import Sequence

from runner import main, parser_of
from steps import Answer, Call, Check, Say, Step, Until

NAME = "promote_guard"
TABLE = "tallystick-head-guard"
ORDER = "Tallystick: orders, positions, proofs"
LOOPS = (
    "Tallystick: says the ledger's entries on the stream",
    "Tallystick: prices, resting orders, margin",
)
"""Functions by what the stack says they are for."""
CHANGED_SECONDS_MAX = 300


def parser() -> argparse.ArgumentParser:
    """Its arguments."""
    made = parser_of(__doc__ or NAME)
    made.add_argument("--log", default="tallystick.example.com/ledger", help="the ledger's origin")
    made.add_argument("--home", action="store_true", help="after the fail back")
    return made


def steps(arguments: argparse.Namespace) -> Sequence[Step]:
    """Read the head here, write it there, tell the functions."""
    old, new = arguments.recovery, arguments.primary
    if arguments.home:
        old, new = new, old
    return [
        *_carry(f"head {arguments.log}", old, new),
        Call("the functions", "lambda", "list_functions", arguments.recovery, name="functions"),
        *_told("order", ORDER, new, arguments.recovery),
        *_live(arguments.recovery),
        *_told("relay", LOOPS[0], new, arguments.recovery),
        *_told("tend", LOOPS[1], new, arguments.recovery),
        Say(
            "Where containers answer in the recovery region: deploy their task definition with "
            f"TALLYSTICK_GUARD=dynamodb://{new}/{TABLE}."
        ),
    ]


def _carry(key: str, old: str, new: str) -> list[Step]:
    """The head of one guard into the other."""
    head = Answer("head.Item", like={"id": {"S": key}})
    return [
        Call(
            "the head that was signed last",
            "dynamodb",
            "get_item",
            old,
            {"TableName": TABLE, "Key": {"id": {"S": key}}, "ConsistentRead": True},
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
            unless="ConditionalCheckFailedException",
        ),
    ]


def _told(short: str, description: str, guard: str, region: str) -> list[Step]:
    """The function asks the guard in the region `guard` from now on."""
    named = f"functions.Functions[?Description==`{json.dumps(description)}`] | [0].FunctionName"
    name = Answer(named)
    address = f"dynamodb://{guard}/{TABLE}"
    variables = f"merge({short}.Environment.Variables, {{TALLYSTICK_GUARD: '{address}'}})"
    return [
        Call(
            f"what {short} is told",
            "lambda",
            "get_function_configuration",
            region,
            {"FunctionName": name},
            name=short,
        ),
        Call(
            f"{short} is told of the other guard",
            "lambda",
            "update_function_configuration",
            region,
            {
                "FunctionName": name,
                "Environment": {"Variables": Answer(variables, like={"TALLYSTICK_GUARD": address})},
            },
        ),
        Until(
            Call(
                f"{short} has been changed",
                "lambda",
                "get_function_configuration",
                region,
                {"FunctionName": name},
            ),
            "LastUpdateStatus",
            wanted="Successful",
            seconds_max=CHANGED_SECONDS_MAX,
        ),
    ]


def _live(region: str) -> list[Step]:
    """What the API calls is a version: a new one, and the alias on it."""
    name = Answer("order.FunctionName")
    return [
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
