"""The ledger as C2SP tlog-tiles over HTTP: what is there, what is not, who may, and `add`."""

import asyncio
import gzip
from collections.abc import Callable
from dataclasses import MISSING, fields, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from tallystick.access import Tokens
from tallystick.api import Api, Calls, Metrics
from tallystick.api.services import Services
from tallystick.api.tiles import GZIP_BYTES_MIN, accepts_gzip
from tallystick.clock import ManualClock
from tallystick.execution import Book, Desk, QuoteBoard
from tallystick.keys import FileKeyring
from tallystick.ledger import Ledger, MemoryStore, Publisher, Sealable
from tallystick.ledger.merkle import CompactRange, leaf_hash
from tallystick.ledger.tiles import (
    decode_bundle,
    encode_bundle,
    entries_path,
    tiles_of,
)
from tallystick.limits import ENTRY_BYTES_MAX

SIZE = 300
ENTRIES = [b"%d" % number for number in range(SIZE)]
IMMUTABLE = "max-age=31536000, immutable"
OPERATOR = "operator"
SCOPES = {"reader": "read", "trader": "trade", "auditor": "audit", "operator": "operate"}


class Door:
    """The product's door around a real ledger, without the rooms that are not asked here."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = MemoryStore()
        self.ledger = Ledger(self.store, FileKeyring("ledger.example/test", b"\x07" * 32))
        tokens = Tokens(folder / "tokens.json")
        self.tokens = {
            name: tokens.issue(name, "a", (cast("Any", s),)) for name, s in SCOPES.items()
        }
        self.services = Services(
            clock=ManualClock(), tokens=tokens, ledger=self.ledger, published=folder / "ledger",
            ledger_public=True, **dict.fromkeys(OTHER_ROOMS, cast("Any", None)),
        )  # fmt: skip

    def grow(self, entries: list[bytes], *, publish: bool = True) -> None:
        """Append one batch; publish what is there."""
        sealable = [Sealable(entry) for entry in entries]
        asyncio.run(self.ledger.append(self.ledger.size, sealable))
        if publish:
            publisher = Publisher(self.store, self.folder / "ledger")
            publisher.publish()
            publisher.close()

    def app(self, **settings: Any) -> Api:
        """The product's own application, with these settings."""
        calls = Calls(self.services.clock)
        return Api(replace(self.services, **settings), calls, Metrics(calls, lambda: ()))

    def ask(
        self,
        path: str,
        method: str = "GET",
        *,
        token: str | None = None,
        content: bytes | None = None,
        headers: dict[str, str] | None = None,
        **settings: Any,
    ) -> httpx.Response:
        """One request."""
        sent = {"accept-encoding": "identity"} | (headers or {})
        if token is not None:
            sent["authorization"] = f"Bearer {self.tokens[token]}"

        async def asking() -> httpx.Response:
            transport = httpx.ASGITransport(self.app(**settings))
            async with httpx.AsyncClient(transport=transport, base_url="http://door") as client:
                return await client.request(method, path, headers=sent, content=content)

        return asyncio.run(asking())


GIVEN = {"clock", "tokens", "ledger", "published", "ledger_public"}
OTHER_ROOMS = [
    each.name for each in fields(Services) if each.default is MISSING and each.name not in GIVEN
]


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Door:
    """300 entries: published at 200, at 256 and never since; nothing here changes it."""
    door = Door(tmp_path_factory.mktemp("door"))
    door.grow(ENTRIES[:200])
    door.grow(ENTRIES[200:256])
    door.grow(ENTRIES[256:], publish=False)
    return door


@pytest.fixture
def empty(tmp_path: Path) -> Door:
    """A new ledger: nothing is published."""
    return Door(tmp_path)


@pytest.mark.parametrize("size", [1, 2, 77, 200, 255, 256, 257, 299, 300])
def test_every_size_can_be_read(door: Door, size: int) -> None:
    """Published or not: all tiles and bundles of the tree of that size, byte for byte."""
    leaves = [leaf_hash(entry) for entry in ENTRIES]
    whole = CompactRange()
    for leaf in leaves[:256]:
        whole.append(leaf)
    for tile in tiles_of(size):
        first = 256 * tile.index
        answer = door.ask(f"/ledger/{tile.path}")
        assert answer.status_code == 200, tile.path
        wanted = b"".join(leaves[first : first + tile.width]) if tile.level == 0 else whole.root()
        assert answer.content == wanted, tile.path
        if tile.level == 0:
            bundle = door.ask(f"/ledger/{entries_path(tile.index, tile.width)}")
            assert bundle.content == encode_bundle(ENTRIES[first : first + tile.width])


