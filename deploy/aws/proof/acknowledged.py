"""Which findings of the packs were answered, where and why: read off a validation report.

Writes docs/acknowledgements.md.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent.parent
PAGE = HERE / "docs/acknowledgements.md"


@dataclass(frozen=True, order=True)
class Acknowledged:
    """One rule that need not hold on one construct."""

    rule: str
    at: str
    reason: str
    concerns: tuple[str, ...]
    """Paths of what the rule found there."""


def read(report: Path) -> list[dict[str, Any]]:
    """Return the reports of the plugins."""
    found: list[dict[str, Any]] = json.loads(report.read_text())["pluginReports"]
    return found


def unanswered(report: Path) -> list[str]:
    """Return a sentence for each finding that nobody has acknowledged."""
    return [
        f"{plugin['pluginName']} {each['ruleName']}: {construct['constructPath']}"
        for plugin in read(report)
        for each in plugin.get("violations", [])
        for construct in each["violatingConstructs"]
    ]


def answered(report: Path) -> list[Acknowledged]:
    """Return every acknowledgement that a finding met."""
    return sorted(
        {
            Acknowledged(
                rule=str(each.get("acknowledgedId", each["ruleName"])),
                at=str(each.get("acknowledgedAt", "")),
                reason=str(each.get("reason", "")).strip(),
                concerns=tuple(
                    sorted(construct["constructPath"] for construct in each["violatingConstructs"])
                ),
            )
            for plugin in read(report)
            for each in plugin.get("suppressedViolations", [])
        }
    )


def page(found: list[Acknowledged]) -> str:
    """Return docs/acknowledgements.md.

    Each reason once, with the rules and constructs that it stands for.
    """
    reasons: dict[str, list[Acknowledged]] = {}
    for each in found:
        reasons.setdefault(each.reason, []).append(each)
    head = [
        "# Acknowledged findings",
        "",
        "Written by `python -m proof.acknowledged` from the gates' report; the gates hold this",
        "page to it. Each finding of cdk-nag's packs (AwsSolutions, NIST 800-53 r5, PCI DSS 3.2.1,",
        "Serverless) and of the CDK's validator that need not hold is answered on the smallest",
        "construct, with a reason. Nothing is answered for a whole stack.",
        "",
        f"{len(found)} answers, {len(reasons)} reasons.",
        "",
        "| reason | rules | constructs |",
        "|---|---|---|",
    ]
    rows = []
    for reason, group in sorted(reasons.items()):
        rules = ", ".join(
            f"`{each}`" for each in sorted({one.rule.split("::", 1)[-1] for one in group})
        )
        places = ", ".join(sorted({each.at for each in group}))
        rows.append(f"| {reason} | {rules} | {places} |".replace("\n", " "))
    return "\n".join(head + rows) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(answered(Path(sys.argv[1]))))
