"""Proposals about accounts: money in and out, and another configuration. Pure."""

from collections.abc import Mapping

import msgspec
from msgspec import UNSET

from tallystick.clock import rfc3339
from tallystick.errors import Refused
from tallystick.execution.book import HOUSE, Account, Limits
from tallystick.execution.book.account import REALISED
from tallystick.execution.entries import AccountOpened, FundsMoved, LimitsText, Posting
from tallystick.execution.margin.profiles import PROFILES, profile_of
from tallystick.execution.margin.requirement import Usd, figures
from tallystick.fx import Currency, currency
from tallystick.money import format_decimal

_FIXED = ("home", "mode", "financing")
"""What cannot change while positions are open: they are kept and counted by it."""


class Author(msgspec.Struct, frozen=True):
    """Who asks for it and why, under which idempotency key, with which digest of the request."""

    by: str
    reason: str = ""
    key: str | None = None
    request: str | None = None


def settled(account: Account, code: str, today: str) -> int:
    """What of a currency has settled by a day, minor units."""
    coming = sum(
        amount
        for (held, value_date), amount in account.flows.items()
        if held == code and value_date > today
    )
    return account.balances.get(code, 0) - coming


def move_funds(
    account: Account,
    code: str,
    amount: int,
    *,
    at_ns: int,
    usd: Usd,
    author: Author,
) -> FundsMoved:
    """Money into the account, or (a negative amount) out of it, today.

    Raises:
        Refused: `INSUFFICIENT_FUNDS`, so much has not settled, or is needed as margin.
    """
    at = rfc3339(at_ns)
    digits = currency(code).minor_digits
    if amount < 0:
        _require_funds(account, code, -amount, at[:10], usd)
    return FundsMoved(
        at=at,
        account=account.id,
        postings=(
            Posting(account.id, code, format_decimal(amount, digits)),
            Posting(HOUSE, code, format_decimal(-amount, digits)),
        ),
        by=author.by,
        reason=author.reason,
        key=author.key,
        request=author.request or UNSET,
    )


def _require_funds(account: Account, code: str, amount: int, today: str, usd: Usd) -> None:
    digits = currency(code).minor_digits
    there = settled(account, code, today)
    if there < amount:
        sentence = f"Only {format_decimal(max(0, there), digits)} {code} have settled."
        raise Refused("INSUFFICIENT_FUNDS", sentence, field="amount")
    profile = profile_of(account.configuration.margin) or PROFILES["none"]
    now, taken = figures(account, profile, usd), usd(code, amount)
    if now is None or taken is None:
        sentence = "A currency has no price now: what is left cannot be told."
        raise Refused("INSUFFICIENT_FUNDS", sentence)
    left = now.available - taken
    if left < 0:
        said = format_decimal(-left, 2)
        sentence = f"The account would have {said} USD less than it owes or needs as margin."
        raise Refused("INSUFFICIENT_FUNDS", sentence, field="amount")


def open_or_change(
    name: str,
    known: Account | None,
    limits: LimitsText | None,
    configuration: Mapping[str, str],
    *,
    at_ns: int,
    author: Author,
) -> AccountOpened:
    """A new account, or another configuration or limits of a `known` one.

    Raises:
        Refused: `MEMBER_REQUIRED`, a new account without limits; `ACCOUNT_NOT_FLAT`, what is to be
            changed counts its open positions or its result; `VALUE_NOT_ALLOWED`; `AMOUNT_MALFORMED`
            and `AMOUNT_TOO_PRECISE`, a limit cannot be read.
    """
    if known is not None:
        _require_changeable(known, configuration)
    elif limits is None:
        raise Refused("MEMBER_REQUIRED", "A new account needs limits.", field="limits")
    text = limits or limits_text(known.limits if known else None)
    Limits.of(text)
    margin = configuration.get("margin")
    if margin is not None and margin not in PROFILES:
        sentence = f"margin must be one of {', '.join(sorted(PROFILES))}."
        raise Refused("VALUE_NOT_ALLOWED", sentence, field="margin")
    if "home" in configuration:
        currency_in("home", configuration["home"])
    opened = AccountOpened(rfc3339(at_ns), name, text, v=2, by=author.by)
    return msgspec.structs.replace(
        opened, key=author.key or UNSET, request=author.request or UNSET, **configuration
    )


def currency_in(field: str, code: str) -> Currency:
    """The currency that a member of a request names.

    Raises:
        Refused: `UNKNOWN_CURRENCY`, with the member.
    """
    try:
        return currency(code)
    except Refused as refusal:
        raise Refused(refusal.code, str(refusal), field=field) from refusal


def _require_changeable(known: Account, configuration: Mapping[str, str]) -> None:
    changed = [
        name for name in _FIXED
        if name in configuration and configuration[name] != getattr(known.configuration, name)
    ]  # fmt: skip
    if not changed:
        return
    if any(held.long or held.short for held in known.positions.values()):
        sentence = f"{changed[0]} cannot change while positions are open."
        raise Refused("ACCOUNT_NOT_FLAT", sentence, field=changed[0])
    if "home" in changed and known.marks.get(REALISED):
        sentence = "home cannot change: the account's result is counted in it."
        raise Refused("ACCOUNT_NOT_FLAT", sentence, field="home")


def limits_text(limits: Limits | None) -> LimitsText:
    """Limits in words of the wire."""
    assert limits is not None, "a known account has limits"  # noqa: S101  as promised
    return LimitsText(
        order_quantity_max=str(limits.order_quantity_max),
        position_usd_max=format_decimal(limits.position_usd_max, 2),
        collar_bps=limits.collar_bps,
        duplicate_window_ms=limits.duplicate_window_ms,
        duplicates_max=limits.duplicates_max,
    )
