#!/usr/bin/env python3
"""Writes the answers of `lens/answers.yaml` into the Well-Architected Tool.

Each answer names the test that proves it; the tool then shows what AWS thinks is still at risk.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import yaml
from runner import main, parser_of
from steps import Answer, Call, Check, Step

NAME = "answer_review"
ANSWERS = Path(__file__).resolve().parent.parent / "lens/answers.yaml"
WORKLOAD = "tallystick"
NOTE_CHARACTERS_MAX = 2_084
"""The tool's longest note."""


def parser() -> argparse.ArgumentParser:
    """Its arguments."""
    made = parser_of(__doc__ or NAME)
    made.add_argument("--lens", default="financialservices")
    made.add_argument("--milestone", help="save the answers under this name")
    return made


def steps(arguments: argparse.Namespace) -> Sequence[Step]:
    """Find the workload, see its questions, note our answers, keep them as a milestone."""
    workload = Answer("workloads.WorkloadSummaries[0].WorkloadId", like="0" * 32)
    made: list[Step] = [
        Call(
            "the workload",
            "wellarchitected",
            "list_workloads",
            arguments.primary,
            {"WorkloadNamePrefix": WORKLOAD},
            name="workloads",
        ),
        Check(
            "it is there",
            Answer("workloads.WorkloadSummaries[0].WorkloadId"),
            bool,
            "an id",
        ),
        Call(
            "its questions",
            "wellarchitected",
            "list_answers",
            arguments.primary,
            {"WorkloadId": workload, "LensAlias": arguments.lens, "MaxResults": 50},
            name="questions",
        ),
        *(_noted(line, workload, arguments) for line in _answers()),
    ]
    if arguments.milestone:
        made.append(
            Call(
                "keep them",
                "wellarchitected",
                "create_milestone",
                arguments.primary,
                {
                    "WorkloadId": workload,
                    "MilestoneName": arguments.milestone,
                    "ClientRequestToken": arguments.milestone,
                },
            )
        )
    return made


def _answers() -> list[dict[str, Any]]:
    """What `lens/answers.yaml` says."""
    return cast("list[dict[str, Any]]", yaml.safe_load(ANSWERS.read_text()))


def _noted(line: dict[str, Any], workload: Answer, arguments: argparse.Namespace) -> Call:
    """Our answer beside the question; which of AWS's choices it meets, a person ticks."""
    said = line.get("answer") or line.get("organisational") or ""
    proofs = line.get("proof", [])
    notes = " ".join([said.strip(), *(f"Proof: {proof}." for proof in proofs)])
    number = re.sub(r"\D", "", line["id"]).lstrip("0")
    pillar = re.sub(r"^FSI|\d", "", line["id"])
    found = f"questions.AnswerSummaries[?ends_with(QuestionId, '{pillar.lower()}{number}')] | [0]"
    return Call(
        f"answer {line['id']}",
        "wellarchitected",
        "update_answer",
        arguments.primary,
        {
            "WorkloadId": workload,
            "LensAlias": arguments.lens,
            "QuestionId": Answer(f"{found}.QuestionId", like=line["id"].lower()),
            "Notes": notes[:NOTE_CHARACTERS_MAX],
        },
    )


if __name__ == "__main__":
    sys.exit(main(NAME, parser(), steps))
