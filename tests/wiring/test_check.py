"""The whole check on a data folder: each file that is kept, changed, is found in its part."""

import asyncio
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest

from tallystick.clock import SystemClock
from tallystick.errors import Misconfigured
from tallystick.execution import Book, History, decode, encode
from tallystick.execution.book import snapshot
from tallystick.execution.entries import AccountOpened, LimitsText, Raw, keys_of
from tallystick.ledger import Ledger, Publisher, Sealable
from tallystick.ledger.guard import Head
from tallystick.ledger.tiles import decode_bundle, encode_bundle
from tallystick.stream import open_stream
from tallystick.stream.relay import Relay
from tallystick.watch.collect.store import LogStore
from tallystick.wiring.check import CheckReport, Part, run_check
from tallystick.wiring.ledger import PUBLISHED, guard_path, open_parts, store_of
from tallystick.wiring.settings import Settings

PARTS = [
    "entries", "published files", "guard", "projections", "book", "double entry", "stream",
    "personal data", "log lines",
]  # fmt: skip
LIMITS = LimitsText("1", "1.00", 1, 1, 1)
SIZE = 600
ROWS = dict.fromkeys(PARTS, SIZE) | {"guard": 0, "log lines": 0}


class Site:
    """A data folder as a server leaves it, without the server."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.folder = settings.folder
        self.published = self.folder / PUBLISHED

    def grow(self, count: int) -> None:
        """Append entries, and bring all that follows the ledger up to them."""
        clock = SystemClock()
        with closing(open_parts(self.settings, clock)) as opened:
            ledger = opened.ledger
            for first in range(ledger.size, ledger.size + count, 100):
                entries = [_entry(n) for n in range(first, min(first + 100, SIZE * 3))]
                batch = [Sealable(encode(entry), keys_of(entry)) for entry in entries]
                asyncio.run(ledger.append(first, batch))
            self._follow(ledger)

    def _follow(self, ledger: Ledger) -> None:
        clock = SystemClock()
        with closing(Publisher(store_of(self.settings, clock), self.published)) as publisher:
            publisher.publish()
        with closing(History(self.folder / "projections.db", ledger)) as history:
            history.fold()
            book = Book()
            for row in ledger.rows(0, ledger.size):
                book.apply(decode(row.entry))
            history.keep(ledger.size, ledger.root(ledger.size), snapshot(book))
        asyncio.run(_say(ledger, self.folder, clock))
        with closing(LogStore(self.folder / "logs", clock)) as logs:
            logs.append([b'{"n":%d}' % n for n in range(100)])
            logs.seal()

    def check(self) -> CheckReport:
        """The check of all of it."""
        return run_check(self.settings, SystemClock(), lambda *_: None)

    def sql(self, name: str, statement: str) -> None:
        """Change a database behind everybody's back."""
        with closing(apsw.Connection(str(self.folder / name))) as connection:
            connection.execute(statement)

    def guard(self) -> Path:
        """The guard's file."""
        (path,) = self.settings.guard_folder.iterdir()
        return path


async def _say(ledger: Ledger, folder: Path, clock: SystemClock) -> None:
    streams = open_stream("embedded", folder, clock, ledger.origin)
    await Relay(ledger, streams, clock).publish()
    await streams.close()


def _entry(position: int) -> AccountOpened | Raw:
    if position % 3:
        return Raw(b"raw %d" % position)
    return AccountOpened("2026-11-24T10:00:00.000000Z", f"acc-{position}", LIMITS)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tiles and a bit, made once."""
    folder = tmp_path_factory.mktemp("check")
    Site(Settings(data=str(folder / "data"))).grow(SIZE)
    return folder


@pytest.fixture
def site(made: Path, tmp_path: Path) -> Site:
    """A copy of it to be changed."""
    shutil.copytree(made, tmp_path / "site")
    return Site(Settings(data=str(tmp_path / "site" / "data")))


def verdicts(report: CheckReport) -> dict[str, str]:
    """Part -> verdict, of those that are not clean."""
    assert [part.name for part in report.parts] == PARTS
    return {part.name: part.verdict for part in report.parts if part.verdict != "clean"}


def part(report: CheckReport, name: str) -> Part:
    """The part of this name."""
    return next(part for part in report.parts if part.name == name)


def files(folder: Path) -> dict[str, bytes]:
    """All that is in a folder, but for what SQLite keeps beside a database that is open."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(("-wal", "-shm"))
    }


