"""`tallystick ledger reconcile`: after a restore the log goes on, provably the same one."""

import asyncio
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from shutil import copytree, rmtree

import msgspec
import pytest
from click.testing import CliRunner, Result

from tallystick.clock import SystemClock
from tallystick.errors import Forked
from tallystick.execution.entries import raw_key
from tallystick.ledger import Publisher, Sealable
from tallystick.ledger.guard import Head
from tallystick.ledger.notices import LedgerReconciled
from tallystick.ledger.verify import FolderSource, verify_ledger
from tallystick.wiring.cli import main
from tallystick.wiring.ledger import PUBLISHED, open_ledger, open_parts, store_of
from tallystick.wiring.settings import Settings

Reconcile = Callable[..., Result]


class Site:
    """A data folder with a ledger of raw entries, its backups, and its published files."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.data.mkdir()
        self.settings = Settings(data=str(self.data))
        with closing(open_parts(self.settings, SystemClock())) as opened:
            self.vkey = opened.ledger.vkey

    def append(self, *names: str, publish: bool = True) -> None:
        """Append raw entries, and publish them as a server would."""
        with open_ledger(self.settings, SystemClock()) as opened:
            sealables = [Sealable(n.encode(), (raw_key(n.encode()),)) for n in names]
            asyncio.run(opened.ledger.append(opened.ledger.size, sealables))
        if publish:
            self.publish()

    def publish(self) -> None:
        """Bring the published files up to date."""
        store = store_of(self.settings, SystemClock())
        with closing(Publisher(store, self.data / PUBLISHED)) as publisher:
            publisher.publish()

    def entries(self) -> list[bytes]:
        """All that the ledger holds."""
        with open_ledger(self.settings, SystemClock()) as opened:
            return [row.entry for row in opened.ledger.rows(0, 10_000)]

    def newest(self) -> LedgerReconciled:
        """The newest entry, which must be about a reconciliation."""
        return msgspec.json.decode(self.entries()[-1], type=LedgerReconciled)

    def restore(self, backup: Path) -> None:
        """Put the database of a backup back; published files and keys stay."""
        for path in self.data.glob("ledger.db*"):
            path.unlink()
        for path in backup.glob("ledger.db*"):
            (self.data / path.name).write_bytes(path.read_bytes())

    def backup(self, to: Path) -> Path:
        """A copy of the data folder."""
        return Path(copytree(self.data, to))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A new data folder."""
    return Site(tmp_path)


@pytest.fixture
def reconcile(site: Site) -> Reconcile:
    """Runs the command on the site."""

    def run(*options: str) -> Result:
        arguments = ["ledger", "reconcile", "--reason", "disk replaced", "--by", "ann", *options]
        environment = {"TALLYSTICK_DATA": str(site.data)}
        return CliRunner().invoke(main, arguments, env=environment)

    return run


def require_refused(site: Site) -> None:
    """Nothing is signed on what is there."""
    with pytest.raises(Forked), open_ledger(site.settings, SystemClock()):
        pass


def test_a_restored_backup_gets_back_what_was_published(
    site: Site, reconcile: Reconcile, tmp_path: Path
) -> None:
    """No fork: the same entries at the same positions, their keys, and one entry that says so."""
    site.append(*(f"old {n}" for n in range(300)))
    backup = site.backup(tmp_path / "backup")
    site.append(*(f"new {n}" for n in range(1_500)))
    before = site.entries()
    with open_ledger(site.settings, SystemClock()) as opened:
        note = opened.ledger.note
    site.restore(backup)
    require_refused(site)

    done = reconcile()
    assert done.exit_code == 0, done.output
    assert "Put back 1500 entries" in done.output
    assert site.entries()[:-1] == before
    entry = site.newest()
    assert (entry.recovered, entry.abandoned, entry.by) == (1_500, False, "ann")
    assert (entry.held.size, entry.signed.size if entry.signed else None) == (300, 1_800)
    with open_ledger(site.settings, SystemClock()) as opened:
        assert opened.ledger.find(raw_key(b"new 1499")) == 1_799
    site.publish()
    source = FolderSource(site.data / PUBLISHED)
    assert verify_ledger(source, site.vkey, since=note).verdict == "clean"


