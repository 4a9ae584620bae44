"""The pages of docs/ that are read off the files: coverage, controls, lens.

`python -m proof.tables` writes them.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, cast

import yaml

from proof import coverage, tests

HERE = Path(__file__).resolve().parent.parent
DOCS = HERE / "docs"
WRITTEN = "Written by `python -m proof.tables`; a test holds this page to the file it is made of."


def coverage_page() -> str:
    """Return docs/coverage.md: a line a service."""
    rows = coverage.rows()
    emulated = sum(each["proof"].startswith("emulator:") for each in rows)
    head = [
        "# What is covered",
        "",
        f"{WRITTEN} The file is [coverage.yaml](../coverage.yaml).",
        "",
        f"{len(rows)} services. {emulated} are proved by calls made with the templates' own",
        f"properties to an emulator and read back; {len(rows) - emulated}, which nothing emulates,",
        "by calls held",
        "against the service's API model. Nothing here was run against a real account.",
        "",
        "| # | service | status | in the templates | proof | what it proves | runbook |",
        "|---|---|---|---|---|---|---|",
    ]
    return "\n".join(head + [_coverage_line(each) for each in rows]) + "\n"


def _coverage_line(row: dict[str, Any]) -> str:
    """Return the line of one service."""
    types = dict.fromkeys(_short(each["type"]) for each in row["assert"])
    kind, _, test = row["proof"].partition(":")
    name = test.rpartition("::")[2]
    proves = _holds(test)
    runbook = f"[{Path(row['runbook']).stem}](../{row['runbook']})"
    cells = [
        str(row["number"]),
        row["service"],
        row["status"],
        ", ".join(types) or "no type",
        kind,
        f"{proves} (`{name}`)",
        runbook,
    ]
    return "| " + " | ".join(each.replace("|", "\\|") for each in cells) + " |"


def _short(type_: str) -> str:
    """Return a CloudFormation type without its first word."""
    return type_.removeprefix("AWS::")


def _holds(test: str) -> str:
    """Return the first sentence of a test's docstring, and what follows it, in one line."""
    return " ".join(tests.text_of(test).split())


def controls_page() -> str:
    """Return docs/controls.md: a table a framework."""
    rows = cast("list[dict[str, str]]", yaml.safe_load((HERE / "controls.yaml").read_text()))
    parts = [
        "# Controls as code",
        "",
        f"{WRITTEN} The file is [controls.yaml](../controls.yaml).",
        "",
        "Each control is held by one test over the synthesised templates; `make aws-test` runs",
        "them all. The mapping onto requirements is our own reading: have it reviewed before an",
        "auditor sees it.",
    ]
    for framework in dict.fromkeys(each["framework"] for each in rows):
        parts += [
            "",
            f"## {framework}",
            "",
            "| id | requirement | what it asks | what the test holds |",
            "|---|---|---|---|",
        ]
        parts += [
            f"| {each['id']} | {each['requirement']} | {each['text']} | {_holds(each['test'])} |"
            for each in rows
            if each["framework"] == framework
        ]
    return "\n".join(parts) + "\n"


def lens_page() -> str:
    """Return docs/lens.md: an answer a question."""
    rows = cast("list[dict[str, Any]]", yaml.safe_load((HERE / "lens/answers.yaml").read_text()))
    proved = sum("proof" in each for each in rows)
    parts = [
        "# The financial services lens, answered",
        "",
        f"{WRITTEN} The file is [lens/answers.yaml](../lens/answers.yaml).",
        "",
        f"{len(rows)} questions of the Well-Architected Financial Services Industry Lens:",
        f"{proved} answers are held by tests, {len(rows) - proved} are matters of people.",
        "`runbooks/answer_review.py` writes them into the Well-Architected Tool.",
        "",
        "| question | about | answer | held by |",
        "|---|---|---|---|",
    ]
    for each in rows:
        held = (
            ", ".join(f"`{test.rpartition('::')[2]}`" for test in each.get("proof", [])) or "people"
        )
        said = each.get("answer") or each["organisational"]
        parts.append(f"| {each['id']} | {each['topic']} | {said.strip()} | {held} |")
    return "\n".join(parts) + "\n"


PAGES = {"coverage.md": coverage_page, "controls.md": controls_page, "lens.md": lens_page}
"""Each page and what writes it."""


def main() -> None:
    """Write every page that has changed."""
    for name, page in PAGES.items():
        text = page()
        if not (DOCS / name).exists() or (DOCS / name).read_text() != text:
            (DOCS / name).write_text(text)
            sys.stdout.write(f"docs/{name}\n")


if __name__ == "__main__":
    main()
