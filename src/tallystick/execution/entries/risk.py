"""Entries about limits and about stopping: who set what, and why."""

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

Scope = Literal["all", "desk", "account", "pair"]
"""What a limit or a trading state is about; `all` has no id."""
TradingState = Literal["active", "reducing", "halted"]
"""`reducing` lets pass what makes positions smaller, `halted` nothing."""


class KillSwitchSet(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="kill_switch_set"):
    """Trading was stopped or resumed, for one account or (`account` null) for all.

    The form of the first release; `TradingStateSet` says it now.
    """

    at: str
    account: str | None
    active: bool
    by: str
    reason: str
    v: int = 1


class TradingStateSet(
    msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="trading_state_set"
):
    """What may be traded from here on, by everybody, a desk, an account or in a pair.

    Going to a freer state takes two people: `asked_by` asked for it, `by` granted it.
    """

    at: str
    scope: Scope
    id: str | None
    state: TradingState
    by: str
    reason: str
    asked_by: str | UnsetType = UNSET
    key: str | UnsetType = UNSET
    request: str | UnsetType = UNSET
    v: int = 1


class ResumeAsked(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="resume_asked"):
    """Somebody asks that trading becomes freer again; a second person has to grant it."""

    at: str
    scope: Scope
    id: str | None
    state: TradingState
    by: str
    reason: str
    key: str | UnsetType = UNSET
    request: str | UnsetType = UNSET
    v: int = 1


class ScopedLimits(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Limits of a scope; what is left out is not limited there. The tightest of all scopes holds.

    Quantities are units of base currency, `_usd` US dollars, windows milliseconds. The collars are
    basis points from the mid: `collar_bps` for limit prices, `stop_collar_bps` for the prices of
    orders that wait for the market to come to them (stops, take-profits, trailing distances).
    `messages_per_second` and `message_burst` bound orders, replacements and cancels;
    `executions_max` equal executions within `execution_window_ms` stop the account until a person
    lets it go on (RTS 6 Article 15(3)).
    """

    order_quantity_max: str | None = None
    order_usd_max: str | None = None
    position_usd_max: str | None = None
    settlement_usd_max: str | None = None
    collar_bps: int | None = None
    open_orders_max: int | None = None
    messages_per_second: int | None = None
    message_burst: int | None = None
    executions_max: int | None = None
    execution_window_ms: int | None = None
    stop_collar_bps: int | None = None


class LimitsSet(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="limits_set"):
    """The limits of a scope are these from here on, and no others."""

    at: str
    scope: Scope
    id: str | None
    limits: ScopedLimits
    by: str
    reason: str
    key: str | UnsetType = UNSET
    request: str | UnsetType = UNSET
    v: int = 1


class LimitOverridden(
    msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="limit_overridden"
):
    """One limit of a scope is another until a time: authorised by a signature (RTS 7 20(2)(d)).

    `note` is the approver's signed note (C2SP signed-note), whose text says the same members.
    """

    at: str
    scope: Scope
    id: str | None
    limit: str
    value: str
    until: str
    reason: str
    approver: str
    by: str
    note: str
    key: str | UnsetType = UNSET
    request: str | UnsetType = UNSET
    v: int = 1
