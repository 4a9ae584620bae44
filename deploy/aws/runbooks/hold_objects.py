#!/usr/bin/env python3
"""Puts a legal hold on archived objects, or lifts it (`--lift`); a hold outlasts every lock.

A hold on what a court or a supervisor asks for. It deletes nothing and hides nothing.
"""

import argparse
import sys
from collections.abc import Sequence

from runner import main, parser_of
from steps import Call, Step

NAME = "hold_objects"


def parser() -> argparse.ArgumentParser:
    """Its arguments."""
    made = parser_of(__doc__ or NAME)
    made.add_argument("--bucket", default="tallystick-archive-333333333333-eu-west-1")
    made.add_argument("--key", action="append", default=[], help="an object; may be repeated")
    made.add_argument("--lift", action="store_true")
    return made


def steps(arguments: argparse.Namespace) -> Sequence[Step]:
    """One call an object, and a look whether it holds."""
    made: list[Step] = []
    for key in arguments.key or ["ledger/checkpoint"]:
        at = {"Bucket": arguments.bucket, "Key": key}
        status = "OFF" if arguments.lift else "ON"
        made += [
            Call(
                f"hold {key}",
                "s3",
                "put_object_legal_hold",
                arguments.primary,
                {**at, "LegalHold": {"Status": status}},
            ),
            Call(f"see {key}", "s3", "get_object_legal_hold", arguments.primary, at),
        ]
    return made


if __name__ == "__main__":
    sys.exit(main(NAME, parser(), steps))
