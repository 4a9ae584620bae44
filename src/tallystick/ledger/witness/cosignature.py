"""A witness's signature line: Ed25519 over the time and the checkpoint (C2SP tlog-cosignature)."""

from typing import TYPE_CHECKING

from tallystick.ledger.checkpoint import signature_line
from tallystick.ledger.vkey import (
    TIME_BYTES,
    TIME_MAX,
    SignatureType,
    VerifierKey,
    cosigned_message,
)

if TYPE_CHECKING:
    from tallystick.keys import Signer


def witness_key(signer: "Signer") -> VerifierKey:
    """What outsiders pin to check this signer's cosignatures.

    Raises:
        Refused: `BAD_VKEY`, its name cannot be used.
    """
    return VerifierKey.of(signer.name, signer.public_key, SignatureType.COSIGNATURE)


def cosign(signer: "Signer", text: str, time: int) -> str:
    """The signature line, without its newline, under a checkpoint's signed text.

    `time` is in Unix seconds: when this was the largest checkpoint that the witness had seen.
    """
    assert 0 < time <= TIME_MAX, "a cosignature says when it was made"  # noqa: S101
    signature = signer.sign(cosigned_message(time, text.encode()))
    key = witness_key(signer)
    return signature_line(key.name, key.key_id, time.to_bytes(TIME_BYTES) + signature)
