"""The ledger for those who check it: checkpoints, entries and proofs."""

import asyncio
from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from starlette.responses import PlainTextResponse, Response

from tallystick.api.operation import JSON, Call, Operation
from tallystick.api.services import Services
from tallystick.errors import Corrupt, Refused
from tallystick.ledger import Ledger, Receipt
from tallystick.ledger.checkpoint import parse_body, verify_note
from tallystick.ledger.proof import Proof, encode_proof
from tallystick.ledger.tiles import CHECKPOINT_PATH

Position = Annotated[int, Meta(ge=0, lt=2**53)]
_DIGITS_MAX = 15
_VARIES = {"Vary": "Accept"}
_ENCODE = msgspec.json.Encoder().encode


class ReceiptQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """In which form; where it is not given, the Accept header says so, and else it is `json`."""

    format: Literal["json", "tlog-proof"] | None = None


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
    """A verifier key line for each key that signs or signed this ledger, the newest first."""
    return PlainTextResponse("".join(f"{key}\n" for key in services.ledger.vkeys))


async def entry(services: Services, call: Call) -> Receipt:
    """One entry with its proof."""
    return services.ledger.receipt(_position(call))


async def receipt(services: Services, call: Call) -> Response:
    """What proves one entry far from here, in either of two forms."""
    query: ReceiptQuery = call.query
    made = services.ledger.receipt(_position(call))
    if query.format == "json" or (query.format is None and not _asks_for_text(call)):
        return Response(_ENCODE(made), media_type=JSON, headers=_VARIES)
    note = await asyncio.to_thread(_published_note, services)
    name = f'inline; filename="entry-{made.position}.tlog-proof"'
    text = encode_proof(tlog_proof(services.ledger, made, note))
    return PlainTextResponse(text, headers=_VARIES | {"Content-Disposition": name})


def tlog_proof(ledger: Ledger, receipt: Receipt, note: bytes | None) -> Proof:
    """The entry's tlog-proof, to this note where it is a checkpoint of this ledger that covers it.

    Published checkpoints are newer than a receipt's own, and carry witnesses' signatures. What the
    published folder holds is believed only as far as the ledger says the same.
    """
    own = Proof(receipt.position, tuple(receipt.inclusion), receipt.checkpoint, receipt.entry)
    if note is None:
        return own
    try:
        head = parse_body(verify_note(note, ledger.vkeys).text)
    except Corrupt:
        return own
    covers = head.origin == ledger.origin and receipt.position < head.size <= ledger.size
    if not covers or ledger.root(head.size) != head.root:
        return own
    path = ledger.inclusion_proof(receipt.position, head.size)
    return Proof(receipt.position, tuple(path), note.decode(), receipt.entry)


def _published_note(services: Services) -> bytes | None:
    """The newest published checkpoint; there is none in a ledger's first second."""
    try:
        return (services.published / CHECKPOINT_PATH).read_bytes()
    except OSError:
        return None


def _asks_for_text(call: Call) -> bool:
    """Whether the Accept header names plain text and not JSON."""
    accepted = [
        part.partition(";")[0].strip() for part in call.headers.get("accept", "").split(",")
    ]
    return "text/plain" in accepted and JSON not in accepted


def _position(call: Call) -> int:
    digits = call.path["n"]
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _DIGITS_MAX):
        raise Refused("UNKNOWN_ENTRY", f"There is no entry {digits!r}.")
    return int(digits)


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


OPERATIONS = (
    Operation(
        "GET", "/v1/ledger/checkpoint", "The newest signed checkpoint (C2SP signed note).",
        checkpoint, str, media_type="text/plain", tag="ledger",
    ),
    Operation(
        "GET", "/v1/ledger/vkey",
        "The verifier keys to pin (signed-note form), one a line, the newest first.",
        vkey, str, media_type="text/plain", tag="ledger",
    ),
    Operation(
        "GET", "/v1/ledger/entries/{n}", "An entry, byte for byte, with its receipt.",
        entry, Receipt, scope="ledger", tag="ledger", refusals=("UNKNOWN_ENTRY",),
    ),
    Operation(
        "GET", "/v1/ledger/entries/{n}/receipt",
        "An entry's receipt, or its C2SP tlog-proof (format=tlog-proof or Accept: text/plain).",
        receipt, Receipt, scope="ledger", query=ReceiptQuery, also=("text/plain",), tag="ledger",
        refusals=("UNKNOWN_ENTRY",),
    ),
    Operation(
        "GET", "/v1/ledger/proof/inclusion", "Prove that an entry is in the tree.",
        inclusion, InclusionProof, query=InclusionQuery, tag="ledger",
    ),
    Operation(
        "GET", "/v1/ledger/proof/consistency", "Prove that the tree only grew.",
        consistency, ConsistencyProof, query=ConsistencyQuery, tag="ledger",
    ),
)  # fmt: skip