def test_clean(site: Site) -> None:
    """Every part has looked at every entry, and nothing is left behind or changed."""
    site.check()
    before = files(site.folder)
    report = site.check()
    assert (verdicts(report), report.verdict, report.exit_code) == ({}, "clean", 0)
    assert report.size == SIZE
    assert {p.name: p.rows for p in report.parts} == dict.fromkeys(PARTS, SIZE) | {
        "guard": 0,
        "log lines": 0,
    }
    figures = {figure.name: figure.count for figure in report.parts[0].figures}
    assert figures == {"hashes": SIZE, "tiles": 2, "checkpoints": 6, "keys": SIZE // 3 * 2}
    assert files(site.folder) == before


def test_log_lines(site: Site) -> None:
    """A part that was changed, and one that is missing, are named."""
    (sealed,) = (site.folder / "logs").rglob("part-*.parquet")
    good = sealed.read_bytes()
    sealed.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    report = site.check()
    assert verdicts(report) == {"log lines": "tampered"}
    assert sealed.name in part(report, "log lines").reason

    sealed.unlink()
    report = site.check()
    assert verdicts(report) == {"log lines": "tampered"}
    assert "missing" in part(report, "log lines").reason


def test_on_postgres(postgres: Any, tmp_path: Path) -> None:
    """The same with the ledger in PostgreSQL; then with an entry changed there."""
    dsn = postgres.schema()
    site = Site(Settings(data=str(tmp_path / "data"), ledger=dsn))
    site.grow(SIZE)
    report = site.check()
    assert (verdicts(report), report.size) == ({}, SIZE)
    postgres.run("UPDATE ledger_entries SET entry = 'raw 2 ' WHERE position = 2", dsn=dsn)
    report = site.check()
    assert report.verdict == "tampered"
    assert part(report, "entries").reason.startswith("Entry 2 does not hash")


def test_it_changes_nothing_and_waits_for_nobody(site: Site) -> None:
    """Another process has the folder's databases open, and in the middle of a transaction."""
    with (
        closing(open_parts(site.settings, SystemClock())),
        closing(sqlite3.connect(site.folder / "projections.db")) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        assert verdicts(site.check()) == {}


CHANGES: dict[str, tuple[Callable[[Site], object], str, str]] = {
    "an entry": (
        lambda site: site.sql("ledger.db", "UPDATE entries SET entry = x'00' WHERE position = 9"),
        "entries", "Entry 9 does not hash",
    ),
    "a key": (
        lambda site: site.sql("ledger.db", "DELETE FROM keys WHERE position = 10"),
        "entries", "of entry 10 is missing",
    ),
    "a checkpoint": (
        lambda site: site.sql("ledger.db", "UPDATE checkpoints SET note = '' WHERE size = 300"),
        "entries", "The checkpoint of 300 entries fails",
    ),
    "the newest checkpoint": (
        lambda site: site.sql("ledger.db", "UPDATE checkpoints SET note = '' WHERE size = 600"),
        "entries", f"The checkpoint of {SIZE} entries fails",
    ),
    "a row too many": (
        lambda site: site.sql("ledger.db", "INSERT INTO entries VALUES (600, x'00', x'00')"),
        "entries", f"the store holds entry {SIZE}",
    ),
    "an older database": (
        lambda site: site.sql(
            "ledger.db",
            "DELETE FROM entries WHERE position >= 500; DELETE FROM keys WHERE position >= 500;"
            "DELETE FROM tiles WHERE number >= 1; DELETE FROM checkpoints WHERE size > 500",
        ),
        "guard", "A head of 600 entries was signed and the database has 500",
    ),
    "an order": (
        lambda site: site.sql(
            "projections.db", "INSERT INTO orders VALUES (1, 'a', 1, 2, 'new', NULL)"
        ),
        "projections", "table orders says",
    ),
    "the snapshot": (
        lambda site: site.sql("projections.db", "UPDATE snapshot SET book = x'7b7d'"),
        "book", "is not the book that its entries make",
    ),
    "a message": (
        lambda site: site.sql("stream.db", "UPDATE batches SET bodies = x'91c400'"),
        "stream", "are not of this ledger",
    ),
    "a published bundle": (
        lambda site: change_bundle(site.published / "tile" / "entries" / "001"),
        "published files", "Entry 300 is not what was written",
    ),
    "a published partial bundle": (
        lambda site: change_bundle(site.published / "tile" / "entries" / "002.p" / "88"),
        "published files", "Entry 556 is not what was written",
    ),
    "a published tile": (
        lambda site: flip(site.published / "tile" / "0" / "000", 64),
        "published files", "Entry 2 is not what was written",
    ),
    "a published tile above": (
        lambda site: flip(site.published / "tile" / "1" / "000.p" / "2", 40),
        "published files", "does not agree with the entries 256 to 511",
    ),
    "the published checkpoint": (
        lambda site: flip(site.published / "checkpoint", 60),
        "published files", "checkpoint fails",
    ),
    "the guard's head": (
        lambda site: write_guard(site, Head(500, b"x" * 32)),
        "guard", "A head of 500 entries was signed that is not of this history",
    ),
    "the guard's size": (
        lambda site: write_guard(site, Head(700, b"x" * 32)),
        "guard", "A head of 700 entries was signed and the database has 600",
    ),
    "an empty guard": (lambda site: site.guard().write_bytes(b""), "guard", "guard is empty"),
    "noise in the guard": (
        lambda site: site.guard().write_bytes(b"\xa5" * 1_024), "guard", "cannot be read",
    ),
    "a person's data": (
        lambda site: (site.folder / "personal.db").write_bytes(b"\xa5" * 8_192),
        "personal data", "damaged",
    ),
    "noise in the projections": (
        lambda site: (site.folder / "projections.db").write_bytes(b"\xa5" * 8_192),
        "projections", "The projections' file is damaged",
    ),
    "noise in the stream": (
        lambda site: (site.folder / "stream.db").write_bytes(b"\xa5" * 8_192),
        "stream", "The stream's file is damaged",
    ),
    "noise in the ledger": (
        lambda site: (site.folder / "ledger.db").write_bytes(b"\xa5" * 8_192),
        "entries", "The ledger's database is damaged",
    ),
}  # fmt: skip


def flip(path: Path, position: int) -> None:
    """Change one bit of a file."""
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)


def change_bundle(path: Path) -> None:
    """Change the entry at 44 in a published bundle."""
    entries = decode_bundle(path.read_bytes())
    entries[44] += b" "
    path.write_bytes(encode_bundle(entries))


def write_guard(site: Site, head: Head) -> None:
    """Put another head into the guard, as it would write it itself."""
    path = site.guard()
    path.unlink()
    (site.folder / "keys" / "ledger.guard").unlink()
    with closing(open_parts(site.settings, SystemClock())) as opened:
        assert opened.guard is not None
        opened.guard.reset(head)


@pytest.mark.parametrize("case", CHANGES)
def test_whatever_is_changed_is_found_in_its_part(site: Site, case: str) -> None:
    """Exit code 1, the part, and a sentence that names it; the parts before it stay clean."""
    change, name, sentence = CHANGES[case]
    change(site)
    report = site.check()
    assert (report.verdict, report.exit_code) == ("tampered", 1), report
    assert part(report, name).verdict == "tampered", report
    assert sentence in part(report, name).reason


def test_what_hangs_on_wrong_entries_is_not_looked_at(site: Site) -> None:
    """Published files and log lines stand on their own: the former may mend the database."""
    site.sql("ledger.db", "UPDATE entries SET entry = x'00' WHERE position = 9")
    report = site.check()
    skipped = dict.fromkeys(PARTS[2:-1], "cannot_tell")
    assert verdicts(report) == {"entries": "tampered"} | skipped
    assert all("Not looked at" in p.reason for p in report.parts[2:-1])


def test_published_files_of_another_ledger_under_the_same_key(site: Site, tmp_path: Path) -> None:
    """They are right in themselves; they are not those of this database."""
    other = Site(Settings(data=str(tmp_path / "other" / "data")))
    other.folder.mkdir(parents=True)
    shutil.copytree(site.folder / "keys", other.folder / "keys")
    (other.folder / "keys" / "ledger.guard").unlink()
    with closing(open_parts(other.settings, SystemClock())) as opened:
        asyncio.run(opened.ledger.append(0, [Sealable(b"another history")]))
        other._follow(opened.ledger)
    shutil.rmtree(site.published)
    shutil.copytree(other.published, site.published)
    found = part(site.check(), "published files")
    assert (found.verdict, found.reason) == (
        "tampered", "The 1 published entries are not those of the database.",
    )  # fmt: skip


def test_published_files_that_are_ahead_of_the_database(site: Site) -> None:
    """More was signed and shown than the database has."""
    published = site.published.with_name("kept")
    ledger = (site.folder / "ledger.db").read_bytes()
    site.grow(100)
    shutil.copytree(site.published, published)
    (site.folder / "ledger.db").write_bytes(ledger)
    found = part(site.check(), "published files")
    assert "700 entries are published and the database has 600" in found.reason


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("ledger/tile/0/000", "missing are tile/0/000"),
        ("ledger/tile/entries/001", "missing are tile/entries/001"),
        ("ledger/checkpoint", "There is no checkpoint"),
    ],
)
def test_a_missing_published_file_is_no_contradiction(site: Site, name: str, named: str) -> None:
    """Exit code 2: it may be on its way, and the publisher writes it again."""
    (site.folder / name).unlink()
    report = site.check()
    assert (report.exit_code, verdicts(report)) == (2, {"published files": "cannot_tell"})
    assert named in part(report, "published files").reason


