"""`demo.json`: kept for its owner only, read by every command, told when it is damaged."""

import json
import stat
from pathlib import Path

import pytest

from tallystick.errors import Misconfigured
from tallystick.wiring.facts import NAME, Facts, facts_of, save_facts

FACTS = Facts("http://127.0.0.1:8080", "demo", "tally_x", "hec_y", "ledger+0+AA==")


def test_facts_come_back(tmp_path: Path) -> None:
    """What was saved is read, and what was there before is replaced."""
    save_facts(tmp_path, Facts("", "", "", "", ""))
    save_facts(tmp_path, FACTS)

    assert facts_of(tmp_path) == FACTS
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_they_are_json_for_scripts(tmp_path: Path) -> None:
    """One object of strings, as the README reads it; with a newline at its end."""
    save_facts(tmp_path, FACTS)
    text = (tmp_path / NAME).read_text()

    assert json.loads(text) == {
        "url": "http://127.0.0.1:8080",
        "account": "demo",
        "token": "tally_x",
        "hec_token": "hec_y",
        "vkey": "ledger+0+AA==",
    }
    assert text.endswith("}\n")


def test_their_tokens_are_their_owners(tmp_path: Path) -> None:
    """Nobody else may read them, also where an older file was open to all."""
    path = tmp_path / NAME
    path.touch(mode=0o644)

    save_facts(tmp_path, FACTS)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_no_server_has_run(tmp_path: Path) -> None:
    """A folder without them, or no folder at all."""
    assert facts_of(tmp_path) is None
    assert facts_of(tmp_path / "none") is None


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b'{"url":"u"}', b'{"url":1}', b'{"url":"\xff"}'], ids=range(6)
)
def test_a_damaged_file_is_told(tmp_path: Path, data: bytes) -> None:
    """The sentence names the file and what to do."""
    (tmp_path / NAME).write_bytes(data)

    with pytest.raises(Misconfigured, match=r"demo\.json cannot be read \(.+\); remove it\.$"):
        facts_of(tmp_path)


def test_a_folder_in_its_place_is_told(tmp_path: Path) -> None:
    """Whatever the system says is in the sentence."""
    (tmp_path / NAME).mkdir()

    with pytest.raises(Misconfigured, match="Is a directory"):
        facts_of(tmp_path)
