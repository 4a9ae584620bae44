"""The ledger at the door: proofs that a stranger can check, and files that caches may keep."""

import asyncio
import base64
import http.client
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tallystick.api.ledger import tlog_proof
from tallystick.keys import FileKeyring
from tallystick.ledger import Ledger, MemoryStore, Sealable
from tallystick.ledger.checkpoint import (
    Checkpoint,
    VerifierKey,
    parse_body,
    parse_checkpoint,
    verify_note,
)
from tallystick.ledger.merkle import leaf_hash, verify_consistency, verify_inclusion
from tallystick.ledger.proof import encode_proof, parse_proof
from tallystick.ledger.verify import open_source, verify_ledger, verify_proof, verify_receipt

Check = Callable[..., dict[str, Any]]
Until = Callable[[Callable[[], Any]], Any]
Decoded = Callable[[list[str]], list[bytes]]
pytestmark = pytest.mark.server


def head(product: Any, path: str = "/v1/ledger/checkpoint") -> Checkpoint:
    """The newest checkpoint, its signature checked."""
    response = product.stranger.get(path)
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    return parse_body(verify_note(response.text, [VerifierKey.parse(product.vkey)]).text)


def test_the_key_is_the_one_of_the_facts(product: Any) -> None:
    """One line in signed-note form, as in demo.json."""
    assert product.stranger.get("/v1/ledger/vkey").text == f"{product.vkey}\n"


def test_the_checkpoint_covers_what_was_answered(product: Any) -> None:
    """The newest signed size is above the position of any answered order."""
    position = product.place()["receipt"]["position"]

    assert head(product).size > position


def test_an_entry_is_a_receipt_for_anybody(product: Any) -> None:
    """On loopback entries are public, and each verifies by itself."""
    position = product.place()["receipt"]["position"]
    response = product.stranger.get(f"/v1/ledger/entries/{position}")

    assert response.json()["position"] == position
    assert verify_receipt(response.content, VerifierKey.parse(product.vkey)).verdict == "clean"


@pytest.mark.parametrize("n", ["-1", "99999999", "1.0", "x", "9" * 30, "%D9%A3", "0x1"])
def test_an_entry_that_is_not_there(product: Any, refused: Check, n: str) -> None:
    """404, whatever is asked for."""
    refused(product.stranger.get(f"/v1/ledger/entries/{n}"), 404, "UNKNOWN_ENTRY")


def test_a_receipt_is_the_acknowledgements(product: Any) -> None:
    """By default the receipt is JSON: the very bytes that the order's answer carried."""
    answer = product.clients["demo"].post("/v1/orders", json=product.order()).content
    position = json.loads(answer)["receipt"]["position"]
    path = f"/v1/ledger/entries/{position}/receipt"
    for response in (
        product.stranger.get(path),
        product.stranger.get(path, params={"format": "json"}, headers={"Accept": "text/plain"}),
        product.stranger.get(path, headers={"Accept": "application/json, text/plain"}),
    ):
        assert response.status_code == 200
        assert response.headers["content-type"] == "application/json"
        assert response.headers["vary"] == "Accept"
        assert b'"receipt":%b}' % response.content in answer


def test_a_proof_proves_its_entry(product: Any, until: Until) -> None:
    """As C2SP tlog-proof, by name or by Accept: one file that verifies, of any entry."""
    position = product.place()["receipt"]["position"]
    until(lambda: head(product, "/ledger/checkpoint").size > position)
    path = f"/v1/ledger/entries/{position}/receipt"
    named = product.stranger.get(path, params={"format": "tlog-proof"})
    accepted = product.stranger.get(path, headers={"Accept": "text/plain;q=0.9, */*;q=0.1"})

    for response in (named, accepted):
        assert response.headers["content-type"] == "text/plain; charset=utf-8"
        assert f'filename="entry-{position}.tlog-proof"' in response.headers["content-disposition"]
        report = verify_proof(response.content, VerifierKey.parse(product.vkey))
        assert (report.verdict, report.position) == ("clean", position), report.reason
    proof = parse_proof(named.content)
    assert proof.extra == base64.b64decode(
        product.stranger.get(f"/v1/ledger/entries/{position}").json()["entry"]
    )
    published = parse_checkpoint(proof.checkpoint)
    assert published.size >= head(product, "/ledger/checkpoint").size - 10
    first = product.stranger.get("/v1/ledger/entries/0/receipt?format=tlog-proof")
    assert verify_proof(first.content, VerifierKey.parse(product.vkey)).exit_code == 0


