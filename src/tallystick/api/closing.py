"""Closing a position or one trade, whole or in part: a market order that can only close."""

from hashlib import sha256
from typing import Literal

import msgspec
from starlette.responses import Response

from tallystick.api.idempotency import header_key
from tallystick.api.openapi import LOCATION_HEADER
from tallystick.api.operation import Call, Operation
from tallystick.api.order_answers import LINKS, OrderAnswer, placed_response
from tallystick.api.services import Services
from tallystick.errors import Refused
from tallystick.execution import OrderDecided, OrderRequest, PlaceOrder, decode, parse_request
from tallystick.execution.book import FLAT, Account, Lot
from tallystick.execution.entries import Order, Side, order_keys
from tallystick.fx import pair, parse_pair
from tallystick.money import format_decimal


class ClosePosition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to close of a position; all of it where no `quantity` is given.

    `side` is needed where the account is long and short at once. `price_bound` is the worst price.
    """

    client_order_id: str
    account: str | None = None
    quantity: str | None = None
    side: Literal["long", "short"] | None = None
    price_bound: str | None = None
    time_in_force: Literal["FOK", "IOC"] | None = None


class CloseTrade(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to close of one trade; all of it where no `quantity` is given."""

    client_order_id: str
    account: str | None = None
    quantity: str | None = None
    price_bound: str | None = None
    time_in_force: Literal["FOK", "IOC"] | None = None


async def close_position(services: Services, call: Call) -> Response:
    """Close a position, or a part of it."""
    body: ClosePosition = call.body
    account = _account(services, call)
    symbol = parse_pair(call.path["pair"]).symbol
    stored = _stored(services, account.id, call)
    if stored is None:
        side, held = _to_close(account, symbol, body.side)
        quantity = format_decimal(held, pair(symbol).base_digits)
    else:
        side, quantity = stored.side, stored.quantity
        if body.side is not None and side != ("sell" if body.side == "long" else "buy"):
            side = "buy" if side == "sell" else "sell"  # another request: a conflict, said below
    request = _request(body, account.id, symbol, side, body.quantity or quantity)
    return placed_response(await services.desk.place(request, header_key(call)))


async def close_trade(services: Services, call: Call) -> Response:
    """Close one trade of an account that hedges, or a part of it."""
    body: CloseTrade = call.body
    account = _account(services, call)
    name = call.path["id"]
    stored = _stored(services, account.id, call)
    if stored is not None and stored.trade == name:
        symbol, side, quantity = stored.pair, stored.side, stored.quantity
    else:
        symbol, lot = _lot(account, name)
        side = "sell" if lot.units > 0 else "buy"
        quantity = format_decimal(abs(lot.units), pair(symbol).base_digits)
    request = _request(body, account.id, symbol, side, body.quantity or quantity)
    digest = sha256(f"{request.digest}\ntrade={name}".encode()).hexdigest()
    request = msgspec.structs.replace(request, trade=name, digest=digest)
    return placed_response(await services.desk.place(request, header_key(call)))


def _account(services: Services, call: Call) -> Account:
    name = call.body.account or call.principal.account
    call.principal.require_account(name)
    return services.desk.book.account(name)


def _stored(services: Services, account: str, call: Call) -> Order | None:
    """The order that was made of this request before, so that a retry means the same."""
    for key in order_keys(account, call.body.client_order_id, header_key(call)):
        item = services.desk.pending.get(key)
        if item is not None:
            entry = item.entries[0]
        else:
            position = services.ledger.find(key)
            if position is None or position >= services.ledger.size:
                continue
            entry = decode(services.ledger.rows(position, 1)[0].entry)
        if isinstance(entry, OrderDecided):
            return entry.order
    return None


def _to_close(account: Account, symbol: str, side: str | None) -> tuple[Side, int]:
    """The side of the order that closes, and all the units it can close.

    Raises:
        Refused: `NO_POSITION`; `MEMBER_REQUIRED`, it is long and short.
    """
    held = account.positions.get(symbol, FLAT)
    if side is None and held.long and held.short:
        sentence = f"{account.id} is long and short {symbol}: say which side."
        raise Refused("MEMBER_REQUIRED", sentence, field="side")
    if held.long and side != "short":
        return "sell", held.long
    if held.short and side != "long":
        return "buy", held.short
    said = "" if side is None else f"{side} "
    raise Refused("NO_POSITION", f"{account.id} has no {said}position in {symbol}.")


def _lot(account: Account, name: str) -> tuple[str, Lot]:
    """The open trade of this id, and its pair.

    Raises:
        Refused: `NO_POSITION`, there is none; `VALUE_NOT_ALLOWED`, this account closes the oldest
            trade first.
    """
    for symbol, lots in account.lots.items():
        if name in lots:
            if account.configuration.mode != "hedging":
                sentence = (
                    f"{account.id} closes its oldest trade first; close the position instead."
                )
                raise Refused("VALUE_NOT_ALLOWED", sentence, field="id")
            return symbol, lots[name]
    raise Refused("NO_POSITION", f"{account.id} has no open trade {name!r}.")


def _request(
    body: ClosePosition | CloseTrade, account: str, symbol: str, side: Side, quantity: str
) -> OrderRequest:
    return parse_request(
        PlaceOrder(
            client_order_id=body.client_order_id,
            account=account,
            pair=symbol,
            side=side,
            quantity=quantity,
            type="market",
            time_in_force=body.time_in_force,
            price_bound=body.price_bound,
            position_fill="reduce_only",
        )
    )


OPERATIONS = (
    Operation(
        "POST", "/v1/positions/{pair:path}/close", "Close a position, or a part of it.",
        close_position, OrderAnswer, scope="trade", body=ClosePosition, status=201,
        tag="accounts", keyed=True, headers=LOCATION_HEADER, links=LINKS,
        refusals=("UNKNOWN_ACCOUNT", "UNKNOWN_PAIR", "NO_POSITION", "IDEMPOTENCY_CONFLICT"),
    ),
    Operation(
        "POST", "/v1/trades/{id}/close", "Close an open trade, or a part of it.",
        close_trade, OrderAnswer, scope="trade", body=CloseTrade, status=201,
        tag="accounts", keyed=True, headers=LOCATION_HEADER, links=LINKS,
        refusals=("UNKNOWN_ACCOUNT", "NO_POSITION", "IDEMPOTENCY_CONFLICT"),
    ),
)  # fmt: skip
