"""The port: something that signs as one name and never shows its private half."""

from typing import Protocol


class Signer(Protocol):
    """An Ed25519 key (RFC 8032) with the name it signs under."""

    @property
    def name(self) -> str:
        """The key name of the signed note: the ledger's origin."""
        ...

    @property
    def public_key(self) -> bytes:
        """The 32 bytes of the public key."""
        ...

    def sign(self, message: bytes) -> bytes:
        """The 64-byte signature of `message`."""
        ...
