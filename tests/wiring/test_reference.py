"""The reference pages say what the code says; `tests/test_docs.py` compares them with docs/."""

from pathlib import Path

from tallystick.api import OPERATIONS
from tallystick.api.openapi import plain_path
from tallystick.api.problems import REFUSAL_STATUS, TITLES
from tallystick.execution import RejectionCode
from tallystick.wiring.cli import main
from tallystick.wiring.reference import api_page, cli_page, settings_page, write_reference
from tallystick.wiring.settings import Settings

KEPT = Path(__file__).resolve().parents[2] / "docs" / "reference"


def test_the_kept_pages_are_the_made_ones(tmp_path: Path) -> None:
    """Whoever changes a setting, a command or an operation writes them anew."""
    for made in write_reference(tmp_path, main):
        kept = KEPT / made.name
        assert made.read_text() == kept.read_text(), "./tallystick reference --write docs/reference"


def test_every_setting_has_its_words() -> None:
    """Type, default and the documentation under the field."""
    page = settings_page()
    for name in Settings.__struct_fields__:
        section = page.partition(f"## `TALLYSTICK_{name.upper()}`\n")[2].partition("\n## ")[0]
        words, _, facts = section.strip().rpartition("\n\n")
        assert words, name
        assert facts.startswith("Type `"), name
        assert ", default `" in facts, name


def test_every_command_has_its_help() -> None:
    """Groups and commands, each with the text that `--help` prints."""
    page = cli_page(main)

    for name in main.commands:
        assert f"## `tallystick {name}" in page
    assert "Usage: tallystick fx dates [OPTIONS] PAIR" in page


def test_every_operation_and_code_has_its_row() -> None:
    """Operations, refusals with their status, rejections with their meaning."""
    page = api_page()
    for operation in OPERATIONS:
        assert f"| {operation.method} | `{plain_path(operation.path)}` |" in page
    for code in TITLES:
        assert f"| `{code}` | {REFUSAL_STATUS.get(code, 422)} |" in page
    for rejection in RejectionCode:
        assert f"| `{rejection.name}` | {rejection.value} |" in page
