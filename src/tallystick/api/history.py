"""What was, and when: searches of the ledger, versions of documents, and proofs of ranges."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from tallystick.api.decoding import decode_time
from tallystick.api.ledger import Position
from tallystick.api.operation import Call, Operation
from tallystick.api.orders import Limit
from tallystick.api.services import Services
from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.errors import Refused
from tallystick.execution.documents import KINDS, DocumentKind, Version, unknown
from tallystick.execution.projection import EVERYBODY, FOLD_ROWS
from tallystick.execution.search import Filter
from tallystick.fx import pair as pair_of
from tallystick.ledger import Receipt
from tallystick.ledger.columns import columns_of, text_of
from tallystick.ledger.ranges import range_proof
from tallystick.ledger.store import Row
from tallystick.limits import PAGE_ITEMS_DEFAULT, VERSIONS_MAX

WAIT_SECONDS = 1.0
"""How long a read waits for the position that it must have seen."""
LOOK_SECONDS = 0.01
OF_ALL = frozenset({"keys", "reconciliation"})
"""Documents about the ledger itself, which every reader may see."""
Name = Annotated[str, Meta(min_length=1, max_length=200)]
_encode = msgspec.json.encode


class EntriesQuery(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"from_": "from"}
):
    """Which entries; every condition that is given must hold.

    `from` <= position < `to`; `since` <= time < `until`. `cursor` is the `next_cursor` of the page
    before. `min_position`: wait for the entry at this position. `size`: prove each entry in the
    tree of this size. `receipts`: give each entry's own receipt.
    """

    from_: Position = 0
    to: Position | None = None
    since: Name | None = None
    until: Name | None = None
    account: Name | None = None
    pair: Name | None = None
    kind: Name | None = None
    order: Literal["asc", "desc"] = "asc"
    limit: Limit = PAGE_ITEMS_DEFAULT
    cursor: Position | None = None
    min_position: Position | None = None
    size: Position | None = None
    receipts: bool = False


class EntryItem(msgspec.Struct, frozen=True, gc=False):
    """One entry: its exact bytes as text in `entry`, or in base64 where they are no text.

    The time, kind, account and pair are the entry's own. `inclusion` are base64 hashes (RFC 9162
    section 2.1.3.1) where a `size` was asked for, `receipt` where receipts were.
    """

    position: int
    at: str | None
    kind: str | None
    account: str | None
    pair: str | None
    entry: str | None
    entry_base64: bytes | None
    leaf_hash: str
    inclusion: list[bytes] | None = None
    receipt: Receipt | None = None


class EntryList(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """A page of entries; `next_cursor` asks for the next one, null where the range ends.

    `from` and `to` are the positions that the range and the times of the query come down to; the
    page speaks of all entries before `position`: go on from there for what comes later.
    """

    entries: list[EntryItem]
    next_cursor: int | None
    from_: int
    to: int
    position: int


class RangeQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"from_": "from"}):
    """The entries `from` <= position < `to`, in the tree of `size` (the newest by default)."""

    from_: Position
    to: Position
    size: Position | None = None


class RangeAnswer(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """Base64 hashes: the perfect subtrees left of a range, and those right of it."""

    from_: int
    to: int
    size: int
    left: list[bytes]
    right: list[bytes]


class DocumentQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All versions, a page at a time; or the one after the entry `at_position`, or at `at_time`."""

    limit: Annotated[int, Meta(ge=1, le=VERSIONS_MAX)] = 20
    cursor: Position | None = None
    at_position: Position | None = None
    at_time: Name | None = None
    min_position: Position | None = None


class VersionItem(msgspec.Struct, frozen=True):
    """What the entry at `position` made of the document, and the proof of that entry."""

    position: int
    at: str | None
    kind: str | None
    state: msgspec.Raw
    receipt: Receipt


class DocumentHistory(msgspec.Struct, frozen=True):
    """A document's versions, oldest first, as of the ledger's first `size` entries.

    Where a position or a time was asked for, `versions` is the one in force then; `exists` is false
    and `versions` empty where there was none yet.
    """

    kind: DocumentKind
    id: str
    size: int
    exists: bool
    versions: list[VersionItem]
    next_cursor: int | None


async def list_entries(services: Services, call: Call) -> EntryList:
    """Entries by position, time, account, pair and kind, in any combination."""
    query: EntriesQuery = call.query
    seen = sight(services, call)
    await folded(services, query.min_position)
    wanted = _filter(services, query, seen)
    within = services.history.search.range_of(wanted)
    page = services.history.search.page(
        wanted,
        limit=query.limit,
        descending=query.order == "desc",
        cursor=query.cursor,
    )
    items = [
        item_of(services, position, row, size=query.size, receipt=query.receipts)
        for position, row in page.entries
    ]
    return EntryList(items, page.cursor, within.start, within.stop, services.history.position)


async def prove_range(services: Services, call: Call) -> RangeAnswer:
    """What, with all leaves of a range, leads to the root: the range is whole and in order."""
    query: RangeQuery = call.query
    size = services.ledger.size if query.size is None else query.size
    proof = range_proof(services.ledger, query.from_, query.to, size)
    return RangeAnswer(query.from_, query.to, size, proof.left, proof.right)


async def document(services: Services, call: Call) -> DocumentHistory:
    """A document's versions with their proofs, or the one in force then."""
    query: DocumentQuery = call.query
    seen = sight(services, call)
    kind, name = _kind(call.path["kind"]), call.path["id"]
    await folded(services, query.min_position)
    _require_sight(services, kind, name, seen)
    documents = services.history.documents
    if query.at_position is None and query.at_time is None:
        page = documents.versions(kind, name, limit=query.limit, start=query.cursor or 0)
        items = [await _version(services, each) for each in page.versions]
        return DocumentHistory(kind, name, services.history.position, True, items, page.cursor)
    size = _size_then(services, query)
    version = documents.in_force(kind, name, size)
    items = [] if version is None else [await _version(services, version)]
    return DocumentHistory(kind, name, size, version is not None, items, None)


