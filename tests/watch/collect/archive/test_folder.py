"""What only the folder has: its journal, its files' modes, and names that lead nowhere else."""

import os
from hashlib import sha256
from pathlib import Path

import pytest

from tallystick.clock import NS_PER_SECOND, ManualClock, SystemClock
from tallystick.errors import Corrupt, Misconfigured, Refused, TemporaryError
from tallystick.watch.collect.archive import open_vault
from tallystick.watch.collect.archive.folder import FolderVault
from tallystick.watch.collect.archive.lock import Lock
from tallystick.watch.collect.archive.s3 import S3Vault
from tallystick.watch.collect.archive.vault import Stat

YEAR_NS = 365 * 86_400 * NS_PER_SECOND
NAME = "logs/a/part-1.parquet"


def put(vault: FolderVault, clock: ManualClock, tmp_path: Path, name: str = NAME) -> Stat:
    """Put some bytes, locked for a year."""
    file = tmp_path / "file"
    file.write_bytes(b"lines")
    lock = Lock("governance", clock.now_ns() + YEAR_NS)
    return vault.put(name, file, sha256(b"lines").hexdigest(), lock)


@pytest.fixture
def vault(tmp_path: Path, clock: ManualClock) -> FolderVault:
    """An empty one."""
    return FolderVault(tmp_path / "vault", clock)


def test_files_are_read_only(vault: FolderVault, clock: ManualClock, tmp_path: Path) -> None:
    """Mode 0444, and nothing aside is left."""
    put(vault, clock, tmp_path)
    files = [path for path in (tmp_path / "vault/objects").rglob("*") if path.is_file()]

    assert [path.name for path in files] == ["part-1.parquet"]
    assert files[0].stat().st_mode & 0o777 == 0o444


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may set the immutable flag")
def test_the_immutable_flag(tmp_path: Path, clock: ManualClock) -> None:
    """With it even root cannot write; our own deleting takes it off. Where none is: a warning."""
    vault = FolderVault(tmp_path / "vault", clock, immutable=True)
    stat = put(vault, clock, tmp_path)
    path = tmp_path / "vault/objects" / NAME
    try:
        path.open("ab").close()
    except PermissionError:
        pass
    else:
        pytest.skip("this file system has no immutable flag")
    finally:
        vault.delete(stat.ref, bypass=True)
    assert not path.exists()


def test_the_journal_shows_what_was_changed(
    vault: FolderVault, clock: ManualClock, tmp_path: Path
) -> None:
    """A line that was edited, or taken out, breaks the chain."""
    stat = put(vault, clock, tmp_path)
    for years in (2, 3):
        vault.lock(stat.ref, Lock("governance", clock.now_ns() + years * YEAR_NS))
    journal = tmp_path / "vault/locks" / f"{NAME}.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)

    for forged in (
        [lines[0].replace(b"governance", b"compliance"), *lines[1:]],
        [lines[0], lines[2]],
        [b"no json\n", *lines[1:]],
    ):
        journal.write_bytes(b"".join(forged))
        with pytest.raises(Corrupt, match="lock journal"):
            vault.stat(stat.ref)


def test_a_torn_line_was_never_acknowledged(
    vault: FolderVault, clock: ManualClock, tmp_path: Path
) -> None:
    """A kill in the middle of a line: it does not count, and the next one takes its place."""
    stat = put(vault, clock, tmp_path)
    journal = tmp_path / "vault/locks" / f"{NAME}.jsonl"
    whole = journal.read_bytes()
    journal.write_bytes(whole + whole[:20])

    assert vault.stat(stat.ref) == stat
    longer = Lock("governance", clock.now_ns() + 2 * YEAR_NS)
    vault.lock(stat.ref, longer)
    found = vault.stat(stat.ref)
    assert found is not None
    assert found.lock == longer


def test_a_put_that_was_cut_off_is_finished(
    vault: FolderVault, clock: ManualClock, tmp_path: Path
) -> None:
    """The journal said it and the file was not there yet: it is not there, until put again."""
    stat = put(vault, clock, tmp_path)
    path = tmp_path / "vault/objects" / NAME
    path.unlink()

    assert vault.stat(stat.ref) is None
    assert put(vault, clock, tmp_path) == stat
    assert path.read_bytes() == b"lines"


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/x", "a//b", "", ".hidden", "a/\0"])
def test_names_lead_nowhere_else(
    vault: FolderVault, clock: ManualClock, tmp_path: Path, name: str
) -> None:
    """A name is refused before anything is touched."""
    with pytest.raises(Refused) as refusal:
        put(vault, clock, tmp_path, name)
    assert refusal.value.code == "BAD_NAME"


def test_a_disk_that_refuses_is_temporary(clock: ManualClock, tmp_path: Path) -> None:
    """A file where a folder should be: nothing is done, and it says so."""
    vault = FolderVault(tmp_path / "vault", clock)
    (tmp_path / "vault").mkdir()
    (tmp_path / "vault/objects").write_text("in the way")

    with pytest.raises(TemporaryError, match="cannot be used"):
        put(vault, clock, tmp_path)


def test_addresses_of_vaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line a backend; what is neither is refused."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    clock = SystemClock()

    assert isinstance(open_vault(str(tmp_path / "v"), clock), FolderVault)
    flagged = open_vault(f"file://{tmp_path}/w?immutable=true", clock)
    assert isinstance(flagged, FolderVault)
    assert flagged._immutable
    s3 = open_vault("s3://bucket/prefix", clock)
    assert isinstance(s3, S3Vault)
    assert s3.address == "s3://bucket/prefix/"
    s3.close()
    for bad in ("", "ftp://x", "/x?typo=1"):
        with pytest.raises(Misconfigured, match="neither a folder"):
            open_vault(bad, clock)