def test_a_missing_guard(site: Site) -> None:
    """Nobody can tell whether this is the database that was signed last."""
    site.guard().unlink()
    report = site.check()
    assert (report.exit_code, verdicts(report)) == (2, {"guard": "cannot_tell"})
    assert "is missing" in part(report, "guard").reason


def test_what_the_server_makes_again_may_be_missing(site: Site) -> None:
    """Clean, with a remark; and the check makes none of it."""
    for path in (*site.folder.glob("projections.db*"), *site.folder.glob("stream.db*")):
        path.unlink()
    shutil.rmtree(site.published)
    report = site.check()
    assert verdicts(report) == {}
    assert "nothing is published yet" in part(report, "published files").reason
    for name in ("projections", "stream"):
        assert "the server makes it at its start" in part(report, name).reason
    assert not (site.folder / "stream.db").exists()


def test_there_is_no_ledger(tmp_path: Path, site: Site) -> None:
    """Nothing, a folder without keys, keys without a database, keys that are none: a sentence."""
    nowhere = Site(Settings(data=str(tmp_path / "nowhere")))
    with pytest.raises(Misconfigured, match="There is no ledger in"):
        nowhere.check()
    assert not nowhere.folder.exists()
    for path in site.folder.glob("ledger.db*"):
        path.unlink()
    with pytest.raises(Misconfigured, match=r"ledger\.db is missing"):
        site.check()
    assert not (site.folder / "ledger.db").exists()
    (site.folder / "ledger.db").touch()
    (site.folder / "keys" / "ledger.key").write_bytes(b"\xff\xfe")
    with pytest.raises(Misconfigured, match="key"):
        site.check()


def test_entries_of_tomorrow(site: Site) -> None:
    """A newer Tallystick wrote here: all hashes are right, and what it means nobody can tell."""
    with closing(open_parts(site.settings, SystemClock())) as opened:
        asyncio.run(opened.ledger.append(SIZE, [Sealable(b'{"kind":"tomorrow","v":1}', ("k",))]))
    report = site.check()
    unknown = {"entries": "cannot_tell", "double entry": "cannot_tell"}
    assert (report.exit_code, verdicts(report)) == (2, unknown)
    assert "1 entries are of kinds that this version does not know, the first at 600" in (
        part(report, "entries").reason
    )


def test_parts_are_told_of_as_they_come(site: Site) -> None:
    """A person who watches need not wait for the last one; progress never goes back in a part."""
    told: list[Part] = []
    seen: dict[str, list[int]] = {}
    report = run_check(
        site.settings, SystemClock(),
        lambda name, done, _all: seen.setdefault(name, []).append(done),
        done=told.append,
    )  # fmt: skip
    assert tuple(told) == report.parts
    assert list(seen) == PARTS
    assert all(done == sorted(done) for done in seen.values())
    assert guard_path(site.settings, report.origin) == site.guard()
    assert msgspec.json.encode(report)
