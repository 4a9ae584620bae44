"""The port behind which sealed personal values lie, beside the tree and never in it.

The contract (tests/ledger/personal/test_vault_contract.py holds every backend to it):

- A method that writes returns when all of it is durable, or raises and has changed nothing. Every
  one may be called again with the same arguments, and changes nothing then.
- What it keeps of the ledger (`Held`, `position`) is folded from entries and may be lost; the
  sealed values may not. Whoever owns the vault sees pseudonyms and ciphertext, and can lose them,
  but can neither read a value nor put another in its place.
- It is used from one thread at a time; several processes may have one vault each on the same store.
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec


class SealedField(msgspec.Struct, frozen=True):
    """One value and its blind, sealed under the subject's data key, by its 32-byte commitment."""

    commitment: bytes
    sealed: bytes


class RecordedAt(msgspec.Struct, frozen=True):
    """The entry at `position` records these commitments of `subject`."""

    position: int
    subject: str
    commitments: tuple[bytes, ...]


class ErasedAt(msgspec.Struct, frozen=True):
    """The entry at `position` erases `subject`."""

    position: int
    subject: str


class Step(msgspec.Struct, frozen=True):
    """What the ledger's entries before `upto` say, as far as the vault has not folded them.

    `anew`: it is all they say, and what was folded before is forgotten.
    """

    upto: int
    recorded: Sequence[RecordedAt] = ()
    erased: Sequence[ErasedAt] = ()
    anew: bool = False

    @property
    def subjects(self) -> list[str]:
        """Everybody it says something about."""
        told = {each.subject for each in self.recorded} | {each.subject for each in self.erased}
        return sorted(told)


class Held(msgspec.Struct, frozen=True):
    """What is known of a subject: where it was recorded, ascending, and where it was erased."""

    positions: tuple[int, ...] = ()
    erased: int | None = None


class Vault(Protocol):
    """Five methods and a way out; see the module for what they promise."""

    def position(self) -> int:
        """Entries of the ledger before this position are folded.

        Raises:
            TemporaryError: the vault cannot be read right now; so with every method.
        """
        ...

    def keep(self, subject: str, fields: Sequence[SealedField], at_ns: int) -> None:
        """Keep values whose entry is about to be appended; pending until a step names them."""
        ...

    def settle(self, step: Step, pending_before_ns: int) -> None:
        """Fold a step, in one transaction.

        Values that it records are pending no more. Of a subject that it, or one before it, erases
        no value is left, whenever it was kept. Values pending since before `pending_before_ns` are
        dropped: their entry never came. The first erasure of a subject stands.
        """
        ...

    def find(self, subject: str) -> Held:
        """What the folded entries say of a subject."""
        ...

    def sealed(self, subject: str, commitments: Sequence[bytes]) -> dict[bytes, bytes]:
        """The sealed values of these commitments of the subject, as far as they are there."""
        ...

    def close(self) -> None:
        """Let go of files and connections; nothing may be called afterwards."""
        ...
