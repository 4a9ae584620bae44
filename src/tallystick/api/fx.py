"""The conventions, to look up: every pair with its own, and value dates with their reasons."""

import asyncio
from datetime import date
from typing import Annotated

import msgspec
from msgspec import Meta

from tallystick.api.operation import Call, Operation
from tallystick.api.services import Services
from tallystick.errors import Refused
from tallystick.fx import (
    FIXINGS,
    INSTRUMENTS,
    Fixing,
    Pair,
    ValueDates,
    explain,
    explain_date,
    instrument,
    is_provisional,
    parse_tenor,
    trade_date,
)
from tallystick.fx.pairs import Hours, Roll, Settlement, UsdDays
from tallystick.money import format_decimal

_SYMBOL = Meta(max_length=100, description="A pair as the market writes it, such as EUR/USD.")


class DatesQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which dates: of a `tenor` (spot where none is given), or of one `value_date`.

    `trade_date` is today's of the pair where it is not given.
    """

    pair: Annotated[str, _SYMBOL]
    trade_date: date | None = None
    tenor: Annotated[str, Meta(max_length=100, description="SPOT, ON, TN, SN, 1W, 1M.")] | None = (
        None
    )
    value_date: date | None = None


class Instrument(msgspec.Struct, frozen=True):
    """A pair with its conventions; numbers of money are decimal strings.

    A price is a multiple of `price_step`, a quantity of base currency one of `quantity_step` and
    at least `quantity_min`. `fixing` is there for non-deliverable pairs, which are dealt forward
    only. `provisional` names currencies whose calendars are certain only once a year is announced.
    """

    symbol: str
    base: str
    quote: str
    settlement: Settlement
    pip: str
    price_step: str
    quantity_step: str
    quantity_min: str
    price_digits: int
    base_digits: int
    quote_digits: int
    spot_lag: int
    usd_days: UsdDays
    roll: Roll
    session: Hours
    fixing: Fixing | None
    provisional: list[str]


class InstrumentList(msgspec.Struct, frozen=True):
    """Every pair, in the market's order."""

    instruments: list[Instrument]


async def dates(services: Services, call: Call) -> ValueDates:
    """Value dates of a pair, holiday by holiday."""
    query: DatesQuery = call.query
    if query.tenor is not None and query.value_date is not None:
        raise Refused("BAD_REQUEST", "Ask for a tenor or for a value_date, not for both.")
    pair = instrument(query.pair)
    day = query.trade_date or trade_date(services.clock.now_ns(), pair)
    # In a thread: the calendar of a year that nobody asked for yet takes some milliseconds.
    if query.value_date is not None:
        return await asyncio.to_thread(explain_date, pair, day, query.value_date)
    return await asyncio.to_thread(explain, pair, day, parse_tenor(query.tenor or "SPOT"))


async def instruments(_services: Services, _call: Call) -> InstrumentList:
    """Every pair with its conventions."""
    return InstrumentList([instrument_of(pair) for pair in INSTRUMENTS.values()])


def instrument_of(pair: Pair) -> Instrument:
    """A pair as it is shown."""
    step = format_decimal(1, pair.base_digits)
    ends = (pair.base, pair.quote)
    return Instrument(
        pair.symbol, pair.base, pair.quote, pair.settlement,
        format_decimal(1, pair.pip_digits), format_decimal(1, pair.price_digits), step, step,
        pair.price_digits, pair.base_digits, pair.quote_digits,
        pair.spot_lag, pair.usd_days, pair.roll, pair.session,
        FIXINGS[pair.quote] if pair.settlement == "ndf" else None,
        [currency for currency in ends if is_provisional(currency)],
    )  # fmt: skip


OPERATIONS = (
    Operation(
        "GET", "/v1/fx/dates", "When a trade settles, holiday by holiday.",
        dates, ValueDates, scope="read", query=DatesQuery, tag="conventions",
    ),
    Operation(
        "GET", "/v1/instruments", "Every pair with its conventions.",
        instruments, InstrumentList, scope="read", tag="conventions",
    ),
)  # fmt: skip
