"""The ledger as C2SP tlog-tiles over HTTP: the checkpoint, tiles, bundles; `add` for load tests.

What exists never changes and may be kept for ever; what does not exist is a 404, which readers
take as "not yet, or only the full tile". Where it is public, pages of other origins may read it.
"""

import asyncio
import gzip
import re
from hashlib import sha256
from pathlib import Path

from starlette.responses import PlainTextResponse, Response

from tallystick.api.operation import Call, Operation
from tallystick.api.problems import problem_response
from tallystick.api.services import Services
from tallystick.errors import Corrupt, Refused
from tallystick.ledger.resources import from_folder, from_ledger
from tallystick.ledger.tiles import CHECKPOINT_PATH, Tile, parse_path
from tallystick.limits import ENTRY_BYTES_MAX

GZIP_BYTES_MIN = 512
"""Shorter bundles are sent as they are."""
GZIP_LEVEL = 6
"""Its time is spent once for each cache in front of us: bundles are immutable."""
_IMMUTABLE = "max-age=31536000, immutable"
_BRIEF = "max-age=1"
_OCTETS = "application/octet-stream"
_ANY_ORIGIN = {"Access-Control-Allow-Origin": "*"}
_ZERO = re.compile(r"q=0(\.0{0,3})?")


async def checkpoint(services: Services, call: Call) -> Response:
    """The newest published checkpoint: it covers every file that is published."""
    public = services.ledger_tiles_public
    note = await asyncio.to_thread(_note, services.published)
    if note is None:
        return _missing(public, "Nothing is published yet.")
    tag = f'"{sha256(note).hexdigest()[:32]}"'
    headers = _headers(public, _BRIEF) | {"ETag": tag}
    if _is_known(tag, call.headers.get("if-none-match")):
        return Response(status_code=304, headers=headers)
    return PlainTextResponse(note, headers=headers)


async def tile(services: Services, call: Call) -> Response:
    """A tile of hashes."""
    public, path = services.ledger_tiles_public, call.path["path"]
    data = await _resource(services, path, entries=False)
    if data is None:
        return _missing(public, f"/ledger/tile/{path} does not exist (yet).")
    return Response(data, headers=_headers(public, _IMMUTABLE), media_type=_OCTETS)


async def bundle(services: Services, call: Call) -> Response:
    """A bundle of entries; gzip where the client takes it."""
    public, path = services.ledger_public, call.path["path"]
    data = await _resource(services, f"entries/{path}", entries=True)
    if data is None:
        return _missing(public, f"/ledger/tile/entries/{path} does not exist (yet).")
    headers = _headers(public, _IMMUTABLE, "Accept-Encoding")
    if len(data) >= GZIP_BYTES_MIN and accepts_gzip(call.headers.get("accept-encoding", "")):
        data = await asyncio.to_thread(gzip.compress, data, GZIP_LEVEL, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return Response(data, headers=headers, media_type=_OCTETS)


async def add(services: Services, call: Call) -> Response:
    """Append the body as an entry, byte for byte; the same bytes keep their index."""
    data: bytes = call.body
    if len(data) > ENTRY_BYTES_MAX:
        raise Refused("BODY_TOO_LARGE", f"An entry may have at most {ENTRY_BYTES_MAX} bytes.")
    return PlainTextResponse(str(await services.desk.append_raw(data)))


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether a client that sent this `Accept-Encoding` takes gzip (RFC 9110 section 12.5.3)."""
    weights: dict[str, str] = {}
    for item in accept_encoding.lower().split(","):
        coding, _, weight = item.partition(";")
        weights[coding.strip()] = weight.strip()
    wanted = weights.get("gzip", weights.get("*", "q=0"))
    return _ZERO.fullmatch(wanted) is None


async def _resource(services: Services, path: str, *, entries: bool) -> bytes | None:
    """The bytes of a tile or bundle below `tile/`; None where there is no such thing."""
    try:
        wanted: Tile = parse_path(f"tile/{path}")
    except Corrupt:
        return None
    if wanted.entries != entries:
        return None
    data = await asyncio.to_thread(from_folder, services.published, wanted)
    return from_ledger(services.ledger, wanted) if data is None else data


def _note(folder: Path) -> bytes | None:
    try:
        return (folder / CHECKPOINT_PATH).read_bytes()
    except FileNotFoundError:
        return None


def _is_known(tag: str, if_none_match: str | None) -> bool:
    """RFC 9110 section 13.1.2, weak comparison."""
    if if_none_match is None:
        return False
    tags = {each.strip().removeprefix("W/") for each in if_none_match.split(",")}
    return bool(tags & {tag, "*"})


def _headers(public: bool, cache: str, *vary: str) -> dict[str, str]:
    """Who may keep the answer and for how long, and which origins' pages may read it."""
    if public:
        headers = _ANY_ORIGIN | {"Cache-Control": f"public, {cache}"}
    else:
        headers = {"Cache-Control": f"private, {cache}"}
        vary = ("Authorization", *vary)
    return headers | ({"Vary": ", ".join(vary)} if vary else {})


def _missing(public: bool, sentence: str) -> Response:
    """A 404 that no cache keeps: it may exist a second later."""
    response = problem_response(Refused("NOT_FOUND", sentence))
    response.headers.update({"Cache-Control": "no-store"} | (_ANY_ORIGIN if public else {}))
    return response


OPERATIONS = (
    Operation(
        "GET", "/ledger/checkpoint", "The checkpoint of the published files, at most 1 s old.",
        checkpoint, str, scope="tiles", media_type="text/plain", tag="ledger",
        refusals=("NOT_FOUND",),
    ),
    Operation(
        "GET", "/ledger/tile/entries/{path:path}", "A C2SP tlog-tiles bundle of entries.",
        bundle, bytes, scope="ledger", media_type=_OCTETS, tag="ledger",
        refusals=("NOT_FOUND",),
    ),
    Operation(
        "GET", "/ledger/tile/{path:path}", "A C2SP tlog-tiles tile of hashes.",
        tile, bytes, scope="tiles", media_type=_OCTETS, tag="ledger",
        refusals=("NOT_FOUND",),
    ),
    Operation(
        "POST", "/ledger/add", "Append raw bytes, for load tests; off unless the setting says so.",
        add, bytes, scope="operate", body=bytes, media_type="text/plain", tag="ledger",
        refusals=("NOT_FOUND", "ENTRY_NOT_RAW"), switch=lambda services: services.ledger_add,
    ),
)  # fmt: skip
