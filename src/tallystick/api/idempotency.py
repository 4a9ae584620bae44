"""Idempotency of every write but orders: from the header to the desk's key, and to the answer.

Orders have keys of their account's (`api.orders`, `api.hot`); any other write has one of whoever
asks. The Idempotency-Key header follows draft-ietf-httpapi-idempotency-key-header.
"""

from hashlib import sha256
from typing import Any

import msgspec
from starlette.responses import Response

from tallystick.api.operation import JSON, Call
from tallystick.execution import check_key
from tallystick.execution.desk import Key

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
"""Header of an answer that was given before; its value is `true`."""
_canonical = msgspec.json.Encoder(order="sorted").encode
_encode = msgspec.json.Encoder().encode


def header_key(call: Call) -> str | None:
    """The request's Idempotency-Key, where it has one.

    Raises:
        Refused: `BAD_KEY`.
    """
    key = call.headers.get("idempotency-key")
    if key is not None:
        check_key(key, HEADER)
    return key


def key_of(call: Call) -> Key | None:
    """Under which key a write happens once; None where the client named none.

    Its digest is that of the method, the path and the canonical body: the same key for another
    order, another path or another body is a conflict, other white space or another order of the
    members is not.

    Raises:
        Refused: `BAD_KEY`.
    """
    key = header_key(call)
    if key is None:
        return None
    meaning = call.target.encode() + b"\n" + _canonical(call.body)
    return Key(call.principal.name, key, sha256(meaning).hexdigest())


def answered(
    value: Any, *, replayed: bool, status: int = 200, location: str | None = None
) -> Response:
    """A write's answer as JSON; a stored one says so in its headers, never in its body."""
    headers = {}
    if location is not None:
        headers["Location"] = location
    if replayed:
        headers[REPLAYED] = "true"
    return Response(_encode(value), status, headers, JSON)
