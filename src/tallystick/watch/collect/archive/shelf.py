"""Where each part lies in the vault: under a name made of its path and hash, as one version."""

from pathlib import Path

from tallystick.clock import Clock
from tallystick.errors import Corrupt
from tallystick.watch.collect.archive.database import Database
from tallystick.watch.collect.archive.parts import ColdPartError, Lock, Part, State
from tallystick.watch.collect.archive.vault import ColdObjectError, Ref, Stat, Tier, Vault

LOGS = "logs/"
"""What the names of all parts begin with; rules about them may name it."""
SUSPECTS_MAX = 1_000
"""Most parts remembered that searches found to be cold."""
_SUFFIX = ".parquet"
_KEEP = "INSERT OR REPLACE INTO objects VALUES (:path, :ref, :storage_class, :looked_ns)"
_FIND = "SELECT ref FROM objects WHERE path = :path"
_CLASS = "SELECT storage_class FROM objects WHERE path = :path"
_FORGET = "DELETE FROM objects WHERE path = :path"
_LOOKED = "SELECT path FROM objects ORDER BY looked_ns LIMIT :limit"


class Shelf:
    """Parts in a vault. What this process forgot it finds again by name and hash."""

    def __init__(self, vault: Vault, database: Database, clock: Clock) -> None:
        self._vault = vault
        self._database = database
        self._clock = clock

    @property
    def address(self) -> str:
        """Where the vault is."""
        return self._vault.address

    def put(self, part: Part, file: Path, lock: Lock) -> Stat:
        """Put the part's bytes, durable, locked and checked; may be repeated."""
        stat = self._vault.put(name_of(part), file, part.sha256, lock)
        self._keep(part, stat)
        return stat

    def get(self, part: Part, into: Path) -> None:
        """Write the part's bytes to a new file.

        Raises:
            ColdPartError: it has to be restored first.
            Corrupt: it is not what was put.
        """
        try:
            self._vault.get(self._ref(part), into)
        except ColdObjectError as error:
            raise ColdPartError(part.path) from error

    def look(self, part: Part) -> Stat:
        """Ask the vault what it has.

        Raises:
            Corrupt: the part is gone, or it is another one.
        """
        stat = self._vault.stat(self._ref(part))
        if stat is None or stat.sha256 != part.sha256:
            raise Corrupt(f"{part.path} is not in the archive {self.address} as it was put.")
        self._keep(part, stat)
        return stat

    def lock(self, part: Part, lock: Lock, *, bypass: bool = False) -> Stat:
        """Change what keeps it; see `Vault.lock`."""
        return self._vault.lock(self._ref(part), lock, bypass=bypass)

    def restore(self, part: Part, days: int, tier: Tier) -> Stat:
        """Ask for a readable copy; see `Vault.restore`."""
        return self._vault.restore(self._ref(part), days, tier)

    def delete(self, path: str, ref: Ref, *, bypass: bool = False) -> None:
        """Delete the object of a part for good; see `Vault.delete`."""
        self._vault.delete(ref, bypass=bypass)
        self.forget(path)

    def looked_at_longest_ago(self, limit: int) -> list[str]:
        """Paths of parts that the vault was not asked about for the longest time."""
        return [str(path) for (path,) in self._database.rows(_LOOKED, limit=limit)]

    def storage_class(self, part: Part) -> str:
        """The storage class that it had when the vault was last asked."""
        found = self._database.rows(_CLASS, path=part.path)
        return str(found[0][0]) if found else self.look(part).storage_class

    def forget(self, path: str) -> None:
        """The part is no more."""
        self._database.do(_FORGET, path=path)

    def state_of(self, stat: Stat) -> State:
        """What can be done with a part whose object is like this."""
        until = stat.restored_until_ns
        restored = until is not None and until > self._clock.now_ns()
        if stat.restoring:
            return "restoring"
        if stat.cold or (until is not None and not restored):
            return "cold"
        return "restored" if restored else "archived"

    def _ref(self, part: Part) -> Ref:
        found = self._database.rows(_FIND, path=part.path)
        return Ref.parse(str(found[0][0])) if found else Ref(name_of(part))

    def _keep(self, part: Part, stat: Stat) -> None:
        self._database.do(
            _KEEP,
            path=part.path,
            ref=str(stat.ref),
            storage_class=stat.storage_class,
            looked_ns=self._clock.now_ns(),
        )


class VaultPartSource:
    """Gives the log store the parts that lie in the vault, as its `PartSource`; any thread may ask.

    The store keeps what was fetched in its own bounded cache, and checks its hash.
    """

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._suspects: set[str] = set()  # bounded by: SUSPECTS_MAX

    def local(self, part: Part) -> Path | None:  # noqa: ARG002  wherever it is
        """Nothing in the vault is read in its place: what is searched was hashed before."""
        return None

    def fetch(self, part: Part, target: Path) -> None:
        """Read it from the vault.

        Raises:
            ColdPartError: it has to be restored first; the next round marks it so.
        """
        try:
            self._shelf.get(part, target)
        except ColdPartError:
            if len(self._suspects) < SUSPECTS_MAX:
                self._suspects.add(part.path)
            raise

    def take_suspects(self) -> set[str]:
        """The parts that were found to be cold, each once."""
        suspects, self._suspects = self._suspects, set()
        return suspects


def name_of(part: Part) -> str:
    """The name of a part's object: `logs/index=main/dt=2026-01-02/part-7-<16 of its hash>.parquet`.

    With its hash in it no other part can ever have the name, of whichever store.
    """
    return f"{LOGS}{part.path.removesuffix(_SUFFIX)}-{part.sha256[:16]}{_SUFFIX}"
