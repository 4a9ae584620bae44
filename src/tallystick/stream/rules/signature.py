"""How a webhook's receiver can be sure who sent it: an HMAC over the time and the body.

    Idempotency-Key: the same for every attempt; drop what you know
    Tallystick-Timestamp: seconds since the epoch when this attempt was signed
    Tallystick-Signature: v1=<hex HMAC-SHA256 under the shared secret of timestamp "." body>

A receiver computes the HMAC over the timestamp header, a dot and the raw body, compares it in
constant time, and refuses timestamps more than some minutes old.
"""

import hashlib
import hmac

from tallystick.errors import Misconfigured

SECRET_BYTES_MIN = 16
"""Shortest shared secret."""
AGE_SECONDS_MAX = 300
"""How old a signature may be for `is_signed`."""


def signature(secret: bytes, timestamp: str, body: bytes) -> str:
    """The value of `Tallystick-Signature`; receivers compute the same."""
    mac = hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256)
    return f"v1={mac.hexdigest()}"


def signed_headers(secret: bytes, now_seconds: int, key: str, body: bytes) -> dict[str, str]:
    """The three headers of one attempt."""
    timestamp = str(now_seconds)
    return {
        "Idempotency-Key": key,
        "Tallystick-Timestamp": timestamp,
        "Tallystick-Signature": signature(secret, timestamp, body),
    }


def is_signed(secret: bytes, timestamp: str, body: bytes, given: str, now_seconds: int) -> bool:
    """What a receiver asks: whether these headers belong to this body, and are fresh."""
    if not (timestamp.isascii() and timestamp.isdigit()):
        return False
    fresh = abs(now_seconds - int(timestamp[:15])) <= AGE_SECONDS_MAX
    return fresh and hmac.compare_digest(signature(secret, timestamp, body), given)


def checked_secret(secret: bytes) -> bytes:
    """The secret, if it is long enough.

    Raises:
        Misconfigured: it is not.
    """
    if len(secret) < SECRET_BYTES_MIN:
        raise Misconfigured(f"A webhook's secret needs at least {SECRET_BYTES_MIN} bytes.")
    return secret
