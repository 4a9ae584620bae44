"""The roll of one account: its positions from their value date to the next spot date. Pure.

At 17:00 in New York (NZD/USD: 07:00 in Auckland) the trade date goes on, and with it spot. What an
account that is financed daily still has to deliver on the spot date of before is moved: as by a
swap, out of the one date and into the next at one price, the mid, so that no result comes of it;
the financing is booked apart. The days are those of the calendar between the two dates: for a pair
that settles after two days the roll of Wednesday spans the weekend, for one that settles after one
day that of Thursday, and holidays add theirs.

What is to be rolled stands in the book by pair and value date (`Account.dated`), and a roll takes
it from there: so each is done once, however often and by whom it is tried, and after days of
standstill each missed day is done.
"""

from collections.abc import Iterator
from datetime import date, timedelta

from tallystick.clock import rfc3339
from tallystick.execution.book import HOUSE, Account
from tallystick.execution.decide import Market, amount_of, home_rate_of, seen
from tallystick.execution.entries import PositionRolled, Posting
from tallystick.execution.financing.rates import RATE_DIGITS, Rates
from tallystick.execution.quotes.quote import Quote
from tallystick.fx import Pair, pair, spot_date, trade_date
from tallystick.money import Price, Quantity, divide_half_up, format_decimal

DAYS_OF_YEAR = 360
"""Actual/360, the money market's count, for every currency."""
SPOT_DAYS_MAX = 21
"""No spot date is further from its trade date, through the longest holidays."""
_HUNDREDTHS_OF_BPS = 10**6
_FRIDAY = 4


def next_date(traded: Pair, value_date: date, today: date) -> date | None:
    """The spot date that follows `value_date`, of trade dates up to `today`; None: not yet.

    Raises:
        Refused: `DATE_OUT_OF_RANGE`.
    """
    if spot_date(traded, today) <= value_date:
        return None
    day = value_date - timedelta(days=SPOT_DAYS_MAX)
    while day < today:
        if day.weekday() <= _FRIDAY:
            spot = spot_date(traded, day)
            if spot > value_date:
                return spot
        day += timedelta(days=1)
    return spot_date(traded, today)


def due(account: Account, at_ns: int) -> list[tuple[Pair, date, date]]:
    """What of the account is to be rolled: (pair, from, to), the oldest first.

    Raises:
        Refused: `DATE_OUT_OF_RANGE`.
    """
    found = []
    for symbol, value_date in sorted(account.dated, key=lambda place: (place[1], place[0])):
        traded = pair(symbol)
        day = date.fromisoformat(value_date)
        to_date = next_date(traded, day, trade_date(at_ns, traded))
        if to_date is not None:
            found.append((traded, day, to_date))
    return found


def rolls(
    account: Account, rates: Rates, *, at_ns: int, market: Market, traded: Pair, rolls_max: int
) -> Iterator[PositionRolled]:
    """The rolls of one pair that are due, day by day, at most `rolls_max`.

    None where there is no price. The book must have folded each before the next one is asked for.
    """
    if market.quote is None:
        return
    for _ in range(rolls_max):
        found = [each for each in due(account, at_ns) if each[0] is traded]
        if not found:
            return
        _traded, from_date, to_date = found[0]
        yield _rolled(account, rates, at_ns, market, market.quote, traded, from_date, to_date)


def _rolled(
    account: Account,
    rates: Rates,
    at_ns: int,
    market: Market,
    quote: Quote,
    traded: Pair,
    from_date: date,
    to_date: date,
) -> PositionRolled:
    units = account.dated[traded.symbol, from_date.isoformat()]
    price = Price(divide_half_up(quote.twice_mid, 2))
    days = (to_date - from_date).days
    base_rate, quote_rate = rates.of(traded.symbol, units)
    financing = financed(units, price, base_rate - quote_rate, days, traded)
    return PositionRolled(
        at=rfc3339(at_ns),
        account=account.id,
        pair=traded.symbol,
        units=format_decimal(units, traded.base_digits),
        from_date=from_date.isoformat(),
        to_date=to_date.isoformat(),
        days=days,
        price=format_decimal(price, traded.price_digits),
        base_rate_bps=format_decimal(base_rate, RATE_DIGITS),
        quote_rate_bps=format_decimal(quote_rate, RATE_DIGITS),
        financing=format_decimal(financing, traded.quote_digits),
        postings=_postings(account.id, traded, units, price, from_date, to_date, financing),
        quote=seen(quote, traded),
        home_rate=home_rate_of(account, traded, market.rate),
    )


def financed(units: int, price: Price, rate: int, days: int, traded: Pair) -> int:
    """Minor units of the quote currency that `units` (signed) bring, or (negative) cost.

    `rate` is the yearly difference of the two rates in hundredths of a basis point. Rounded once,
    half up.
    """
    numerator = units * price * rate * days * 10**traded.quote_digits
    denominator = DAYS_OF_YEAR * _HUNDREDTHS_OF_BPS * 10 ** (
        traded.base_digits + traded.price_digits
    )  # fmt: skip
    return divide_half_up(numerator, denominator)


def _postings(
    account: str,
    traded: Pair,
    units: int,
    price: Price,
    from_date: date,
    to_date: date,
    financing: int,
) -> tuple[Posting, ...]:
    """Out of one date, into the other, and the financing; zero in each currency and date."""
    amount = amount_of(Quantity(abs(units)), price, traded)
    paid = -amount if units > 0 else amount
    moves = (
        (traded.base, -units, traded.base_digits, from_date),
        (traded.base, units, traded.base_digits, to_date),
        (traded.quote, -paid, traded.quote_digits, from_date),
        (traded.quote, paid, traded.quote_digits, to_date),
        (traded.quote, financing, traded.quote_digits, to_date),
    )
    postings: list[Posting] = []
    for code, moved, digits, day in moves:
        if moved:
            on = day.isoformat()
            postings.append(Posting(account, code, format_decimal(moved, digits), on))
            postings.append(Posting(HOUSE, code, format_decimal(-moved, digits), on))
    return tuple(postings)
