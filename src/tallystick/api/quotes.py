"""Requests for quotes: asking for one, taking it, and looking at it."""

import asyncio
from collections.abc import Iterable
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.responses import Response

from tallystick.api.idempotency import answered, header_key
from tallystick.api.openapi import LOCATION_HEADER
from tallystick.api.operation import Call, Operation
from tallystick.api.order_answers import LINKS, OrderAnswer, placed_response, whose
from tallystick.api.services import Services
from tallystick.clock import parse_own_stamp
from tallystick.errors import Refused
from tallystick.execution import PlaceOrder, decode, parse_request
from tallystick.execution.batch import Propose
from tallystick.execution.desk import conflict
from tallystick.execution.entries import (
    Entry,
    Leg,
    QuoteGiven,
    QuoteKind,
    Side,
    account_key,
    taken_key,
)
from tallystick.execution.rfq import (
    AskQuote,
    QuoteRequest,
    dealt_tenors,
    give,
    parse_asked,
    quote_position,
    unknown_quote,
)
from tallystick.fx import trade_date
from tallystick.ids import order_id
from tallystick.ledger import Receipt

_ClientOrderId = Annotated[str, Meta(description="The order's own name, unique in the account.")]


class QuoteItem(msgspec.Struct, frozen=True):
    """A quote, as its entry says it; see `QuoteGiven`. What does not apply is left out."""

    id: str
    account: str
    pair: str
    type: QuoteKind
    quantity: str
    legs: tuple[Leg, ...]
    spot_bid: str
    spot_ask: str
    at: str
    valid_until: str
    source: str
    side: Side | UnsetType = UNSET
    tenor: str | UnsetType = UNSET
    bid_points: str | UnsetType = UNSET
    ask_points: str | UnsetType = UNSET
    client_quote_id: str | UnsetType = UNSET


class QuoteAnswer(msgspec.Struct, frozen=True):
    """A quote that was given, and the receipt that proves what was promised."""

    quote: QuoteItem
    receipt: Receipt


class QuoteState(msgspec.Struct, frozen=True):
    """A quote as it stands now, and the receipt of its entry.

    `order` is the one that took it, null while none did.
    """

    quote: QuoteItem
    state: Literal["open", "taken", "expired"]
    order: str | None
    receipt: Receipt


class TakeQuote(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/quotes/{id}/accept`.

    `side` is what the client does with the base currency (in a swap: on the far date); it may be
    left out where one side alone is quoted.
    """

    client_order_id: _ClientOrderId
    side: Side | None = None


async def ask_quote(services: Services, call: Call) -> Response:
    """Give a quote and answer when it is durable; a retry under its key gets the stored one."""
    body: AskQuote = call.body
    call.principal.require_account(body.account)
    asked = parse_asked(body)
    key = header_key(call)
    if asked.type != "spot":  # in a thread: a day's first calendars take some milliseconds
        day = trade_date(services.clock.now_ns(), asked.pair)
        await asyncio.to_thread(dealt_tenors, asked.pair, day)
    named = None if key is None else account_key(asked.account, key)

    def check(entry: Entry) -> None:
        if getattr(entry, "request", None) != asked.digest:
            raise conflict(str(key))

    recorded = await services.desk.once(_giving(services, asked, key), named, check)
    given = recorded.entry
    assert isinstance(given, QuoteGiven)  # noqa: S101  what the proposal says
    answer = QuoteAnswer(item_of(given), recorded.receipt)
    location = f"/v1/quotes/{given.id}"
    return answered(answer, replayed=recorded.replayed, status=201, location=location)


async def take_quote(services: Services, call: Call) -> Response:
    """Place the order that takes the quote; a retry gets the stored answer."""
    body: TakeQuote = call.body
    given, _receipt = _given(services, call)
    call.principal.require_account(given.account)
    side = body.side or given.side
    if side is UNSET:
        raise Refused("MEMBER_REQUIRED", "Both sides are quoted: say which.", field="side")
    order = PlaceOrder(
        body.client_order_id, given.account, given.pair, side, given.quantity, "quoted",
        quote=given.id,
    )  # fmt: skip
    return placed_response(await services.desk.place(parse_request(order), header_key(call)))


async def get_quote(services: Services, call: Call) -> QuoteState:
    """A quote and what became of it."""
    given, receipt = _given(services, call)
    taken = services.ledger.find(taken_key(given.id))
    if taken is not None and taken < services.ledger.size:
        return QuoteState(item_of(given), "taken", order_id(taken), receipt)
    ended = services.desk.now_ns() >= parse_own_stamp(given.valid_until)
    return QuoteState(item_of(given), "expired" if ended else "open", None, receipt)


def item_of(given: QuoteGiven) -> QuoteItem:
    """A quote's entry as it is shown."""
    return QuoteItem(**{name: getattr(given, name) for name in QuoteItem.__struct_fields__})


def _giving(services: Services, asked: QuoteRequest, key: str | None) -> Propose:
    desk = services.desk

    def propose(position: int, at_ns: int) -> Iterable[Entry]:
        market = desk.market(asked.pair.symbol, at_ns)
        return (
            give(
                asked, key, position=position, at_ns=at_ns, market=market, book=desk.book,
                points=services.points,
            ),
        )  # fmt: skip

    return propose


def _given(services: Services, call: Call) -> tuple[QuoteGiven, Receipt]:
    """The quote that the path names, durable, and its receipt.

    Raises:
        Refused: `UNKNOWN_QUOTE`, also for quotes of others.
    """
    name = call.path["id"]
    position = quote_position(name)
    if position >= services.ledger.size:
        raise unknown_quote(name)
    receipt = services.ledger.receipt(position)
    entry = decode(receipt.entry)
    if not isinstance(entry, QuoteGiven) or whose(call) not in {None, entry.account}:
        raise unknown_quote(name)
    return entry, receipt


OPERATIONS = (
    Operation(
        "POST", "/v1/quotes", "Ask for a quote: spot, outright or swap.",
        ask_quote, QuoteAnswer, scope="trade", body=AskQuote, status=201, tag="quotes",
        keyed=True, headers=LOCATION_HEADER,
        refusals=("BAD_JSON", "IDEMPOTENCY_CONFLICT", "TOO_MANY_QUOTES"),
    ),
    Operation(
        "POST", "/v1/quotes/{id}/accept", "Take a quote at its price, before it ends.",
        take_quote, OrderAnswer, scope="trade", body=TakeQuote, status=201, tag="quotes",
        keyed=True, headers=LOCATION_HEADER, links=LINKS,
        refusals=("BAD_JSON", "UNKNOWN_QUOTE", "IDEMPOTENCY_CONFLICT"),
    ),
    Operation(
        "GET", "/v1/quotes/{id}", "A quote, and what became of it.",
        get_quote, QuoteState, scope="read", tag="quotes", refusals=("UNKNOWN_QUOTE",),
    ),
)  # fmt: skip
