"""What the ledger asks of an entry: canonical JSON bytes with a version and a kind.

The ledger stores and hashes the bytes as they are; it reads none of their meaning.
"""

import msgspec

from tallystick.limits import ENTRY_BYTES_MAX


class Sealable(msgspec.Struct, frozen=True, gc=False):
    """Bytes on their way into the ledger, and the idempotency keys they settle."""

    entry: bytes
    keys: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """An entry that no bundle could hold is a programmer's error."""
        assert len(self.entry) <= ENTRY_BYTES_MAX, "entry too large for a bundle"  # noqa: S101


class Receipt(msgspec.Struct, frozen=True, gc=False):
    """What proves one entry to anybody who holds the ledger's verifier key.

    `entry` and `inclusion` travel as standard base64, `leaf_hash` as lower-case hex; `checkpoint`
    is the signed note of a tree that contains the entry (C2SP tlog-checkpoint).
    """

    position: int
    entry: bytes
    leaf_hash: str
    inclusion: list[bytes]
    checkpoint: str