def test_a_form_that_is_not_known(product: Any, refused: Check) -> None:
    """422 for another format or parameter; 404 for an entry that is not there."""
    path = "/v1/ledger/entries/0/receipt"
    refused(product.stranger.get(f"{path}?format=xml"), 422, "VALUE_NOT_ALLOWED", "format")
    refused(product.stranger.get(f"{path}?form=json"), 422, "UNKNOWN_FIELD", "form")
    refused(product.stranger.get("/v1/ledger/entries/x/receipt"), 404, "UNKNOWN_ENTRY")


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    """A ledger of three entries, each in a commit of its own."""
    made = Ledger(MemoryStore(), FileKeyring("ledger.example/test", b"\x07" * 32))
    for number in range(3):
        asyncio.run(made.append(number, [Sealable(b'{"v":%d}' % number)]))
    yield made
    made.close()


def test_a_proof_leads_to_the_newest_published_head(ledger: Ledger) -> None:
    """The published checkpoint is taken, cosignatures and all, where it covers the entry."""
    note = ledger.note + "\u2014 witness.example AAAAAAA=\n"
    proof = tlog_proof(ledger, ledger.receipt(0), note.encode())
    assert proof.checkpoint == note
    assert parse_checkpoint(proof.checkpoint).size == 3
    report = verify_proof(encode_proof(proof).encode(), ledger.vkey)
    assert (report.exit_code, report.size) == (0, 3), report.reason


def test_a_proof_falls_back_on_the_entrys_own_head(ledger: Ledger) -> None:
    """A published folder that is missing, behind, ahead, damaged or another's is not believed."""
    receipt = ledger.receipt(1)
    other = Ledger(MemoryStore(), FileKeyring("ledger.example/test", b"\x08" * 32))
    fork = Ledger(MemoryStore(), FileKeyring("ledger.example/test", b"\x07" * 32))
    asyncio.run(fork.append(0, [Sealable(b'{"v":9}')] * 3))
    longer = Ledger(MemoryStore(), FileKeyring("ledger.example/test", b"\x07" * 32))
    asyncio.run(longer.append(0, [Sealable(b'{"v":9}')] * 4))
    behind = ledger.receipt(0).checkpoint
    notes = [
        behind,
        "nonsense",
        other.note,
        fork.note,
        longer.note,
        ledger.note[:-9] + "AAAAAAAA\n",
    ]
    for note in (None, b"\xff", *(note.encode() for note in notes)):
        proof = tlog_proof(ledger, receipt, note)
        assert proof.checkpoint == receipt.checkpoint, note
        assert verify_proof(encode_proof(proof).encode(), ledger.vkey).exit_code == 0


def test_inclusion_can_be_checked(product: Any, decoded: Decoded) -> None:
    """The served proof leads from the entry's leaf to the root of the signed checkpoint."""
    answer = product.place()["receipt"]
    now = head(product)
    asked = {"position": answer["position"], "size": now.size}
    proof = product.stranger.get("/v1/ledger/proof/inclusion", params=asked).json()

    leaf = leaf_hash(decoded([answer["entry"]])[0])
    assert proof["leaf_hash"] == answer["leaf_hash"] == leaf.hex()
    verify_inclusion(
        index=proof["position"],
        size=proof["size"],
        leaf=leaf,
        proof=decoded(proof["proof"]),
        root=now.root,
    )


def test_consistency_can_be_checked(product: Any, decoded: Decoded) -> None:
    """From each earlier checkpoint to the newest one: the tree only grew."""
    heads = [head(product)]
    for _ in range(4):
        product.place()
        heads.append(head(product))
    for old in heads:
        asked = {"from": old.size, "to": heads[-1].size}
        proof = product.stranger.get("/v1/ledger/proof/consistency", params=asked).json()
        assert (proof["from"], proof["to"]) == (old.size, heads[-1].size)
        verify_consistency(
            size1=old.size,
            size2=heads[-1].size,
            proof=decoded(proof["proof"]),
            root1=old.root,
            root2=heads[-1].root,
        )


def test_proofs_are_to_the_newest_size_by_default(product: Any) -> None:
    """Where no size is named, it is the ledger's own."""
    product.place()
    size = head(product).size
    included = product.stranger.get("/v1/ledger/proof/inclusion?position=0").json()
    grown = product.stranger.get("/v1/ledger/proof/consistency?from=1").json()

    assert included["size"] >= size
    assert grown["to"] >= size


