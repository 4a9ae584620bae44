"""The keys of one ledger in the operator's folder: those that sign, and those that signed before.

`ledger.key` holds a private key a line, the newest first: all of them sign, so that whoever pinned
the old key and whoever pinned the new one are both served while keys are rotated. `ledger.retired`
holds what is left of a key that signs no more: its verifier key line.
"""

import secrets
from pathlib import Path

from tallystick.errors import Misconfigured, Refused
from tallystick.keys.file import FileKeyring, write_private

KEYS_MAX = 4
"""Most keys that sign at once: each is a line in every checkpoint."""
_KEYS = "ledger.key"
_RETIRED = "ledger.retired"


class KeyRing:
    """What signs a ledger; `signers[0]` is the newest."""

    def __init__(self, folder: Path, *, default_name: str) -> None:
        """Open the keys; where there are none, make the first under `default_name`.

        Raises:
            Misconfigured: a file is readable by others, or holds no keys of one name.
        """
        self._path = folder / _KEYS
        self._retired = folder / _RETIRED
        FileKeyring.open(self._path, default_name=default_name)
        self.signers = [FileKeyring.parse(line) for line in self._lines()]
        names = {signer.name for signer in self.signers}
        if len(names) != 1:
            raise Misconfigured(f"{self._path} holds keys of several logs: {sorted(names)}.")

    @property
    def name(self) -> str:
        """The name of the log, which all its keys share."""
        return self.signers[0].name

    @property
    def retired(self) -> list[str]:
        """Verifier key lines of the keys that sign no more, the newest first."""
        return self._retired.read_text().split() if self._retired.exists() else []

    def rotate(self) -> None:
        """A new key signs from now on, beside those that sign already; durable on return.

        Raises:
            Refused: `KEYS_TOO_MANY`.
        """
        if len(self.signers) >= KEYS_MAX:
            sentence = f"{KEYS_MAX} keys sign already; retire one first."
            raise Refused("KEYS_TOO_MANY", sentence)
        signer = FileKeyring(self.name, secrets.token_bytes(32))
        self._keep([signer, *self.signers])

    def without(self, vkey: str) -> list[str]:
        """The verifier key lines that would sign without this one.

        Raises:
            Refused: `UNKNOWN_KEY`, it does not sign; `LAST_KEY`, no other does.
        """
        left = [signer.vkey for signer in self.signers if signer.vkey != vkey]
        if len(left) == len(self.signers):
            raise Refused("UNKNOWN_KEY", f"No key {vkey} signs this ledger.")
        if not left:
            raise Refused("LAST_KEY", "The only key cannot be retired; rotate first.")
        return left

    def retire(self, vkey: str) -> None:
        """The key of this verifier key line signs no more; its private half is gone on return.

        Raises:
            Refused: as `without`.
        """
        left = self.without(vkey)
        lines = [vkey, *(line for line in self.retired if line != vkey)]
        write_private(self._retired, "".join(f"{line}\n" for line in lines))
        self._keep([signer for signer in self.signers if signer.vkey in left])

    def _lines(self) -> list[str]:
        return [line for line in self._path.read_text().splitlines() if line.strip()]

    def _keep(self, signers: list[FileKeyring]) -> None:
        write_private(self._path, "".join(f"{signer.line}\n" for signer in signers))
        self.signers = signers
