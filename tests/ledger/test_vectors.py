"""Published logs, byte for byte, out of the real ledger and publisher (vectors A and I)."""

import asyncio
import base64
from hashlib import sha256
from pathlib import Path

import pytest

from tallystick.keys import FileKeyring
from tallystick.ledger import Ledger, MemoryStore, Publisher, Sealable
from tallystick.ledger.resources import from_ledger
from tallystick.ledger.tiles import parse_path

LOG = Path(__file__).resolve().parents[2] / "../shared/data/tlog/tessera-log"
SKEY = "PRIVATE+KEY+example.com/log/testdata+33d7b496+AeymY/SZAX0jZcJ8enZ5FY1Dz+wTML2yWSkK+9DSF3eg"
"""The public test key of tessera's testdata/log."""
VKEY = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"
ENTRIES = (
    b"one two three four five six seven eit nain ten ileven twelf threeten fourten fivten"
).split()
LEAVES = (
    "d0d7360ab79f58ab1e1e3fe64ad77e2ea0bc07e36b5f46ed2223edd9298df9e9",
    "ab1ab7f07c7c8fe0eff4ba6faa53c7e4412e91a599153e8aa4e01beece5b7825",
    "671f146c5e471e8a1a83a3c214ce4ba907b8f3a5888d14cc8cd3ce75bb12ef94",
)
ROOTS = {
    1: "0Nc2CrefWKseHj/mStd+LqC8B+NrX0btIiPt2SmN+ek=",
    2: "T1X2GdkhUjV3iyufF9b0kVsWFxIU0VI4EpNml2Teci4=",
    3: "Wqx3HImawpLnS/Gv4ubjAvi1WIOy0b8Ze0amvqbavKk=",
    15: "rKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs=",
}
SIGNATURES = {
    0: "M9e0lhxJACzE1KoUdqKuPa+9p6R7dSW8BlEvrg/noo8FkGg6PbJoRNOcdjqjOq89wVvTA60eubCc4oufo5BvIVEgtQc=",  # noqa: E501  as published
    3: "M9e0lvAQRtH832pk2RTbeSeZMkp4FZSdJYFBUjO5SKxuRbywPUF3cx+HUrb50kjd3rUWW/fj53Wj1dwcwh9bGQnqVAg=",  # noqa: E501
    15: "M9e0luh4jTG+UMBqOUo9/q+yAEvx1ilBEniMvjf1zfcBOhg+CKubMt53MvIt/uEWP6zdkdIQzd/fmwlM/dlPWF74ewI=",  # noqa: E501
}

Published = dict[int, dict[str, bytes]]


def publish(entries: list[bytes], signer: FileKeyring, folder: Path) -> Published:
    """Append one entry after another, publish each time; all files by size and path."""
    store = MemoryStore()
    ledger = Ledger(store, signer)
    publisher = Publisher(store, folder)
    published = {0: {"checkpoint": ledger.note.encode()}}
    for entry in entries:
        asyncio.run(ledger.append(ledger.size, [Sealable(entry)]))
        size = publisher.publish()
        files = [path for path in folder.rglob("*") if path.is_file()]
        published[size] = {str(path.relative_to(folder)): path.read_bytes() for path in files}
    publisher.close()
    return published


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Published:
    """The log of vector A, as it was after each entry."""
    signer = FileKeyring.parse(SKEY)
    return publish(list(ENTRIES), signer, tmp_path_factory.mktemp("a") / "ledger")


@pytest.mark.skipif(not LOG.exists(), reason="../shared/data/tlog is not here")
def test_vector_a_the_whole_log(published: Published) -> None:
    """All 16 checkpoints, 15 tiles and 15 bundles of tessera's test log, and nothing else."""
    for size in range(16):
        assert published[size]["checkpoint"] == (LOG / f"checkpoint.{size}").read_bytes(), size
    theirs = {
        str(path.relative_to(LOG)): path.read_bytes()
        for path in (LOG / "tile").rglob("*")
        if path.is_file()
    }
    ours = {path: data for path, data in published[15].items() if path != "checkpoint"}
    assert len(theirs) == 30
    assert ours == theirs


