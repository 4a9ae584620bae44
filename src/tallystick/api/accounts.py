"""Accounts: opening and configuring, money in and out, the snapshot and its figures."""

from itertools import islice
from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from starlette.responses import Response

from tallystick.api import account_changes, closing, trial
from tallystick.api.account_views import (
    AccountView,
    ConfigurationView,
    SummaryView,
    TradeView,
    account_view,
    configuration_view,
    durable,
    prices_of,
    summary_view,
    trade_views,
)
from tallystick.api.history import folded
from tallystick.api.idempotency import answered, key_of
from tallystick.api.ledger import Position
from tallystick.api.operation import Call, Operation
from tallystick.api.orders import Limit
from tallystick.api.services import Services
from tallystick.errors import Refused
from tallystick.execution import HOUSE, LimitsText, check_key
from tallystick.execution.book import Account
from tallystick.execution.book.account import CALLED_NS
from tallystick.execution.desk import Key, check_reason
from tallystick.execution.entries import AccountMode, AccountOpened, Entry, Financing, FundsMoved
from tallystick.execution.margin.funds import (
    Author,
    currency_in,
    move_funds,
    open_or_change,
)
from tallystick.fx import pair as pair_of
from tallystick.ledger import Receipt
from tallystick.limits import PAGE_ITEMS_DEFAULT
from tallystick.money import parse_decimal

Reason = Annotated[str, Meta(min_length=1, max_length=500)]


class OpenAccount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An account to open, or a known one to change: what is left out stays as it was.

    `home` is the currency that its worth and its results are said in, `margin` a margin profile,
    `financing` "daily" where open positions are rolled at 17:00 New York. A new account needs
    `limits`.
    """

    account: str
    limits: LimitsText | None = None
    desk: str | None = None
    home: str | None = None
    mode: AccountMode | None = None
    margin: str | None = None
    financing: Financing | None = None


class MoveFunds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Money to come in (`deposit`) or to go out; `amount` is above zero."""

    direction: Literal["deposit", "withdraw"]
    currency: str
    amount: str
    reason: Reason


class AccountWritten(msgspec.Struct, frozen=True):
    """An account as it was opened or changed, and the receipt of the entry that did it."""

    account: str
    configuration: ConfigurationView
    receipt: Receipt


class FundsAnswer(msgspec.Struct, frozen=True):
    """Money that moved: its entry, and the receipt that proves it."""

    entry: FundsMoved
    receipt: Receipt


class AccountsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A page of accounts, in the order in which they were opened."""

    limit: Limit = PAGE_ITEMS_DEFAULT
    cursor: Position = 0


class AccountItem(msgspec.Struct, frozen=True):
    """An account in a list."""

    account: str
    configuration: ConfigurationView
    in_call: bool


class AccountList(msgspec.Struct, frozen=True):
    """Accounts; `next_cursor` asks for the next page, null at the end."""

    accounts: list[AccountItem]
    next_cursor: int | None


class SeenQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`min_position`: wait (a second) for the entry at this position."""

    min_position: Position | None = None


class OpenTradesQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose open trades, and of which pair; the token's own account where none is named."""

    account: str | None = None
    pair: str | None = None


class OpenTrades(msgspec.Struct, frozen=True):
    """The open trades, oldest first; none of an account that nets: it has positions only."""

    account: str
    last_position: int
    trades: list[TradeView]


async def list_accounts(services: Services, call: Call) -> AccountList:
    """Every account."""
    query: AccountsQuery = call.query
    accounts = services.desk.book.accounts.values()
    page = list(islice(accounts, query.cursor, query.cursor + query.limit))
    more = query.cursor + query.limit < len(accounts)
    items = [AccountItem(each.id, configuration_view(each), in_call(each)) for each in page]
    return AccountList(items, query.cursor + query.limit if more else None)


async def get_account(services: Services, call: Call) -> AccountView:
    """The whole snapshot of one account."""
    name = await _seen(services, call)
    return await durable(services, name, lambda found, last: account_view(services, found, last))


async def get_summary(services: Services, call: Call) -> SummaryView:
    """One account's figures."""
    name = await _seen(services, call)
    return await durable(services, name, lambda found, last: summary_view(services, found, last))


async def list_open_trades(services: Services, call: Call) -> OpenTrades:
    """The trades that an account keeps apart."""
    query: OpenTradesQuery = call.query
    name = query.account or call.principal.account
    call.principal.require_account(name)
    if query.pair is not None:
        pair_of(query.pair)  # a misspelt one is refused: no trades would be a lie

    def build(found: Account, last: int) -> OpenTrades:
        return OpenTrades(name, last, trade_views(found, prices_of(services), query.pair))

    return await durable(services, name, build)


