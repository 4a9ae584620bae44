"""The book as bytes, and back: what a start folds on from."""

from collections import OrderedDict
from typing import TypeVar

import msgspec

from tallystick.execution.book.account import (
    Account,
    Configuration,
    Economics,
    Pending,
    Repeat,
)
from tallystick.execution.book.book import Book
from tallystick.execution.book.limits import Bounds, Limits
from tallystick.execution.book.positions import Lot, Position
from tallystick.execution.book.scopes import Override, ScopeKey, Stop
from tallystick.execution.entries import Order, QuoteGiven, ResumeAsked
from tallystick.execution.orders import working_of

T = TypeVar("T")
VERSION = 4
"""Of a snapshot's form; one of another is void, and the entries are folded instead."""


class AccountState(msgspec.Struct, frozen=True):
    """One account inside a snapshot."""

    id: str
    limits: Limits
    configuration: Configuration
    balances: dict[str, int]
    flows: list[tuple[tuple[str, str], int]]
    dated: list[tuple[tuple[str, str], int]]
    positions: dict[str, Position]
    lots: dict[str, list[Lot]]
    pending: dict[str, Pending]
    open_orders: list[Order]
    groups: dict[str, tuple[str, ...]]
    children: dict[str, tuple[str, ...]]
    repeats: list[tuple[Economics, Repeat]]
    executions: list[tuple[Economics, Repeat]]
    marks: dict[str, int]


class BookState(msgspec.Struct, frozen=True):
    """A whole book inside a snapshot."""

    version: int
    size: int
    accounts: list[AccountState]
    house: dict[str, int]
    bounds: list[tuple[ScopeKey, Bounds]]
    stops: list[tuple[ScopeKey, Stop]]
    overrides: list[tuple[ScopeKey, tuple[Override, ...]]]
    asked: list[tuple[ScopeKey, ResumeAsked]]
    quotes: list[QuoteGiven]


def snapshot(book: Book) -> bytes:
    """The book as bytes."""
    scopes = book.scopes
    state = BookState(
        VERSION,
        book.size,
        [_state_of(account) for account in book.accounts.values()],
        book.house,
        _by_scope(scopes.bounds),
        _by_scope(scopes.stops),
        _by_scope(scopes.overrides),
        _by_scope(scopes.asked),
        list(book.quotes.values()),
    )
    return msgspec.json.encode(state)


def restore(data: bytes) -> Book:
    """The book in a snapshot.

    Raises:
        msgspec.DecodeError: the bytes are no snapshot of this version.
    """
    state = msgspec.json.decode(data, type=BookState)
    if state.version != VERSION:
        raise msgspec.ValidationError(f"The snapshot is of version {state.version}.")
    book = Book()
    book.size = state.size
    book.cut()
    book.house = state.house
    book.scopes.bounds = dict(state.bounds)
    book.scopes.stops = dict(state.stops)
    book.scopes.overrides = dict(state.overrides)
    book.scopes.asked = dict(state.asked)
    book.quotes = OrderedDict((quote.id, quote) for quote in state.quotes)
    for kept in state.accounts:
        book.accounts[kept.id] = _account_of(book, kept)
    book.park_halted()
    book.cut()
    return book


def _by_scope(mapping: dict[ScopeKey, T]) -> list[tuple[ScopeKey, T]]:
    """In an order of their own: these mappings have none."""
    return sorted(mapping.items(), key=lambda item: (item[0][0], item[0][1] or ""))


def _state_of(account: Account) -> AccountState:
    return AccountState(
        id=account.id,
        limits=account.limits,
        configuration=account.configuration,
        balances=account.balances,
        flows=list(account.flows.items()),
        dated=list(account.dated.items()),
        positions=account.positions,
        lots={pair: list(lots.values()) for pair, lots in account.lots.items() if lots},
        pending=account.pending,
        open_orders=[working.order for working in account.open_orders.values()],
        groups=account.groups,
        children=account.children,
        repeats=list(account.repeats.items()),
        executions=list(account.executions.items()),
        marks=account.marks,
    )


def _account_of(book: Book, kept: AccountState) -> Account:
    account = Account(kept.id, kept.limits, kept.configuration)
    account.balances = kept.balances
    account.flows = dict(kept.flows)
    account.dated = dict(kept.dated)
    account.positions = kept.positions
    account.lots = {
        pair: OrderedDict((lot.id, lot) for lot in lots) for pair, lots in kept.lots.items()
    }
    account.pending = kept.pending
    account.groups = kept.groups
    account.children = kept.children
    account.repeats = OrderedDict(kept.repeats)
    account.executions = OrderedDict(kept.executions)
    account.marks = kept.marks
    for order in kept.open_orders:
        working = working_of(order)
        account.open_orders[order.id] = working
        if working.conditions or working.expires_ns is not None:
            book.working[order.id] = working
    return account
