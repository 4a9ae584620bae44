#!/usr/bin/env python3
"""Stops taking orders at once, at the function; `--again` lets them in.

The product's own switch (`tallystick limits halt`) is the better one, for it is an entry in the
ledger and lets what reduces through. This is for when the product does not answer.
"""

import argparse
import sys
from collections.abc import Sequence

from runner import main, parser_of
from steps import Answer, Call, Step

NAME = "halt_orders"
FUNCTION = "Tallystick: orders, positions, proofs"


def parser() -> argparse.ArgumentParser:
    """Its arguments."""
    made = parser_of(__doc__ or NAME)
    made.add_argument("--again", action="store_true", help="take orders again")
    made.add_argument("--reserved", type=int, default=200, help="how many may run at once, again")
    return made


def steps(arguments: argparse.Namespace) -> Sequence[Step]:
    """No function, no order."""
    name = Answer(f"functions.Functions[?Description=='{FUNCTION}'] | [0].FunctionName")
    return [
        Call("the functions", "lambda", "list_functions", arguments.primary, name="functions"),
        Call(
            "how many may run at once",
            "lambda",
            "put_function_concurrency",
            arguments.primary,
            {
                "FunctionName": name,
                "ReservedConcurrentExecutions": arguments.reserved if arguments.again else 0,
            },
        ),
    ]


if __name__ == "__main__":
    sys.exit(main(NAME, parser(), steps))
