"""An order as execution understands it: parsed, typed, exact; made at the door, then trusted."""

from hashlib import sha256

import msgspec
from msgspec import UNSET, UnsetType

from tallystick.clock import parse_rfc3339
from tallystick.errors import Refused
from tallystick.execution.entries import (
    OrderType,
    PositionFill,
    Side,
    TimeInForce,
    Trigger,
)
from tallystick.execution.orders import ORDERS, OrderKind
from tallystick.fx import Pair, pair
from tallystick.ids import AccountId
from tallystick.limits import KEY_CHARACTERS_MAX, LINKED_ORDERS_MAX
from tallystick.money import Price, Quantity, format_decimal, parse_decimal


class LinkedOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False, kw_only=True):
    """An order that comes with another one, in its pair.

    Without a `client_order_id` it gets that of the first with `.1`, `.2` ... behind it. `quantity`
    is the first order's where none is given; `side` the other side for orders that close (if
    done), the same side for the other leg of a one-cancels-other.
    """

    type: OrderType
    client_order_id: str | None = None
    side: Side | None = None
    quantity: str | None = None
    time_in_force: TimeInForce | None = None
    price: str | None = None
    stop_price: str | None = None
    distance: str | None = None
    trigger: Trigger | None = None
    expires_at: str | None = None
    price_bound: str | None = None
    position_fill: PositionFill | None = None


class PlaceOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """The body of `POST /v1/orders`.

    `quantity` is a decimal string in units of the pair's base currency, prices are decimal strings
    in quote currency per unit. Market orders are FOK unless they say IOC; orders that may wait are
    GTC unless they say otherwise. `stop_price` sets a stop, stop-limit, market-if-touched or
    stop-loss order off, `distance` is how far a trailing stop stays behind; `trigger` names the
    price that is watched, by default the side that the order takes. `expires_at` (RFC 3339) ends a
    GTD order. `price_bound` is the worst price of an order that takes the market. `trade` names
    the trade that a closing order of a hedging account closes. `if_done` are orders that wait for
    this one to be filled, and cancel each other; `oco` is the other leg of a one-cancels-other.
    """

    client_order_id: str
    account: str
    pair: str
    side: Side
    quantity: str
    type: OrderType
    time_in_force: TimeInForce | None = None
    price: str | None = None
    stop_price: str | None = None
    distance: str | None = None
    trigger: Trigger | None = None
    expires_at: str | None = None
    price_bound: str | None = None
    position_fill: PositionFill | None = None
    trade: str | None = None
    quote: str | None = None
    if_done: tuple[LinkedOrder, ...] = ()
    oco: LinkedOrder | None = None


class OrderRequest(msgspec.Struct, frozen=True, gc=False):
    """A parsed order; `digest` is what tells it from another one under the same key.

    Prices are points, `expires_ns` nanoseconds since the epoch (GFD: set when it is decided).
    `if_done` and `oco` are parsed like the order itself.
    """

    client_order_id: str
    account: AccountId
    pair: Pair
    side: Side
    quantity: Quantity
    type: OrderType
    time_in_force: TimeInForce
    price: Price | None
    digest: str
    stop: Price | None = None
    distance: Price | None = None
    trigger: Trigger | UnsetType = UNSET
    expires_ns: int | None = None
    bound: Price | None = None
    position_fill: PositionFill | UnsetType = UNSET
    trade: str | UnsetType = UNSET
    quote: str | UnsetType = UNSET
    if_done: tuple["OrderRequest", ...] = ()
    oco: "OrderRequest | None" = None

    @property
    def kind(self) -> OrderKind:
        """What its type is."""
        return ORDERS[self.type]

    @property
    def quantity_text(self) -> str:
        """The quantity with exactly the digits of the base currency."""
        return format_decimal(self.quantity, self.pair.base_digits)

    @property
    def price_text(self) -> str | None:
        """The limit price with exactly the digits of the pair."""
        return None if self.price is None else format_decimal(self.price, self.pair.price_digits)

    @property
    def linked(self) -> tuple["OrderRequest", ...]:
        """The orders that come with it."""
        return self.if_done if self.oco is None else (*self.if_done, self.oco)


def parse_request(order: PlaceOrder) -> OrderRequest:
    """The order in a body, or a refusal that names the member and the rule.

    Raises:
        Refused: with a code and a sentence.
    """
    check_key(order.client_order_id, "client_order_id")
    traded = _pair(order.pair)
    quantity = Quantity(_decimal("quantity", order.quantity, traded.base_digits, traded.base))
    kind = ORDERS[order.type]
    time_in_force = order.time_in_force or kind.times[0]
    price = _price(order, kind, traded)
    plain = OrderRequest(
        client_order_id=order.client_order_id,
        account=AccountId(order.account),
        pair=traded,
        side=order.side,
        quantity=quantity,
        type=order.type,
        time_in_force=_time_in_force(order.type, kind, time_in_force),
        price=price,
        digest=_digest(_plain_meaning(order, quantity, time_in_force, price)),
    )
    return plain if _says_no_more(order) else _with_more(order, plain, kind)