def test_what_is_nowhere_is_given_up_only_on_demand(
    site: Site, reconcile: Reconcile, tmp_path: Path
) -> None:
    """Entries that were signed and never published are lost with the database: it says so."""
    site.append("a")
    backup = site.backup(tmp_path / "backup")
    site.append("b", "c", publish=False)
    site.restore(backup)

    refused = reconcile()
    assert refused.exit_code == 2
    assert "2 signed entries are neither in the database nor in" in refused.output
    require_refused(site)
    done = reconcile("--abandon", "--json")
    assert done.exit_code == 0, done.output
    facts = msgspec.json.decode(done.output)
    assert (facts["abandoned"], facts["position"], facts["held_size"]) == (2, 1, 1)
    assert site.newest().abandoned
    site.append("d")
    assert site.entries()[0::2] == [b"a", b"d"]


def test_a_copy_that_went_on_elsewhere_is_beside_it(
    site: Site, reconcile: Reconcile, tmp_path: Path
) -> None:
    """Published files of the history that is given up are set aside, as evidence."""
    site.append("a")
    backup = site.backup(tmp_path / "backup")
    site.append("b")
    site.restore(backup)
    (tmp_path / "theirs").mkdir()
    (site.data / PUBLISHED).rename(tmp_path / "theirs" / PUBLISHED)
    assert reconcile("--abandon").exit_code == 0
    rmtree(site.data / PUBLISHED, ignore_errors=True)
    (tmp_path / "theirs" / PUBLISHED).rename(site.data / PUBLISHED)
    # The published files are now of a history that the database does not continue.

    refused = reconcile()
    assert refused.exit_code == 2
    done = reconcile("--abandon")
    assert done.exit_code == 0, done.output
    assert "abandoned-" in done.output
    assert len(list(site.data.glob(f"{PUBLISHED}.abandoned-*"))) == 1
    site.publish()
    assert verify_ledger(FolderSource(site.data / PUBLISHED), site.vkey).verdict == "clean"


def test_a_lost_guard_is_made_again(site: Site, reconcile: Reconcile) -> None:
    """Whoever carried the data folder away without its guard answers for it."""
    site.append("a")
    rmtree(site.settings.guard_folder)
    served = CliRunner().invoke(
        main, ["keys", "rotate", "--reason", "x"], env={"TALLYSTICK_DATA": str(site.data)}
    )
    assert served.exit_code == 2
    assert "may be a copy of a ledger that is signed elsewhere" in served.output

    done = reconcile()
    assert done.exit_code == 0, done.output
    assert "The guard is lost" in done.output
    assert site.newest().signed is None
    site.append("b")


def test_where_all_is_well_nothing_is_written(site: Site, reconcile: Reconcile) -> None:
    """Reconciling twice is reconciling once."""
    site.append("a")
    done = reconcile()

    assert done.exit_code == 0, done.output
    assert "nothing to reconcile" in done.output
    assert site.entries() == [b"a"]


def test_a_crash_before_the_guard_is_reset_leaves_it_refused(
    site: Site, reconcile: Reconcile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First the entry, then the guard: at no moment could an unrecorded fork be signed."""
    site.append("a")
    backup = site.backup(tmp_path / "backup")
    site.append("b", publish=False)
    site.restore(backup)

    def crash(_guard: object, _head: Head) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("tallystick.ledger.guard.FileGuard.reset", crash)
        assert reconcile("--abandon").exit_code != 0
    require_refused(site)
    assert reconcile("--abandon").exit_code == 0
    assert [entry[:1] for entry in site.entries()] == [b"a", b"{", b"{"]


def test_without_a_ledger_there_is_nothing(tmp_path: Path) -> None:
    """A wrong data folder is said, and nothing is made there."""
    arguments = ["ledger", "reconcile", "--reason", "x"]
    done = CliRunner().invoke(main, arguments, env={"TALLYSTICK_DATA": str(tmp_path / "no")})

    assert done.exit_code == 2
    assert "There is no ledger in" in done.output
    assert not (tmp_path / "no").exists()
