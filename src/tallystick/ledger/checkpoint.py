"""C2SP signed notes and checkpoints: what the ledger signs, and how anybody checks it.

A checkpoint is three lines (origin, size, root) under a signature; the signed bytes are the text
up to and including the last newline before the blank line. Keys are Ed25519 (C2SP signed-note
type 0x01); signing itself is done by who holds the key.
"""

import base64
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tallystick.errors import Corrupt, Refused
from tallystick.ledger.merkle import HASH_BYTES

SIGNATURES_MAX = 100
"""Most signature lines of one note (as Go's sumdb/note has it)."""
KEY_ID_BYTES = 4
PUBLIC_KEY_BYTES = 32
SIZE_MAX = 2**64 - 1
"""Largest tree size that a checkpoint may name."""

_ED25519 = b"\x01"
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


class Note(msgspec.Struct, frozen=True):
    """A note whose signature held: its signed text, and the names of the keys that verified it."""

    text: str
    verified: tuple[str, ...]
    unknown: tuple[SignatureLine, ...] = ()


class VerifierKey(msgspec.Struct, frozen=True):
    """A pinned public key; as text the line `<name>+<key id in hex>+<base64>`."""

    name: str
    key_id: bytes
    public_key: bytes

    def __str__(self) -> str:
        public = base64.b64encode(_ED25519 + self.public_key).decode()
        return f"{self.name}+{self.key_id.hex()}+{public}"

    @classmethod
    def of(cls, name: str, public_key: bytes) -> "VerifierKey":
        """The verifier key of a raw 32-byte Ed25519 public key under this name.

        Raises:
            Refused: `BAD_VKEY`, the name or the key cannot be used.
        """
        if not _is_name(name):
            raise Refused("BAD_VKEY", f"A key name is not empty and has no space or +: {name!r}.")
        if len(public_key) != PUBLIC_KEY_BYTES:
            raise Refused("BAD_VKEY", f"An Ed25519 public key has {PUBLIC_KEY_BYTES} bytes.")
        return cls(name, key_id_of(name, public_key), public_key)

    @classmethod
    def parse(cls, line: str) -> "VerifierKey":
        """The key in a verifier key line; white space around it is ignored.

        Raises:
            Refused: `BAD_VKEY`, it is no such line, or its key id is not that of its key.
        """
        name, plus, rest = line.strip().partition("+")
        hex_id, plus2, encoded = rest.partition("+")
        try:
            typed = decode_base64(encoded)
        except ValueError:
            typed = b""
        if not (plus and plus2 and typed.startswith(_ED25519)):
            raise Refused("BAD_VKEY", "This is not an Ed25519 verifier key: name+id+base64.")
        key = cls.of(name, typed[len(_ED25519) :])
        if hex_id != key.key_id.hex():
            raise Refused(
                "BAD_VKEY", f"The key's id is {key.key_id.hex()}, the line says {hex_id}."
            )
        return key

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether this key signed the message."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


def key_id_of(name: str, public_key: bytes) -> bytes:
    """The four bytes that hint at an Ed25519 key in a signature line (C2SP signed-note)."""
    return sha256(name.encode() + b"\n" + _ED25519 + public_key).digest()[:KEY_ID_BYTES]


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
        root_bytes = decode_base64(root)
    except ValueError as error:
        raise NoteError(f"The checkpoint's root is {error}.") from error
    if len(root_bytes) != HASH_BYTES:
        raise NoteError(f"The checkpoint's root is not {HASH_BYTES} bytes long.")
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


def split_note(note: str | bytes) -> tuple[str, list[SignatureLine]]:
    """The signed text of a note and its signature lines, nothing verified yet.

    Raises:
        NoteError: it is not a signed note.
    """
    text = _note_characters(note)
    head, blank, tail = text.rpartition("\n\n")
    lines = tail.split("\n")
    if not blank or lines.pop() != "" or not lines:
        raise NoteError("A signed note ends in a blank line and signature lines.")
    if len(lines) > SIGNATURES_MAX:
        raise NoteError(f"A signed note has at most {SIGNATURES_MAX} signatures.")
    return head + "\n", [_parse_signature(line) for line in lines]


def verify_note(note: str | bytes, keys: Sequence[VerifierKey]) -> Note:
    """The note's text, once at least one of these keys is seen to have signed it.

    Signatures of other keys are ignored; one by a given key that does not verify spoils the note.

    Raises:
        NoteError: it is not a signed note, or no given key signed it.
    """
    text, lines = split_note(note)
    known = {(key.name, key.key_id): key for key in keys}
    if len(known) != len(set(keys)):
        raise NoteError("Two of the given keys have the same name and id.")
    verified: list[str] = []
    unknown: list[SignatureLine] = []
    for line in lines:
        key = known.get((line.name, line.key_id))
        if key is None:
            unknown.append(line)
        elif not key.verify(text.encode(), line.signature):
            raise NoteError(f"The signature of {key.name} ({key.key_id.hex()}) does not verify.")
        elif key.name not in verified:
            verified.append(key.name)
    if not verified:
        raise NoteError(_not_signed(lines, keys))
    return Note(text, tuple(verified), tuple(unknown))


def _not_signed(lines: Sequence[SignatureLine], keys: Sequence[VerifierKey]) -> str:
    said = ", ".join(str(line) for line in lines)
    wanted = ", ".join(f"{key.name} ({key.key_id.hex()})" for key in keys) or "no key"
    return f"The note is signed by {said}, not by {wanted}."


def _note_characters(note: str | bytes) -> str:
    try:
        text = note.decode() if isinstance(note, bytes) else note
        text.encode()
    except UnicodeError as error:
        raise NoteError("A signed note is UTF-8 text.") from error
    if any(character < " " and character != "\n" for character in text):
        raise NoteError("A signed note has no control characters but newlines.")
    return text


def _parse_signature(line: str) -> SignatureLine:
    name, space, encoded = line.removeprefix(_SIGNATURE_PREFIX).partition(" ")
    if not line.startswith(_SIGNATURE_PREFIX) or not space or not _is_name(name):
        raise NoteError("A signature line is an em dash, a key name and base64.")
    try:
        data = decode_base64(encoded)
    except ValueError as error:
        raise NoteError(f"A signature is {error}.") from error
    if len(data) < _SIGNATURE_BYTES_MIN:
        raise NoteError("A signature is too short.")
    return SignatureLine(name, data[:KEY_ID_BYTES], data[KEY_ID_BYTES:])


def _is_name(name: str) -> bool:
    """Whether this can name a key: not empty, no white space, no plus sign."""
    spaced = any(c.isspace() or unicodedata.category(c).startswith("Z") for c in name)
    return bool(name) and not spaced and "+" not in name
