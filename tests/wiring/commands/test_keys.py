"""`tallystick keys`: keys are rotated so that whoever pinned one can follow to the next."""

import asyncio
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from tallystick.clock import SystemClock
from tallystick.ledger import Sealable
from tallystick.ledger.checkpoint import VerifierKey, split_note, verify_note
from tallystick.ledger.notices import KeysChanged
from tallystick.wiring.cli import main
from tallystick.wiring.ledger import open_ledger, open_parts
from tallystick.wiring.settings import Settings

Run = Callable[..., str]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A data folder with a ledger of one entry."""
    settings = Settings(data=str(tmp_path / "data"))
    settings.folder.mkdir()
    with closing(open_parts(settings, SystemClock())) as opened:
        asyncio.run(opened.ledger.append(0, [Sealable(b"a")]))
    return settings


@pytest.fixture
def run(settings: Settings) -> Run:
    """Runs `tallystick keys`; what it printed, or its failure."""

    def run(*arguments: str, exit_code: int = 0) -> str:
        environment = {"TALLYSTICK_DATA": str(settings.folder)}
        done = CliRunner().invoke(main, ["keys", *arguments], env=environment)
        assert done.exit_code == exit_code, done.output
        return done.output

    return run


def newest(settings: Settings) -> tuple[KeysChanged, str, tuple[VerifierKey, ...]]:
    """The newest entry, the signed head over it, and the ledger's keys."""
    with open_ledger(settings, SystemClock()) as opened:
        row = opened.ledger.rows(opened.ledger.size - 1, 1)[0]
        entry = msgspec.json.decode(row.entry, type=KeysChanged)
        return entry, opened.ledger.note, opened.ledger.vkeys


def signers(note: str) -> list[bytes]:
    """The ids of the keys that signed the note."""
    return [line.key_id for line in split_note(note)[1]]


def newest_vkey(settings: Settings) -> str:
    """The key that outsiders pin."""
    with open_ledger(settings, SystemClock()) as opened:
        return str(opened.ledger.vkey)


def test_both_keys_sign_after_a_rotation(settings: Settings, run: Run) -> None:
    """Whoever pinned the old one and whoever pins the new one are both served."""
    old = newest_vkey(settings)
    facts = msgspec.json.decode(run("rotate", "--reason", "yearly", "--by", "ann", "--json"))
    entry, note, vkeys = newest(settings)

    assert facts["signing"] == list(entry.vkeys) == [str(key) for key in vkeys]
    assert str(vkeys[1]) == old
    assert (entry.reason, entry.by, facts["position"]) == ("yearly", "ann", 1)
    assert signers(note) == [key.key_id for key in vkeys]
    assert all(verify_note(note, [key]).verified for key in vkeys)


def test_a_retired_key_signs_the_entry_about_it_and_no_more(settings: Settings, run: Run) -> None:
    """Old checkpoints still verify with it; new ones carry the new signature only."""
    old = VerifierKey.parse(newest_vkey(settings))
    run("rotate", "--reason", "yearly")
    run("retire", str(old), "--reason", "all have pinned the new one")
    entry, note, vkeys = newest(settings)
    assert entry.retired == (str(old),)
    assert old.key_id in signers(note)

    with open_ledger(settings, SystemClock()) as opened:
        asyncio.run(opened.ledger.append(3, [Sealable(b"b")]))
        assert signers(opened.ledger.note) == [vkeys[0].key_id]
        assert opened.ledger.receipt(0).entry == b"a"  # verified against the retired key
    listed = run("list")
    assert f"retired  {old}" in listed
    assert f"signs    {vkeys[0]}" in listed


def test_the_last_key_cannot_be_retired(settings: Settings, run: Run) -> None:
    """It says what to do instead, and nothing is written."""
    said = run("retire", newest_vkey(settings), "--reason", "x", exit_code=2)

    assert "rotate first" in said
    with open_ledger(settings, SystemClock()) as opened:
        assert opened.ledger.size == 1


def test_a_server_that_runs_is_left_alone(settings: Settings, run: Run) -> None:
    """Keys of a ledger in use are not changed under it; listing them is fine."""
    with open_ledger(settings, SystemClock()):
        assert "in use by another" in run("rotate", "--reason", "x", exit_code=2)
        assert "signs" in run("list")
