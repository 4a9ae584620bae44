#!/usr/bin/env python3
"""Fetches one of AWS's own audit reports (SOC, PCI, ISO) from AWS Artifact.

There is no resource for Artifact: this is how the auditor gets AWS's half of the evidence. The
terms are accepted by the person who runs it; the address that comes back is good for minutes.
"""

import argparse
import sys
from collections.abc import Sequence

from runner import main, parser_of
from steps import Answer, Call, Check, Say, Step

NAME = "download_artifact"
REGION = "us-east-1"
"""Where the service is."""


def parser() -> argparse.ArgumentParser:
    """Its arguments."""
    made = parser_of(__doc__ or NAME)
    made.add_argument("--series", default="PCI", help="a word of the report's name")
    return made


def steps(arguments: argparse.Namespace) -> Sequence[Step]:
    """List, take the newest of the series, read its terms, fetch."""
    found = f"reports.reports[?contains(name, '{arguments.series}')] | [0]"
    report = {"reportId": Answer(f"{found}.id", like="report-0000000000000000")}
    return [
        Call(
            "AWS's reports", "artifact", "list_reports", REGION, {"maxResults": 300}, name="reports"
        ),
        Check("there is one", Answer(f"{found}.name"), bool, "a name"),
        Call("its terms", "artifact", "get_term_for_report", REGION, report, name="terms"),
        Say("Read the terms at the address above. Going on accepts them."),
        Call(
            "the report",
            "artifact",
            "get_report",
            REGION,
            {**report, "termToken": Answer("terms.termToken", like="token")},
            name="report",
        ),
        Check(
            "it can be fetched",
            Answer("report.documentPresignedUrl"),
            bool,
            "an address",
        ),
    ]


if __name__ == "__main__":
    sys.exit(main(NAME, parser(), steps))
