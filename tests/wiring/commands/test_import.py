"""`tallystick import qldb`: from a folder on disk to entries in a real ledger, with exit codes."""

import json
from base64 import b64encode
from collections.abc import Callable
from contextlib import closing
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from tallystick.clock import SystemClock
from tallystick.ledger.notices import QldbImported, QldbRevision
from tallystick.ledger.verify.canonical import decode_canonical
from tallystick.wiring.commands.import_ import import_
from tallystick.wiring.ledger import open_ledger, open_parts
from tallystick.wiring.settings import Settings

MAKER = Path(__file__).parents[2] / "ledger" / "qldb" / "conftest.py"
Run = Callable[..., Result]


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    """The generator of exports, which lives with the tests of the room."""
    spec = spec_from_file_location("qldb_exports", MAKER)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def book(maker: ModuleType) -> Any:
    """A journal of five blocks."""
    return maker.a_book()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A data folder with an empty ledger."""
    settings = Settings(data=str(tmp_path / "data"))
    settings.folder.mkdir()
    with closing(open_parts(settings, SystemClock())):
        pass
    return settings


@pytest.fixture
def run(settings: Settings) -> Run:
    """Runs `tallystick import qldb`; the exit code must be the one expected."""

    def run(place: Path, *arguments: str, exit_code: int = 0) -> Result:
        environment = {"TALLYSTICK_DATA": str(settings.folder)}
        done = CliRunner().invoke(import_, ["qldb", str(place), *arguments], env=environment)
        assert done.exit_code == exit_code, done.output
        return done

    return run


def size(settings: Settings) -> int:
    """Entries in the ledger."""
    with open_ledger(settings, SystemClock()) as opened:
        return opened.ledger.size


def test_an_import(tmp_path: Path, settings: Settings, run: Run, book: Any) -> None:
    """Five revisions and the summary are in the ledger; the digest that was kept held."""
    digest = b64encode(book.digest).decode()

    facts = json.loads(run(book.write(tmp_path / "e"), "--digest", digest, "--json").stdout)

    assert (facts["appended"], facts["present"], facts["ledger_size"]) == (6, 0, 6)
    assert (facts["digest"], facts["digest_held"], facts["unproved"]) == (digest, True, 0)
    with open_ledger(settings, SystemClock()) as opened:
        rows = opened.ledger.rows(0, 6)
    assert all(decode_canonical(row.entry) for row in rows)
    first = msgspec.json.decode(rows[0].entry, type=QldbRevision)
    last = msgspec.json.decode(rows[5].entry, type=QldbImported)
    assert (first.sequence_no, first.document_id) == (0, "JUJgkIcNbhS2goq8RqLuZ4")
    assert (last.blocks, last.digest_given) == (5, digest)


def test_it_says_what_it_did(tmp_path: Path, run: Run, book: Any) -> None:
    """Sentences for a person; and a second run finds everything there."""
    book.write(tmp_path / "e")

    assert (
        "appended 6 entries, 0 were there already; the ledger holds 6" in run(tmp_path / "e").output
    )
    again = run(tmp_path / "e").output

    assert "blocks 0 to 4 of strand KmA3ZZca7vAIiJAK9S5Iwl: the hash chain holds" in again
    assert "5 revisions, 1 of them redacted, 1 deletions" in again
    assert f"their QLDB digest is {b64encode(book.digest).decode()}" in again
    assert "appended 0 entries, 6 were there already; the ledger holds 6" in again


def test_a_check_needs_no_ledger(tmp_path: Path, settings: Settings, run: Run, book: Any) -> None:
    """`--check-only` appends nothing and opens nothing."""
    book.write(tmp_path / "e")
    digest = book.digest.hex()

    facts = json.loads(run(tmp_path / "e", "--check-only", "--digest", digest, "--json").stdout)
    environment = {"TALLYSTICK_DATA": str(tmp_path / "nowhere")}
    arguments = ["qldb", str(tmp_path / "e"), "--check-only"]
    elsewhere = CliRunner().invoke(import_, arguments, env=environment)

    assert (facts["appended"], facts["digest_held"]) == (None, True)
    assert (elsewhere.exit_code, "appended" in elsewhere.output) == (0, False)
    assert not (tmp_path / "nowhere").exists()
    assert size(settings) == 0


def test_a_contradiction_appends_nothing(
    tmp_path: Path, settings: Settings, run: Run, book: Any
) -> None:
    """The last block is spoiled: it is named, the exit code is 1, and the ledger is empty."""
    book.blocks[4]["blockHash"] = b"x" * 32
    book.write(tmp_path / "e", each=1)

    told = json.loads(run(tmp_path / "e", "--json", exit_code=1).stdout)

    assert (told["code"], told["exit_code"]) == ("QLDB_CONTRADICTION", 1)
    assert "block 4" in told["reason"]
    assert "block 4" in run(tmp_path / "e", exit_code=1).stderr
    assert size(settings) == 0


def test_another_digest(tmp_path: Path, settings: Settings, run: Run, book: Any) -> None:
    """A sound export that is not what the kept digest covers is refused; so is no digest at all."""
    book.write(tmp_path / "e")

    told = run(tmp_path / "e", "--digest", "00" * 32, exit_code=1)
    assert "not the one that was given" in told.stderr
    assert "32 bytes" in run(tmp_path / "e", "--digest", "abc", exit_code=2).stderr
    assert (
        "Block 9"
        in run(tmp_path / "e", "--digest", "00" * 32, "--digest-tip", "9", exit_code=1).stderr
    )
    assert size(settings) == 0


def test_what_is_not_proved_is_asked_about(
    tmp_path: Path, settings: Settings, run: Run, book: Any, maker: ModuleType
) -> None:
    """Types that JSON lost stop an import, until the operator says that he knows."""
    book.add({"a": {"state": maker.SYMBOL}})
    book.write(tmp_path / "e")

    assert "not proved: block 5" in run(tmp_path / "e", "--check-only").output
    told = run(tmp_path / "e", exit_code=2).stderr
    assert "block 5: no hash covers the data of document a" in told
    assert "--allow-unproved" in told
    assert size(settings) == 0

    assert json.loads(run(tmp_path / "e", "--allow-unproved", "--json").stdout)["unproved"] == 1
    assert size(settings) == 7


def test_hashes_only(tmp_path: Path, settings: Settings, run: Run, book: Any) -> None:
    """Personal data can stay outside: no entry holds a document."""
    run(book.write(tmp_path / "e"), "--hash-only")

    with open_ledger(settings, SystemClock()) as opened:
        rows = opened.ledger.rows(0, 6)
    assert not any(b"1N4AL11D75C109151" in row.entry for row in rows)
    assert msgspec.json.decode(rows[5].entry, type=QldbImported).hash_only


def test_a_new_ledger_is_made_for_an_import(tmp_path: Path, run: Run, book: Any) -> None:
    """Whoever comes from QLDB need not have run a server before."""
    book.write(tmp_path / "e")
    environment = {"TALLYSTICK_DATA": str(tmp_path / "new")}

    done = CliRunner().invoke(import_, ["qldb", str(tmp_path / "e")], env=environment)

    assert done.exit_code == 0, done.output
    assert (tmp_path / "new" / "keys" / "ledger.key").exists()
    assert "did not finish" in run(tmp_path / "data", exit_code=2).stderr
