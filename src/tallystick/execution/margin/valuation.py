"""What an account is worth and where its profit comes from, at the newest prices. Pure.

Everything is at the mid. Each figure is an exact fraction until it is said, and rounded once, half
up, to the minor unit of its currency.
"""

from collections.abc import Callable
from fractions import Fraction

import msgspec

from tallystick.execution.book import Account, Lot, Position
from tallystick.execution.book.account import CALLED_NS, REALISED
from tallystick.execution.margin.profiles import Profile, profile_of
from tallystick.execution.margin.requirement import USD, Figures, Usd, figures
from tallystick.execution.quotes.quote import Quote
from tallystick.fx import Pair, currency, pair
from tallystick.money import divide_half_up, format_decimal

AVERAGE_DIGITS = 2
"""Decimal places of an average price beyond those of its pair."""
PERCENT_DIGITS = 2
Rate = Callable[[str, str], tuple[int, int] | None]
"""(from, to) -> minor units of `to` for one minor unit of `from` at the mid, as a fraction."""
QuoteOf = Callable[[str], Quote | None]
"""(pair) -> its newest quote."""


class Prices(msgspec.Struct, frozen=True, gc=False):
    """What is asked of the board: quotes, rates, and the worth in US dollars."""

    quote: QuoteOf
    rate: Rate
    usd: Usd


class BalanceView(msgspec.Struct, frozen=True):
    """One currency: all of it, and what of it has settled by the day of the snapshot."""

    currency: str
    amount: str
    settled: str
    home: str | None
    """Worth in home currency; None where no price leads there."""


class FlowView(msgspec.Struct, frozen=True):
    """What will settle of one currency on one value date that has not come yet."""

    currency: str
    value_date: str
    amount: str


class PositionView(msgspec.Struct, frozen=True):
    """One pair: long and short units, what they were opened at, and their results.

    `unrealised` and `realised` are quote currency (`realised` with the financing), the members
    that end in `_home` home currency; None where there is no price or no home. `margin` is US
    dollars.
    """

    pair: str
    long: str
    long_average: str | None
    short: str
    short_average: str | None
    price: str | None
    unrealised: str | None
    unrealised_home: str | None
    realised: str
    margin: str | None


class MarginView(msgspec.Struct, frozen=True):
    """Where the account stands with its margin profile; US dollars.

    `used` is what the open positions need, `reserved` that with the working orders in the worst
    case, `available` what of the equity is left over that. `level_percent` is equity by `used`,
    None without positions; below `close_out_percent` positions are closed.
    """

    profile: str
    equity: str
    used: str
    reserved: str
    available: str
    level_percent: str | None
    call_percent: int
    close_out_percent: int
    in_call: bool


class Summary(msgspec.Struct, frozen=True):
    """An account in a few figures, in its `home` currency (US dollars where it has none).

    `nav` is the worth of all balances, `unrealised` what of it open positions would bring now,
    `realised` the result of all that was closed and financed. None where a price is missing.
    """

    home: str
    nav: str | None
    unrealised: str | None
    realised: str
    margin: MarginView | None


def home_of(account: Account) -> str:
    """The currency that an account's worth is said in."""
    return account.configuration.home or USD


def nav(account: Account, prices: Prices) -> int | None:
    """The worth of all balances, minor units of home currency; None where a price is missing."""
    worth = Fraction()
    for code, balance in account.balances.items():
        if balance:
            part = _converted(Fraction(balance), code, home_of(account), prices)
            if part is None:
                return None
            worth += part
    return rounded(worth)


def summary(account: Account, prices: Prices) -> Summary:
    """The account in a few figures."""
    home = home_of(account)
    digits = currency(home).minor_digits
    open_result: Fraction | None = Fraction()
    for symbol, held in account.positions.items():
        result = unrealised(held, pair(symbol), prices)
        part = None if result is None else _converted(result, symbol[4:], home, prices)
        open_result = None if open_result is None or part is None else open_result + part
    return Summary(
        home=home,
        nav=_text(nav(account, prices), digits),
        unrealised=None if open_result is None else _text(rounded(open_result), digits),
        realised=format_decimal(account.marks.get(REALISED, 0), digits),
        margin=margin_view(account, prices),
    )


def margin_view(account: Account, prices: Prices) -> MarginView | None:
    """Where the account stands; None without a profile or without a price."""
    profile = profile_of(account.configuration.margin)
    now = None if profile is None else figures(account, profile, prices.usd)
    if profile is None or now is None:
        return None
    return MarginView(
        profile=account.configuration.margin or "",
        equity=_cents(now.equity),
        used=_cents(now.used),
        reserved=_cents(now.reserved),
        available=_cents(now.available),
        level_percent=level_percent(now),
        call_percent=profile.call_percent,
        close_out_percent=profile.close_out_percent,
        in_call=bool(account.marks.get(CALLED_NS)),
    )


