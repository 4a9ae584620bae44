"""Entries about accounts: opening, money, margin, the nightly roll."""

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from tallystick.execution.entries.words import Posting, QuoteSeen

AccountMode = Literal["netting", "fifo", "hedging"]
"""How fills meet positions: `netting` at average cost, `fifo` against the oldest trade first (NFA
2-43), `hedging` keeps each trade until it is closed."""
Financing = Literal["none", "daily"]
"""Whether open positions are rolled at 17:00 New York; `none` settles them on their value date."""
MarginEvent = Literal["call_entered", "call_extended", "call_exited", "closed_out"]


class LimitsText(msgspec.Struct, frozen=True, gc=False):
    """An account's limits in words of the wire; see `book.Limits` for their meaning."""

    order_quantity_max: str
    position_usd_max: str
    collar_bps: int
    duplicate_window_ms: int
    duplicates_max: int


class AccountOpened(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="account_opened"):
    """An account exists from here on, with these limits; or has new ones.

    What is left out stays as it was; at first: no `desk`, no `home` currency, `netting`, no margin
    profile and no financing.
    """

    at: str
    account: str
    limits: LimitsText
    v: int = 1
    desk: str | UnsetType = UNSET
    home: str | UnsetType = UNSET
    mode: AccountMode | UnsetType = UNSET
    margin: str | UnsetType = UNSET
    financing: Financing | UnsetType = UNSET
    by: str | UnsetType = UNSET
    key: str | UnsetType = UNSET
    request: str | UnsetType = UNSET


class FundsMoved(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="funds_moved"):
    """Money came into the account, or (a negative amount) left it: `postings` against the house."""

    at: str
    account: str
    postings: tuple[Posting, ...]
    by: str
    reason: str
    key: str | None = None
    request: str | UnsetType = UNSET
    v: int = 1


class MarginChanged(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="margin_changed"):
    """A margin call began, went on, or ended, or its positions were closed out.

    `equity` and `used` are US dollars; `used` is the margin that the positions require.
    """

    at: str
    account: str
    event: MarginEvent
    equity: str
    used: str
    v: int = 1


class PositionRolled(
    msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="position_rolled"
):
    """An open position moved from one value date to the next, and what that cost or brought.

    `units` is the signed position in base currency; `days` those between the two dates, three
    over a weekend. The financing is `units` x `price` x the difference of the two yearly rates
    (basis points, base minus quote, with the desk's markup inside) x `days` / 360. `postings` move
    the flows and book the financing; they sum to zero in every currency.
    """

    at: str
    account: str
    pair: str
    units: str
    from_date: str
    to_date: str
    days: int
    price: str
    base_rate_bps: str
    quote_rate_bps: str
    financing: str
    postings: tuple[Posting, ...]
    quote: QuoteSeen
    v: int = 1
    home_rate: str | UnsetType = UNSET
