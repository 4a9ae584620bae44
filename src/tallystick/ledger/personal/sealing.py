"""Seals values with their blinds, keeps and opens them: blocking, and from one thread."""

from collections.abc import Mapping

from tallystick.errors import Corrupt
from tallystick.keys.subjects import SubjectKeys
from tallystick.ledger.notices import SubjectRecorded
from tallystick.ledger.personal.commitment import BLIND_BYTES, Opened, commit, opens
from tallystick.ledger.personal.vault import SealedField, Vault


class Sealing:
    """The two halves of a secret brought together: keys and vault."""

    def __init__(self, keys: SubjectKeys, vault: Vault, origin: str) -> None:
        """`origin` is the ledger's: what was sealed for another does not open in this one."""
        self._keys = keys
        self._vault = vault
        self._origin = origin

    def keep(self, subject: str, opened: Mapping[str, Opened], at_ns: int) -> dict[str, str]:
        """Seal values and keep them, durably; each field's commitment in lower-case hex.

        Raises:
            KeyDestroyed: the subject was erased.
            TemporaryError: they cannot be kept right now.
        """
        commitments = {name: commit(each.blind, name, each.value) for name, each in opened.items()}
        plain = [
            (each.blind + each.value.encode(), self._place(subject, name, commitments[name]))
            for name, each in opened.items()
        ]
        sealed = self._keys.seal(subject, plain)
        kept = zip(commitments.values(), sealed, strict=True)
        self._vault.keep(subject, [SealedField(*field) for field in kept], at_ns)
        return {name: commitment.hex() for name, commitment in commitments.items()}

    def open(self, entry: SubjectRecorded) -> dict[str, Opened]:
        """The values that an entry committed to, as far as the vault has them.

        Raises:
            KeyDestroyed: the subject was erased.
            Corrupt: what is kept is not what was committed to.
        """
        commitments = {name: bytes.fromhex(text) for name, text in entry.fields.items()}
        sealed = self._vault.sealed(entry.subject, list(commitments.values()))
        there = {name: each for name, each in commitments.items() if each in sealed}
        plain = self._keys.open(
            entry.subject,
            [(sealed[c], self._place(entry.subject, name, c)) for name, c in there.items()],
        )
        found = {
            name: Opened(data[BLIND_BYTES:].decode(), data[:BLIND_BYTES])
            for name, data in zip(there, plain, strict=True)
        }
        if not all(opens(entry.fields[name], name, each) for name, each in found.items()):
            raise Corrupt(f"What is kept of {entry.subject} is not what was committed to.")
        return found

    def _place(self, subject: str, field: str, commitment: bytes) -> bytes:
        """Associated data: a sealed value opens in its own place only."""
        return f"{self._origin}\n{subject}\n{field}\n{commitment.hex()}".encode()
