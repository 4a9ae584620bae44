#!/usr/bin/env python3
"""Gives what was given up another chance, when its cause is mended.

Messages go back to the queue that they came from, a hundred a second; consumers drop what they have
seen by its position.
"""

import argparse
import sys
from collections.abc import Sequence

from runner import main, parser_of
from steps import Call, Step, Until

NAME = "redrive_letters"
RATE = 100


def parser() -> argparse.ArgumentParser:
    """Its arguments."""
    made = parser_of(__doc__ or NAME)
    made.add_argument(
        "--queue", default="arn:aws:sqs:eu-west-1:333333333333:tallystick-dead-letters"
    )
    made.add_argument("--to", help="ARN of another queue than the one they came from")
    return made


def steps(arguments: argparse.Namespace) -> Sequence[Step]:
    """Start the task, watch it end."""
    parameters: dict[str, object] = {
        "SourceArn": arguments.queue,
        "MaxNumberOfMessagesPerSecond": RATE,
    }
    if arguments.to:
        parameters["DestinationArn"] = arguments.to
    return [
        Call(
            "move them",
            "sqs",
            "start_message_move_task",
            arguments.primary,
            parameters,
            name="task",
        ),
        Until(
            Call(
                "all moved",
                "sqs",
                "list_message_move_tasks",
                arguments.primary,
                {"SourceArn": arguments.queue, "MaxResults": 1},
            ),
            "Results[0].Status",
            wanted="COMPLETED",
        ),
    ]


if __name__ == "__main__":
    sys.exit(main(NAME, parser(), steps))