def level_percent(now: Figures) -> str | None:
    """Equity in percent of the margin used; None where none is."""
    if not now.used:
        return None
    hundredths = divide_half_up(now.equity * 100 * 10**PERCENT_DIGITS, now.used)
    return format_decimal(hundredths, PERCENT_DIGITS)


def balances(account: Account, prices: Prices, today: str) -> list[BalanceView]:
    """Every currency that the account holds, or that is still to settle."""
    home = home_of(account)
    digits = currency(home).minor_digits
    coming: dict[str, int] = {}
    for (code, value_date), amount in account.flows.items():
        if value_date > today:
            coming[code] = coming.get(code, 0) + amount
    found = []
    for code, balance in sorted(account.balances.items()):
        settled = balance - coming.get(code, 0)
        if balance or settled:
            own = currency(code).minor_digits
            worth = _converted(Fraction(balance), code, home, prices)
            at_home = None if worth is None else _text(rounded(worth), digits)
            found.append(
                BalanceView(
                    code, format_decimal(balance, own), format_decimal(settled, own), at_home
                )
            )
    return found


def flows(account: Account, today: str) -> list[FlowView]:
    """What is still to settle, the nearest date first."""
    coming = sorted(
        (value_date, code, amount)
        for (code, value_date), amount in account.flows.items()
        if value_date > today and amount
    )
    return [
        FlowView(code, value_date, format_decimal(amount, currency(code).minor_digits))
        for value_date, code, amount in coming
    ]


def position_view(account: Account, symbol: str, prices: Prices) -> PositionView:
    """One pair of the account."""
    held = account.positions[symbol]
    traded = pair(symbol)
    home = account.configuration.home
    result = unrealised(held, traded, prices)
    at_home = None
    if result is not None and home is not None:
        at_home = _converted(result, traded.quote, home, prices)
    quote = prices.quote(symbol)
    return PositionView(
        pair=symbol,
        long=format_decimal(held.long, traded.base_digits),
        long_average=average(held.long, held.long_cost, traded),
        short=format_decimal(held.short, traded.base_digits),
        short_average=average(held.short, held.short_cost, traded),
        price=None if quote is None else _mid_text(quote, traded),
        unrealised=None if result is None else _text(rounded(result), traded.quote_digits),
        unrealised_home=None
        if at_home is None or home is None
        else _text(rounded(at_home), currency(home).minor_digits),
        realised=format_decimal(held.realised, traded.quote_digits),
        margin=_position_margin(account, symbol, prices),
    )


def unrealised(held: Position, traded: Pair, prices: Prices) -> Fraction | None:
    """What closing at the mid would bring beyond the cost, minor units of the quote currency."""
    if not held.long and not held.short:
        return Fraction()
    quote = prices.quote(traded.symbol)
    if quote is None:
        return None
    worth = Fraction(
        held.net * quote.twice_mid * 10**traded.quote_digits,
        2 * 10 ** (traded.base_digits + traded.price_digits),
    )
    return worth - held.long_cost + held.short_cost


def of_lot(lot: Lot) -> Position:
    """One open trade as if it were the whole position."""
    if lot.units > 0:
        return Position(long=lot.units, long_cost=lot.cost)
    return Position(short=-lot.units, short_cost=lot.cost)


def average(units: int, cost: int, traded: Pair) -> str | None:
    """What one unit was opened at, two digits finer than the pair's prices; None without units."""
    if not units:
        return None
    digits = traded.price_digits + AVERAGE_DIGITS
    numerator = cost * 10 ** (traded.base_digits + digits)
    return format_decimal(divide_half_up(numerator, units * 10**traded.quote_digits), digits)


def _position_margin(account: Account, symbol: str, prices: Prices) -> str | None:
    profile: Profile | None = profile_of(account.configuration.margin)
    if profile is None:
        return None
    alone = Account(account.id, account.limits, account.configuration)
    alone.positions = {symbol: account.positions[symbol]}
    now = figures(alone, profile, prices.usd)
    return None if now is None else _cents(now.used)


def _mid_text(quote: Quote, traded: Pair) -> str:
    """The mid, which may lie between two points."""
    return format_decimal(5 * quote.twice_mid, traded.price_digits + 1)


def _converted(amount: Fraction, code: str, to: str, prices: Prices) -> Fraction | None:
    rate = prices.rate(code, to)
    return None if rate is None else amount * Fraction(*rate)


def rounded(amount: Fraction) -> int:
    """The nearest whole minor unit, half up."""
    return divide_half_up(amount.numerator, amount.denominator)


def _text(amount: int | None, digits: int) -> str | None:
    return None if amount is None else format_decimal(amount, digits)


def _cents(amount: int) -> str:
    return format_decimal(amount, 2)
