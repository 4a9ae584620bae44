"""Forward points: signs, sides, interpolation, and the one rounding."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.errors import Refused
from tallystick.fx import (
    Curve,
    Pair,
    Points,
    Tenor,
    TwoWay,
    curve,
    instrument,
    is_good_day,
    outright,
    pair,
    parse_points,
    swap_points,
    value_dates,
)
from tallystick.fx.points import points_on
from tallystick.money import Price

EURO = pair("EUR/USD")
TRADED = date(2026, 11, 4)
"""A Wednesday: T+1 is the 5th, spot the 6th of November."""
SPOT = TwoWay(EURO, Price(108_250), Price(108_252))


def pips(traded: Pair, quoted: Mapping[Tenor, str]) -> dict[Tenor, Points]:
    """Points by tenor, written "bid/ask" in pips."""
    found = {}
    for tenor, text in quoted.items():
        bid, ask = (parse_points(each, traded) for each in text.split("/"))
        found[tenor] = Points(bid, ask)
    return found


def usual(traded: Pair = EURO) -> Curve:
    """A curve of every kind of tenor."""
    return curve(
        traded,
        TRADED,
        pips(
            traded,
            {"ON": "0.3/0.4", "TN": "0.5/0.7", "SN": "0.6/0.8", "1W": "4.1/4.4", "1M": "18.5/18.9"},
        ),
    )


def bid_ask(price: TwoWay) -> tuple[int, int]:
    """Only the two numbers."""
    return price.bid, price.ask


@pytest.mark.parametrize(
    ("value_date", "expected"),
    [
        ("2026-11-06", (108_250, 108_252)),  # spot itself
        ("2026-11-09", (108_256, 108_260)),  # SN: 0.6 and 0.8 pips more
        ("2026-11-13", (108_291, 108_296)),  # 1W
        ("2026-12-07", (108_435, 108_441)),  # 1M: 1.08250 + 0.00185, 1.08252 + 0.00189
        ("2026-11-05", (108_243, 108_247)),  # tomorrow: less TN, its ask from our bid
        ("2026-11-04", (108_239, 108_244)),  # today: less ON too
    ],
)
def test_an_outright_is_spot_and_points(value_date: str, expected: tuple[int, int]) -> None:
    """Beyond spot the points are added side by side; before it they come off, sides reversed."""
    assert bid_ask(outright(EURO, SPOT, usual(), date.fromisoformat(value_date))) == expected


def test_the_sign_is_kept() -> None:
    """A discount lowers the price beyond spot and raises it before."""
    low = curve(EURO, TRADED, pips(EURO, {"TN": "-0.7/-0.5", "1M": "-18.9/-18.5"}))
    assert bid_ask(outright(EURO, SPOT, low, date(2026, 12, 7))) == (108_061, 108_067)
    assert bid_ask(outright(EURO, SPOT, low, date(2026, 11, 5))) == (108_255, 108_259)


def test_between_tenors_points_are_linear_in_days() -> None:
    """10 of the 24 days from 1W to 1M: 41 + 144 * 10/24 = 101, 44 + 145 * 10/24 = 104.42."""
    found = outright(EURO, SPOT, usual(), date(2026, 11, 23))
    node = points_on(usual(), date(2026, 11, 23))
    assert (node.bid, node.ask) == (Fraction(101), 44 + Fraction(1450, 24))
    assert bid_ask(found) == (108_250 + 101, 108_252 + 105)


def test_between_spot_and_the_first_tenor() -> None:
    """Spot itself has no points, and the line begins there: 185 * 25/31 and 189 * 25/31."""
    only = curve(EURO, TRADED, pips(EURO, {"1M": "18.5/18.9"}))
    assert bid_ask(outright(EURO, SPOT, only, date(2026, 12, 1))) == (108_250 + 149, 108_252 + 153)


def test_points_finer_than_the_price() -> None:
    """FIX's 61.99 points, 0.006199: kept whole, rounded with the price and outwards."""
    fine: dict[Tenor, Points] = {}
    fine["3M"] = Points(parse_points("61.99", EURO, 1), parse_points("62.01", EURO, 1))
    found = curve(EURO, TRADED, fine, extra_digits=1)
    assert fine["3M"] == Points(6199, 6201)
    end = value_dates(EURO, TRADED, "3M")[1]
    assert points_on(found, end).bid == Fraction(6199, 10)
    assert bid_ask(outright(EURO, SPOT, found, end)) == (108_250 + 619, 108_252 + 621)


@pytest.mark.parametrize(
    ("text", "symbol", "extra", "units"),
    [
        ("61.9", "EUR/USD", 0, 619),
        ("-12.35", "EUR/USD", 1, -1235),
        ("0", "EUR/USD", 0, 0),
        ("12.5", "USD/JPY", 0, 125),
        ("45.5", "USD/IDR", 0, 455),
        ("-230", "USD/KRW", 0, -2300),
    ],
)
def test_points_are_written_in_pips(text: str, symbol: str, extra: int, units: int) -> None:
    """A pip is ten points of the price, whatever the pair."""
    assert parse_points(text, instrument(symbol), extra) == units


@pytest.mark.parametrize(
    ("text", "code"), [("61.99", "AMOUNT_TOO_PRECISE"), ("1e3", "AMOUNT_MALFORMED")]
)
def test_over_precise_points_are_refused(text: str, code: str) -> None:
    """Never rounded."""
    with pytest.raises(Refused) as refused:
        parse_points(text, EURO)
    assert refused.value.code == code


