"""A snapshot of the book under the ledger's signature.

Whoever may write to the database may put any bytes in a snapshot's place; a book of their making
would be traded on. What the ledger's key signed is a book that one of us had folded.
"""

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256

from tallystick.errors import Corrupt
from tallystick.keys import Signer
from tallystick.ledger.checkpoint import VerifierKey, note_text, signature_line, verify_note


def sealed(signer: Signer, position: int, root: bytes, book: bytes) -> bytes:
    """The book behind a signed note that says whose it is, and where.

    Raises:
        TemporaryError: it cannot be signed right now.
    """
    text = _text(signer.name, position, root, book)
    key = VerifierKey.of(signer.name, signer.public_key)
    line = signature_line(key.name, key.key_id, signer.sign(text.encode()))
    return note_text(text, [line]).encode() + b"\0" + book


def unsealed(
    keys: Sequence[VerifierKey], origin: str, position: int, root: bytes, data: bytes
) -> bytes:
    """The book in what was sealed.

    Raises:
        Corrupt: none of these keys signed it, or it is of another log or place.
    """
    note, _, book = data.partition(b"\0")
    said = verify_note(note.decode(errors="replace"), keys).text
    if said != _text(origin, position, root, book):
        raise Corrupt("The snapshot of the book is not what was signed.")
    return book


def _text(origin: str, position: int, root: bytes, book: bytes) -> str:
    """In no form that could be taken for a checkpoint."""
    digest = b64encode(sha256(book).digest()).decode()
    return f"tallystick book\n{origin}\n{position} {b64encode(root).decode()}\n{digest}\n"
