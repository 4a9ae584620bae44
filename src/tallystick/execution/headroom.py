"""How much room an order leaves: each limit that it comes near, and the margin it needs. Pure."""

from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec

from tallystick.execution.book import FLAT, Pending
from tallystick.execution.margin import figures, profile_of
from tallystick.execution.margin.requirement import exposure, margin
from tallystick.execution.rules import Case
from tallystick.execution.rules.exposure import worst
from tallystick.fx import spot_date, trade_date
from tallystick.money import format_decimal

LimitName = Literal[
    "order_quantity_max",
    "order_usd_max",
    "position_usd_max",
    "settlement_usd_max",
    "collar_bps",
    "stop_collar_bps",
    "open_orders_max",
]
USD_DIGITS = 2
BPS = 10_000


class Headroom(msgspec.Struct, frozen=True):
    """A limit and how much of it would be used after the order, in percent rounded up.

    Quantities are units of base currency, `_usd` limits US dollars.
    """

    limit: LimitName
    used: str
    allowed: str
    percent: int


class MarginImpact(msgspec.Struct, frozen=True):
    """The account's margin in US dollars, now and if the order were filled whole.

    `used_` has what working orders reserve; `needed` is what the order adds to it.
    """

    equity: str
    used_before: str
    used_after: str
    available_before: str
    available_after: str
    needed: str


def headroom_of(case: Case, *, waits: bool) -> tuple[Headroom, ...]:
    """The limits that bound the order, the nearest first; `waits`: it would be left working."""
    found = sorted(_limits(case, waits=waits), key=lambda each: (-each.percent, each.limit))
    return tuple(found)


def impact_of(case: Case) -> MarginImpact | None:
    """What the order does to the account's margin; None: no profile, or something has no price."""
    account, traded = case.account, case.request.pair
    profile = profile_of(account.configuration.margin)
    if profile is None:
        return None
    now = figures(account, profile, case.usd)
    held = account.positions.get(traded.symbol, FLAT)
    waiting = account.pending.get(traded.symbol, Pending())
    hedges = account.configuration.mode == "hedging"
    before, after = (
        margin(traded.symbol, exposure(held, each, profile, hedges=hedges), profile, case.usd)
        for each in (waiting, _with(waiting, case))
    )
    if now is None or before is None or after is None:
        return None
    needed = after - before
    shown = (
        now.equity, now.reserved, now.reserved + needed, now.available, now.available - needed,
        needed,
    )  # fmt: skip
    return MarginImpact(*(format_decimal(each, USD_DIGITS) for each in shown))


def _with(waiting: Pending, case: Case) -> Pending:
    """What works, and this order."""
    if case.request.side == "buy":
        return Pending(waiting.buying + case.quantity, waiting.selling)
    return Pending(waiting.buying, waiting.selling + case.quantity)


def _limits(case: Case, *, waits: bool) -> Iterator[Headroom]:
    request, limits, account = case.request, case.limits, case.account
    digits = request.pair.base_digits
    units_max = limits.order_quantity_max * 10**digits
    yield _room("order_quantity_max", case.quantity, units_max, digits)
    worth = case.usd(request.pair.base, case.quantity)
    if limits.order_usd_max is not None and worth is not None:
        yield _room("order_usd_max", worth, limits.order_usd_max, USD_DIGITS)
    position = worst(_after(account.balances, case), case)
    if position is not None:
        yield _room("position_usd_max", max(position), limits.position_usd_max, USD_DIGITS)
    if limits.settlement_usd_max is not None:
        settling = worst(_after(_settling(case), case), case)
        if settling is not None:
            yield _room("settlement_usd_max", settling[1], limits.settlement_usd_max, USD_DIGITS)
    yield from _collar(case)
    if waits:
        working = len(account.open_orders) + 1 + len(request.linked)
        yield _room("open_orders_max", working, limits.open_orders_max, 0)


def _collar(case: Case) -> Iterator[Headroom]:
    """How far the order's price that is furthest from the mid is from it, in basis points."""
    request, quote, limits = case.request, case.quote, case.limits
    if quote is None:
        return
    prices = [each for each in (request.price, request.stop, request.bound) if each is not None]
    twice = [abs(2 * each - quote.twice_mid) for each in prices]
    if request.distance is not None:
        twice.append(2 * request.distance)
    if not twice:
        return
    bps = max(twice) * BPS // quote.twice_mid
    if request.stop is not None or request.distance is not None or request.kind.reduces:
        yield _room("stop_collar_bps", bps, limits.stop_collar, 0)
    else:
        yield _room("collar_bps", bps, limits.collar_bps, 0)


def _room(limit: LimitName, used: int, allowed: int, digits: int) -> Headroom:
    percent = -(-100 * used // allowed) if allowed else 100
    return Headroom(limit, format_decimal(used, digits), format_decimal(allowed, digits), percent)


def _after(held: Mapping[str, int], case: Case) -> dict[str, int]:
    """Minor units by currency when the whole order is filled on top of what is held."""
    traded = case.request.pair
    sign = 1 if case.request.side == "buy" else -1
    after = dict(held)
    after[traded.base] = after.get(traded.base, 0) + sign * case.quantity
    after[traded.quote] = after.get(traded.quote, 0) - sign * case.amount
    return after


def _settling(case: Case) -> dict[str, int]:
    """What settles of each currency on the day on which a fill of now would."""
    traded = case.request.pair
    day = spot_date(traded, trade_date(case.at_ns, traded)).isoformat()
    return {code: case.account.flows.get((code, day), 0) for code in case.account.balances}
