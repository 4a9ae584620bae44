"""Tables of the naive peer."""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import BigInteger, DateTime, ForeignKey, Identity, Numeric, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

MONEY = Numeric(24, 8)


class Base(DeclarativeBase):
    """Every table."""


class Account(Base):
    """Who trades, and how much of one currency the account may be long or short."""

    __tablename__ = "accounts"

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    position_max: Mapped[Decimal] = mapped_column(MONEY)


class Order(Base):
    """One client order; a client_order_id is good for one order of its account."""

    __tablename__ = "orders"
    __table_args__ = (UniqueConstraint("account", "client_order_id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    account: Mapped[str] = mapped_column(ForeignKey("accounts.id"))
    client_order_id: Mapped[str] = mapped_column(Text)
    pair: Mapped[str] = mapped_column(Text)
    side: Mapped[str] = mapped_column(Text)
    quantity: Mapped[Decimal] = mapped_column(MONEY)
    type: Mapped[str] = mapped_column(Text)
    time_in_force: Mapped[str] = mapped_column(Text)
    price: Mapped[Decimal | None] = mapped_column(MONEY)
    state: Mapped[str] = mapped_column(Text)
    reject_code: Mapped[str | None] = mapped_column(Text)
    reject_reason: Mapped[str | None] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    trades: Mapped[list["Trade"]] = relationship(lazy="raise")


class Trade(Base):
    """One fill of an order."""

    __tablename__ = "trades"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), index=True)
    price: Mapped[Decimal] = mapped_column(MONEY)
    quantity: Mapped[Decimal] = mapped_column(MONEY)
    amount: Mapped[Decimal] = mapped_column(MONEY)
    value_date: Mapped[date]


class Position(Base):
    """How much of a currency an account is long (positive) or short."""

    __tablename__ = "positions"

    account: Mapped[str] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    currency: Mapped[str] = mapped_column(Text, primary_key=True)
    amount: Mapped[Decimal] = mapped_column(MONEY)


class JournalRow(Base):
    """One decided order as canonical JSON; `hash` = SHA-256(previous hash || payload)."""

    __tablename__ = "journal"

    position: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), unique=True)
    payload: Mapped[str] = mapped_column(Text)
    previous_hash: Mapped[str] = mapped_column(Text)
    hash: Mapped[str] = mapped_column(Text)
