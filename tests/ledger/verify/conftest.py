"""A log of one key that publishes folders and hands out receipts, made of the formats alone."""

import json
from base64 import b64encode
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tallystick.ledger.checkpoint import (
    Checkpoint,
    SignatureType,
    VerifierKey,
    sign_checkpoint,
    signature_line,
    split_note,
)
from tallystick.ledger.merkle import inclusion_proof, leaf_hash, perfect_root, tree_root
from tallystick.ledger.tiles import TILE_WIDTH, encode_bundle, entries_path, tiles_of


def decided(position: int) -> dict[str, Any]:
    """A filled market order, decided by the entry at `position`."""
    return {
        "at": "2026-11-22T04:30:00.123456Z",
        "fills": [
            {
                "amount": "1082510.00",
                "id": f"F-{position}-1",
                "price": "1.08251",
                "quantity": "1000000.00",
                "value_date": "2026-11-25",
            }
        ],
        "key": "c-1",
        "kind": "order_decided",
        "order": {"account": "Zürich", "id": f"O-{position}", "pair": "EUR/USD", "price": None},
        "rejection": None,
        "v": 1,
    }


def canonical(value: Any) -> bytes:
    """Sorted keys, no white space, UTF-8; made without the product's encoder."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


class Log:
    """Signs, publishes and gives receipts as the product does, in the simplest way there is."""

    def __init__(self, name: str, seed: bytes) -> None:
        """The same seed is the same key."""
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        public = self._private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.key = VerifierKey.of(name, public)

    def note(
        self, entries: Sequence[bytes], *, origin: str | None = None, root: bytes | None = None
    ) -> str:
        """The signed checkpoint over these entries; with `root`, a lie about them."""
        root = root or tree_root([leaf_hash(entry) for entry in entries])
        head = Checkpoint(origin or self.key.name, len(entries), root)
        return sign_checkpoint(
            head, name=self.key.name, key_id=self.key.key_id, sign=self._private.sign
        )

    def cosign(self, note: str, at: int) -> str:
        """The note with this key's cosignature of the time `at` (Unix seconds)."""
        text, _ = split_note(note)
        stamp = at.to_bytes(8, "big")
        signature = self._private.sign(b"cosignature/v1\ntime %d\n" % at + text.encode())
        line = signature_line(self.witness.name, self.witness.key_id, stamp + signature)
        return f"{note}{line}\n"

    @property
    def witness(self) -> VerifierKey:
        """The same key pair as a witness's key."""
        return VerifierKey.of(self.key.name, self.key.public_key, SignatureType.COSIGNATURE)

    def proof(self, entries: Sequence[bytes], position: int, *, bare: bool = False) -> bytes:
        """The tlog-proof of one entry; `bare` without the entry itself."""
        leaves = [leaf_hash(entry) for entry in entries]
        lines = ["c2sp.org/tlog-proof@v1"]
        if not bare:
            lines.append(f"extra {b64encode(entries[position]).decode()}")
        lines.append(f"index {position}")
        lines += [b64encode(node).decode() for node in inclusion_proof(leaves, position)]
        return "\n".join([*lines, "", self.note(entries)]).encode()

    def files(self, entries: Sequence[bytes], sizes: Iterable[int]) -> dict[str, bytes]:
        """Every file of a log that published these sizes and never removed a partial one."""
        files: dict[str, bytes] = {}
        for size in sorted(sizes):
            hashes, level = [leaf_hash(entry) for entry in entries[:size]], 0
            for tile in tiles_of(size):
                if tile.level > level:
                    level = tile.level
                    groups = range(0, len(hashes) - TILE_WIDTH + 1, TILE_WIDTH)
                    hashes = [perfect_root(hashes[i : i + TILE_WIDTH]) for i in groups]
                first = tile.index * TILE_WIDTH
                files[tile.path] = b"".join(hashes[first : first + tile.width])
                if level == 0:
                    bundle = encode_bundle(entries[first : first + tile.width])
                    files[entries_path(tile.index, tile.width)] = bundle
            files["checkpoint"] = self.note(entries[:size]).encode()
        return files

    def receipt(self, entries: Sequence[bytes], position: int) -> dict[str, Any]:
        """The receipt of one entry under the checkpoint over all of them."""
        leaves = [leaf_hash(entry) for entry in entries]
        return {
            "position": position,
            "entry": b64encode(entries[position]).decode(),
            "leaf_hash": leaves[position].hex(),
            "inclusion": [b64encode(i).decode() for i in inclusion_proof(leaves, position)],
            "checkpoint": self.note(entries),
        }

    def answer(self, entries: Sequence[bytes], position: int) -> dict[str, Any]:
        """The whole answer to the order, receipt included."""
        facts = json.loads(entries[position])
        said = {member: facts[member] for member in ("order", "fills", "rejection")}
        return {**said, "receipt": self.receipt(entries, position)}


@pytest.fixture(scope="session")
def log() -> Log:
    """The log under test."""
    return Log("ledger.example/test", b"\x01" * 32)


@pytest.fixture(scope="session")
def impostor() -> Log:
    """Another log, of the same name, under another key."""
    return Log("ledger.example/test", b"\x02" * 32)


@pytest.fixture(scope="session")
def trades() -> list[bytes]:
    """Entries as the desk writes them: each decides the order of its own position."""
    return [canonical(decided(position)) for position in range(7)]


@pytest.fixture
def folder(log: Log, tmp_path: Path) -> Path:
    """A published folder of 300 short entries, with the files of four older sizes."""
    entries = [b'{"v":%d}' % number for number in range(300)]
    write(tmp_path, log.files(entries, (1, 40, 256, 257, 300)))
    return tmp_path


def write(folder: Path, files: dict[str, bytes]) -> None:
    """Put the files where they belong."""
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
