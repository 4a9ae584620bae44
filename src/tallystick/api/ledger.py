"""The ledger for those who check it: checkpoints, entries, proofs and the tlog-tiles files."""

import asyncio
from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.responses import PlainTextResponse, Response

from tallystick.api.operation import Call, Operation
from tallystick.api.services import Services
from tallystick.errors import Refused
from tallystick.ledger import Receipt

Position = Annotated[int, Meta(ge=0, lt=2**53)]
_DIGITS_MAX = 15
_IMMUTABLE = "public, max-age=31536000, immutable"
_BRIEF = "public, max-age=1"


class InclusionQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which entry, in the tree of how many; `size` is the newest where it is not given."""

    position: Position
    size: Position | None = None


class InclusionProof(msgspec.Struct, frozen=True):
    """RFC 9162 section 2.1.3: `proof` are base64 hashes from the leaf upwards."""

    position: int
    size: int
    leaf_hash: str
    proof: list[bytes]


class ConsistencyQuery(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"from_": "from"}
):
    """From which size, to which; `to` is the newest where it is not given."""

    from_: Position
    to: Position | None = None


class ConsistencyProof(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """RFC 9162 section 2.1.4: base64 hashes."""

    from_: int
    to: int
    proof: list[bytes]


async def checkpoint(services: Services, _call: Call) -> Response:
    """The signed note of the newest durable size."""
    return PlainTextResponse(services.ledger.note, headers={"Cache-Control": "no-cache"})


async def vkey(services: Services, _call: Call) -> Response:
    """The verifier key line to pin."""
    return PlainTextResponse(f"{services.ledger.vkey}\n")


async def entry(services: Services, call: Call) -> Receipt:
    """One entry with its proof."""
    digits = call.path["n"]
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _DIGITS_MAX):
        raise Refused("UNKNOWN_ENTRY", f"There is no entry {digits!r}.")
    return services.ledger.receipt(int(digits))


async def inclusion(services: Services, call: Call) -> InclusionProof:
    """Prove that an entry is in the tree of a size."""
    query: InclusionQuery = call.query
    size = services.ledger.size if query.size is None else query.size
    proof = services.ledger.inclusion_proof(query.position, size)
    leaf = services.ledger.leaf_hash(query.position)
    return InclusionProof(query.position, size, leaf.hex(), proof)


async def consistency(services: Services, call: Call) -> ConsistencyProof:
    """Prove that the tree only grew from one size to another."""
    query: ConsistencyQuery = call.query
    to = services.ledger.size if query.to is None else query.to
    return ConsistencyProof(query.from_, to, services.ledger.consistency_proof(query.from_, to))


async def published_checkpoint(services: Services, _call: Call) -> Response:
    """The checkpoint of the static C2SP tlog-tiles files: it covers all of them."""
    note = await _published(services, "checkpoint")
    return PlainTextResponse(note, headers={"Cache-Control": _BRIEF})


async def published(services: Services, call: Call) -> Response:
    """One of the static C2SP tlog-tiles files that never change."""
    data = await _published(services, f"tile/{call.path['path']}")
    headers = {"Cache-Control": _IMMUTABLE}
    return Response(data, media_type="application/octet-stream", headers=headers)


async def _published(services: Services, path: str) -> bytes:
    """The file's bytes, read at once: a partial tile may go away while it is asked for."""
    plain = path.isascii() and path.isprintable()
    try:
        if plain and all(part and not part.startswith(".") for part in path.split("/")):
            return await asyncio.to_thread((services.published / path).read_bytes)
    except OSError as error:
        raise Refused("NOT_FOUND", f"/ledger/{path} does not exist (yet).") from error
    raise Refused("NOT_FOUND", f"There is no {path!r} below /ledger/.")


OPERATIONS = (
    Operation(
        "GET", "/v1/ledger/checkpoint", "The newest signed checkpoint (C2SP signed note).",
        checkpoint, str, media_type="text/plain", tag="ledger",
    ),
    Operation(
        "GET", "/v1/ledger/vkey", "The verifier key to pin (signed-note form).",
        vkey, str, media_type="text/plain", tag="ledger",
    ),
    Operation(
        "GET", "/v1/ledger/entries/{n}", "An entry, byte for byte, with its receipt.",
        entry, Receipt, scope="ledger", tag="ledger", refusals=("UNKNOWN_ENTRY",),
    ),
    Operation(
        "GET", "/v1/ledger/proof/inclusion", "Prove that an entry is in the tree.",
        inclusion, InclusionProof, query=InclusionQuery, tag="ledger",
    ),
    Operation(
        "GET", "/v1/ledger/proof/consistency", "Prove that the tree only grew.",
        consistency, ConsistencyProof, query=ConsistencyQuery, tag="ledger",
    ),
    Operation(
        "GET", "/ledger/checkpoint", "The checkpoint of the published files, at most 1 s old.",
        published_checkpoint, str, media_type="text/plain", tag="ledger",
        refusals=("NOT_FOUND",),
    ),
    Operation(
        "GET", "/ledger/tile/{path:path}", "The ledger as C2SP tlog-tiles files.",
        published, bytes, scope="ledger", media_type="application/octet-stream",
        tag="ledger", refusals=("NOT_FOUND",),
    ),
)  # fmt: skip
