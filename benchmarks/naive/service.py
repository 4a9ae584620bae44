"""Placing one order, in one transaction."""

from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import selectinload

from naive import chain
from naive.market import QUOTES, quote_amount, spot_date
from naive.models import Account, JournalRow, Order, Position, Trade
from naive.schemas import FillOut, OrderIn, OrderOut, PlacedOut, ReceiptOut, RejectionOut

QUANTITY_MAX = Decimal(50_000_000)
"""Largest order, in units of the base currency."""


class RefusedError(Exception):
    """The request cannot become an order: a status, a code and a sentence."""

    def __init__(self, status: int, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.code = code


async def place(sessions: async_sessionmaker[AsyncSession], asked: OrderIn) -> PlacedOut:
    """Decides the order, writes it with everything that follows from it, and answers.

    The same client_order_id gives the first answer again.

    Raises:
        RefusedError: an unknown account or pair, or another body under a used client_order_id.
    """
    try:
        async with sessions.begin() as session:
            known = await _find(session, asked)
            return known or await _decide(session, asked)
    except IntegrityError:  # the same client_order_id was placed at the same moment
        async with sessions.begin() as session:
            known = await _find(session, asked)
            if known is None:
                raise
            return known


async def _find(session: AsyncSession, asked: OrderIn) -> PlacedOut | None:
    order = await session.scalar(
        select(Order)
        .where(Order.account == asked.account, Order.client_order_id == asked.client_order_id)
        .options(selectinload(Order.trades))
    )
    if order is None:
        return None
    if not _same(order, asked):
        raise RefusedError(
            409, "IDEMPOTENCY_CONFLICT", f"{asked.client_order_id!r} was used for another order."
        )
    row = await session.scalar(select(JournalRow).where(JournalRow.order_id == order.id))
    assert row is not None, "an order and its journal row commit together"
    return _placed(order, order.trades, row)


async def _decide(session: AsyncSession, asked: OrderIn) -> PlacedOut:
    if asked.pair not in QUOTES:
        raise RefusedError(422, "UNKNOWN_PAIR", f"{asked.pair} is not traded here.")
    account = await session.get(Account, asked.account)
    if account is None:
        raise RefusedError(404, "UNKNOWN_ACCOUNT", f"There is no account {asked.account!r}.")
    now = datetime.now(UTC)
    order = Order(**asked.model_dump(exclude={"quantity", "price"}), at=now, state="new")
    order.quantity = Decimal(asked.quantity)
    order.price = Decimal(asked.price) if asked.price is not None else None
    trade = await _execute(session, order, account)
    session.add(order)
    await session.flush()
    trades = []
    if trade is not None:
        trade.order_id = order.id
        session.add(trade)
        await session.flush()
        trades = [trade]
    answer = {
        "at": now.isoformat(),
        "order": _order(order).model_dump(mode="json"),
        "fills": [_fill(trade).model_dump(mode="json") for trade in trades],
        "rejection": [order.reject_code, order.reject_reason] if order.reject_code else None,
    }
    row = await chain.append(session, order.id, answer)
    return _placed(order, trades, row)


async def _execute(session: AsyncSession, order: Order, account: Account) -> Trade | None:
    """Fills the order against the quote and moves both positions, or rejects it."""
    bid, ask = QUOTES[order.pair]
    price, sign = (ask, 1) if order.side == "buy" else (bid, -1)
    if order.quantity <= 0 or order.quantity > QUANTITY_MAX:
        _reject(order, "QUANTITY_LIMIT", f"The quantity must be up to {QUANTITY_MAX}.")
        return None
    if order.price is not None and (price - order.price) * sign > 0:
        if order.time_in_force != "GTC":  # a GTC order rests
            _reject(order, "PRICE_NOT_MET", f"The market is at {price}.")
        return None
    base, quote = order.pair.split("/")
    amount = quote_amount(order.quantity, price, quote)
    positions = await _lock_positions(session, account.id, sorted((base, quote)))
    after = {
        base: positions[base].amount + sign * order.quantity,
        quote: positions[quote].amount - sign * amount,
    }
    if abs(after[base]) > account.position_max:
        _reject(order, "POSITION_LIMIT", f"The position would be {after[base]} {base}.")
        return None
    for currency, held in after.items():
        positions[currency].amount = held
    order.state = "filled"
    value_date = spot_date(order.at.date())
    return Trade(price=price, quantity=order.quantity, amount=amount, value_date=value_date)


async def _lock_positions(
    session: AsyncSession, account: str, currencies: list[str]
) -> dict[str, Position]:
    """Both positions, locked in one order everywhere, so that no two transactions deadlock."""
    found = await session.scalars(
        select(Position)
        .where(Position.account == account, Position.currency.in_(currencies))
        .order_by(Position.currency)
        .with_for_update()
    )
    positions = {position.currency: position for position in found}
    assert len(positions) == len(currencies), "positions are opened with their account"
    return positions


def _reject(order: Order, code: str, reason: str) -> None:
    order.state, order.reject_code, order.reject_reason = "rejected", code, reason


def _same(order: Order, asked: OrderIn) -> bool:
    return (
        order.pair == asked.pair
        and order.side == asked.side
        and order.quantity == Decimal(asked.quantity)
        and order.type == asked.type
        and order.time_in_force == asked.time_in_force
        and order.price == (Decimal(asked.price) if asked.price is not None else None)
    )


def _order(order: Order) -> OrderOut:
    return OrderOut(
        id=f"O-{order.id}",
        account=order.account,
        client_order_id=order.client_order_id,
        pair=order.pair,
        side=order.side,
        quantity=order.quantity,
        type=order.type,
        time_in_force=order.time_in_force,
        price=order.price,
        state=order.state,
    )


def _fill(trade: Trade) -> FillOut:
    return FillOut(
        id=f"F-{trade.id}",
        price=trade.price,
        quantity=trade.quantity,
        amount=trade.amount,
        value_date=trade.value_date,
    )


def _placed(order: Order, trades: list[Trade], row: JournalRow) -> PlacedOut:
    rejected = order.reject_code is not None
    return PlacedOut(
        order=_order(order),
        fills=[_fill(trade) for trade in trades],
        rejection=RejectionOut(code=order.reject_code or "", reason=order.reject_reason or "")
        if rejected
        else None,
        receipt=ReceiptOut(
            position=row.position,
            entry=row.payload,
            previous_hash=row.previous_hash,
            hash=row.hash,
        ),
    )
