"""Makes QLDB exports by hand, with hashes computed by other lines than the product's.

Documents are Python values; `Typed` says what JSON and Python have no type for.
"""

import hashlib
import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

STRAND = "KmA3ZZca7vAIiJAK9S5Iwl"
TABLE = "BFJKdXgzt9oF4wjMbuxy4G"


@dataclass(frozen=True)
class Typed:
    """A value of Ion as it is spelled: `Typed("timestamp", "2017-08-21")`."""

    kind: str
    text: str
    representation: bytes
    """Its bytes in Ion binary, written out by hand."""


DAY = Typed("timestamp", "2017-08-21", bytes.fromhex("c00fe18895"))
AMOUNT = Typed("decimal", "90.25", bytes.fromhex("c22341"))
SYMBOL = Typed("symbol", "sold", b"sold")
FLOAT = Typed("float", "2.5e0", bytes.fromhex("4004000000000000"))


def dot(one: bytes, two: bytes) -> bytes:
    """QLDB's hash of two hashes, compared as signed bytes from the end."""
    if not one or not two:
        return one or two
    signed = [[byte - 256 if byte > 127 else byte for byte in data[::-1]] for data in (one, two)]
    pair = one + two if signed[0] < signed[1] else two + one
    return hashlib.sha256(pair).digest()


def root(hashes: list[bytes]) -> bytes:
    """The Merkle root by its recursive definition: the left half is the largest power of two."""
    if len(hashes) < 2:
        return hashes[0] if hashes else b""
    half = 1
    while half * 2 < len(hashes):
        half *= 2
    return dot(root(hashes[:half]), root(hashes[half:]))


def serial(value: Any) -> bytes:  # noqa: PLR0911  one line a type
    """Ion Hash's serialized bytes of the values that these tests use."""
    if value is None:
        return b"\x0b\x0f\x0e"
    if isinstance(value, bool):
        return bytes([0x0B, 0x11 if value else 0x10, 0x0E])
    if isinstance(value, int):
        size = (abs(value).bit_length() + 7) // 8
        return _wrap(0x20 if value >= 0 else 0x30, abs(value).to_bytes(size, "big"))
    if isinstance(value, str):
        return _wrap(0x80, value.encode())
    if isinstance(value, bytes):
        return _wrap(0xA0, value)
    if isinstance(value, list):
        return b"\x0b\xb0" + b"".join(map(serial, value)) + b"\x0e"
    if isinstance(value, dict):
        fields = [
            hashlib.sha256(_wrap(0x70, k.encode()) + serial(v)).digest() for k, v in value.items()
        ]
        return _wrap(0xD0, b"".join(sorted(fields)))
    codes = {"float": 0x40, "decimal": 0x50, "timestamp": 0x60, "symbol": 0x70}
    return _wrap(codes[value.kind], value.representation)


def _wrap(octet: int, representation: bytes) -> bytes:
    escaped = b"".join(b"\x0c" * (b in b"\x0b\x0c\x0e") + bytes([b]) for b in representation)
    return bytes([0x0B, octet]) + escaped + b"\x0e"


def hashed(value: Any) -> bytes:
    """The Ion hash of the value."""
    return hashlib.sha256(serial(value)).digest()