def test_vector_i_over_http(door: Door) -> None:
    """The border of a tile as the reference prints it."""
    full = door.ask("/ledger/tile/0/000").content
    assert (
        sha256(full).hexdigest()
        == "b9704a8bfbee2c61185ceb38904a49f3f703c81e194b5b2ccdc254c2bdaaa62b"
    )
    assert door.ask("/ledger/tile/0/001.p/1").content.hex() == (
        "42ae86a77cad11f2565e05cffb735f46025d40a379a52eba4209c26273138008"
    )
    assert door.ask("/ledger/tile/1/000.p/1").content.hex() == (
        "828515d033c19d8c901f37eccb8aed919667703486f8d2fff1cf7040321c5db1"
    )
    assert door.ask("/ledger/tile/entries/001.p/1").content.hex() == "0003323536"


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/007", "tile/0/000.p/257",
        "tile/0/000.p/", "tile/0/000.p", "tile/0/000.p/-1", "tile/0/000.p/1/", "tile/0/000.p/+1",
        "tile/0/000.p/1%20", "tile/0/000.p/%EF%BC%91", "tile/0/0", "tile/0/00", "tile/0/0000",
        "tile/0/x000/000", "tile/0/x001", "tile/0/000/000", "tile/0/001", "tile/0/002.p/1",
        "tile/0/001.p/45", "tile/00/000", "tile/01/000", "tile/64/000", "tile/-1/000",
        "tile/2/000.p/1", "tile/1/000.p/2", "tile/1/000", "tile/1/001.p/1", "tile/63/000.p/1",
        "tile/entries/001", "tile/entries/001.p/45", "tile/entries/002.p/1", "tile/entries",
        "tile/entries/", "tile/entries/000.p/0", "tile/entries/000.p/256", "tile/entries/0",
        "tile/entries/entries/000", "tile/ENTRIES/000", "tile/0/%2e%2e/0/000", "tile//0/000",
        "tile/0/000%00", "tile/x999" + "/x999" * 2000 + "/000", "tile/0" + "/x999" * 2000 + "/999",
        "tile/0/x999/x999/x999/x999/x999/x999/999", "tile/.%2e/checkpoint", "tile/%2e%2e/tokens",
        "tile/", "tile/0", "tile/0/",
    ],
)  # fmt: skip
def test_what_does_not_exist(door: Door, path: str) -> None:
    """404, and nothing else: another spelling, an empty tile, one that is not full yet."""
    answer = door.ask(f"/ledger/{path}")
    assert answer.status_code == 404
    assert answer.json()["code"] == "NOT_FOUND"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["access-control-allow-origin"] == "*"


def test_an_empty_ledger_has_nothing(empty: Door) -> None:
    """Not even a checkpoint, before the first is published; and no empty tile."""
    for path in ("checkpoint", "tile/0/000", "tile/0/000.p/1", "tile/entries/000.p/1"):
        answer = empty.ask(f"/ledger/{path}")
        assert (answer.status_code, answer.headers["cache-control"]) == (404, "no-store")


def test_the_checkpoint_is_the_published_one(door: Door) -> None:
    """The folder's, not the newest head; brief in caches, plain text, any origin's to read."""
    answer = door.ask("/ledger/checkpoint")
    assert answer.content == (door.folder / "ledger/checkpoint").read_bytes()
    assert answer.text.split("\n")[1] == "256"
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=1"
    assert answer.headers["access-control-allow-origin"] == "*"