@pytest.mark.parametrize(
    ("path", "code", "field"),
    [
        ("inclusion", "BAD_REQUEST", "position"),
        ("inclusion?position=-1", "VALUE_NOT_ALLOWED", "position"),
        ("inclusion?position=5&size=5", "BAD_RANGE", None),
        ("inclusion?position=0&size=999999", "BAD_RANGE", None),
        ("inclusion?position=0&size=0", "BAD_RANGE", None),
        ("consistency?from=0", "BAD_RANGE", None),
        ("consistency?from=2&to=1", "BAD_RANGE", None),
        ("consistency?from=1&to=999999", "BAD_RANGE", None),
        ("consistency?to=1", "BAD_REQUEST", "from"),
        ("consistency?from_=1", "UNKNOWN_FIELD", "from_"),
    ],
)
def test_a_proof_that_cannot_be(
    product: Any, refused: Check, path: str, code: str, field: str | None
) -> None:
    """422: what is outside the ledger, and what was not understood."""
    refused(product.stranger.get(f"/v1/ledger/proof/{path}"), 422, code, field)


def test_the_published_files_may_be_kept(product: Any, until: Until) -> None:
    """Tiles are immutable; the checkpoint is fresh each second, and signed by the same key."""
    size = head(product).size
    until(lambda: head(product, "/ledger/checkpoint").size >= size)
    note = product.stranger.get("/ledger/checkpoint")
    width = min(256, head(product, "/ledger/checkpoint").size)
    partial = f".p/{width}" if width < 256 else ""
    hashes = product.stranger.get(f"/ledger/tile/0/000{partial}")
    bundle = product.stranger.get(f"/ledger/tile/entries/000{partial}")

    assert note.headers["cache-control"] == "public, max-age=1"
    for tile in (hashes, bundle):
        assert tile.status_code == 200
        assert tile.headers["content-type"] == "application/octet-stream"
        assert tile.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert len(hashes.content) == 32 * width
    entry = product.stranger.get("/v1/ledger/entries/0").json()
    assert hashes.content[:32].hex() == entry["leaf_hash"]


def test_the_published_ledger_verifies(product: Any, until: Until) -> None:
    """A stranger with the URL and the key checks every entry."""
    size = head(product).size
    until(lambda: head(product, "/ledger/checkpoint").size >= size)
    key = VerifierKey.parse(product.vkey)
    with closing(open_source(product.url)) as source:
        report = verify_ledger(source, key, lambda *_: None, None, canonical_json=True)

    assert (report.verdict, report.entries >= size) == ("clean", True), report.reason


@pytest.mark.parametrize(
    "path",
    [
        "../ledger.db",
        "tile/../../demo.json",
        "%2e%2e/demo.json",
        "tile/%2e%2e/%2e%2e/demo.json",
        "tile/..%2f..%2fdemo.json",
        "tile/%2e%2e%2f%2e%2e%2ftokens.json",
        "tile//etc/passwd",
        "tile/%2fetc%2fpasswd",
        "%2fetc%2fpasswd",
        "tile/.checkpoint.new",
        "tile/0/.000.new",
        "tile/%00",
        "tile/0/000%00",
        "tile/" + "a" * 300,
        "tile/" + "a/" * 3000,
        "tile/%ff",
        "tile/\\..\\..",
        "tile/0",
        "tile/",
        "tile",
        "",
        "checkpoint/",
        "checkpoint/x",
        "tile/0/999",
    ],
)
def test_nothing_else_can_be_read(product: Any, path: str) -> None:
    """Ways out of the folder, absolute paths, dotfiles, folders: 404 with a problem."""
    place = urlsplit(product.url)
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=20)
    try:
        connection.request("GET", f"/ledger/{path}")  # as it stands: httpx would tidy it
        response = connection.getresponse()
        body = response.read()
    finally:
        connection.close()
    assert response.status == 404, body[:200]
    assert response.getheader("content-type") == "application/problem+json"
    assert product.tokens["demo"].encode() not in body
    assert b"root:" not in body


def test_a_ledger_that_is_not_public(
    serve: Callable[..., Any], tmp_path: Path, refused: Check
) -> None:
    """With TALLYSTICK_LEDGER_READ=token entries want one; checkpoints, keys, proofs never do."""
    server = serve(tmp_path / "data", ledger_read="token")
    with server.client() as client:
        bare = {"headers": {"Authorization": ""}}
        receipt = "/v1/ledger/entries/0/receipt"
        for path in ("/v1/ledger/entries/0", receipt, "/ledger/tile/entries/000.p/1"):
            refused(client.get(path, **bare), 401, "UNAUTHENTICATED")
        for path in (
            "/v1/ledger/checkpoint",
            "/v1/ledger/vkey",
            "/v1/ledger/proof/inclusion?position=0",
            "/v1/ledger/proof/consistency?from=1",
        ):
            assert client.get(path, **bare).status_code == 200, path
        assert client.get("/ledger/checkpoint", **bare).status_code in {200, 404}
        assert client.get("/v1/ledger/entries/0").status_code == 200
    assert server.stop() == 0
