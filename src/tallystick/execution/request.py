"""An order as execution understands it: parsed, typed, exact; made at the door, then trusted."""

from hashlib import sha256

import msgspec

from tallystick.errors import Refused
from tallystick.execution.entries import OrderType, Side, TimeInForce
from tallystick.fx import Pair, pair
from tallystick.ids import AccountId
from tallystick.limits import KEY_CHARACTERS_MAX
from tallystick.money import Price, Quantity, format_decimal, parse_decimal


class PlaceOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """The body of `POST /v1/orders`.

    `quantity` is a decimal string in units of the pair's base currency, `price` (limit orders
    only) a decimal string in quote currency per unit. Market orders are FOK unless they say IOC;
    limit orders are GTC unless they say otherwise.
    """

    client_order_id: str
    account: str
    pair: str
    side: Side
    quantity: str
    type: OrderType
    time_in_force: TimeInForce | None = None
    price: str | None = None


class OrderRequest(msgspec.Struct, frozen=True, gc=False):
    """A parsed order; `digest` is what tells it from another one under the same key."""

    client_order_id: str
    account: AccountId
    pair: Pair
    side: Side
    quantity: Quantity
    type: OrderType
    time_in_force: TimeInForce
    price: Price | None
    digest: str

    @property
    def quantity_text(self) -> str:
        """The quantity with exactly the digits of the base currency."""
        return format_decimal(self.quantity, self.pair.base_digits)

    @property
    def price_text(self) -> str | None:
        """The limit price with exactly the digits of the pair."""
        return None if self.price is None else format_decimal(self.price, self.pair.price_digits)


def parse_request(order: PlaceOrder) -> OrderRequest:
    """The order in a body, or a refusal that names the member and the rule.

    Raises:
        Refused: with a code and a sentence.
    """
    check_key(order.client_order_id, "client_order_id")
    traded = _pair(order.pair)
    quantity = Quantity(_decimal("quantity", order.quantity, traded.base_digits, traded.base))
    time_in_force = order.time_in_force or ("FOK" if order.type == "market" else "GTC")
    price = _price(order, traded)
    return OrderRequest(
        client_order_id=order.client_order_id,
        account=AccountId(order.account),
        pair=traded,
        side=order.side,
        quantity=quantity,
        type=order.type,
        time_in_force=_time_in_force(order.type, time_in_force),
        price=price,
        digest=_digest(order, quantity, price, time_in_force),
    )


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


def _time_in_force(kind: OrderType, time_in_force: TimeInForce) -> TimeInForce:
    if kind == "market" and time_in_force == "GTC":
        raise Refused(
            "TIME_IN_FORCE_NOT_ALLOWED",
            "A market order fills at once or not at all: use FOK or IOC, not GTC.",
            field="time_in_force",
        )
    return time_in_force


def _price(order: PlaceOrder, traded: Pair) -> Price | None:
    if order.type == "market":
        if order.price is not None:
            raise Refused("PRICE_NOT_ALLOWED", "A market order has no price.", field="price")
        return None
    if order.price is None:
        raise Refused("PRICE_REQUIRED", "A limit order needs a price.", field="price")
    return Price(_decimal("price", order.price, traded.price_digits, traded.symbol))


def _decimal(field: str, text: str, digits: int, of: str) -> int:
    try:
        value = parse_decimal(text, digits)
    except Refused as refusal:
        raise Refused(refusal.code, f"{field} of {of}: {refusal}", field=field) from refusal
    if value <= 0:
        raise Refused("AMOUNT_NOT_POSITIVE", f"{field} must be above zero.", field=field)
    return value


def _pair(symbol: str) -> Pair:
    try:
        return pair(symbol)
    except Refused as refusal:
        raise Refused(refusal.code, str(refusal), field="pair") from refusal


def _digest(
    order: PlaceOrder, quantity: Quantity, price: Price | None, time_in_force: TimeInForce
) -> str:
    """SHA-256 of what the order means: "1000000" and "1000000.00" are the same request."""
    meaning = "\n".join(
        (
            order.client_order_id,
            order.account,
            order.pair,
            order.side,
            str(quantity),
            order.type,
            time_in_force,
            str(price),
        )
    )
    return sha256(meaning.encode()).hexdigest()
