"""`tallystick check`: everything that is kept is made again from the entries, and compared."""

import tempfile
from base64 import b64encode
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Literal, cast

import msgspec

from tallystick.clock import NS_PER_SECOND, Clock
from tallystick.errors import Corrupt, Misconfigured, PermanentError, TallystickError
from tallystick.execution.check import check_projection, check_snapshot
from tallystick.execution.entries import decode, keys_of
from tallystick.execution.trial import check_ledger_book
from tallystick.ids import new_ledger_name
from tallystick.keys import KeyRing
from tallystick.ledger import Ledger
from tallystick.ledger.check import Auditable, Passed, StoreCheck
from tallystick.ledger.checkpoint import VerifierKey
from tallystick.ledger.guard import FileGuard
from tallystick.ledger.personal.check import check_personal, postgres_tables, sqlite_tables
from tallystick.ledger.verify import FolderSource, Report, Trust, verify_ledger
from tallystick.stream.check import check_stream
from tallystick.watch.collect.store import check_folder
from tallystick.wiring.check_state import SAVE_SECONDS, CheckState
from tallystick.wiring.collecting import logs_folder
from tallystick.wiring.ledger import PUBLISHED, guard_path, open_ledger, store_of
from tallystick.wiring.settings import Settings

Verdict = Literal["clean", "tampered", "cannot_tell"]
Steps = Generator[int, None, str | None]
"""Gives rows checked, and at the end a remark where there is one."""
Progress = Callable[[str, int, int], None]
"""(part, rows done, rows in all as far as that is known)."""
EXIT_CODES: dict[Verdict, int] = {"clean": 0, "tampered": 1, "cannot_tell": 2}
_WORSE: tuple[Verdict, ...] = ("clean", "cannot_tell", "tampered")
_UNCHECKED = "Not looked at: the entries, with which it is compared, must be right first."


class Figure(msgspec.Struct, frozen=True):
    """What one part of the work came to: how many in how many seconds, this run and before it."""

    name: str
    count: int
    seconds: float


class Part(msgspec.Struct, frozen=True):
    """What one part of the check found.

    `reason` is a sentence: what is wrong, or what is worth knowing. `resumed` rows had been checked
    by the run before and are not among `rows`. `figures` say what else was checked on the way.
    """

    name: str
    verdict: Verdict
    reason: str = ""
    rows: int = 0
    seconds: float = 0.0
    resumed: int = 0
    figures: tuple[Figure, ...] = ()


class CheckReport(msgspec.Struct, frozen=True):
    """All parts, and the verdict over them; `size` is the ledger's, in entries."""

    verdict: Verdict
    origin: str
    size: int
    seconds: float
    parts: tuple[Part, ...]

    @property
    def exit_code(self) -> int:
        """0 clean, 1 tampered, 2 cannot tell."""
        return EXIT_CODES[self.verdict]


def run_check(
    settings: Settings,
    clock: Clock,
    progress: Progress,
    *,
    restart: bool = False,
    done: Callable[[Part], None] = lambda _part: None,
) -> CheckReport:
    """Check the data folder, beside a running server or without one; nothing in it is changed.

    Every part is run, whatever the others found, and `done` is told of each. A check of the entries
    that was interrupted goes on where it was, unless told to `restart`.

    Raises:
        Misconfigured, TemporaryError: there is no ledger to check, or it cannot be reached.
    """
    started_ns = clock.monotonic_ns()
    ring = _ring(settings)
    with ExitStack() as stack:
        ledger: Ledger | None = None
        refused = ""
        try:
            ledger = stack.enter_context(open_ledger(settings, clock, alone=False)).ledger
        except Corrupt as error:
            refused = str(error)
        check = _Check(settings, clock, ring, ledger, refused)
        parts: list[Part] = []
        for part in check.parts(progress, restart=restart):
            parts.append(part)
            done(part)
    check.state.forget()
    worst = max((part.verdict for part in parts), key=_WORSE.index)
    seconds = (clock.monotonic_ns() - started_ns) / NS_PER_SECOND
    return CheckReport(worst, ring.name, check.size, seconds, tuple(parts))


