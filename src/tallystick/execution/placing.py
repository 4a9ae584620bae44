"""Proposals of orders that have to do with others: linked to them, or in their place.

Pure, but for the book that folds each entry before the next one is asked for.
"""

from collections.abc import Callable, Iterator
from hashlib import sha256

import msgspec
from msgspec import UNSET, UnsetType

from tallystick.errors import Refused
from tallystick.execution.book import Book, trade_of
from tallystick.execution.decide import Links, Market, decide, screen
from tallystick.execution.entries import Entry, Order, OrderDecided, Rejection, order_keys
from tallystick.execution.rejections import RejectionCode, reject
from tallystick.execution.request import OrderRequest
from tallystick.ids import order_id

MarketOf = Callable[[str, int], Market]
"""(pair, time ns) -> the market."""


def keys_of_request(request: OrderRequest, key: str | None) -> tuple[str, ...]:
    """All idempotency keys of a request: its own first, then those of its linked orders."""
    own = order_keys(request.account, request.client_order_id, key)
    if not request.if_done and request.oco is None:
        return own
    more = (order_keys(each.account, each.client_order_id, None)[0] for each in request.linked)
    return (*own, *more)


def place_all(
    request: OrderRequest, key: str | None, at_ns: int, *, book: Book, market: Market
) -> Iterator[OrderDecided]:
    """An order and those that come with it; none of them when one of them would be rejected."""
    refused = _first_refused(request, at_ns, book, market)
    position = book.size
    first = decide(request, key, position=position, at_ns=at_ns, market=market, book=book)
    if refused is not None and first.rejection is None:
        first = _rejected(first, refused)
    yield first
    if first.order.state == "rejected":
        return
    parent = order_id(position)
    done = bool(first.fills)
    group = parent if request.oco is not None else UNSET
    brothers: str | UnsetType = UNSET
    for number, child in enumerate(request.if_done):
        if number == 0 and len(request.if_done) > 1:
            brothers = order_id(book.size)
        links = Links(parent=parent, oco=brothers, suspended=not done)
        placed = _linked(child, request, links, at_ns, book, market)
        yield placed
        if placed.fills:  # done at once: its brothers would only be cancelled
            return
    if request.oco is not None and first.order.state not in {"filled", "cancelled"} and not done:
        links = Links(oco=group)
        yield _linked(request.oco, request, links, at_ns, book, market)


def stands_alone(entry: Entry, book: Book) -> bool:
    """Whether an entry that the book has folded can do nothing to other orders, as most cannot.

    `worked.follow_ups` would find nothing; this is asked first because it costs less.
    """
    if type(entry) is not OrderDecided or entry.rejection is not None:
        return False
    account = book.accounts[entry.order.account]
    return entry.order.oco is UNSET and not account.children and not account.closers


def replacing(request: OrderRequest, replaced: str) -> OrderRequest:
    """The request to put an order in another one's place: another one than to place it."""
    meaning = f"{request.digest}\nreplaces={replaced}"
    return msgspec.structs.replace(request, digest=sha256(meaning.encode()).hexdigest())


def check_replacement(request: OrderRequest, order: Order) -> None:
    """An order may stand in the place of `order`: of its pair and side, and alone.

    Raises:
        Refused: `VALUE_NOT_ALLOWED`, `MEMBER_NOT_ALLOWED`.
    """
    for field, value in (("pair", request.pair.symbol), ("side", request.side)):
        if value != getattr(order, field):
            sentence = f"A replacement has the {field} of the order: {getattr(order, field)}."
            raise Refused("VALUE_NOT_ALLOWED", sentence, field=field)
    if request.linked:
        field = "oco" if request.oco is not None else "if_done"
        sentence = "A replacement keeps the order's links; it brings no orders of its own."
        raise Refused("MEMBER_NOT_ALLOWED", sentence, field=field)
    waits = request.kind.waits is not None and request.time_in_force not in {"IOC", "FOK"}
    if order.state == "suspended" and not waits:
        sentence = f"{order.id} waits for {order.parent}; so must what replaces it."
        raise Refused("VALUE_NOT_ALLOWED", sentence, field="type")


def replace_with(
    request: OrderRequest,
    replaced: str,
    key: str | None,
    at_ns: int,
    *,
    book: Book,
    market: Market,
) -> Iterator[OrderDecided]:
    """An order in the place of an open one: that one is closed by the same entry."""
    account = book.account(request.account)
    old = account.open_orders.get(replaced)
    links = Links(replaces=replaced)
    if old is not None:
        links = Links(
            replaces=replaced, parent=old.order.parent, oco=old.order.oco,
            suspended=old.order.state == "suspended",
        )  # fmt: skip
        if request.position_fill == "reduce_only" and not request.trade:
            request = msgspec.structs.replace(request, trade=old.order.trade)
    yield decide(
        request, key, position=book.size, at_ns=at_ns, market=market, book=book, links=links
    )


def _linked(
    child: OrderRequest,
    request: OrderRequest,
    links: Links,
    at_ns: int,
    book: Book,
    market: Market,
) -> OrderDecided:
    whole = msgspec.structs.replace(child, digest=request.digest)
    if whole.position_fill == "reduce_only" and not links.suspended:
        whole = msgspec.structs.replace(whole, trade=_trade(links.parent, request, book))
    return decide(
        whole, None, position=book.size, at_ns=at_ns, market=market, book=book, links=links
    )


def _trade(parent: object, request: OrderRequest, book: Book) -> str | UnsetType:
    """The trade that the parent opened, where trades are kept apart."""
    account = book.account(request.account)
    lots = account.lots.get(request.pair.symbol)
    if account.configuration.mode != "hedging" or lots is None or not isinstance(parent, str):
        return UNSET
    trade = trade_of(lots, parent)
    return UNSET if trade is None else trade.id


def _first_refused(
    request: OrderRequest, at_ns: int, book: Book, market: Market
) -> Rejection | None:
    """Why the first linked order that would be rejected by itself would be."""
    waits = Links(parent="", suspended=True)
    for each in request.linked:
        links = None if each is request.oco else waits
        why = screen(each, at_ns=at_ns, market=market, book=book, waits_for=links)
        if why is not None:
            return reject_linked(each.client_order_id, why)
    return None


def reject_linked(client_order_id: str, why: Rejection) -> Rejection:
    """The rejection of an order because one that came with it, so named, would be rejected."""
    figures = f"{client_order_id}: {why.code}, {why.reason}"
    return reject(RejectionCode.LINKED_ORDER_REJECTED, figures)


def _rejected(first: OrderDecided, rejection: Rejection) -> OrderDecided:
    order = msgspec.structs.replace(first.order, state="rejected", filled=UNSET, triggered=UNSET)
    return msgspec.structs.replace(
        first, order=order, fills=(), postings=(), rejection=rejection, home_rate=UNSET
    )
