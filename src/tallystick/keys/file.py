"""Keys in a folder of the operator's own, one file a key, readable by its owner only.

The file holds the private form that Go's `sumdb/note` uses,
`PRIVATE+KEY+<name>+<key id>+<base64(0x01 || seed)>`, so other tools can read it.
"""

import base64
import hashlib
import os
import secrets
from contextlib import suppress
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tallystick.durable import replace_file, sync_folder, write_aside
from tallystick.errors import Misconfigured

_ALGORITHM_ED25519 = b"\x01"
_PREFIX = "PRIVATE+KEY+"
_SEED_BYTES = 32


class FileKeyring:
    """An Ed25519 signer whose seed lives in one file with mode 0600."""

    def __init__(self, name: str, seed: bytes) -> None:
        self._seed = seed
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self._name = name
        self._public = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    @property
    def name(self) -> str:
        """The key name it signs under."""
        return self._name

    @property
    def public_key(self) -> bytes:
        """The 32 bytes of the public key."""
        return self._public

    @property
    def vkey(self) -> str:
        """Its verifier key line, for everybody."""
        encoded = base64.b64encode(_ALGORITHM_ED25519 + self._public).decode()
        return f"{self._name}+{_key_id(self._name, self._public)}+{encoded}"

    @property
    def line(self) -> str:
        """Its private key line, for its file only."""
        encoded = base64.b64encode(_ALGORITHM_ED25519 + self._seed).decode()
        return f"{_PREFIX}{self._name}+{_key_id(self._name, self._public)}+{encoded}"

    def sign(self, message: bytes) -> bytes:
        """The 64-byte Ed25519 signature of `message`."""
        return self._key.sign(message)

    @classmethod
    def parse(cls, text: str) -> "FileKeyring":
        """The signer in a private key line.

        Raises:
            Misconfigured: the line is no Ed25519 private key, or its key id does not fit.
        """
        line = text.strip()
        name, _, rest = line.removeprefix(_PREFIX).partition("+")
        key_id, _, encoded = rest.partition("+")
        try:
            raw = base64.b64decode(encoded, validate=True)
        except ValueError as error:
            raise Misconfigured("The signing key is not valid base64.") from error
        typed = line.startswith(_PREFIX) and name and raw.startswith(_ALGORITHM_ED25519)
        if not typed or len(raw) != len(_ALGORITHM_ED25519) + _SEED_BYTES:
            raise Misconfigured("The signing key file does not hold an Ed25519 private key.")
        keyring = cls(name, raw.removeprefix(_ALGORITHM_ED25519))
        if _key_id(name, keyring.public_key) != key_id:
            raise Misconfigured("The signing key's id does not belong to its name and seed.")
        return keyring

    @classmethod
    def open(cls, path: Path, *, default_name: str, seed: bytes | None = None) -> "FileKeyring":
        """The first key in `path`; where there is none, a new one under `default_name`.

        `seed` is chance unless it is given (tests).

        The new file is durable before this returns: a key that signed and was lost would make
        every receipt worthless.

        Raises:
            Misconfigured: the file is readable by others, or holds no key.
        """
        if not path.exists():
            seed = secrets.token_bytes(_SEED_BYTES) if seed is None else seed
            make_private(path, cls(default_name, seed).line + "\n")
        if path.stat().st_mode & 0o077:
            raise Misconfigured(f"{path} can be read by others; run: chmod 600 {path}")
        try:
            return cls.parse(path.read_text().partition("\n")[0])
        except UnicodeDecodeError as error:
            raise Misconfigured(f"{path} is not a text file.") from error


def _key_id(name: str, public: bytes) -> str:
    preimage = name.encode() + b"\n" + _ALGORITHM_ED25519 + public
    return hashlib.sha256(preimage).digest()[:4].hex()


def write_private(path: Path, text: str) -> None:
    """Put the file in the place of what was there, whole or not at all; durable on return."""
    replace_file(path, text.encode())


def make_private(path: Path, text: str) -> None:
    """Make the file whole or not at all; one that somebody else made meanwhile stays."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    aside = write_aside(path, text.encode())
    try:
        with suppress(FileExistsError):
            os.link(aside, path)
    finally:
        aside.unlink()
    sync_folder(path.parent)
