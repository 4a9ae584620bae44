"""The port to where archived objects lie: written once, locked, read back, perhaps after a wait.

Backends: `folder` (a local folder) and `s3` (S3 Object Lock). Both pass the same contract suite,
tests/watch/collect/archive/test_vault_contract.py.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from tallystick.clock import rfc3339
from tallystick.errors import TemporaryError
from tallystick.watch.collect.archive.lock import Lock

Tier = Literal["expedited", "standard", "bulk"]
"""How fast a cold object is wanted; what S3 Glacier calls its retrieval tiers."""
TIERS: tuple[Tier, ...] = ("expedited", "standard", "bulk")
COLD_CLASSES = frozenset({"GLACIER", "DEEP_ARCHIVE"})
"""Storage classes that are read only after a restore."""
HOUR = 3_600
WAIT_SECONDS: Mapping[str, Mapping[Tier, int]] = {
    "GLACIER": {"expedited": 5 * 60, "standard": 5 * HOUR, "bulk": 12 * HOUR},
    "DEEP_ARCHIVE": {"standard": 12 * HOUR, "bulk": 48 * HOUR},
}
"""The longest usual wait of a restore, by storage class and tier (Amazon S3 User Guide, "Archive
retrieval options"). Deep Archive has no expedited tier."""


class ColdObjectError(TemporaryError):
    """The object is in a cold storage class: restore it first, and wait."""


class Ref(msgspec.Struct, frozen=True):
    """One object for ever: a name, and which version of it. No version means the newest."""

    name: str
    version: str = ""

    def __str__(self) -> str:
        return f"{self.name}#{self.version}"

    @classmethod
    def parse(cls, text: str) -> "Ref":
        """What `str` of a reference gave."""
        name, _, version = text.rpartition("#")
        return cls(name, version)


class Stat(msgspec.Struct, frozen=True):
    """What is known of an object without reading it.

    `restored_until_ns` is when a restored copy goes again; `restoring` is whether one is on its
    way. `sha256` is lower-case hex, empty where somebody else wrote the object.
    """

    ref: Ref
    size: int
    sha256: str
    lock: Lock
    storage_class: str = "STANDARD"
    restoring: bool = False
    restored_until_ns: int | None = None

    @property
    def cold(self) -> bool:
        """Whether it has to be restored before it can be read."""
        return self.storage_class in COLD_CLASSES and self.restored_until_ns is None

    def __str__(self) -> str:
        until = self.restored_until_ns
        restored = "" if until is None else f", restored until {rfc3339(until)}"
        state = ", being restored" if self.restoring else restored
        return f"{self.ref.name} ({self.storage_class}{state})"


class Vault(Protocol):
    """Objects that are written once and kept. Every method blocks; any thread may call any.

    All raise `TemporaryError` where the far side cannot be reached or is not ready (nothing is
    known to be done; every method may be called again), `Misconfigured` where it cannot work at
    all, and `Refused` `PART_LOCKED` where a lock forbids it.
    """

    @property
    def address(self) -> str:
        """Where it is, for people; no secrets."""
        ...

    def put(self, name: str, file: Path, sha256: str, lock: Lock) -> Stat:
        """Write the file's bytes under a new name; at return they are durable, locked and checked.

        Checked: the far side's checksum of what it holds is that of the file. The lock is as
        asked or stricter, where the vault has a rule of its own. When the name is there with
        the same bytes already, it stays and is locked as asked: so may be called again.

        Raises:
            Corrupt: the name is there with other bytes, or the file does not have this SHA-256.
        """
        ...

    def get(self, ref: Ref, into: Path) -> None:
        """Write the object's bytes to a new file, durable and checked against its SHA-256.

        Raises:
            ColdObjectError: it has to be restored first.
            Corrupt: the bytes are not those that were put, or are gone; no file is made.
        """
        ...

    def stat(self, ref: Ref) -> Stat | None:
        """What is known of it; None where there is no such object."""
        ...

    def lock(self, ref: Ref, lock: Lock, *, bypass: bool = False) -> Stat:
        """Change an object's retention and legal hold to this; `require_change` says what may be.

        `bypass` uses the right to bypass governance mode; whoever calls has checked it.
        """
        ...

    def restore(self, ref: Ref, days: int, tier: Tier) -> Stat:
        """Ask for a readable copy of a cold object for `days` days; poll `stat` until it is there.

        Asked again while one is on its way or there, it extends that. What is readable anyway
        stays as it is.

        Raises:
            Refused: `BAD_TIER`, its storage class has no such tier.
        """
        ...

    def delete(self, ref: Ref, *, bypass: bool = False) -> None:
        """Delete this version for good; what is gone already is fine.

        Raises:
            Refused: `PART_LOCKED`, see `require_deletable`.
        """
        ...

    def close(self) -> None:
        """Let go of connections; what is under way may fail as temporary."""
        ...
