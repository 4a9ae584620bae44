"""C2SP signed notes and checkpoints: what the ledger signs, and how anybody checks it.

A checkpoint is three lines (origin, size, root) under a signature; the signed bytes are the text
up to and including the last newline before the blank line. A note may have many signatures: of
several log keys, and of witnesses; those that a reader does not know do no harm, whatever their
length. Signing itself is done by who holds the key.
"""

import base64
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from tallystick.errors import Corrupt
from tallystick.ledger.vkey import (
    KEY_ID_BYTES,
    PUBLIC_KEY_BYTES,
    SignatureType,
    VerifierKey,
    decode_base64,
    decode_hash,
    is_key_name,
    key_id_of,
    time_of,
)

if TYPE_CHECKING:
    from tallystick.keys import Signer

__all__ = [
    "KEY_ID_BYTES",
    "PUBLIC_KEY_BYTES",
    "SIGNATURES_MAX",
    "SIGNATURE_MARK",
    "SIZE_MAX",
    "Checkpoint",
    "Cosignature",
    "Note",
    "NoteError",
    "SignatureLine",
    "SignatureType",
    "VerifierKey",
    "body",
    "decode_base64",
    "decode_hash",
    "key_id_of",
    "note_text",
    "parse_body",
    "parse_checkpoint",
    "parse_signature",
    "sign_checkpoint",
    "sign_note",
    "signature_line",
    "signed_text",
    "split_note",
    "verify_note",
    "verify_signatures",
    "with_signatures",
]

SIGNATURES_MAX = 100
"""Most signature lines of one note (as Go's sumdb/note has it)."""
SIZE_MAX = 2**64 - 1
"""Largest tree size that a checkpoint may name."""

_SIGNATURE_PREFIX = "\N{EM DASH} "
SIGNATURE_MARK = f"\n\n{_SIGNATURE_PREFIX}".encode()
"""Stands in every signed note, and hardly in anything else."""
_SIGNATURE_BYTES_MIN = KEY_ID_BYTES + 1
_CHECKPOINT_LINES = 3


class NoteError(Corrupt):
    """The text is not a signed note, or its signature does not verify."""


class Checkpoint(msgspec.Struct, frozen=True):
    """A tree head: the ledger `origin` had `size` entries under this 32-byte `root`."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()


class SignatureLine(msgspec.Struct, frozen=True):
    """One signature of a note: who is said to have signed, with which key, and the bytes."""

    name: str
    key_id: bytes
    signature: bytes

    def __str__(self) -> str:
        return f"{self.name} ({self.key_id.hex()})"


class Cosignature(msgspec.Struct, frozen=True):
    """A witness's word: at `time` (Unix seconds) it had seen this checkpoint, and none larger."""

    key: VerifierKey
    time: int


class Note(msgspec.Struct, frozen=True):
    """A note whose known signatures held: its signed text, and who signed it.

    `verified` are the names of the given keys that signed, `keys` the keys themselves, once each
    in the note's order; `cosignatures` those of witnesses among them. `unknown` are the signatures
    of other keys, which nobody looked at.
    """

    text: str
    verified: tuple[str, ...]
    unknown: tuple[SignatureLine, ...] = ()
    keys: tuple[VerifierKey, ...] = ()
    cosignatures: tuple[Cosignature, ...] = ()


def body(checkpoint: Checkpoint) -> str:
    """The text of a checkpoint that is signed; its last character is a newline."""
    root = base64.b64encode(checkpoint.root).decode()
    lines = (checkpoint.origin, str(checkpoint.size), root, *checkpoint.extensions)
    return "".join(f"{line}\n" for line in lines)


def parse_body(text: str) -> Checkpoint:
    """The checkpoint in a note's signed text.

    Raises:
        NoteError: it is not a checkpoint in its one canonical spelling.
    """
    lines = text.split("\n")
    if len(lines) <= _CHECKPOINT_LINES or lines.pop() != "" or not all(lines):
        raise NoteError("A checkpoint has an origin, a size and a root, one a line.")
    origin, size, root, *extensions = lines
    digits = size.isascii() and size.isdigit() and len(size) <= len(str(SIZE_MAX))
    if not digits or str(int(size)) != size or int(size) > SIZE_MAX:
        raise NoteError("The checkpoint's size is not a plain decimal number.")
    try:
        root_bytes = decode_hash(root)
    except ValueError as error:
        raise NoteError(f"The checkpoint's root is {error}.") from error
    return Checkpoint(origin, int(size), root_bytes, tuple(extensions))


def parse_checkpoint(note: str | bytes) -> Checkpoint:
    """The checkpoint in a signed note whose signature the caller need not, or cannot, verify.

    Raises:
        NoteError: it is not a signed checkpoint.
    """
    return parse_body(split_note(note)[0])


def signature_line(name: str, key_id: bytes, signature: bytes) -> str:
    """One signature line, without its newline."""
    encoded = base64.b64encode(key_id + signature).decode()
    return f"{_SIGNATURE_PREFIX}{name} {encoded}"


def note_text(body_text: str, lines: Iterable[str]) -> str:
    """A signed note of the signed text and its signature lines."""
    return body_text + "\n" + "".join(f"{line}\n" for line in lines)


