"""What an entry says about a personal value: a commitment that tells nothing without its blind.

A commitment is HMAC-SHA-256 (RFC 2104) keyed with a random 32-byte blind, over the canonical JSON
(RFC 8785) of the field's name and value. It hides: without the blind a guessed value can be
neither confirmed nor refuted, and two commitments to one value have nothing in common. It binds:
nobody can open it to another value. Whoever destroys the blind leaves 32 bytes of noise.
"""

import hmac
from hashlib import sha256

import msgspec

BLIND_BYTES = 32
COMMITMENT_BYTES = 32

_ENCODE = msgspec.json.Encoder(order="sorted").encode


class Opened(msgspec.Struct, frozen=True):
    """A value with what proves that it was the one committed to."""

    value: str
    blind: bytes


def canonical_field(field: str, value: str) -> bytes:
    """The bytes that are committed to: `{"field":"name","v":1,"value":"Jane Doe"}` in UTF-8.

    Characters stand as they were given; nothing is normalised.

    Raises:
        UnicodeEncodeError: a half of a surrogate pair stands alone.
    """
    return _ENCODE({"field": field, "v": 1, "value": value})


def commit(blind: bytes, field: str, value: str) -> bytes:
    """The 32 bytes that the entry shows for this value under this blind."""
    assert len(blind) == BLIND_BYTES, "a shorter blind hides nothing"  # noqa: S101  programmer error
    return hmac.digest(blind, canonical_field(field, value), sha256)


def opens(commitment: str, field: str, opened: Opened) -> bool:
    """Whether the value and the blind are what this commitment (lower-case hex) was made of."""
    if len(opened.blind) != BLIND_BYTES or not commitment.isascii():
        return False
    made = commit(opened.blind, field, opened.value)
    return hmac.compare_digest(commitment, made.hex())
