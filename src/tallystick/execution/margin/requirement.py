"""What an account's positions and orders need as margin, and what it has. Pure.

All figures are US cents, for limits and not for booking: equity is each currency balance at the
mid, rounded half up to the cent; margin is the worth of each pair's exposure in its base currency
by the leverage, rounded up to the cent.
"""

from collections.abc import Callable

import msgspec

from tallystick.execution.book import FLAT, Account, Pending, Position
from tallystick.execution.entries import Side
from tallystick.execution.margin.profiles import Profile, profile_of
from tallystick.execution.quotes.quote import Quote
from tallystick.fx import Pair
from tallystick.money import Amount, Quantity

Usd = Callable[[str, int], Amount | None]
"""(currency, minor units) -> US cents at the mid, None where there is no price."""
USD = "USD"
UNPRICED = -1
"""What `shortfall` gives where something held has no price in US dollars."""
_NOTHING = Pending()


class Figures(msgspec.Struct, frozen=True, gc=False):
    """Where an account stands, US cents.

    `used` is the margin of its positions, `reserved` that with its working orders in the worst
    case, never less than `used`. `gross` is the worth of all currency balances but US dollars,
    without their signs: what prices can move.
    """

    equity: int
    used: int
    reserved: int
    gross: int

    @property
    def available(self) -> int:
        """What is left for more; below zero where it lacks."""
        return self.equity - self.reserved


def figures(account: Account, profile: Profile, usd: Usd) -> Figures | None:
    """Where the account stands at the newest prices; None where something has no price.

    O(currencies and pairs held).
    """
    worth = _worth(account, usd)
    if worth is None:
        return None
    used = reserved = 0
    hedges = account.configuration.mode == "hedging"
    pending = account.pending
    pairs = account.positions.keys() | pending.keys() if pending else account.positions
    for pair in pairs:
        held = account.positions.get(pair, FLAT)
        units = exposure(held, _NOTHING, profile, hedges=hedges)
        alone = margin(pair, units, profile, usd) if units else 0
        if alone is None:
            return None
        used += alone
        waiting = pending.get(pair)
        if waiting is None:
            reserved += alone
            continue
        needed = margin(pair, exposure(held, waiting, profile, hedges=hedges), profile, usd)
        if needed is None:
            return None
        reserved += needed
    equity, gross = worth
    return Figures(equity, used, reserved, gross)


def shortfall(
    account: Account,
    traded: Pair,
    side: Side,
    quantity: Quantity,
    quote: Quote,
    usd: Usd,
    *,
    released: int = 0,
) -> int | None:
    """US cents that the account would lack if `quantity` were filled, besides all that works.

    None: it has no margin profile, or enough, or nothing more is needed than before. Half the
    spread, which the fill costs, is part of it. `released` are units of a working order on the
    same side in whose place this one stands. `UNPRICED`: something held has no price in US dollars.
    """
    profile = profile_of(account.configuration.margin)
    if profile is None or not profile.leverage_of(traded.symbol):
        return None
    symbol = traded.symbol
    held = account.positions.get(symbol, FLAT)
    waiting = account.pending.get(symbol, _NOTHING)
    if side == "buy":
        after = Pending(waiting.buying + quantity - released, waiting.selling)
    else:
        after = Pending(waiting.buying, waiting.selling + quantity - released)
    hedges = account.configuration.mode == "hedging"
    before_units = exposure(held, waiting, profile, hedges=hedges)
    after_units = exposure(held, after, profile, hedges=hedges)
    if after_units <= before_units:
        return None
    now = figures(account, profile, usd)
    needed = margin(symbol, after_units, profile, usd)
    already = margin(symbol, before_units, profile, usd)
    # Both sides of a quote are that far from its mid; a cross may have no worth of its own.
    cost = usd(traded.base, -(-quantity * (quote.ask - quote.bid) // quote.twice_mid))
    if now is None or needed is None or already is None or cost is None:
        return UNPRICED
    lacking = now.reserved - already + needed + cost - now.equity
    return lacking if lacking > 0 else None


def covers(account: Account, pair: str, side: Side, quantity: int, usd: Usd) -> bool:
    """Whether the account's equity still carries a working order's fill; other orders apart.

    Its margin was reserved when it was placed, but equity may have gone since. What only reduces is
    always carried; so is what nobody can tell, for want of a price: it was told before.
    """
    profile = profile_of(account.configuration.margin)
    if profile is None:
        return True
    hedges = account.configuration.mode == "hedging"
    held = account.positions.get(pair, FLAT)
    fill = Pending(buying=quantity) if side == "buy" else Pending(selling=quantity)
    before = exposure(held, _NOTHING, profile, hedges=hedges)
    after = exposure(held, fill, profile, hedges=hedges)
    if after <= before:
        return True
    now = figures(account, profile, usd)
    needed, already = margin(pair, after, profile, usd), margin(pair, before, profile, usd)
    if now is None or needed is None or already is None:
        return True
    return now.equity >= now.used - already + needed


def exposure(held: Position, waiting: Pending, profile: Profile, *, hedges: bool) -> int:
    """Units of base currency that need margin if the worst of the working orders were filled."""
    if not hedges or profile.aggregation == "net":
        net = held.long - held.short
        return max(abs(net + waiting.buying), abs(net - waiting.selling))
    long, short = held.long + waiting.buying, held.short + waiting.selling
    return max(long, short) if profile.aggregation == "larger_side" else long + short


def margin(pair: str, units: int, profile: Profile, usd: Usd) -> int | None:
    """US cents that so many units of a pair's base need, rounded up; None without a price."""
    leverage = profile.leverage_of(pair)
    if not units or not leverage:
        return 0
    worth = usd(pair[:3], units)
    return None if worth is None else -(-worth // leverage)


def _worth(account: Account, usd: Usd) -> tuple[int, int] | None:
    """(equity, gross) of all balances."""
    equity = gross = 0
    for code, balance in account.balances.items():
        if not balance:  # nothing held needs no price
            continue
        worth = usd(code, balance)
        if worth is None:
            return None
        equity += worth
        if code != USD:
            gross += abs(worth)
    return equity, gross