def stamp(second: int, millis: int) -> Typed:
    """2019-09-16T19:37:SS.mmmZ."""
    head = bytes.fromhex("800fe3899093a5") + bytes([0x80 | second])
    tail = b"" if not millis else millis.to_bytes(millis.bit_length() // 8 + 1, "big")
    return Typed("timestamp", f"2019-09-16T19:37:{second:02}.{millis:03}Z", head + b"\xc3" + tail)


def json_of(value: Any) -> str:
    """The value as QLDB's down-conversion spelled it."""
    if isinstance(value, Typed):
        if value.kind == "float":
            return value.text.partition("e")[0]
        return value.text if value.kind == "decimal" else json.dumps(value.text)
    if isinstance(value, bytes):
        return json.dumps(b64encode(value).decode())
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(k)}:{json_of(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(json_of, value)) + "]"
    return json.dumps(value)


def ion_of(value: Any) -> str:
    """The value in Ion text."""
    if isinstance(value, Typed):
        return f"'{value.text}'" if value.kind == "symbol" else value.text
    if isinstance(value, bytes):
        return "{{" + b64encode(value).decode() + "}}"
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(k)}:{ion_of(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(ion_of, value)) + "]"
    return json.dumps(value)


@dataclass
class Book:
    """A journal that grows by blocks; each document is {id: data}, None deletes."""

    blocks: list[dict[str, Any]] = field(default_factory=list)
    versions: dict[str, int] = field(default_factory=dict)
    first: int = 0

    def add(self, documents: dict[str, Any], redacted: tuple[str, ...] = ()) -> "Book":
        """One more block, with a revision of each document; `redacted` shows only hashes."""
        number = self.first + len(self.blocks)
        address = {"strandId": STRAND, "sequenceNo": number}
        tx = f"FnQeJBAicTX0Ah32Zn{number:04}"
        revisions = [
            self._revision(address, tx, name, data, name in redacted)
            for name, data in documents.items()
        ]
        info = {
            "statements": [
                {
                    "statement": "INSERT INTO Person ?",
                    "startTime": stamp(5, 302),
                    "statementDigest": hashed("statement"),
                }
            ],
            "documents": {
                name: {"tableName": "Person", "tableId": TABLE, "statements": [0]}
                for name in documents
            },
        }
        if not documents:
            del info["documents"]
        hashes = [hashed(f"internal {number}"), root([each["hash"] for each in revisions])]
        hashes = [each for each in hashes if each] + [hashed("more"), hashed(info)]
        previous = self.blocks[-1]["blockHash"] if self.blocks else hashed("before")
        previous = b"" if not number else previous
        self.blocks.append(
            {
                "blockAddress": address,
                "transactionId": tx,
                "blockTimestamp": stamp(5, 360),
                "blockHash": dot(root(hashes), previous),
                "entriesHash": root(hashes),
                "previousBlockHash": previous,
                "entriesHashList": hashes,
                "transactionInfo": info,
                "revisions": revisions,
            }
        )
        return self

    def _revision(
        self, address: dict[str, Any], tx: str, name: str, data: Any, redacted: bool
    ) -> dict[str, Any]:
        version = self.versions.get(name, -1) + 1
        self.versions[name] = version
        metadata = {"id": name, "version": version, "txTime": stamp(5, 344), "txId": tx}
        parts = [hashed(metadata)] + ([] if data is None else [hashed(data)])
        revision = {"blockAddress": address, "hash": dot(*parts, *([b""] * (2 - len(parts))))}
        if data is not None:
            revision |= {"dataHash": hashed(data)} if redacted else {"data": data}
        return revision | {"metadata": metadata}

    @property
    def digest(self) -> bytes:
        """QLDB's digest at the last block."""
        return root([block["blockHash"] for block in self.blocks])

    def write(
        self,
        folder: Path,
        *,
        form: str = "json",
        each: int = 100,
        prefix: str = "journalExport/",
        change: Callable[[list[str]], list[str]] = lambda lines: lines,
    ) -> Path:
        """Write the export; `change` may alter the lines of each file. Returns the folder."""
        spell = json_of if form == "json" else ion_of
        keys = []
        for start in range(0, len(self.blocks), each):
            part = self.blocks[start : start + each]
            first = part[0]["blockAddress"]["sequenceNo"]
            key = f"{prefix}2019/09/16/19/{STRAND}.{first}-{first + len(part) - 1}.{form}"
            path = folder / key.removeprefix(prefix)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(f"{line}\n" for line in change([spell(b) for b in part])))
            keys.append(key)
        manifest = folder / f"8UyXulxccYLAsbN1aon7e4.{STRAND}.completed.manifest"
        manifest.parent.mkdir(parents=True, exist_ok=True)
        name = "keys" if form == "ion" else '"keys"'
        manifest.write_text(f"{{{name}:{spell(keys)}}}")
        return folder


DOCUMENT = {
    "VIN": "1N4AL11D75C109151",
    "Amount": AMOUNT,
    "ValidFrom": DAY,
    "Owners": {"Primary": {"Id": "BFJKdXhnLRT27sXBnojNGW"}, "Secondary": [{"Id": "\x0b"}, []]},
    "Count": 300,
    "Debt": -5,
    "Paid": True,
    "Note": None,
}


def a_book() -> Book:
    """Five blocks: inserts, an update, one without documents, a redaction, a deletion."""
    return (
        Book()
        .add({"JUJgkIcNbhS2goq8RqLuZ4": DOCUMENT, "CMVdR77XP8zAglmmFDGTvt": {"a": 1}})
        .add({"JUJgkIcNbhS2goq8RqLuZ4": DOCUMENT | {"Count": 301}})
        .add({})
        .add({"CMVdR77XP8zAglmmFDGTvt": {"a": 2}}, redacted=("CMVdR77XP8zAglmmFDGTvt",))
        .add({"CMVdR77XP8zAglmmFDGTvt": None})
    )


@pytest.fixture
def book() -> Book:
    """A journal from its first block on; the test may add to it or spoil it."""
    return a_book()


@pytest.fixture
def empty_book() -> type[Book]:
    """To begin a journal with."""
    return Book


@pytest.fixture
def typed() -> dict[str, Typed]:
    """Values of types that JSON does not have."""
    return {"day": DAY, "amount": AMOUNT, "symbol": SYMBOL, "float": FLOAT}


@pytest.fixture
def recursive_root() -> Callable[[list[bytes]], bytes]:
    """The Merkle root by its recursive definition."""
    return root


@pytest.fixture
def slow_dot() -> Callable[[bytes, bytes], bytes]:
    """The hash of two hashes, spelled out."""
    return dot
