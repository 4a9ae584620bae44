"""What a newcomer is told to type works as it is written."""

import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.server


def wrong(steps: list[Any]) -> list[str]:
    """The steps that did not end as the document says."""
    return [
        f"exit status {step.status}, not {step.expected}:\n{step.code}{step.output}"
        for step in steps
        if step.status != step.expected
    ]


def test_the_readme_runs_from_its_first_command_to_its_last(reader: Any) -> None:
    """An order is placed and proved, a forged receipt is caught, the whole ledger is verified."""
    steps = reader.walk(ROOT / "README.md")

    assert wrong(steps) == []
    answer = json.loads((reader.folder / "receipt.json").read_text())
    assert answer["order"]["state"] == "filled"
    assert answer["receipt"]["checkpoint"].startswith("tallystick.local/")
    verdicts = {
        what: [step.output.split()[0] for step in steps if f"verify {what}" in step.code]
        for what in ("receipt.json", "forged.json", ".tallystick/ledger")
    }
    assert verdicts == {
        "receipt.json": ["clean"],
        "forged.json": ["tampered"],
        ".tallystick/ledger": ["clean"],
    }


def test_the_guide_to_receipts_runs_too(reader: Any) -> None:
    """Each command of verify-a-receipt.md ends with the exit status that stands above it."""
    steps = reader.walk(ROOT / "docs/guides/verify-a-receipt.md")

    assert wrong(steps) == []
    assert {step.expected for step in steps} == {0, 1, 2}
    verdicts = [step.output.split("  ")[0] for step in steps if "verify" in step.code]
    assert {"clean", "tampered", "cannot tell"} <= set(verdicts)
    assert json.loads(steps[-2].output)["verdict"] == "clean"
    answer = json.loads((reader.folder / "receipt.json").read_text())
    assert steps[-1].output.split()[0] == answer["receipt"]["leaf_hash"]