def test_vector_a_as_it_is_printed(published: Published) -> None:
    """The bytes that the reference prints: roots, signatures, the first tile and bundle."""
    for size, root in ROOTS.items():
        lines = published[size]["checkpoint"].decode().split("\n")
        assert lines[:3] == ["example.com/log/testdata", str(size), root]
    for size, signature in SIGNATURES.items():
        line = f"\n\n\N{EM DASH} example.com/log/testdata {signature}\n"
        assert published[size]["checkpoint"].decode().endswith(line)
    assert published[3]["tile/entries/000.p/3"].hex() == "00036f6e65000374776f00057468726565"
    assert published[3]["tile/0/000.p/3"].hex() == "".join(LEAVES)
    assert len(published[3]["checkpoint"]) == 195


def test_vector_a_proofs_of_the_ledger() -> None:
    """The ledger itself gives the proofs that the reference derives, under the published key."""

    def texts(hashes: list[bytes]) -> list[str]:
        return [base64.b64encode(each).decode() for each in hashes]

    ledger = Ledger(MemoryStore(), FileKeyring.parse(SKEY))
    assert str(ledger.vkey) == VKEY
    asyncio.run(ledger.append(0, [Sealable(entry) for entry in ENTRIES]))
    second = base64.b64encode(bytes.fromhex(LEAVES[2])).decode()
    assert texts(ledger.inclusion_proof(1, 3)) == [ROOTS[1], second]
    assert texts(ledger.inclusion_proof(6, 15)) == [
        "ThcgoV2DYcK+VCxBUDWAlNxmLy2r7dq7dK7+OlgQKWs=",
        "ycRkkNklus5eMVRUvkD1pK321vMrA+jjOiZKU8aOcY4=",
        "zY1lN35vrXYAPixXSd59LsU29xUJtuW4o2dNNg5Y2Co=",
        "5jLpqTgjsBDSEX6SgZiRnbTMdTuRd8bQ5tSsAOxe0Ks=",
    ]
    assert texts(ledger.consistency_proof(3, 15)) == [
        second,
        "9xWrP6pdBx5uKsS7mU1b9zWUPcw3mdoNCF55gM+5M2o=",
        ROOTS[2],
        "g0ZoeYWtIV8Q8i+4CmgqPnBvH2il107lyCgTQsyB7H4=",
        "5jLpqTgjsBDSEX6SgZiRnbTMdTuRd8bQ5tSsAOxe0Ks=",
    ]


BOUNDARY = {
    "tile/0/000": "b9704a8bfbee2c61185ceb38904a49f3f703c81e194b5b2ccdc254c2bdaaa62b",
    "tile/0/001.p/1": "42ae86a77cad11f2565e05cffb735f46025d40a379a52eba4209c26273138008",
    "tile/1/000.p/1": "828515d033c19d8c901f37eccb8aed919667703486f8d2fff1cf7040321c5db1",
}
"""SHA-256 of the full tile, and the one hash that each of the others is."""


@pytest.mark.parametrize("batch", [1, 100, 257])
def test_vector_i_the_border_of_a_tile(tmp_path: Path, batch: int) -> None:
    """257 entries, decimal numbers: the same files however they came, published or made anew."""
    store = MemoryStore()
    ledger = Ledger(store, FileKeyring("ledger.example/test", b"\x07" * 32))
    publisher = Publisher(store, tmp_path / "ledger")
    entries = [b"%d" % number for number in range(257)]
    for start in range(0, 257, batch):
        sealable = [Sealable(entry) for entry in entries[start : start + batch]]
        asyncio.run(ledger.append(start, sealable))
        publisher.publish()
    publisher.close()

    for path, wanted in BOUNDARY.items():
        data = (tmp_path / "ledger" / path).read_bytes()
        assert from_ledger(ledger, parse_path(path)) == data
        assert (sha256(data).hexdigest() if len(data) > 32 else data.hex()) == wanted, path
    last = (tmp_path / "ledger/tile/entries/001.p/1").read_bytes()
    assert last.hex() == "0003323536"
    root = (tmp_path / "ledger/checkpoint").read_text().split("\n")[2]
    assert root == "HtoEmkNR2G92JSvX7At3Rq11t/oDFq1fVB29pFijEsQ="
