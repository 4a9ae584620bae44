"""The words between a log and its witness, to bytes and back (C2SP tlog-witness, add-checkpoint).

Pure: who sends them is no matter here.
"""

import base64
from collections.abc import Iterator, Sequence

import msgspec

from tallystick.ledger.checkpoint import SIZE_MAX, NoteError, SignatureLine, parse_signature
from tallystick.ledger.vkey import decode_hash

PATH = "/add-checkpoint"
SIZE_TYPE = "text/x.tlog.size"
"""Content type of a 409 that tells the size which the witness holds."""
TEXT_TYPE = "text/plain; charset=utf-8"
PROOF_HASHES_MAX = 63
REQUEST_BYTES_MAX = 131_072
"""Largest body of a request: a proof, and a checkpoint with some dozen signatures."""
ANSWER_BYTES_MAX = 16_384
"""Largest body of an answer: some cosignatures, of ML-DSA-44 as well."""
_OLD = "old "


class AddCheckpoint(msgspec.Struct, frozen=True):
    """A request: this signed note extends the tree of `old` entries, as the proof shows."""

    old: int
    proof: tuple[bytes, ...]
    note: str


def encode_request(request: AddCheckpoint) -> bytes:
    """The body of `POST <url>/add-checkpoint`."""
    hashes = "".join(f"{base64.b64encode(item).decode()}\n" for item in request.proof)
    return f"{_OLD}{request.old}\n{hashes}\n{request.note}".encode()


def parse_request(body: bytes) -> AddCheckpoint:
    """The request in a body; its note is looked at by `checkpoint.split_note`, not here.

    Raises:
        NoteError: it is not in the one form that a request has.
    """
    if len(body) > REQUEST_BYTES_MAX:
        raise NoteError(f"A request has at most {REQUEST_BYTES_MAX} bytes.")
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise NoteError("A request is UTF-8 text.") from error
    head, blank, note = text.partition("\n\n")
    first, *lines = head.split("\n")
    if not blank or not first.startswith(_OLD):
        raise NoteError("A request is an old size, a proof, a blank line and a checkpoint.")
    if len(lines) > PROOF_HASHES_MAX:
        raise NoteError(f"A consistency proof has at most {PROOF_HASHES_MAX} hashes.")
    old = _decimal(first.removeprefix(_OLD))
    return AddCheckpoint(old, tuple(_hash(line) for line in lines), note)


def encode_size(size: int) -> str:
    """The body of a 409 that tells the size which the witness holds."""
    return f"{size}\n"


def parse_size(body: bytes) -> int:
    """The size in the body of a 409.

    Raises:
        NoteError: it is no size.
    """
    text = body.decode("ascii", "replace")
    if not text.endswith("\n"):
        raise NoteError("A size ends in a newline.")
    return _decimal(text[:-1])


def encode_cosignatures(lines: Sequence[str]) -> str:
    """The body of a 200: signature lines, each with its newline."""
    return "".join(f"{line}\n" for line in lines)


def parse_cosignatures(body: bytes) -> Iterator[SignatureLine]:
    """The signature lines in the body of a 200, nothing verified yet.

    Raises:
        NoteError: it is not a sequence of signature lines.
    """
    try:
        lines = body.decode().split("\n")
    except UnicodeDecodeError as error:
        raise NoteError("Signature lines are UTF-8 text.") from error
    if lines.pop() != "" or not lines:
        raise NoteError("Signature lines end in newlines, and there is at least one.")
    return map(parse_signature, lines)


def _decimal(text: str) -> int:
    digits = text.isascii() and text.isdigit() and len(text) <= len(str(SIZE_MAX))
    if not digits or str(int(text)) != text or int(text) > SIZE_MAX:
        raise NoteError("A tree size is a plain decimal number.")
    return int(text)


def _hash(line: str) -> bytes:
    try:
        return decode_hash(line)
    except ValueError as error:
        raise NoteError(f"A hash of the proof is {error}.") from error
