"""Placing one order in one transaction of two statements."""

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

import asyncpg  # type: ignore[import-untyped]  # it ships none
import msgspec
from msgspec import Meta

from naive.market import QUOTES, quote_amount, spot_date

QUANTITY_MAX = Decimal(50_000_000)
"""Largest order, in units of the base currency."""
HERE = Path(__file__).parent
MOVE = HERE.joinpath("move.sql").read_text()
RECORD = HERE.joinpath("record.sql").read_text()
FIND = (
    "SELECT asked, position, payload, previous_hash, hash FROM orders JOIN journal"
    " ON journal.position = orders.id WHERE account = $1 AND client_order_id = $2"
)
Text = Annotated[str, Meta(min_length=1, max_length=64)]
DecimalText = Annotated[str, Meta(pattern=r"^(0|[1-9][0-9]*)(\.[0-9]+)?$", max_length=24)]
_ENCODE = msgspec.json.Encoder(order="sorted").encode


class RefusedError(Exception):
    """The request cannot become an order: a status, a code and a sentence."""

    def __init__(self, status: int, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.code = code


class Problem(msgspec.Struct, frozen=True):
    """An RFC 9457 body."""

    title: str
    status: int
    detail: str
    code: str


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST /v1/orders."""

    client_order_id: Text
    account: Text
    pair: str
    side: Literal["buy", "sell"]
    quantity: DecimalText
    type: Literal["market", "limit"]
    time_in_force: Literal["FOK", "IOC", "GTC"]
    price: DecimalText | None = None


class Fill(msgspec.Struct, frozen=True):
    """One fill."""

    price: str
    quantity: str
    amount: str
    value_date: date


class Decided(msgspec.Struct, frozen=True):
    """What becomes of an order, before its position is known; what is hashed."""

    at: datetime
    order: Asked
    state: str
    fills: tuple[Fill, ...]
    rejection: str | None


class Chained(msgspec.Struct, frozen=True):
    """Where in the hash chain the order stands."""

    position: int
    previous_hash: str
    hash: str


class Placed(msgspec.Struct, frozen=True):
    """The answer to POST /v1/orders."""

    id: str
    order: Asked
    state: str
    fills: tuple[Fill, ...]
    rejection: str | None
    receipt: Chained


def decide(asked: Asked, now: datetime) -> Decided:
    """The fill at the quote, or what is wrong; limits of the account come later.

    Raises:
        RefusedError: an unknown account or pair, a price too many or too few.
    """
    if asked.pair not in QUOTES:
        raise RefusedError(422, "UNKNOWN_PAIR", f"{asked.pair} is not traded here.")
    if asked.account != "demo":
        raise RefusedError(404, "UNKNOWN_ACCOUNT", f"There is no account {asked.account!r}.")
    if (asked.type == "limit") != (asked.price is not None):
        raise RefusedError(422, "PRICE", "A limit order needs a price, a market order has none.")
    bid, ask = QUOTES[asked.pair]
    price, sign = (ask, 1) if asked.side == "buy" else (bid, -1)
    quantity = Decimal(asked.quantity)
    if not 0 < quantity <= QUANTITY_MAX:
        return Decided(now, asked, "rejected", (), "QUANTITY_LIMIT")
    if asked.price is not None and (price - Decimal(asked.price)) * sign > 0:
        if asked.time_in_force == "GTC":
            return Decided(now, asked, "new", (), None)
        return Decided(now, asked, "rejected", (), "PRICE_NOT_MET")
    amount = quote_amount(quantity, price, asked.pair[4:])
    fill = Fill(str(price), asked.quantity, str(amount), spot_date(now.date()))
    return Decided(now, asked, "filled", (fill,), None)


async def recorded(connection: asyncpg.Connection, asked: Asked, decided: Decided) -> bytes:
    """Writes order, trade, positions and chain in one transaction; the answer.

    Raises:
        asyncpg.UniqueViolationError: the client_order_id was used before.
    """
    async with connection.transaction():
        if decided.fills and not await _moved(connection, asked, decided.fills[0]):
            decided = msgspec.structs.replace(
                decided, state="rejected", fills=(), rejection="POSITION_LIMIT"
            )
        payload = _ENCODE(decided)
        row = await connection.fetchrow(
            RECORD, asked.account, asked.client_order_id, payload, _ENCODE(asked),
            asked.pair, asked.side, *_trade(decided),
        )  # fmt: skip
    return _answer(decided, row)


async def found_again(connection: asyncpg.Connection, asked: Asked) -> bytes:
    """The stored answer.

    Raises:
        RefusedError: it was another order.
    """
    row = await connection.fetchrow(FIND, asked.account, asked.client_order_id)
    if row["asked"] != _ENCODE(asked):
        raise RefusedError(
            409, "IDEMPOTENCY_CONFLICT", f"{asked.client_order_id!r} was used for another order."
        )
    return _answer(msgspec.json.decode(row["payload"], type=Decided), row)


async def _moved(connection: asyncpg.Connection, asked: Asked, fill: Fill) -> bool:
    """Moves both positions, or none where the limit forbids it."""
    sign = 1 if asked.side == "buy" else -1
    base, quote = asked.pair.split("/")
    amounts = sign * Decimal(fill.quantity), -sign * Decimal(fill.amount)
    return bool(await connection.fetch(MOVE, asked.account, base, amounts[0], quote, amounts[1]))


def _trade(
    decided: Decided,
) -> tuple[Decimal | None, Decimal | None, Decimal | None, date | None]:
    if not decided.fills:
        return None, None, None, None
    fill = decided.fills[0]
    return Decimal(fill.price), Decimal(fill.quantity), Decimal(fill.amount), fill.value_date


def _answer(decided: Decided, row: asyncpg.Record) -> bytes:
    receipt = Chained(row["position"], row["previous_hash"].hex(), row["hash"].hex())
    placed = Placed(
        f"O-{receipt.position}", decided.order, decided.state, decided.fills, decided.rejection,
        receipt,
    )  # fmt: skip
    return _ENCODE(placed)
