"""Opens the ledger that the settings name: its store, keys and guard; for servers and commands."""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tallystick.clock import Clock
from tallystick.errors import Misconfigured, Refused
from tallystick.ids import new_ledger_name
from tallystick.keys import KeyRing
from tallystick.keys.file import write_private
from tallystick.ledger import Ledger, PostgresStore, SqliteStore
from tallystick.ledger.checkpoint import VerifierKey
from tallystick.ledger.guard import FileGuard
from tallystick.ledger.store import Store
from tallystick.ledger.witness import Cosigner, Policy
from tallystick.wiring.settings import Settings

PUBLISHED = "ledger"
"""The folder of tlog-tiles files, in the data folder."""
_MARK = "ledger.guard"
"""In the folder of the keys: says that a guard was made, and must be there from then on."""


@dataclass(frozen=True)
class OpenLedger:
    """A ledger and what it was opened from."""

    settings: Settings
    clock: Clock
    ring: KeyRing
    ledger: Ledger
    guard: FileGuard | None

    def close(self) -> None:
        """Let go of the store and the guard."""
        self.ledger.close()
        if self.guard is not None:
            self.guard.close()


@contextmanager
def open_ledger(
    settings: Settings,
    clock: Clock,
    *,
    alone: bool = True,
    guarded: bool = True,
    new: bool = False,
) -> Iterator[OpenLedger]:
    """The ledger while no server has the data folder; closed at the end.

    `alone` False opens it beside a running server, to read only. `guarded` False asks no guard:
    for who is about to reconcile it. `new` makes the ledger where there is none yet.

    Raises:
        Misconfigured, Corrupt: with a sentence for the operator.
    """
    if not new and not (settings.folder / "keys").exists():
        raise Misconfigured(f"There is no ledger in {settings.folder}; see TALLYSTICK_DATA.")
    lock = lock_folder(settings.folder) if alone else None
    try:
        opened = open_parts(settings, clock, guarded=alone and guarded)
        try:
            yield opened
        finally:
            opened.close()
    finally:
        if lock is not None:
            os.close(lock)


def open_parts(settings: Settings, clock: Clock, *, guarded: bool = True) -> OpenLedger:
    """The ledger of a data folder that the caller owns; made where there is none yet."""
    ring = KeyRing(settings.folder / "keys", default_name=new_ledger_name())
    guard = guard_of(settings, ring.name) if guarded else None
    first, *others = ring.signers
    retired = [VerifierKey.parse(line) for line in ring.retired]
    store = store_of(settings, clock)
    try:
        ledger = Ledger(store, first, guard, others=others, retired=retired)
    except BaseException:
        store.close()
        if guard is not None:
            guard.close()
        raise
    return OpenLedger(settings, clock, ring, ledger, guard)


def store_of(settings: Settings, clock: Clock) -> Store:
    """The store that the settings name, once more: whoever publishes has one of its own."""
    if settings.ledger_on_postgres:
        return PostgresStore(settings.ledger, clock)
    return SqliteStore(settings.folder / "ledger.db", clock)


def guard_of(settings: Settings, name: str) -> FileGuard:
    """The guard of the log with this name; one that was made before must be there.

    Raises:
        Misconfigured: it is not, or cannot be opened.
    """
    mark = settings.folder / "keys" / _MARK
    guard = FileGuard(guard_path(settings, name), expected=mark.exists())
    if not mark.exists():
        write_private(mark, f"{guard}\n")
    return guard


def guard_path(settings: Settings, name: str) -> Path:
    """Where the guard of the log with this name is."""
    return settings.guard_folder / f"{name.replace('/', '_')}.head"


def cosigner_of(settings: Settings, vkeys: Sequence[VerifierKey], clock: Clock) -> Cosigner | None:
    """Asks the witnesses of the policy that the settings name; None where they name none.

    Raises:
        Misconfigured: the policy cannot be used, or is about other logs.
    """
    if settings.witness_policy is None:
        return None
    try:
        policy = Policy.parse(Path(settings.witness_policy).read_bytes())
        cosigner = Cosigner(policy, clock, seconds_max=settings.witness_seconds)
    except (OSError, Refused) as error:
        raise Misconfigured(f"TALLYSTICK_WITNESS_POLICY cannot be used: {error}") from error
    if policy.logs and not {log.key for log in policy.logs} & set(vkeys):
        raise Misconfigured(
            f"{settings.witness_policy} is about other logs than this one, {vkeys[0]}."
        )
    return cosigner


def lock_folder(folder: Path) -> int:
    """Own the data folder: two processes must not write one. Closing the descriptor ends it.

    Raises:
        Misconfigured: another process owns it, or it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise Misconfigured(f"The data folder cannot be used: {error}.") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise Misconfigured(
            f"{folder} is in use by another Tallystick; stop it, or set TALLYSTICK_DATA."
        ) from error
    return descriptor
