"""What can be said of an entry without knowing its kind: time, kind, account and pair.

Searches, exports and their verifier all ask here, so they cannot disagree.
"""

import msgspec


class Columns(msgspec.Struct, frozen=True, gc=False):
    """As the entry says; None where it does not say it."""

    at: str | None = None
    """RFC 3339, UTC, microseconds."""
    kind: str | None = None
    account: str | None = None
    pair: str | None = None


class _Order(msgspec.Struct, gc=False):
    account: str | None = None
    pair: str | None = None


class _Entry(msgspec.Struct, gc=False):
    at: str | None = None
    kind: str | None = None
    account: str | None = None
    order: _Order | None = None


NOTHING = Columns()
_decode = msgspec.json.Decoder(_Entry).decode


def columns_of(entry: bytes) -> Columns:
    """The columns of an entry's bytes; its order's account stands before its own.

    Bytes that are no JSON object, or one whose members here are not strings, have none of them.
    """
    try:
        said = _decode(entry)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return NOTHING
    if said.order is None:
        return Columns(said.at, said.kind, said.account)
    account = said.account if said.order.account is None else said.order.account
    return Columns(said.at, said.kind, account, said.order.pair)


def text_of(entry: bytes) -> str | None:
    """The bytes as text from which they can be had back; None where they are no text.

    Text with a NUL is none: too many programs end a text there.
    """
    try:
        return None if b"\0" in entry else entry.decode()
    except UnicodeDecodeError:
        return None
