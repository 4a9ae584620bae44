"""The ledger for those who check it: checkpoints, entries, proofs and the tlog-tiles files."""

from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.responses import FileResponse, PlainTextResponse, Response

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


async def published(services: Services, call: Call) -> Response:
    """One of the static C2SP tlog-tiles files."""
    path = call.path["path"]
    target = services.published / path
    allowed = all(part and not part.startswith(".") for part in path.split("/"))
    if not (allowed and target.is_file()):
        raise Refused("NOT_FOUND", f"/ledger/{path} does not exist (yet).")
    is_note = path == "checkpoint"
    return FileResponse(
        target,
        media_type="text/plain; charset=utf-8" if is_note else "application/octet-stream",
        headers={"Cache-Control": _BRIEF if is_note else _IMMUTABLE},
    )


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
        "GET", "/ledger/{path:path}", "The ledger as C2SP tlog-tiles files.",
        published, bytes, scope="ledger", media_type="application/octet-stream",
        tag="ledger", refusals=("NOT_FOUND",),
    ),
)  # fmt: skip