_PLAIN = frozenset({"market", "limit"})
"""Types that need nothing but what every order has, and a price."""
_MORE = (
    "stop_price", "distance", "trigger", "expires_at", "price_bound", "position_fill", "trade",
    "quote",
)  # fmt: skip
"""Members that came with the second form; each is part of the digest where it is given."""


def _says_no_more(order: PlaceOrder) -> bool:
    return (
        order.type in _PLAIN
        and order.position_fill is None
        and order.price_bound is None
        and order.expires_at is None
        and order.stop_price is None
        and order.distance is None
        and order.trigger is None
        and order.trade is None
        and order.quote is None
        and order.oco is None
        and not order.if_done
        and order.time_in_force != "GTD"
    )


def _with_more(order: PlaceOrder, plain: OrderRequest, kind: OrderKind) -> OrderRequest:
    """The rest of an order that says more than side, quantity and price."""
    traded = plain.pair
    _check_members(order, kind)
    digits, symbol = traded.price_digits, traded.symbol
    reduces = kind.reduces
    if reduces and order.position_fill not in {None, "reduce_only"}:
        raise Refused(
            "VALUE_NOT_ALLOWED",
            f"A {order.type} order only closes: its position_fill is reduce_only.",
            field="position_fill",
        )
    if order.trade is not None and not reduces and order.position_fill != "reduce_only":
        sentence = "Only an order that closes names a trade: its position_fill is reduce_only."
        raise Refused("MEMBER_NOT_ALLOWED", sentence, field="trade")
    for name in ("trade", "quote"):
        if getattr(order, name) is not None:  # an id of ours: it stands in the entry as it is
            check_key(getattr(order, name), name)
    whole = msgspec.structs.replace(
        plain,
        stop=_maybe("stop_price", order.stop_price, digits, symbol),
        distance=_maybe("distance", order.distance, digits, symbol),
        trigger=order.trigger or UNSET,
        expires_ns=_expiry(order.expires_at, plain.time_in_force),
        bound=_maybe("price_bound", order.price_bound, digits, symbol),
        position_fill="reduce_only" if reduces else order.position_fill or UNSET,
        trade=order.trade or UNSET,
        quote=order.quote or UNSET,
    )
    if_done, oco = _linked(order)
    said = [f"{name}={getattr(order, name)}" for name in _MORE if getattr(order, name) is not None]
    said += [f"{each.digest}" for each in (*if_done, *([] if oco is None else [oco]))]
    meaning = "\n".join([plain.digest, *said])
    return msgspec.structs.replace(whole, if_done=if_done, oco=oco, digest=_digest(meaning))


def _check_members(order: PlaceOrder, kind: OrderKind) -> None:
    """Every member that the type needs is there, and none that it has not."""
    for name in ("stop_price", "distance", "trigger", "price_bound", "trade", "quote"):
        given = getattr(order, name) is not None
        if not given and name in kind.needs:
            raise Refused("MEMBER_REQUIRED", f"A {order.type} order needs a {name}.", field=name)
        if given and name not in kind.needs and name not in kind.may:
            raise Refused("MEMBER_NOT_ALLOWED", f"A {order.type} order has no {name}.", field=name)


def _linked(order: PlaceOrder) -> tuple[tuple[OrderRequest, ...], OrderRequest | None]:
    """The orders that come with one, parsed."""
    number = len(order.if_done) + (order.oco is not None)
    if number > LINKED_ORDERS_MAX:
        raise Refused(
            "TOO_MANY_LINKED_ORDERS",
            f"At most {LINKED_ORDERS_MAX} orders can come with one.",
            field="if_done",
        )
    if_done = tuple(
        _linked_one(order, each, number, _other(order.side), f"if_done[{number - 1}]")
        for number, each in enumerate(order.if_done, 1)
    )
    oco = None
    if order.oco is not None:
        oco = _linked_one(order, order.oco, len(if_done) + 1, order.side, "oco")
    _check_names(order.client_order_id, if_done, oco)
    return if_done, oco


def _check_names(first: str, if_done: tuple[OrderRequest, ...], oco: OrderRequest | None) -> None:
    """Each order of a request has a client_order_id of its own."""
    names = {first}
    fields = [(f"if_done[{number}]", each) for number, each in enumerate(if_done)]
    for field, each in (*fields, *([] if oco is None else [("oco", oco)])):
        name = each.client_order_id
        if name in names:
            sentence = f"Two orders of one request have the client_order_id {name!r}."
            raise Refused("BAD_KEY", sentence, field=f"{field}.client_order_id")
        names.add(name)


