#!/usr/bin/env python3
"""Lets Macie look through buckets for personal data and secrets, once.

After an incident, or before a bucket is shown to somebody. Findings go to the warning topic.
"""

import argparse
import sys
from collections.abc import Sequence

from runner import main, parser_of
from steps import Answer, Call, Step

NAME = "scan_for_personal_data"


def parser() -> argparse.ArgumentParser:
    """Its arguments."""
    made = parser_of(__doc__ or NAME)
    made.add_argument("--account", default="333333333333")
    made.add_argument("--bucket", action="append", default=[])
    made.add_argument("--percent", type=int, default=100, help="share of the objects")
    return made


def steps(arguments: argparse.Namespace) -> Sequence[Step]:
    """Our own identifiers, then the job."""
    buckets = arguments.bucket or [f"tallystick-archive-{arguments.account}-{arguments.primary}"]
    return [
        Call(
            "our identifiers",
            "macie2",
            "list_custom_data_identifiers",
            arguments.primary,
            name="ours",
        ),
        Call(
            "look through them",
            "macie2",
            "create_classification_job",
            arguments.primary,
            {
                "name": "tallystick-scan",
                "clientToken": "tallystick-scan",
                "jobType": "ONE_TIME",
                "samplingPercentage": arguments.percent,
                "managedDataIdentifierSelector": "ALL",
                "customDataIdentifierIds": Answer("ours.items[].id", like=["id"]),
                "s3JobDefinition": {
                    "bucketDefinitions": [{"accountId": arguments.account, "buckets": buckets}]
                },
            },
        ),
    ]


if __name__ == "__main__":
    sys.exit(main(NAME, parser(), steps))
