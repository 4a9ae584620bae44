"""Verifier keys: what outsiders pin to check who signed a note (C2SP signed-note, vkeys).

A key is its name, its type and its bytes. Logs sign with Ed25519 (0x01); witnesses cosign with
Ed25519 over a message of their own that says when (0x04, C2SP tlog-cosignature).
"""

import base64
import unicodedata
from enum import IntEnum
from hashlib import sha256

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tallystick.errors import Refused
from tallystick.ledger.merkle import HASH_BYTES

KEY_ID_BYTES = 4
PUBLIC_KEY_BYTES = 32
TIME_BYTES = 8
"""The big-endian time in front of a cosignature."""
TIME_MAX = 2**63 - 1
"""Latest second that a cosignature may name."""


class SignatureType(IntEnum):
    """The byte in front of a public key: what its signatures are (C2SP signed-note)."""

    ED25519 = 0x01
    ECDSA = 0x02
    COSIGNATURE = 0x04
    """Ed25519, over a message with the time (C2SP tlog-cosignature, cosignature/v1)."""
    TREE_HEAD = 0x05
    ML_DSA_44 = 0x06
    """Safe against quantum computers: known by name, not supported yet."""


_SUPPORTED = (SignatureType.ED25519, SignatureType.COSIGNATURE)
_UNSUPPORTED = {
    SignatureType.ECDSA: "an ECDSA key, which is not supported",
    SignatureType.TREE_HEAD: "the key of an RFC 6962 log, which is not supported",
    SignatureType.ML_DSA_44: "an ML-DSA-44 key, which is not supported yet",
}

_UNFIT = {"Zs", "Zl", "Zp", "Cc", "Cs"}
"""Unicode categories that no key name has: spaces, control characters, halves of a pair."""


class VerifierKey(msgspec.Struct, frozen=True):
    """A pinned public key; as text the line `<name>+<key id in hex>+<base64>`."""

    name: str
    key_id: bytes
    public_key: bytes
    signature_type: SignatureType = SignatureType.ED25519

    def __str__(self) -> str:
        public = base64.b64encode(bytes([self.signature_type]) + self.public_key).decode()
        return f"{self.name}+{self.key_id.hex()}+{public}"

    @classmethod
    def of(
        cls,
        name: str,
        public_key: bytes,
        signature_type: SignatureType = SignatureType.ED25519,
    ) -> "VerifierKey":
        """The verifier key of a raw 32-byte Ed25519 public key under this name.

        Raises:
            Refused: `BAD_VKEY`, the name, the key or its type cannot be used.
        """
        if signature_type in _UNSUPPORTED:
            raise Refused("BAD_VKEY", f"This is {_UNSUPPORTED[signature_type]}.")
        if not is_key_name(name):
            raise Refused("BAD_VKEY", f"A key name is not empty and has no space or +: {name!r}.")
        if len(public_key) != PUBLIC_KEY_BYTES:
            raise Refused("BAD_VKEY", f"An Ed25519 public key has {PUBLIC_KEY_BYTES} bytes.")
        key_id = key_id_of(name, public_key, signature_type)
        return cls(name, key_id, public_key, signature_type)

    @classmethod
    def parse(cls, line: str) -> "VerifierKey":
        """The key in a verifier key line; white space around it is ignored.

        Raises:
            Refused: `BAD_VKEY`, it is no such line, its type is not supported, or its key id is
                not that of its key.
        """
        name, plus, rest = line.strip().partition("+")
        hex_id, plus2, encoded = rest.partition("+")
        try:
            typed = decode_base64(encoded)
            signature_type = SignatureType(typed[0])
        except (ValueError, IndexError):
            plus = ""
        if not (plus and plus2):
            raise Refused("BAD_VKEY", "This is not an Ed25519 verifier key: name+id+base64.")
        key = cls.of(name, typed[1:], signature_type)
        if hex_id != key.key_id.hex():
            raise Refused(
                "BAD_VKEY", f"The key's id is {key.key_id.hex()}, the line says {hex_id}."
            )
        return key

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether this key signed the message.

        For a cosignature key the message is the checkpoint's text, and `signature` is the time
        and the Ed25519 signature, as they stand in the note.
        """
        if self.signature_type is SignatureType.COSIGNATURE:
            time = time_of(signature)
            if time > TIME_MAX:
                return False
            message, signature = cosigned_message(time, message), signature[TIME_BYTES:]
        try:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


def key_id_of(
    name: str, public_key: bytes, signature_type: SignatureType = SignatureType.ED25519
) -> bytes:
    """The four bytes that hint at a key in a signature line (C2SP signed-note)."""
    preimage = name.encode() + b"\n" + bytes([signature_type]) + public_key
    return sha256(preimage).digest()[:KEY_ID_BYTES]


def cosigned_message(time: int, text: bytes) -> bytes:
    """What a witness signs: that at `time` (Unix seconds) it saw the checkpoint's whole text."""
    return b"cosignature/v1\ntime %d\n%b" % (time, text)


def time_of(signature: bytes) -> int:
    """When a cosignature was made, in Unix seconds; one that is too short is of no time at all."""
    return int.from_bytes(signature[:TIME_BYTES])


def decode_base64(text: str) -> bytes:
    """Standard base64 with padding; only the one canonical spelling is accepted.

    Raises:
        ValueError: it is not base64, or spare bits at its end are set.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise ValueError("not base64") from error
    if base64.b64encode(data).decode() != text:
        raise ValueError("base64 in a spelling that is not canonical")
    return data


def decode_hash(text: str) -> bytes:
    """The `HASH_BYTES` bytes of a hash in base64.

    Raises:
        ValueError: it is not base64 in its one spelling, or of another length.
    """
    data = decode_base64(text)
    if len(data) != HASH_BYTES:
        raise ValueError(f"not {HASH_BYTES} bytes long")
    return data


def is_key_name(name: str) -> bool:
    """Whether this can name a key: UTF-8, not empty, no white space, no plus sign."""
    unfit = any(c.isspace() or unicodedata.category(c) in _UNFIT for c in name)
    return bool(name) and not unfit and "+" not in name