def _linked_one(
    order: PlaceOrder, linked: LinkedOrder, number: int, side: Side, field: str
) -> OrderRequest:
    whole = PlaceOrder(
        client_order_id=linked.client_order_id or f"{order.client_order_id}.{number}",
        account=order.account,
        pair=order.pair,
        side=linked.side or side,
        quantity=linked.quantity or order.quantity,
        type=linked.type,
        time_in_force=linked.time_in_force,
        price=linked.price,
        stop_price=linked.stop_price,
        distance=linked.distance,
        trigger=linked.trigger,
        expires_at=linked.expires_at,
        price_bound=linked.price_bound,
        position_fill=linked.position_fill,
    )
    try:
        parsed = parse_request(whole)
    except Refused as refusal:
        inner = f"{field}.{refusal.field}" if refusal.field else field
        raise Refused(refusal.code, str(refusal), field=inner, step=refusal.step) from refusal
    if parsed.kind.waits is None or parsed.time_in_force in {"IOC", "FOK"}:
        raise Refused(
            "VALUE_NOT_ALLOWED",
            "An order that comes with another one has to wait; one of the type"
            f" {parsed.type} ({parsed.time_in_force}) does not.",
            field=f"{field}.type",
        )
    return parsed


def _other(side: Side) -> Side:
    return "sell" if side == "buy" else "buy"


def _expiry(text: str | None, time_in_force: TimeInForce) -> int | None:
    if time_in_force != "GTD":
        if text is not None:
            raise Refused(
                "MEMBER_NOT_ALLOWED",
                f"Only GTD orders have an expires_at, this one is {time_in_force}.",
                field="expires_at",
            )
        return None
    if text is None:
        raise Refused("MEMBER_REQUIRED", "A GTD order needs an expires_at.", field="expires_at")
    try:
        return parse_rfc3339(text)
    except ValueError as error:
        raise Refused("BAD_TIME", f"expires_at: {error}.", field="expires_at") from error


def check_key(key: str, field: str) -> None:
    """Keys are 1 to 64 printable ASCII characters without spaces.

    Raises:
        Refused: `BAD_KEY`.
    """
    if not (0 < len(key) <= KEY_CHARACTERS_MAX and key.isascii() and _printable(key)):
        raise Refused(
            "BAD_KEY",
            f"{field} must be 1 to {KEY_CHARACTERS_MAX} printable characters without spaces.",
            field=field,
        )


def _printable(key: str) -> bool:
    return key.isprintable() and " " not in key


def _time_in_force(name: OrderType, kind: OrderKind, time_in_force: TimeInForce) -> TimeInForce:
    if time_in_force in kind.times:
        return time_in_force
    if name == "market":
        sentence = (
            f"A market order fills at once or not at all: use FOK or IOC, not {time_in_force}."
        )
    else:
        sentence = f"A {name} order may be {', '.join(kind.times)}, not {time_in_force}."
    raise Refused("TIME_IN_FORCE_NOT_ALLOWED", sentence, field="time_in_force")


def _price(order: PlaceOrder, kind: OrderKind, traded: Pair) -> Price | None:
    if "price" not in kind.needs:
        if order.price is not None:
            raise Refused("PRICE_NOT_ALLOWED", f"A {order.type} order has no price.", field="price")
        return None
    if order.price is None:
        raise Refused("PRICE_REQUIRED", f"A {order.type} order needs a price.", field="price")
    return Price(_decimal("price", order.price, traded.price_digits, traded.symbol))


def _maybe(field: str, text: str | None, digits: int, of: str) -> Price | None:
    return None if text is None else Price(_decimal(field, text, digits, of))


def _decimal(field: str, text: str, digits: int, of: str) -> int:
    try:
        value = parse_decimal(text, digits)
    except Refused as refusal:
        sentence, step = f"{field} of {of}: {refusal}", None
        if refusal.code == "AMOUNT_TOO_PRECISE":
            step = format_decimal(1, digits)
            sentence += f" The step is {step}."
        raise Refused(refusal.code, sentence, field=field, step=step) from refusal
    if value <= 0:
        raise Refused("AMOUNT_NOT_POSITIVE", f"{field} must be above zero.", field=field)
    return value


def _pair(symbol: str) -> Pair:
    try:
        return pair(symbol)
    except Refused as refusal:
        raise Refused(refusal.code, str(refusal), field="pair") from refusal


def _plain_meaning(
    order: PlaceOrder, quantity: Quantity, time_in_force: TimeInForce, price: Price | None
) -> str:
    """What the order means: "1000000" and "1000000.00" are the same request."""
    return (
        f"{order.client_order_id}\n{order.account}\n{order.pair}\n{order.side}\n{quantity}\n"
        f"{order.type}\n{time_in_force}\n{price}"
    )


def _digest(meaning: str) -> str:
    return sha256(meaning.encode()).hexdigest()
