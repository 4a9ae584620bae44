#!/usr/bin/env python3
"""Writes today's evidence now instead of tomorrow morning, and says where it lies.

Before an audit, and after an incident.
"""

import argparse
import datetime as dt
import json
import sys
from collections.abc import Sequence

from runner import main, parser_of
from steps import Answer, Call, Check, Step

NAME = "collect_evidence"
FUNCTION = "Tallystick: writes the day's evidence"


def parser() -> argparse.ArgumentParser:
    """Its arguments."""
    made = parser_of(__doc__ or NAME)
    made.add_argument(
        "--at", default="2026-01-01T00:00:00+00:00", help="the moment it is filed under"
    )
    return made


def steps(arguments: argparse.Namespace) -> Sequence[Step]:
    """Find the function, start it, look whether it ended well."""
    moment = dt.datetime.fromisoformat(arguments.at).isoformat()
    name = Answer(f"functions.Functions[?Description==`{json.dumps(FUNCTION)}`] | [0].FunctionName")
    return [
        Call("the functions", "lambda", "list_functions", arguments.primary, name="functions"),
        Call(
            "collect",
            "lambda",
            "invoke",
            arguments.primary,
            {"FunctionName": name, "Payload": json.dumps({"time": moment}).encode()},
            name="run",
        ),
        Check(
            "it ended well",
            Answer("to_string(run.FunctionError)"),
            lambda e: e == "null",
            "no error",
        ),
    ]


if __name__ == "__main__":
    sys.exit(main(NAME, parser(), steps))