def test_an_unchanged_checkpoint_is_not_sent_again(empty: Door) -> None:
    """304 for whoever holds it; the next one has another tag."""
    empty.grow([b"one"])
    first = empty.ask("/ledger/checkpoint")
    tag = first.headers["etag"]
    for known in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        again = empty.ask("/ledger/checkpoint", headers={"if-none-match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    other = empty.ask("/ledger/checkpoint", headers={"if-none-match": '"x"'})
    assert (other.status_code, other.content) == (200, first.content)

    empty.grow([b"two"])
    newer = empty.ask("/ledger/checkpoint", headers={"if-none-match": tag})
    assert (newer.status_code, newer.headers["etag"] == tag) == (200, False)


@pytest.mark.parametrize("path", ["tile/0/000", "tile/0/001.p/3", "tile/entries/001.p/3"])
def test_tiles_may_be_kept_for_ever(door: Door, path: str) -> None:
    """Octets, immutable, any origin's to read."""
    answer = door.ask(f"/ledger/{path}")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["cache-control"] == f"public, {IMMUTABLE}"
    assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("path", ["checkpoint", "tile/0/000", "tile/entries/000", "tile/0/999"])
def test_head_says_what_get_would(door: Door, path: str) -> None:
    """The same status and headers."""
    got, head = door.ask(f"/ledger/{path}"), door.ask(f"/ledger/{path}", "HEAD")
    assert head.status_code == got.status_code
    assert head.headers == got.headers


@pytest.mark.parametrize("accepted", ["gzip", "br, gzip;q=0.5", "*", "GZIP", "deflate, *;q=0.1"])
def test_bundles_are_compressed_for_who_wants_it(door: Door, accepted: str) -> None:
    """The same bytes inside; caches are told that the answers differ."""
    sent = door.ask("/ledger/tile/entries/000", headers={"accept-encoding": accepted})
    plain = door.ask("/ledger/tile/entries/000")
    assert sent.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert sent.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
    assert sent.content == plain.content == encode_bundle(ENTRIES[:256])
    assert int(sent.headers["content-length"]) < int(plain.headers["content-length"])


def test_small_bundles_and_tiles_are_sent_as_they_are(door: Door) -> None:
    """Hashes cannot be compressed, and a few bytes are not worth it."""
    for path in ("tile/entries/001.p/3", "tile/0/000", "checkpoint"):
        answer = door.ask(f"/ledger/{path}", headers={"accept-encoding": "gzip"})
        assert "content-encoding" not in answer.headers, path
    assert len(encode_bundle(ENTRIES[256:259])) < GZIP_BYTES_MIN


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("gzip", True), ("gzip, br", True), ("br;q=1.0, gzip;q=0.2", True), ("*", True),
        ("identity, *;q=0.5", True), ("gzip;q=1", True), ("gzip; q=0.001", True),
        ("", False), ("br", False), ("identity", False), ("gzip;q=0", False),
        ("gzip;q=0.000", False), ("gzip; q=0", False), ("*;q=0", False),
        ("gzip;q=0, *", False), ("xgzip", False), ("identity;q=1, *;q=0", False),
    ],
)  # fmt: skip
def test_accept_encoding(header: str, accepted: bool) -> None:
    """RFC 9110 section 12.5.3: weights, the star, and zero for never."""
    assert accepts_gzip(header) is accepted


HASHES = ("checkpoint", "tile/0/000", "tile/1/000.p/1")
BUNDLES = ("tile/entries/000", "tile/entries/001.p/3")


@pytest.mark.parametrize("token", [None, "reader", "trader", "auditor", "operator"])
@pytest.mark.parametrize("entries_public", [True, False])
@pytest.mark.parametrize("tiles_public", [True, False])
def test_who_may_read(
    door: Door, token: str | None, entries_public: bool, tiles_public: bool
) -> None:
    """Hashes: any token where they are not public. Entries: an auditor's or an operator's."""
    rights = {"ledger_public": entries_public, "ledger_tiles_public": tiles_public}
    for path in HASHES:
        status = 200 if tiles_public or token else 401
        assert door.ask(f"/ledger/{path}", token=token, **rights).status_code == status, path
    for path in BUNDLES:
        status = 401 if token is None else 403
        if entries_public or token in {"auditor", "operator"}:
            status = 200
        assert door.ask(f"/ledger/{path}", token=token, **rights).status_code == status, path


def test_what_needs_a_token_is_not_for_shared_caches(door: Door) -> None:
    """Else a proxy would hand it to anybody; and other origins' pages are not invited."""
    rights = {"ledger_public": False, "ledger_tiles_public": False}
    for path, kept, varies in (
        ("checkpoint", "private, max-age=1", "Authorization"),
        ("tile/0/000", f"private, {IMMUTABLE}", "Authorization"),
        ("tile/entries/000", f"private, {IMMUTABLE}", "Authorization, Accept-Encoding"),
    ):
        answer = door.ask(f"/ledger/{path}", token="auditor", **rights)
        assert (answer.headers["cache-control"], answer.headers["vary"]) == (kept, varies)
        assert "access-control-allow-origin" not in answer.headers