def test_a_short_pair_has_no_tomorrow() -> None:
    """Where ON reaches spot, today's price is spot less ON, and TN's points cannot be used."""
    dollar = pair("USD/CAD")
    spot = TwoWay(dollar, Price(139_000), Price(139_004))
    short = curve(dollar, TRADED, pips(dollar, {"ON": "-0.6/-0.4"}))
    assert bid_ask(outright(dollar, spot, short, TRADED)) == (139_004, 139_010)
    with pytest.raises(Refused, match="reaches spot") as refused:
        curve(dollar, TRADED, pips(dollar, {"TN": "0.1/0.2"}))
    assert refused.value.code == "TENOR_NOT_DEALT"


def test_a_swap_leaves_the_spot_price_out() -> None:
    """Spot to a month: its points. A week to a month: far bid less near ask. Tomorrow: TN."""
    found, spot = usual(), date(2026, 11, 6)
    week, month = date(2026, 11, 13), date(2026, 12, 7)
    assert swap_points(found, spot, month) == (Fraction(185), Fraction(189))
    assert swap_points(found, week, month) == (Fraction(185 - 44), Fraction(189 - 41))
    assert swap_points(found, date(2026, 11, 5), spot) == (Fraction(5), Fraction(7))


@pytest.mark.parametrize(
    ("value_date", "code"),
    [
        ("2026-12-08", "POINTS_MISSING"),
        ("2027-06-01", "POINTS_MISSING"),
        ("2026-11-07", "VALUE_DATE_CLOSED"),
        ("2026-11-26", "VALUE_DATE_CLOSED"),
        ("2026-11-03", "VALUE_DATE_RANGE"),
        ("2030-01-02", "VALUE_DATE_RANGE"),
    ],
)
def test_nothing_is_extrapolated(value_date: str, code: str) -> None:
    """Beyond the curve there is no price, nor on a day that is no value date."""
    with pytest.raises(Refused) as refused:
        outright(EURO, SPOT, usual(), date.fromisoformat(value_date))
    assert (refused.value.code, refused.value.field) == (code, "value_date")


@pytest.mark.parametrize(
    ("quoted", "words"),
    [
        ({"1M": "18.9/18.5"}, "the bid of 1M, 189, is above its ask, 185"),
        ({"ON": "0.3/0.4"}, "ON leads to 2026-11-05, from where TN must lead to spot"),
        ({"SPOT": "0/0"}, "SPOT has no forward points"),
        ({"BROKEN": "0/0"}, "BROKEN has no forward points"),
    ],
)
def test_unusable_points_are_refused(quoted: dict[Tenor, str], words: str) -> None:
    """Crossed points, a gap before spot, and what has no points."""
    with pytest.raises(Refused, match=words) as refused:
        curve(EURO, TRADED, pips(EURO, quoted))
    assert refused.value.code == "POINTS_UNUSABLE"


@pytest.mark.parametrize("digits", [-1, 7, 1_000_000])
def test_points_have_bounded_digits(digits: int) -> None:
    """Up to six beyond the price."""
    with pytest.raises(Refused, match="0 to 6 digits"):
        curve(EURO, TRADED, {}, extra_digits=digits)


def test_a_price_is_above_zero() -> None:
    """Points that would give the currency away are refused."""
    deep = curve(EURO, TRADED, pips(EURO, {"1M": "-10825.0/0"}))
    with pytest.raises(Refused, match="would cost nothing"):
        outright(EURO, SPOT, deep, date(2026, 12, 7))


def test_another_pair_is_a_mistake() -> None:
    """Spot, curve and pair belong together."""
    with pytest.raises(ValueError, match="do not price GBP/USD"):
        outright(pair("GBP/USD"), SPOT, usual(), date(2026, 12, 7))


POINTS = st.tuples(st.integers(-5_000, 5_000), st.integers(0, 50)).map(
    lambda each: Points(each[0], each[0] + each[1])
)


@settings(deadline=None)
@given(
    st.dictionaries(st.sampled_from(["TN", "SN", "1W", "1M", "6M", "1Y"]), POINTS, min_size=1),
    st.integers(0, 730),
    st.integers(0, 3),
)
def test_an_outright_is_exact_but_for_one_rounding(
    quoted: dict[Tenor, Points], days: int, extra: int
) -> None:
    """Against decimal arithmetic on the neighbouring tenors: within a point, and outwards."""
    found, value_date = curve(EURO, TRADED, quoted, extra), TRADED + timedelta(days=days)
    good = all(is_good_day(code, value_date) for code in ("EUR", "USD"))
    reach = [node.value_date for node in found.nodes]
    if not good or not reach[0] <= value_date <= reach[-1]:
        with pytest.raises(Refused, match=r"reach|cannot settle|settles from"):
            outright(EURO, SPOT, found, value_date)
        return
    price = outright(EURO, SPOT, found, value_date)
    known: dict[date, tuple[Decimal, Decimal]] = {date(2026, 11, 6): (Decimal(0), Decimal(0))}
    for tenor, points in quoted.items():
        near, far = value_dates(EURO, TRADED, tenor)
        low, high = (Decimal(each).scaleb(-extra) for each in (points.bid, points.ask))
        known[near if tenor == "TN" else far] = (-high, -low) if tenor == "TN" else (low, high)
    before = max(day for day in known if day <= value_date)
    after = min(day for day in known if day >= value_date)
    span = (after - before).days or 1
    part = Fraction((value_date - before).days, span)
    bid, ask = (
        Fraction(first) + (Fraction(second) - Fraction(first)) * part
        for first, second in zip(known[before], known[after], strict=True)
    )
    assert bid_ask(price) == (floor(SPOT.bid + bid), ceil(SPOT.ask + ask))
    assert price.bid < price.ask