async def open_account(services: Services, call: Call) -> Response:
    """Open an account, or change one."""
    body: OpenAccount = call.body
    check_key(body.account, "account")
    if body.account == HOUSE:
        sentence = f"{HOUSE!r} is the other side of every trade and no client's account."
        raise Refused("VALUE_NOT_ALLOWED", sentence, field="account")
    configuration = {
        name: value
        for name in ConfigurationView.__struct_fields__
        if (value := getattr(body, name)) is not None
    }
    if body.desk is not None:
        check_key(body.desk, "desk")
    key = key_of(call)
    author = _author(call, key)

    def propose(_position: int, at_ns: int) -> tuple[Entry, ...]:
        known = services.desk.book.accounts.get(body.account)
        return (
            open_or_change(
                body.account, known, body.limits, configuration, at_ns=at_ns, author=author
            ),
        )  # fmt: skip

    size = services.desk.book.size
    recorded = await services.desk.write(propose, key)
    entry = recorded.entry
    assert isinstance(entry, AccountOpened)  # noqa: S101  what the proposal says
    replayed = recorded.receipt.position < size
    view = configuration_view(services.desk.book.account(body.account))
    answer = AccountWritten(body.account, view, recorded.receipt)
    location = f"/v1/accounts/{body.account}"
    return answered(answer, replayed=replayed, status=201, location=location)


async def post_funds(services: Services, call: Call) -> Response:
    """Move money into or out of an account."""
    body: MoveFunds = call.body
    name = call.path["id"]
    check_reason(body.reason)
    services.desk.book.account(name)
    digits = currency_in("currency", body.currency).minor_digits
    try:
        amount = parse_decimal(body.amount, digits)
    except Refused as refusal:
        sentence = f"amount of {body.currency}: {refusal}"
        raise Refused(refusal.code, sentence, field="amount", step=refusal.step) from refusal
    if amount <= 0:
        raise Refused("AMOUNT_NOT_POSITIVE", "amount must be above zero.", field="amount")
    signed = amount if body.direction == "deposit" else -amount
    key = key_of(call)
    if key is None:
        sentence = "Money moves under an Idempotency-Key, so that a retry moves it once."
        raise Refused("KEY_REQUIRED", sentence, field="Idempotency-Key")
    author = _author(call, key, body.reason)

    def propose(_position: int, at_ns: int) -> tuple[Entry, ...]:
        return (
            move_funds(
                services.desk.book.account(name), body.currency, signed, at_ns=at_ns,
                usd=services.board.usd, author=author,
            ),
        )  # fmt: skip

    size = services.desk.book.size
    recorded = await services.desk.write(propose, key)
    entry = recorded.entry
    assert isinstance(entry, FundsMoved)  # noqa: S101  what the proposal says
    answer = FundsAnswer(entry, recorded.receipt)
    return answered(answer, replayed=recorded.receipt.position < size, status=201)


def in_call(account: Account) -> bool:
    """Whether the account is in a margin call."""
    return bool(account.marks.get(CALLED_NS))


async def _seen(services: Services, call: Call) -> str:
    """The account of the path, which the token may see, after the entry it must have seen."""
    name = call.path["id"]
    call.principal.require_account(name)
    services.desk.book.account(name)
    await folded(services, call.query.min_position)
    return name


def _author(call: Call, key: Key | None, reason: str = "") -> Author:
    if key is None:
        return Author(call.principal.name, reason)
    return Author(call.principal.name, reason, key.text, key.digest)


OPERATIONS = (
    Operation(
        "GET", "/v1/accounts", "List accounts, in the order in which they were opened.",
        list_accounts, AccountList, scope="operate", query=AccountsQuery, tag="accounts",
    ),
    Operation(
        "POST", "/v1/accounts", "Open an account, or change how it is kept.",
        open_account, AccountWritten, scope="operate", body=OpenAccount, status=201,
        tag="accounts", keyed=True, refusals=("ACCOUNT_NOT_FLAT", "IDEMPOTENCY_CONFLICT"),
    ),
    Operation(
        "GET", "/v1/accounts/{id}", "Everything about an account.",
        get_account, AccountView, scope="read", query=SeenQuery, tag="accounts",
        refusals=("UNKNOWN_ACCOUNT", "NOT_HERE_YET"),
    ),
    Operation(
        "GET", "/v1/accounts/{id}/summary", "An account's worth, result and margin.",
        get_summary, SummaryView, scope="read", query=SeenQuery, tag="accounts",
        refusals=("UNKNOWN_ACCOUNT", "NOT_HERE_YET"),
    ),
    Operation(
        "POST", "/v1/accounts/{id}/funds", "Move money into an account, or out of it.",
        post_funds, FundsAnswer, scope="operate", body=MoveFunds, status=201, tag="accounts",
        keyed=True,
        refusals=("UNKNOWN_ACCOUNT", "INSUFFICIENT_FUNDS", "IDEMPOTENCY_CONFLICT"),
    ),
    Operation(
        "GET", "/v1/open-trades", "The trades that are open, oldest first.",
        list_open_trades, OpenTrades, scope="read", query=OpenTradesQuery, tag="accounts",
        refusals=("UNKNOWN_ACCOUNT", "UNKNOWN_PAIR"),
    ),
    *account_changes.OPERATIONS,
    *closing.OPERATIONS,
    *trial.OPERATIONS,
)  # fmt: skip
