"""C2SP tlog-proof: one text that proves one entry to whoever holds the ledger's verifier key.

The text names the entry's position, its inclusion proof and the signed checkpoint that the proof
leads to. It does not hold the entry. Its `extra` line is for the application's own data; we put
the entry's exact bytes there, so that one file proves it whole. Pure; standard:
https://c2sp.org/tlog-proof. A file of it ends in `.tlog-proof`.
"""

import base64

import msgspec

from tallystick.errors import Corrupt
from tallystick.ledger.checkpoint import SIZE_MAX, decode_base64
from tallystick.ledger.merkle import HASH_BYTES

PROOF_HEADER = "c2sp.org/tlog-proof@v1"
"""First line of every tlog-proof."""
PROOF_HASHES_MAX = 63
"""Longest inclusion proof that is read: that of a tree of 2**63 entries."""

_EXTRA = "extra "
_INDEX = "index "


class Proof(msgspec.Struct, frozen=True):
    """A tlog-proof. `hashes` run from the leaf upwards; `checkpoint` is the signed note.

    `extra` is covered by no signature: whoever uses it must find it proved by the rest.
    """

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: str
    extra: bytes | None = None


def encode_proof(proof: Proof) -> str:
    """The text of a proof."""
    lines = [PROOF_HEADER]
    if proof.extra is not None:
        lines.append(_EXTRA + _base64(proof.extra))
    lines += [f"{_INDEX}{proof.index}", *map(_base64, proof.hashes), "", proof.checkpoint]
    return "\n".join(lines)


def is_proof(data: bytes) -> bool:
    """Whether these bytes mean to be a tlog-proof of the version that is read here."""
    return data.startswith(f"{PROOF_HEADER}\n".encode())


def parse_proof(data: str | bytes) -> Proof:
    """The proof in this text, of which only the one canonical spelling is accepted.

    Nothing is verified yet; the checkpoint is taken as it stands.

    Raises:
        Corrupt: it is no tlog-proof.
    """
    head, blank, checkpoint = _text(data).partition("\n\n")
    lines = iter(head.split("\n"))
    if next(lines) != PROOF_HEADER:
        raise Corrupt(f"Its first line is not {PROOF_HEADER}.")
    line = next(lines, "")
    extra = None
    if line.startswith(_EXTRA):
        extra = _decoded(line.removeprefix(_EXTRA), "extra line")
        line = next(lines, "")
    index = _index(line)
    hashes = tuple(_hash(line) for line in lines)
    if not blank:
        raise Corrupt("It has no empty line before the checkpoint.")
    if len(hashes) > PROOF_HASHES_MAX:
        raise Corrupt(f"An inclusion proof has at most {PROOF_HASHES_MAX} hashes.")
    return Proof(index, hashes, checkpoint, extra)


def _index(line: str) -> int:
    digits = line.removeprefix(_INDEX)
    plain = digits.isascii() and digits.isdigit() and len(digits) <= len(str(SIZE_MAX))
    if not line.startswith(_INDEX) or not plain or str(int(digits)) != digits:
        raise Corrupt("The index line is not 'index' and a plain decimal number.")
    if int(digits) > SIZE_MAX:
        raise Corrupt(f"An index is at most {SIZE_MAX}.")
    return int(digits)


def _hash(line: str) -> bytes:
    data = _decoded(line, "inclusion proof")
    if len(data) != HASH_BYTES:
        raise Corrupt(f"A hash of the inclusion proof is not {HASH_BYTES} bytes long.")
    return data


def _decoded(text: str, what: str) -> bytes:
    try:
        return decode_base64(text)
    except ValueError as error:
        raise Corrupt(f"The {what} is {error}.") from error


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _text(data: str | bytes) -> str:
    try:
        return data.decode() if isinstance(data, bytes) else data
    except UnicodeDecodeError as error:
        raise Corrupt("It is not UTF-8 text.") from error