def sign_checkpoint(
    checkpoint: Checkpoint, *, name: str, key_id: bytes, sign: Callable[[bytes], bytes]
) -> str:
    """The checkpoint as a note under one signature; `sign` gives the 64 Ed25519 bytes."""
    text = body(checkpoint)
    return note_text(text, [signature_line(name, key_id, sign(text.encode()))])


def sign_note(checkpoint: Checkpoint, signers: Sequence["Signer"]) -> str:
    """The checkpoint as a note under the signature of each of at least one signer, in order.

    A log that changes its key signs with the old and the new one for a while.
    """
    assert signers, "a note without signatures is none"  # noqa: S101  programmer's error
    text = body(checkpoint)
    return note_text(text, (_sign(text, signer) for signer in signers))


def with_signatures(note: str, lines: Iterable[str]) -> str:
    """The note with these signature lines after its own; one that it has already is left out.

    Raises:
        NoteError: one is no signature line, or the note would have too many.
    """
    _, present = split_note(note)
    for line in lines:
        signature = parse_signature(line)
        if signature not in present:
            present.append(signature)
            note += f"{line}\n"
    if len(present) > SIGNATURES_MAX:
        raise NoteError(f"A signed note has at most {SIGNATURES_MAX} signatures.")
    return note


def split_note(note: str | bytes) -> tuple[str, list[SignatureLine]]:
    """The signed text of a note and its signature lines, nothing verified yet.

    Raises:
        NoteError: it is not a signed note.
    """
    text, lines = _split(note)
    return text, [parse_signature(line) for line in lines]


def signed_text(note: str | bytes) -> str:
    """The signed text of a note whose signature lines are looked at later, or by others.

    Raises:
        NoteError: it has no such text.
    """
    return _split(note)[0]


def verify_note(note: str | bytes, keys: Sequence[VerifierKey]) -> Note:
    """The note's text, once at least one of these keys is seen to have signed it.

    Signatures of other keys are ignored; one by a given key that does not verify spoils the note.

    Raises:
        NoteError: it is not a signed note, or no given key signed it.
    """
    checked = verify_signatures(note, keys)
    if not checked.keys:
        raise NoteError(_not_signed(checked.unknown, keys))
    return checked


def verify_signatures(note: str | bytes, keys: Sequence[VerifierKey]) -> Note:
    """The note's text and which of these keys signed it; that may be none of them.

    Raises:
        NoteError: it is not a signed note, or the signature of a given key does not verify.
    """
    text, lines = split_note(note)
    known = {(key.name, key.key_id): key for key in keys}
    if len(known) != len(set(keys)):
        raise NoteError("Two of the given keys have the same name and id.")
    signed_by: dict[VerifierKey, None] = {}
    cosignatures: list[Cosignature] = []
    unknown: list[SignatureLine] = []
    for line in lines:
        key = known.get((line.name, line.key_id))
        if key is None:
            unknown.append(line)
            continue
        if not key.verify(text.encode(), line.signature):
            raise NoteError(f"The signature of {key.name} ({key.key_id.hex()}) does not verify.")
        signed_by[key] = None
        if key.signature_type is SignatureType.COSIGNATURE:
            cosignatures.append(Cosignature(key, time_of(line.signature)))
    names = tuple(dict.fromkeys(key.name for key in signed_by))
    return Note(text, names, tuple(unknown), tuple(signed_by), tuple(cosignatures))


def _not_signed(lines: Sequence[SignatureLine], keys: Sequence[VerifierKey]) -> str:
    said = ", ".join(str(line) for line in lines)
    wanted = ", ".join(f"{key.name} ({key.key_id.hex()})" for key in keys) or "no key"
    return f"The note is signed by {said}, not by {wanted}."


def _split(note: str | bytes) -> tuple[str, list[str]]:
    text = _note_characters(note)
    head, blank, tail = text.rpartition("\n\n")
    lines = tail.split("\n")
    if not blank or lines.pop() != "" or not lines:
        raise NoteError("A signed note ends in a blank line and signature lines.")
    if len(lines) > SIGNATURES_MAX:
        raise NoteError(f"A signed note has at most {SIGNATURES_MAX} signatures.")
    return head + "\n", lines


def _note_characters(note: str | bytes) -> str:
    try:
        text = note.decode() if isinstance(note, bytes) else note
        text.encode()
    except UnicodeError as error:
        raise NoteError("A signed note is UTF-8 text.") from error
    if any(character < " " and character != "\n" for character in text):
        raise NoteError("A signed note has no control characters but newlines.")
    return text


def parse_signature(line: str) -> SignatureLine:
    """The signature in one line of a note, without its newline; nothing is verified.

    Raises:
        NoteError: it is no signature line.
    """
    name, space, encoded = line.removeprefix(_SIGNATURE_PREFIX).partition(" ")
    if not line.startswith(_SIGNATURE_PREFIX) or not space or not is_key_name(name):
        raise NoteError("A signature line is an em dash, a key name and base64.")
    try:
        data = decode_base64(encoded)
    except ValueError as error:
        raise NoteError(f"A signature is {error}.") from error
    if len(data) < _SIGNATURE_BYTES_MIN:
        raise NoteError("A signature is too short.")
    return SignatureLine(name, data[:KEY_ID_BYTES], data[KEY_ID_BYTES:])


def _sign(text: str, signer: "Signer") -> str:
    key_id = key_id_of(signer.name, signer.public_key)
    return signature_line(signer.name, key_id, signer.sign(text.encode()))
