"""The words that entries about trading share: orders, fills, postings, quotes."""

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

Side = Literal["buy", "sell"]
OrderType = Literal[
    "market",
    "limit",
    "stop",
    "stop_limit",
    "market_if_touched",
    "take_profit",
    "stop_loss",
    "trailing_stop",
    "quoted",
]
"""`quoted` is FIX's "previously quoted": it takes a quote that was asked for."""
TimeInForce = Literal["GTC", "GTD", "GFD", "IOC", "FOK"]
"""GFD ends at the next 17:00 in New York, GTD when the order says."""
OrderState = Literal[
    "new",
    "partially_filled",
    "filled",
    "cancelled",
    "replaced",
    "rejected",
    "expired",
    "suspended",
]
"""FIX 4.4 OrdStatus in words. `new` works in the book; `suspended` waits for its parent."""
OPEN_STATES: frozenset[OrderState] = frozenset({"new", "partially_filled", "suspended"})
"""States from which an order can still go on."""
Trigger = Literal["default", "inverse", "bid", "ask", "mid"]
"""The price that sets a waiting order off: by default the side that it would take."""
PositionFill = Literal["default", "open_only", "reduce_first", "reduce_only"]
CancelCode = Literal[
    "CLIENT_REQUEST",
    "OPERATOR_REQUEST",
    "CANCEL_ALL",
    "OCO_FILLED",
    "PARENT_NOT_FILLED",
    "KILL_SWITCH",
    "NOTHING_TO_REDUCE",
    "NOT_ALLOWED_AT_TRIGGER",
    "MARGIN_CLOSE_OUT",
    "AMOUNT_TOO_SMALL",
]
"""Why an order was cancelled: the closed list."""


class Order(msgspec.Struct, frozen=True, gc=False, omit_defaults=False):
    """An order as it stands after the entry's decision.

    `quantity` is in units of the base currency, `price` (orders with a limit) in quote currency
    per unit. What stands behind `state` came with the second form of the entries, and is left out
    where it does not apply: `filled` is the cumulative quantity of an order that was filled in
    part; `stop_price` the price that sets it off, `distance` that of a trailing stop from the best
    price seen, `expires_at` the end of a GTD or GFD order, `price_bound` the worst price of one
    that takes the market. `parent` is the order whose fill wakes it, `oco` names its
    one-cancels-other group by the group's first order, `linked` counts the orders decided with it
    (the entries that follow its own), `replaces` the order in whose place it stands, `trade` the
    one trade of a hedging account that it closes, `quote` the quote it takes.
    """

    id: str
    account: str
    client_order_id: str
    pair: str
    side: Side
    quantity: str
    type: OrderType
    time_in_force: TimeInForce
    price: str | None
    state: OrderState
    filled: str | UnsetType = UNSET
    stop_price: str | UnsetType = UNSET
    distance: str | UnsetType = UNSET
    trigger: Trigger | UnsetType = UNSET
    triggered: bool | UnsetType = UNSET
    expires_at: str | UnsetType = UNSET
    price_bound: str | UnsetType = UNSET
    position_fill: PositionFill | UnsetType = UNSET
    parent: str | UnsetType = UNSET
    oco: str | UnsetType = UNSET
    linked: int | UnsetType = UNSET
    replaces: str | UnsetType = UNSET
    trade: str | UnsetType = UNSET
    quote: str | UnsetType = UNSET


class Fill(msgspec.Struct, frozen=True, gc=False):
    """One execution: `quantity` base currency against `amount` quote currency at `price`.

    `side` is there where it is not the order's: on the other leg of a swap.
    """

    id: str
    price: str
    quantity: str
    amount: str
    value_date: str
    side: Side | UnsetType = UNSET


class Rejection(msgspec.Struct, frozen=True, gc=False):
    """Why an order was rejected: a code of the closed list in `rejections`, and a sentence."""

    code: str
    reason: str


class Posting(msgspec.Struct, frozen=True, gc=False):
    """One line of the double entry: `amount` (signed) of `currency` for `account`.

    It settles on `value_date`, or on that of the entry's fills where none is given.
    """

    account: str
    currency: str
    amount: str
    value_date: str | UnsetType = UNSET


class QuoteSeen(msgspec.Struct, frozen=True, gc=False):
    """The quote an order was decided against."""

    bid: str
    ask: str
    at: str
    source: str