@pytest.fixture
def adding(empty: Door) -> Callable[..., list[httpx.Response]]:
    """Posts bodies to `/ledger/add`, all at once, with the desk at work."""

    def post(*bodies: bytes, token: str | None = OPERATOR, on: bool = True) -> list[Any]:
        async def posting() -> list[httpx.Response]:
            desk = Desk(empty.ledger, Book(), QuoteBoard(), ManualClock())
            working = asyncio.create_task(desk.run())
            transport = httpx.ASGITransport(empty.app(desk=desk, ledger_add=on))
            headers = {"authorization": f"Bearer {empty.tokens[token]}"} if token else {}
            async with httpx.AsyncClient(transport=transport, base_url="http://door") as client:
                asked = [
                    client.post("/ledger/add", content=body, headers=headers) for body in bodies
                ]
                answers = await asyncio.gather(*asked)
            desk.close()
            await working
            return answers

        return asyncio.run(posting())

    return post


def test_added_bytes_stand_in_the_ledger(empty: Door, adding: Any) -> None:
    """Their index is answered; the leaf is their hash; the same bytes keep their index."""
    bodies = [b"beef 0", b" 17", b"\x00\xff", b"beef 0", b"x" * ENTRY_BYTES_MAX, b""]
    answers = adding(*bodies)
    assert [answer.status_code for answer in answers] == [200] * 6
    assert answers[0].headers["content-type"] == "text/plain; charset=utf-8"
    indices = [int(answer.text) for answer in answers]
    assert indices[0] == indices[3]
    assert sorted(set(indices)) == [0, 1, 2, 3, 4]
    for body, index in zip(bodies, indices, strict=True):
        assert empty.ledger.leaf_hash(index) == leaf_hash(body)
    [again] = adding(b" 17")
    assert int(again.text) == indices[1]
    assert empty.ledger.size == 5

    answer = empty.ask("/ledger/tile/entries/000.p/5", headers={"accept-encoding": "gzip"})
    stored = decode_bundle(answer.content)
    assert [stored[index] for index in indices] == bodies


def test_add_is_off_unless_the_setting_says_so(empty: Door, adding: Any) -> None:
    """404 for anybody, with whatever token and body."""
    for token in (None, "trader", "operator"):
        [answer] = adding(b"x" * 100, token=token, on=False)
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
    assert empty.ledger.size == 0


@pytest.mark.parametrize(("token", "status"), [(None, 401), ("trader", 403), ("auditor", 403)])
def test_adding_wants_an_operator(empty: Door, adding: Any, token: str, status: int) -> None:
    """Whoever else asks is refused, and nothing is written."""
    [answer] = adding(b"x", token=token)
    assert answer.status_code == status
    assert empty.ledger.size == 0


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b'{"kind":"kill_switch_set"}', 422, "ENTRY_NOT_RAW"),
        (b"{", 422, "ENTRY_NOT_RAW"),
        (b"x" * (ENTRY_BYTES_MAX + 1), 413, "BODY_TOO_LARGE"),
        (b"x" * 3_000_000, 413, "BODY_TOO_LARGE"),
    ],
    ids=["forged", "brace", "long", "huge"],
)
def test_what_cannot_be_added(
    empty: Door, adding: Any, body: bytes, status: int, code: str
) -> None:
    """Too long for a bundle, or what could be taken for one of our own entries."""
    [answer] = adding(body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert empty.ledger.size == 0


@pytest.mark.server
def test_a_real_server_answers_as_the_format_says(product: Any, until: Any) -> None:
    """Over a socket: HEAD has no body, gzip is gzip, the tag is known again."""
    product.place()
    size = product.demo.get("/v1/ledger/checkpoint").text.split("\n")[1]

    def covered() -> bool:
        note = product.stranger.get("/ledger/checkpoint")
        return note.status_code == 200 and int(note.text.split("\n")[1]) >= int(size)

    until(covered)
    note = product.stranger.get("/ledger/checkpoint")
    width = min(int(note.text.split("\n")[1]), 256)
    path = f"/ledger/{entries_path(0, width)}"
    with product.stranger.stream("GET", path, headers={"accept-encoding": "gzip"}) as response:
        raw = b"".join(response.iter_raw())
    plain = product.stranger.get(path, headers={"accept-encoding": "identity"})
    if response.headers.get("content-encoding") == "gzip":
        raw = gzip.decompress(raw)
    assert raw == plain.content
    assert len(decode_bundle(raw)) == width
    head = product.stranger.head(path, headers={"accept-encoding": "identity"})
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == plain.headers["content-length"]
    assert product.stranger.post("/ledger/add", content=b"x").status_code == 404
