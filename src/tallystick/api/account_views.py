"""What is shown of an account: the snapshot, its figures, its open trades."""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from tallystick.api.services import Services
from tallystick.clock import NS_PER_SECOND, rfc3339
from tallystick.errors import TemporaryError
from tallystick.execution import LimitsText, Order, encode
from tallystick.execution.book import Account, Lot
from tallystick.execution.entries import AccountMode, Financing
from tallystick.execution.margin import valuation
from tallystick.execution.margin.funds import limits_text
from tallystick.execution.margin.valuation import (
    BalanceView,
    FlowView,
    PositionView,
    Prices,
    Summary,
)
from tallystick.fx import Pair, currency, pair
from tallystick.limits import PAGE_ITEMS_MAX
from tallystick.money import format_decimal

WAIT_SECONDS = 2.0
"""How long a read waits for what it saw to be durable."""
LOOK_SECONDS = 0.002
T = TypeVar("T")


class ConfigurationView(msgspec.Struct, frozen=True):
    """How an account is kept; see `AccountOpened`."""

    desk: str | None
    home: str | None
    mode: AccountMode
    margin: str | None
    financing: Financing


class TradeView(msgspec.Struct, frozen=True):
    """An open trade of an account that is FIFO or hedges: signed units and what they cost.

    `position` is that of the entry that opened it; `unrealised` quote currency.
    """

    id: str
    pair: str
    units: str
    average: str
    unrealised: str | None
    position: int


class AccountView(msgspec.Struct, frozen=True):
    """Everything about an account, as of the entry at `last_position`.

    `working_orders` are at most a thousand; the whole list is `GET /v1/orders?state=open`.
    """

    account: str
    configuration: ConfigurationView
    limits: LimitsText
    at: str
    last_position: int
    summary: Summary
    balances: list[BalanceView]
    flows: list[FlowView]
    positions: list[PositionView]
    open_trades: list[TradeView]
    working_orders: list[Order]


class SummaryView(msgspec.Struct, frozen=True):
    """An account in a few figures, as of the entry at `last_position`."""

    account: str
    at: str
    last_position: int
    summary: Summary
    positions: int
    open_trades: int
    working_orders: int


def prices_of(services: Services) -> Prices:
    """What views ask of the board."""
    return Prices(services.board.get, services.board.rate, services.board.usd)


async def durable(services: Services, name: str, build: Callable[[Account, int], T]) -> T:
    """What `build` makes of the account and the last position, once all that it saw is durable.

    The book runs ahead of the disk by the commits on their way: a view is made at once and given
    out when the entries of the account that are in it have come to the ledger; where they never
    do, it is made again.

    Raises:
        Refused: `UNKNOWN_ACCOUNT`.
        TemporaryError: nothing came of them within two seconds.
    """
    clock, desk = services.clock, services.desk
    give_up_ns = clock.monotonic_ns() + int(WAIT_SECONDS * NS_PER_SECOND)
    while True:
        account = desk.book.account(name)
        undecided = list(desk.undecided())
        first = desk.book.size - len(undecided)
        seen = [
            (position, encode(entry))
            for position, entry in enumerate(undecided, first)
            if _is_about(entry, name)
        ]
        last = seen[-1][0] if seen else first - 1
        view = build(account, last)
        while seen and services.ledger.size <= last and desk.book.size > last:
            if clock.monotonic_ns() >= give_up_ns:
                raise TemporaryError("The account's newest entries are not durable yet; try again.")
            await clock.sleep(LOOK_SECONDS)
        if all(_is_durable(services, position, data) for position, data in seen):
            return view
        if clock.monotonic_ns() >= give_up_ns:
            raise TemporaryError("The account's newest entries are not durable yet; try again.")
        await clock.sleep(LOOK_SECONDS)


def _is_about(entry: object, name: str) -> bool:
    order = getattr(entry, "order", None)
    return name == (getattr(entry, "account", None) if order is None else order.account)


def _is_durable(services: Services, position: int, data: bytes) -> bool:
    rows = services.ledger.rows(position, 1)
    return bool(rows) and rows[0].entry == data


def account_view(services: Services, account: Account, last: int) -> AccountView:
    """The whole snapshot."""
    prices = prices_of(services)
    at = rfc3339(services.clock.now_ns())
    today = at[:10]
    working = list(account.open_orders.values())[:PAGE_ITEMS_MAX]
    return AccountView(
        account=account.id,
        configuration=configuration_view(account),
        limits=limits_text(account.limits),
        at=at,
        last_position=last,
        summary=valuation.summary(account, prices),
        balances=valuation.balances(account, prices, today),
        flows=valuation.flows(account, today),
        positions=position_views(account, prices),
        open_trades=trade_views(account, prices),
        working_orders=[each.order for each in working],
    )


def summary_view(services: Services, account: Account, last: int) -> SummaryView:
    """The figures alone."""
    return SummaryView(
        account=account.id,
        at=rfc3339(services.clock.now_ns()),
        last_position=last,
        summary=valuation.summary(account, prices_of(services)),
        positions=sum(1 for held in account.positions.values() if held.long or held.short),
        open_trades=sum(map(len, account.lots.values())),
        working_orders=len(account.open_orders),
    )


def configuration_view(account: Account) -> ConfigurationView:
    """How the account is kept."""
    found = account.configuration
    return ConfigurationView(found.desk, found.home, found.mode, found.margin, found.financing)


def position_views(account: Account, prices: Prices) -> list[PositionView]:
    """Every pair that the account holds, or has a result in."""
    return [
        valuation.position_view(account, symbol, prices)
        for symbol, held in sorted(account.positions.items())
        if held.long or held.short or held.realised
    ]


def trade_views(account: Account, prices: Prices, only: str | None = None) -> list[TradeView]:
    """The open trades, the oldest first."""
    found = [
        (lot, pair(symbol))
        for symbol, lots in account.lots.items()
        for lot in lots.values()
        if only in {None, symbol}
    ]
    found.sort(key=lambda each: (each[0].position, each[0].id))
    return [_trade_view(lot, traded, prices) for lot, traded in found]


def _trade_view(lot: Lot, traded: Pair, prices: Prices) -> TradeView:
    average = valuation.average(abs(lot.units), lot.cost, traded)
    result = valuation.unrealised(valuation.of_lot(lot), traded, prices)
    digits = currency(traded.quote).minor_digits
    return TradeView(
        id=lot.id,
        pair=traded.symbol,
        units=format_decimal(lot.units, traded.base_digits),
        average=average or "",
        unrealised=None if result is None else format_decimal(valuation.rounded(result), digits),
        position=lot.position,
    )