class _Check:
    """One run over one data folder."""

    def __init__(
        self, settings: Settings, clock: Clock, ring: KeyRing, ledger: Ledger | None, refused: str
    ) -> None:
        self.state = CheckState(settings.folder, clock)
        self.size = 0
        self._settings = settings
        self._clock = clock
        self._ring = ring
        self._vkeys = tuple(VerifierKey.parse(key) for key in _vkeys(ring))
        self._ledger = ledger
        self._refused = refused
        self._resumed = 0
        self._figures: tuple[Figure, ...] = ()

    def parts(self, progress: Progress, *, restart: bool) -> Iterator[Part]:
        """Each part's outcome, in the order in which trust is built: entries first."""
        entries = self._part("entries", self._entries(restart=restart), progress)
        if self._refused and entries.verdict == "clean":  # a head that fits no entries
            entries = msgspec.structs.replace(entries, verdict="tampered", reason=self._refused)
        yield entries
        ledger = self._ledger if entries.verdict != "tampered" else None
        yield self._part("published files", self._published(ledger, progress), progress)
        compared: dict[str, Callable[[Ledger], Steps]] = {
            "guard": self._guard,
            "projections": self._projections,
            "book": self._book,
            "double entry": self._double_entry,
            "stream": self._stream,
            "personal data": self._personal,
        }
        for name, steps in compared.items():
            if ledger is None:
                yield Part(name, "cannot_tell", _UNCHECKED)
            else:
                yield self._part(name, steps(ledger), progress)
        yield self._part("log lines", self._log_lines(), progress)

    def _part(self, name: str, steps: Steps, progress: Progress) -> Part:
        """Take the steps of one part to their end, or to what is wrong."""
        started_ns = self._clock.monotonic_ns()
        self._resumed, self._figures = 0, ()
        rows, reason = 0, ""
        verdict: Verdict = "clean"
        progress(name, 0, self.size)
        with closing(steps):
            try:
                while True:
                    rows += next(steps)
                    progress(name, rows + self._resumed, self.size)
            except StopIteration as end:
                reason = end.value or ""
            except Corrupt as error:
                verdict, reason = "tampered", str(error)
            except (TallystickError, OSError) as error:
                verdict, reason = "cannot_tell", str(error)
        seconds = (self._clock.monotonic_ns() - started_ns) / NS_PER_SECOND
        return Part(name, verdict, reason, rows, seconds, self._resumed, self._figures)

    def _entries(self, *, restart: bool) -> Steps:
        """Every entry, leaf, tile, checkpoint and idempotency key of the store."""
        passed = Passed(self._ring.name)
        if not restart and self._ledger is not None:
            passed = self.state.resume(self._ledger) or passed
        self._resumed = passed.position
        with closing(store_of(self._settings, self._clock)) as opened:
            store = cast("Auditable", opened)  # as all stores are
            check = StoreCheck(store, self._vkeys, _keys_of, passed, self._clock)
            self.size = check.size
            yield from self._watched(check, passed)
        if unknown := check.passed.unknown:
            raise PermanentError(
                f"{unknown:,} entries are of kinds that this version does not know, the first at"
                f" {check.passed.unknown_first:,}: they are what was signed, but what they settled"
                " was not checked."
            )
        return None

    def _watched(self, check: StoreCheck, before: Passed) -> Iterator[int]:
        """The check's steps; how far they came is kept every now and then, and at an interrupt."""
        due_ns = self._clock.monotonic_ns() + SAVE_SECONDS * NS_PER_SECOND
        try:
            for rows in check.run():
                yield rows
                if self._clock.monotonic_ns() >= due_ns:
                    self.state.keep(check.resumable)
                    due_ns = self._clock.monotonic_ns() + SAVE_SECONDS * NS_PER_SECOND
        except Corrupt:
            self.state.forget()
            raise
        except BaseException:
            self.state.keep(check.resumable)
            raise
        else:
            self.state.keep(check.resumable)  # until the other parts are done as well
        finally:
            self._figures = _figures(check, before)

    def _published(self, ledger: Ledger | None, progress: Progress) -> Steps:
        """The files that outsiders read, by the verifier that they use."""
        folder = self._settings.folder / PUBLISHED
        if not folder.exists():
            return f"There is no {folder}: nothing is published yet."
        report = verify_ledger(
            FolderSource(folder),
            Trust(self._vkeys),
            lambda done, total: progress("published files", done, total),
            canonical_json=True,
            clock=self._clock,
        )
        yield report.entries
        if report.verdict == "tampered":
            raise Corrupt(report.reason)
        if report.verdict != "clean":
            raise Misconfigured(report.reason)
        if ledger is not None:
            _require_published(report, ledger)
        return " ".join(report.notes)

    def _guard(self, ledger: Ledger) -> Steps:
        """The head that was signed last is of this history."""
        with closing(FileGuard(guard_path(self._settings, self._ring.name), expected=True)) as file:
            held = file.head()
        ledger.catch_up()  # committed before it was guarded
        if held is None:
            raise Corrupt("The signed-head guard is empty; it holds a head as soon as it is made.")
        if held.size > ledger.size:
            raise Corrupt(
                f"A head of {held.size:,} entries was signed and the database has {ledger.size:,}:"
                " an older backup was put back. See: tallystick ledger reconcile --help"
            )
        if ledger.root(held.size) != held.root:
            raise Corrupt(
                f"A head of {held.size:,} entries was signed that is not of this history: the"
                " database, or a copy of it, was signed elsewhere."
            )
        yield 0
        return None

    def _projections(self, ledger: Ledger) -> Steps:
        """Orders, trades, balances, search tables."""
        with tempfile.TemporaryDirectory(dir=self._settings.folder, prefix=".check-") as scratch:
            fresh = Path(scratch) / "projections.db"
            yield from check_projection(self._projection_file, ledger, fresh)
        return _absent(self._projection_file)

    def _book(self, ledger: Ledger) -> Steps:
        """Balances, resting orders, limits and switches, as the server's next start takes them."""
        yield from check_snapshot(self._projection_file, ledger)
        return None

    def _double_entry(self, ledger: Ledger) -> Steps:
        """Postings that balance per currency and value date, and agree with fills and book."""
        ledger.catch_up()
        yield from check_ledger_book(ledger)
        return None

    def _stream(self, ledger: Ledger) -> Steps:
        """Each message that the stream still holds says its entry."""
        path = self._settings.folder / "stream.db"
        yield from check_stream(path, ledger)
        return _absent(path)

    def _personal(self, ledger: Ledger) -> Steps:
        """Sealed values and their keys, against the entries about natural persons."""
        folder = self._settings.folder
        on_postgres = self._settings.ledger_on_postgres
        vault = postgres_tables(self._settings.ledger) if on_postgres else None
        with (
            vault or sqlite_tables(folder / "personal.db") as values,
            sqlite_tables(folder / "keys" / "subjects.db") as keys,
        ):
            yield from check_personal(values, keys, ledger)
        return None

    def _log_lines(self) -> Steps:
        """The manifest's chain of records, and each sealed part of this folder against it."""
        folder = logs_folder(self._settings)
        found = check_folder(folder)
        if found:
            others = f" And {len(found) - 1} more." if len(found) > 1 else ""
            raise Corrupt(f"{found[0].part}: {found[0].problem}{others}")
        yield 0
        return _absent(folder)

    @property
    def _projection_file(self) -> Path:
        return self._settings.folder / "projections.db"


