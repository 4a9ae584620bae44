"""The archive under a real log store: lines are found wherever their part lies, and never twice."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from tallystick.clock import NS_PER_SECOND, ManualClock, SystemClock, rfc3339
from tallystick.watch.collect.archive import PLACE, Archive, ArchiveRules, Covered
from tallystick.watch.collect.archive.folder import FolderVault
from tallystick.watch.collect.archive.rules import NS_PER_DAY
from tallystick.watch.collect.archive.s3 import S3Vault
from tallystick.watch.collect.archive.vault import Vault
from tallystick.watch.collect.query import Search, parse
from tallystick.watch.collect.store import LogStore, Part

DAYS = 3
LINES_A_DAY = 40


class Logs:
    """A log store with an archive beside it, as one process would have them."""

    def __init__(self, folder: Path, vault: Vault, clock: Any) -> None:
        self._folder = folder
        self._clock = clock
        self.vault = vault
        self.open()

    def open(self, step: Any = lambda _name: None) -> None:
        """Start the process."""
        self.store = LogStore(self._folder / "logs", self._clock)
        self.archive = Archive(
            self.store, self.vault, ArchiveRules(), self._clock,
            folder=self._folder / "archive", append=self._append, step=step,
        )  # fmt: skip
        self.store.attach(PLACE, self.archive.source)

    def reopen(self, step: Any = lambda _name: None) -> None:
        """End it and start the next."""
        self.close()
        self.open(step)

    def close(self) -> None:
        """End the process."""
        self.archive.close()
        self.store.close()

    def fill(self, now_ns: int) -> None:
        """Lines of three old days and of today, sealed."""
        for day in (*range(40, 40 + DAYS), 0):
            first_ns = now_ns - day * NS_PER_DAY - 3_600 * NS_PER_SECOND
            self.store.append([_line(day, n, first_ns) for n in range(LINES_A_DAY)])
        self.store.seal()

    def found(self, query: str = "") -> list[str]:
        """The bodies of what a search finds, sorted."""
        page = self.store.page(parse(query, self._clock.now_ns()).search, 1_000)
        return sorted(msgspec.json.decode(bytes(line))["body"] for line in page.logs)

    async def _append(self, make: Any, key: str | None) -> int:
        del key
        make(rfc3339(self._clock.now_ns()))
        return 0


def _line(day: int, n: int, first_ns: int) -> bytes:
    at = rfc3339(first_ns + n * NS_PER_SECOND)
    return msgspec.json.encode({"timestamp": at, "body": f"day {day} line {n}", "status": n})


def every() -> list[str]:
    """All that `fill` wrote."""
    return sorted(f"day {day} line {n}" for day in (40, 41, 42, 0) for n in range(LINES_A_DAY))


@pytest.fixture(params=["folder", "s3 (real)"])
def logs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Logs]:
    """Filled, with a folder as the archive, or a real S3 server where one is named."""
    clock = SystemClock()
    vault: FolderVault | S3Vault = FolderVault(tmp_path / "vault", clock)
    if request.param == "s3 (real)":
        vault = S3Vault(request.getfixturevalue("real_s3"), clock)
    made = Logs(tmp_path, vault, clock)
    made.fill(clock.now_ns())
    yield made
    made.close()
    if isinstance(vault, S3Vault):
        vault.close()


def old_parts(logs: Logs) -> list[Part]:
    """Those whose time has come."""
    border_ns = SystemClock().now_ns() - 30 * NS_PER_DAY
    return [part for part in logs.store.parts() if part.max_time < border_ns]


def test_archived_lines_are_found_as_before(logs: Logs) -> None:
    """The hot copies are gone, and every search gives the same."""
    asked = ("", "status>=30", "line 7", 'body="day 41*"')
    before = {query: logs.found(query) for query in asked}
    assert before[""] == every()

    logs.archive.round()
    assert {part.place for part in old_parts(logs)} == {PLACE}
    assert {query: logs.found(query) for query in asked} == before
    assert logs.store.verify() == ()
    logs.reopen()
    assert logs.found() == every()


class KilledError(BaseException):
    """The process ended here."""


@pytest.mark.parametrize("kills", range(1, 7))
def test_a_kill_at_any_step_loses_and_doubles_no_line(logs: Logs, kills: int) -> None:
    """Killed after its n-th step, everything is found before and after the next round."""
    left = kills

    def step(_name: str) -> None:
        nonlocal left
        left -= 1
        if not left:
            raise KilledError

    logs.reopen(step)
    with pytest.raises(KilledError):
        logs.archive.round()
    logs.reopen()
    assert logs.found() == every()
    logs.archive.round()
    assert logs.found() == every()
    assert {part.place for part in old_parts(logs)} == {PLACE}


def test_a_changed_archive_is_not_searched(tmp_path: Path) -> None:
    """What lies in the archive is hashed before it is believed; all else is found."""
    clock = SystemClock()
    logs = Logs(tmp_path, FolderVault(tmp_path / "vault", clock), clock)
    logs.fill(clock.now_ns())
    logs.archive.round()
    path = next((tmp_path / "vault").rglob("*.parquet"))
    data = path.read_bytes()
    path.chmod(0o600)
    path.write_bytes(data[:100] + b"?" + data[101:])

    page = logs.store.page(Search(), 100)
    assert [part.state for part in page.skipped] == ["unreadable"]
    assert page.logs
    logs.close()


def test_a_hold_keeps_hot_lines_from_their_retention(tmp_path: Path, clock: ManualClock) -> None:
    """The store would let old lines of this index go; held, it does not."""
    store = LogStore(tmp_path / "logs", clock, retention_days={"tallystick": 10})
    vault = FolderVault(tmp_path / "vault", clock)

    async def append(make: Any, key: str | None) -> int:
        del key
        make(rfc3339(clock.now_ns()))
        return 0

    archive = Archive(
        store, vault, ArchiveRules(), clock, folder=tmp_path / "archive", append=append
    )
    store.append([_line(1, n, clock.now_ns() - NS_PER_DAY) for n in range(5)])
    store.seal()
    asyncio.run(archive.desk.hold(Covered(), by="ann", reason="case 12"))
    clock.advance(11 * 86_400)
    store.seal()
    assert [part.lock.legal_hold for part in store.parts()] == [True]
    archive.close()
    store.close()


def test_cold_lines_are_named_and_come_back_after_a_restore(tmp_path: Path, moto_s3: Any) -> None:
    """In Glacier a search leaves them out and says so; restored, it finds them."""
    clock = SystemClock()
    vault = S3Vault(replace(moto_s3, storage_class="GLACIER"), clock)
    logs = Logs(tmp_path, vault, clock)
    logs.fill(clock.now_ns())
    logs.archive.round()

    page = logs.store.page(parse("", clock.now_ns()).search, 1_000)
    cold = [part for part in logs.store.parts() if part.state == "cold"]
    assert len(page.skipped) == len(cold) == DAYS
    assert len(page.logs) == LINES_A_DAY

    asked = asyncio.run(
        logs.archive.desk.restore(Covered(), tier="expedited", days=2, by="ann", reason="audit")
    )
    while logs.archive.desk.find_restore(asked.id).state != "readable":
        logs.archive.round()
    assert logs.found() == every()
    logs.close()
    vault.close()
