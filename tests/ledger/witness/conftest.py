"""A small log that can show its witness any history, and a real dialogue."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tallystick.keys import FileKeyring
from tallystick.ledger.checkpoint import Checkpoint, VerifierKey, sign_note
from tallystick.ledger.merkle import consistency_proof, leaf_hash, tree_root
from tallystick.ledger.witness.protocol import AddCheckpoint, encode_request


class SmallLog:
    """A log of numbered entries; two logs of one name and seed but other words are a fork."""

    def __init__(self, name: str = "log.example/one", words: str = "entry", seed: int = 1) -> None:
        """Sign under this name with the key of this seed."""
        self.signer = FileKeyring(name, bytes([seed]) * 32)
        self.vkey = VerifierKey.of(name, self.signer.public_key)
        self.leaves = [leaf_hash(f"{words} {n}".encode()) for n in range(300)]

    def checkpoint(self, size: int) -> Checkpoint:
        """The head of its first `size` entries."""
        return Checkpoint(self.signer.name, size, tree_root(self.leaves[:size]))

    def note(self, size: int) -> str:
        """The same, signed."""
        return sign_note(self.checkpoint(size), [self.signer])

    def proof(self, old: int, new: int) -> list[bytes]:
        """That the first is the beginning of the second."""
        return consistency_proof(self.leaves[:new], old) if old else []

    def request(self, old: int, new: int) -> bytes:
        """What a client posts."""
        return encode_request(AddCheckpoint(old, tuple(self.proof(old, new)), self.note(new)))


@pytest.fixture
def log() -> SmallLog:
    """The log that everybody knows."""
    return SmallLog()


@pytest.fixture
def make_log() -> Callable[..., SmallLog]:
    """Other logs: under another name, or a fork of the known one."""
    return SmallLog


class Step(msgspec.Struct):
    """A request, the status of its answer, and how that begins."""

    request: str
    status: int
    answer: str


class Dialogue(msgspec.Struct):
    """What a log's client said to a real witness, and what that answered (vector F)."""

    vkey: str
    steps: list[Step]


@pytest.fixture(scope="session")
def dialogue() -> Dialogue:
    """The dialogue of torchwood's litewitness test, with its published keys."""
    data = Path(__file__).with_name("dialogue.json").read_bytes()
    return msgspec.json.decode(data, type=Dialogue)