def _ring(settings: Settings) -> KeyRing:
    """The ledger's keys; a check makes none, and no database either."""
    folder = settings.folder
    if not (folder / "keys" / "ledger.key").exists():
        raise Misconfigured(f"There is no ledger in {folder}; see TALLYSTICK_DATA.")
    database = folder / "ledger.db"
    if not settings.ledger_on_postgres and not database.exists():
        raise Misconfigured(f"{database} is missing, and the keys that signed it are there.")
    try:
        return KeyRing(folder / "keys", default_name=new_ledger_name())
    except (OSError, UnicodeError) as error:
        raise Misconfigured(f"The ledger's keys cannot be read: {error}.") from error


def _vkeys(ring: KeyRing) -> Iterator[str]:
    """Every key that signs or signed."""
    yield from (signer.vkey for signer in ring.signers)
    yield from ring.retired


def _require_published(report: Report, ledger: Ledger) -> None:
    """The published tree is the beginning of the ledger's own."""
    size = report.size or 0
    ledger.catch_up()  # published after it was committed
    if size > ledger.size:
        raise Corrupt(f"{size:,} entries are published and the database has {ledger.size:,}.")
    if b64encode(ledger.root(size)).decode() != report.root:
        raise Corrupt(f"The {size:,} published entries are not those of the database.")


def _figures(check: StoreCheck, before: Passed) -> tuple[Figure, ...]:
    """What this run checked on its way through the entries, and how long each took."""
    counts = {
        "hashes": check.passed.position - before.position,
        "tiles": check.passed.tiles - before.tiles,
        "checkpoints": check.passed.checkpoints - before.checkpoints,
        "keys": check.passed.keys - before.keys,
    }
    return tuple(
        Figure(name, count, check.spent_ns[name] / NS_PER_SECOND) for name, count in counts.items()
    )


def _absent(path: Path) -> str | None:
    """A remark about a file that the server makes again."""
    return None if path.exists() else f"There is no {path.name}; the server makes it at its start."


def _keys_of(data: bytes) -> tuple[str, ...] | None:
    try:
        return keys_of(decode(data))
    except msgspec.DecodeError:
        return None