def sight(services: Services, call: Call) -> str | None:
    """Whose entries this request may see: an account's own, or (None) everybody's.

    Raises:
        Refused: `UNAUTHENTICATED`, `FORBIDDEN`.
    """
    if services.ledger_public:
        return None
    principal = services.tokens.principal(call.headers.get("authorization"))
    principal.require_any("read", "audit", "operate")
    return principal.account if principal.scopes.isdisjoint({"audit", "operate"}) else None


async def folded(services: Services, min_position: int | None) -> None:
    """Fold what is new, a chunk at a time; first wait for the entry that must be seen.

    Raises:
        Refused: `NOT_HERE_YET`, after a second.
    """
    if min_position is not None:
        give_up = services.clock.monotonic_ns() + int(WAIT_SECONDS * NS_PER_SECOND)
        while services.ledger.size <= min_position:
            if services.clock.monotonic_ns() >= give_up:
                sentence = f"Entry {min_position} is not here yet; try again."
                raise Refused("NOT_HERE_YET", sentence, field="min_position")
            await services.clock.sleep(LOOK_SECONDS)
    while services.history.fold(FOLD_ROWS):
        await services.clock.sleep(0)


def item_of(
    services: Services, position: int, row: Row, *, size: int | None = None, receipt: bool = False
) -> EntryItem:
    """A row of the ledger as the door shows it."""
    said = columns_of(row.entry)
    text = text_of(row.entry)
    return EntryItem(
        position=position,
        at=said.at,
        kind=said.kind,
        account=said.account,
        pair=said.pair,
        entry=text,
        entry_base64=row.entry if text is None else None,
        leaf_hash=row.leaf_hash.hex(),
        inclusion=None if size is None else services.ledger.inclusion_proof(position, size),
        receipt=services.ledger.receipt(position) if receipt else None,
    )


def stamp(field: str, text: str) -> str:
    """A time as entries write it.

    Raises:
        Refused: `VALUE_NOT_ALLOWED`.
    """
    return rfc3339(decode_time(field, text))


def _filter(services: Services, query: EntriesQuery, seen: str | None) -> Filter:
    account = query.account
    if seen is not None:
        if account not in {None, seen}:
            sentence = f"This token belongs to another account than {account!r}."
            raise Refused("FORBIDDEN", sentence)
        account = seen
    elif account is not None and not services.history.search.knows(account):
        raise Refused("UNKNOWN_ACCOUNT", f"No entry names the account {account!r}.")
    if query.pair is not None:
        pair_of(query.pair)  # a misspelt one is refused: no entries would be a lie
    return Filter(
        account=account,
        pair=query.pair,
        kind=query.kind,
        start=query.from_,
        stop=query.to,
        since=None if query.since is None else stamp("since", query.since),
        until=None if query.until is None else stamp("until", query.until),
    )


def _kind(text: str) -> DocumentKind:
    for kind in KINDS:
        if kind == text:
            return kind
    raise Refused("UNKNOWN_DOCUMENT", f"Documents are of the kinds {', '.join(KINDS)}.")


def _require_sight(services: Services, kind: DocumentKind, name: str, seen: str | None) -> None:
    """Documents of others are unknown, as those that never were."""
    if seen is None or kind in OF_ALL or (kind, name) == ("kill_switch", EVERYBODY):
        return
    if services.history.documents.account_of(kind, name) != seen:
        raise unknown(kind, name)


def _size_then(services: Services, query: DocumentQuery) -> int:
    """How many entries there were at the position or the time that was asked for."""
    folded_size = services.history.position
    if query.at_time is not None:
        if query.at_position is not None:
            raise Refused("BAD_REQUEST", "Ask for a position or for a time, not for both.")
        return services.history.search.size_at(stamp("at_time", query.at_time))
    assert query.at_position is not None  # noqa: S101  one of them is there
    if query.at_position >= folded_size:
        sentence = f"The ledger has no entry {query.at_position} yet."
        raise Refused("BAD_RANGE", sentence, field="at_position")
    return query.at_position + 1


async def _version(services: Services, version: Version) -> VersionItem:
    await services.clock.sleep(0)  # a proof takes a while: let others run
    receipt = services.ledger.receipt(version.position)
    said = columns_of(receipt.entry)
    state = msgspec.Raw(_encode(version.state))
    return VersionItem(version.position, said.at, said.kind, state, receipt)


OPERATIONS = (
    Operation(
        "GET", "/v1/ledger/entries", "Search entries by position, time, account, pair and kind.",
        list_entries, EntryList, scope="entries", query=EntriesQuery, tag="ledger",
        refusals=("BAD_RANGE", "NOT_HERE_YET", "UNKNOWN_ACCOUNT", "UNKNOWN_PAIR"),
    ),
    Operation(
        "GET", "/v1/ledger/proof/range", "Prove that a range of entries is whole and in order.",
        prove_range, RangeAnswer, query=RangeQuery, tag="ledger", refusals=("BAD_RANGE",),
    ),
    Operation(
        "GET", "/v1/history/{kind}/{id:path}", "A document's versions, each with its proof.",
        document, DocumentHistory, scope="entries", query=DocumentQuery, tag="ledger",
        refusals=("UNKNOWN_DOCUMENT", "BAD_RANGE", "NOT_HERE_YET"),
    ),
)  # fmt: skip
