"""Tenors and broken dates: fixtures, QuantLib's month rolls, and what is not dealt."""

import random
from calendar import monthrange
from datetime import date, timedelta
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.errors import Refused
from tallystick.fx import (
    INSTRUMENTS,
    PAIRS,
    TENORS,
    Pair,
    Tenor,
    check_value_date,
    explain,
    explain_date,
    instrument,
    is_good_day,
    pair,
    parse_tenor,
    spot_date,
    value_dates,
)
from tallystick.fx.tenors import LONGEST, VALUE_DATES_CACHED_MAX

ANY_PAIR = st.sampled_from(list(INSTRUMENTS.values()))
ANY_DAY = st.dates(date(2014, 1, 1), date(2033, 6, 30))
ANY_TENOR = st.sampled_from(TENORS)
MONTHS: dict[Tenor, int] = {
    "1M": 1, "2M": 2, "3M": 3, "4M": 4, "5M": 5, "6M": 6, "7M": 7, "8M": 8, "9M": 9, "10M": 10,
    "11M": 11, "1Y": 12, "15M": 15, "18M": 18, "21M": 21, "2Y": 24,
}  # fmt: skip
CODES = {"DATE_OUT_OF_RANGE", "TENOR_NOT_DEALT", "VALUE_DATE_CLOSED", "VALUE_DATE_RANGE"}
JOINT = {
    "EUR/USD": ("TARGET()", "UnitedStates(ql.UnitedStates.FederalReserve)"),
    "USD/CAD": ("Canada()", "UnitedStates(ql.UnitedStates.FederalReserve)"),
    "EUR/GBP": ("TARGET()", "UnitedKingdom()", "UnitedStates(ql.UnitedStates.FederalReserve)"),
    "USD/JPY": ("Japan()", "UnitedStates(ql.UnitedStates.FederalReserve)"),
}


def day(text: str) -> date:
    """A date."""
    return date.fromisoformat(text)


@pytest.mark.parametrize(
    ("symbol", "traded", "tenor", "near", "far"),
    [
        # An ordinary week: Wednesday, 4 November 2026; spot is Friday.
        ("EUR/USD", "2026-11-04", "SPOT", "2026-11-06", "2026-11-06"),
        ("EUR/USD", "2026-11-04", "ON", "2026-11-04", "2026-11-05"),
        ("EUR/USD", "2026-11-04", "TN", "2026-11-05", "2026-11-06"),
        ("EUR/USD", "2026-11-04", "SN", "2026-11-06", "2026-11-09"),
        ("EUR/USD", "2026-11-04", "1W", "2026-11-06", "2026-11-13"),
        ("EUR/USD", "2026-11-04", "3W", "2026-11-06", "2026-11-27"),
        ("EUR/USD", "2026-11-04", "1M", "2026-11-06", "2026-12-07"),
        ("EUR/USD", "2026-11-04", "2Y", "2026-11-06", "2028-11-06"),
        # A week on is Thanksgiving: the Friday after.
        ("EUR/USD", "2026-11-17", "1W", "2026-11-19", "2026-11-27"),
        # End to end: 30 January is January's last good day, and 27 February February's.
        ("EUR/USD", "2026-01-28", "1M", "2026-01-30", "2026-02-27"),
        ("EUR/USD", "2026-02-25", "1M", "2026-02-27", "2026-03-31"),
        ("EUR/USD", "2026-02-25", "1Y", "2026-02-27", "2027-02-26"),
        # A day that February lacks: spot on the 30th, the 31st is still to come.
        ("EUR/USD", "2025-12-26", "2M", "2025-12-30", "2026-02-27"),
        # Modified Following: 31 May 2026 is a Sunday and June must not begin.
        ("EUR/USD", "2026-03-27", "2M", "2026-03-31", "2026-05-29"),
        ("EUR/USD", "2026-04-28", "1M", "2026-04-30", "2026-05-29"),
        # 30 May 2026 is a Saturday, from a spot that is no month end.
        ("USD/JPY", "2026-03-26", "2M", "2026-03-30", "2026-05-29"),
        # The fourth of July: the day after the trade date is closed, and ON reaches spot.
        ("EUR/USD", "2017-07-03", "ON", "2017-07-03", "2017-07-05"),
        # T+1 pairs.
        ("USD/CAD", "2026-11-04", "ON", "2026-11-04", "2026-11-05"),
        ("USD/CAD", "2026-11-04", "SN", "2026-11-05", "2026-11-06"),
        ("USD/TRY", "2026-11-19", "ON", "2026-11-19", "2026-11-20"),
        # Golden Week: USD/JPY traded on 28 April settles on 1 May, and a week on is closed.
        ("USD/JPY", "2026-04-28", "1W", "2026-05-01", "2026-05-08"),
        ("USD/JPY", "2026-04-28", "SN", "2026-05-01", "2026-05-07"),
        # A cross must be good in USD too: 25 November 2027 is Thanksgiving.
        ("EUR/JPY", "2026-11-20", "1Y", "2026-11-25", "2027-11-26"),
    ],
)
def test_dates_of_tenors(symbol: str, traded: str, tenor: Tenor, near: str, far: str) -> None:
    """The near and the far date, worked out by hand."""
    assert value_dates(pair(symbol), day(traded), tenor) == (day(near), day(far))


@pytest.mark.parametrize(
    ("symbol", "value_date", "fixing"),
    [
        ("USD/KRW", "2026-11-06", "2026-11-04"),
        ("USD/KRW", "2026-09-29", "2026-09-23"),  # Chuseok, a weekend, and a good day between
        ("USD/INR", "2026-11-12", "2026-11-09"),  # Diwali between
        ("USD/TWD", "2026-11-06", "2026-11-04"),
        ("USD/CNY", "2026-10-09", "2026-09-30"),  # Golden Week: one good day before the 9th
        ("USD/CLP", "2026-11-06", "2026-11-05"),
        ("USD/COP", "2026-11-06", "2026-11-06"),
        ("USD/PHP", "2026-11-06", "2026-11-05"),
        ("USD/RUB", "2026-11-06", "2026-11-05"),
        # The dollar's holiday on 26 November counts, but not for the peso.
        ("USD/BRL", "2026-11-27", "2026-11-25"),
        ("USD/ARS", "2026-11-27", "2026-11-24"),
    ],
)
def test_fixings_are_counted_back_as_spot_is(symbol: str, value_date: str, fixing: str) -> None:
    """So many good days before the value date, by the rule of spot."""
    found = explain_date(instrument(symbol), day("2026-09-01"), day(value_date))
    assert found.fixing == day(fixing)
    assert (found.steps[-1].verdict, found.steps[-1].day) == ("fixes", day(fixing))


def test_deliverable_pairs_are_not_fixed() -> None:
    """Both currencies are paid."""
    assert explain(pair("EUR/USD"), day("2026-11-04"), "1M").fixing is None


@pytest.mark.parametrize(
    ("symbol", "traded", "tenor", "words"),
    [
        ("USD/CAD", "2026-11-04", "TN", "ON of USD/CAD reaches spot on 2026-11-05"),
        ("EUR/USD", "2017-07-03", "TN", "ON of EUR/USD reaches spot on 2017-07-05"),
        ("EUR/USD", "2017-07-04", "ON", "a day closed in USD (Independence Day)"),
        ("EUR/GBP", "2026-04-06", "ON", "a day closed in EUR (Easter Monday), GBP (Easter Monday)"),
        ("USD/KRW", "2026-11-04", "ON", "USD/KRW is not deliverable"),
        ("USD/KRW", "2026-11-04", "TN", "USD/KRW is not deliverable"),
        ("USD/KRW", "2026-02-16", "SPOT", "is fixed on 2026-02-13, before the trade date"),
    ],
)
def test_what_is_not_dealt_is_refused(symbol: str, traded: str, tenor: Tenor, words: str) -> None:
    """A coded sentence says why, the same one each time."""
    for _ in range(2):
        with pytest.raises(Refused) as refused:
            value_dates(instrument(symbol), day(traded), tenor)
        assert (refused.value.code, refused.value.field) == ("TENOR_NOT_DEALT", "tenor")
        assert words in str(refused.value)
        assert len(str(refused.value)) < 120


@pytest.mark.parametrize(
    ("text", "tenor"),
    [(each, each) for each in TENORS]
    + [("12M", "1Y"), ("24M", "2Y"), ("o/n", "ON"), (" t/n ", "TN"), ("sp", "SPOT"), ("3w", "3W")],
)
def test_tenors_are_read_as_they_are_written(text: str, tenor: str) -> None:
    """The market's spellings, in either case; a year is a year."""
    assert parse_tenor(text) == tenor


@pytest.mark.parametrize("text", ["", "4W", "13M", "3Y", "0M", "M", "1", "BROKEN", "x" * 10_000])
def test_other_tenors_are_refused(text: str) -> None:
    """The sentence lists those that there are."""
    with pytest.raises(Refused, match="SPOT ON TN SN 1W") as refused:
        parse_tenor(text)
    assert (refused.value.code, refused.value.field) == ("UNKNOWN_TENOR", "tenor")
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize("symbol", JOINT)
def test_month_rolls_agree_with_quantlib(symbol: str, quantlib: ModuleType) -> None:
    """On QuantLib's own joint calendars, with its Modified Following and end of month."""
    parts = [eval(f"ql.{each}", {"ql": quantlib}) for each in JOINT[symbol]]  # noqa: S307  constants
    compare(symbol, quantlib.JointCalendar(*parts), quantlib, 2025, 2025)


@pytest.mark.parametrize(
    "symbol", ["EUR/USD", "USD/JPY", "NZD/CAD", "USD/MXN", "USD/ILS", "USD/AED"]
)
def test_month_rolls_agree_with_quantlib_over_thirty_years(
    symbol: str, quantlib: ModuleType
) -> None:
    """Random trade dates, on a calendar of QuantLib's that was taught our closed days."""
    taught = quantlib.BespokeCalendar(symbol)
    first, last = date(2003, 1, 1), date(2033, 12, 31)
    for number in range((last - first).days + 1):
        each = first + timedelta(days=number)
        if not all(is_good_day(code, each) for code in {*symbol.split("/"), "USD"}):
            taught.addHoliday(quantlib.Date(each.day, each.month, each.year))
    compare(symbol, taught, quantlib, 2003, 2031)


def compare(symbol: str, calendar: Any, ql: ModuleType, first: int, last: int) -> None:
    """Five hundred random trade dates and tenors of months."""
    chance = random.Random(symbol)  # noqa: S311  repeatable
    for _ in range(500):
        month, year = chance.randint(1, 12), chance.randint(first, last)
        late = monthrange(year, month)[1]
        traded = date(year, month, chance.choice([late, late - 1, late - 2, late - 3, late - 4, 5]))
        tenor = chance.choice(list(MONTHS))
        spot, far = value_dates(pair(symbol), traded, tenor)
        rolled = calendar.advance(
            ql.Date(spot.day, spot.month, spot.year), MONTHS[tenor], ql.Months,
            ql.ModifiedFollowing, True,
        )  # fmt: skip
        assert far == date(rolled.year(), rolled.month(), rolled.dayOfMonth()), (traded, tenor)


@settings(deadline=None)
@given(ANY_PAIR, ANY_DAY, ANY_TENOR)
def test_the_steps_prove_the_dates(each: Pair, traded: date, tenor: Tenor) -> None:
    """The far date is good for all, says so step by step, and is as far away as is said."""
    try:
        found = explain(each, traded, tenor)
    except Refused:
        return
    assert (found.near, found.far) == value_dates(each, traded, tenor)
    assert found.spot == spot_date(each, traded)
    assert found.trade_date <= found.trade_date_used <= found.near < found.far
    assert found.days == (found.far - found.spot).days
    for currency in {each.base, each.quote, "USD"}:
        steps = [step for step in found.steps if step.currency == currency]
        assert (found.far, "settles") in [(step.day, step.verdict) for step in steps]
    assert set(found.provisional) == {step.currency for step in found.steps if step.provisional}
    assert all(step.reason for step in found.steps)


@settings(deadline=None)
@given(ANY_PAIR, ANY_DAY)
def test_tenors_never_cross(each: Pair, traded: date) -> None:
    """A longer tenor never settles before a shorter one."""
    if each.settlement == "ndf":
        traded = explain_spot_day(each, traded)
    spot = spot_date(each, traded)
    ends = [value_dates(each, traded, tenor)[1] for tenor in TENORS[3:]]
    assert spot < ends[0]
    assert ends == sorted(ends)
    assert ends[-1] <= spot + timedelta(days=2 * 366 + 10)


def explain_spot_day(each: Pair, traded: date) -> date:
    """The next day on which both currencies settle: one with a fixing for all tenors."""
    while not all(is_good_day(code, traded) for code in (each.base, each.quote)):
        traded += timedelta(days=1)
    return traded


def test_the_reasoning_of_a_month() -> None:
    """Holiday by holiday: the target, what was closed, where Modified Following turned."""
    said = [
        (step.day.isoformat(), step.currency, step.verdict, step.reason)
        for step in explain(pair("USD/JPY"), day("2026-03-26"), "2M").steps[-8:]
    ]
    assert said == [
        ("2026-05-30", "", "target", "2M after 2026-03-30"),
        ("2026-05-30", "USD", "closed", "Saturday"),
        ("2026-05-30", "JPY", "closed", "Saturday"),
        ("2026-05-31", "USD", "closed", "Sunday"),
        ("2026-05-31", "JPY", "closed", "Sunday"),
        ("2026-06-01", "", "turns", "another month: Modified Following goes back"),
        ("2026-05-29", "USD", "settles", "good day"),
        ("2026-05-29", "JPY", "settles", "good day"),
    ]


@pytest.mark.parametrize(
    ("symbol", "value_date", "days"),
    [
        ("EUR/USD", "2026-11-04", -2),
        ("EUR/USD", "2026-11-05", -1),
        ("EUR/USD", "2026-11-06", 0),
        ("EUR/USD", "2026-12-01", 25),
        ("EUR/USD", "2028-11-06", 731),
        ("USD/CAD", "2026-11-05", 0),
        ("USD/KRW", "2026-11-06", 0),
    ],
)
def test_a_broken_date_says_how_far_it_is(symbol: str, value_date: str, days: int) -> None:
    """Calendar days from spot, for a trade of 4 November 2026; negative before it."""
    for _ in range(2):
        assert check_value_date(instrument(symbol), day("2026-11-04"), day(value_date)) == days
    found = explain_date(instrument(symbol), day("2026-11-04"), day(value_date))
    assert (found.tenor, found.near, found.far) == ("BROKEN", day(value_date), day(value_date))
    assert found.days == days


@pytest.mark.parametrize(
    ("symbol", "value_date", "code", "words"),
    [
        ("EUR/USD", "2026-12-25", "VALUE_DATE_CLOSED", "EUR (Christmas Day), USD (Christmas Day)"),
        ("EUR/USD", "2026-11-26", "VALUE_DATE_CLOSED", "USD (Thanksgiving Day)"),
        ("EUR/GBP", "2026-11-26", "VALUE_DATE_CLOSED", "USD (Thanksgiving Day)"),
        ("EUR/USD", "2026-11-07", "VALUE_DATE_CLOSED", "EUR (Saturday), USD (Saturday)"),
        ("EUR/USD", "2026-11-03", "VALUE_DATE_RANGE", "from then to 2028-11-06"),
        ("EUR/USD", "2028-11-07", "VALUE_DATE_RANGE", "from then to 2028-11-06"),
        ("EUR/USD", "9999-12-31", "VALUE_DATE_RANGE", "from then to 2028-11-06"),
        ("EUR/USD", "0001-01-01", "VALUE_DATE_RANGE", "from then to 2028-11-06"),
        ("USD/KRW", "2026-11-05", "VALUE_DATE_RANGE", "was fixed on 2026-11-03"),
    ],
)
def test_a_bad_value_date_is_refused(symbol: str, value_date: str, code: str, words: str) -> None:
    """The sentence names the holiday, or the range."""
    for ask in (check_value_date, explain_date):
        with pytest.raises(Refused) as refused:
            ask(instrument(symbol), day("2026-11-04"), day(value_date))
        assert (refused.value.code, refused.value.field) == (code, "value_date")
        assert words in str(refused.value)


@settings(deadline=None)
@given(st.sampled_from(list(PAIRS.values())), ANY_DAY, ANY_TENOR)
def test_what_a_tenor_gives_is_a_good_value_date(each: Pair, traded: date, tenor: Tenor) -> None:
    """Both ends of every tenor can be dealt as broken dates too."""
    try:
        near, far = value_dates(each, traded, tenor)
    except Refused:
        return
    spot = spot_date(each, traded)
    assert check_value_date(each, traded, far) == (far - spot).days
    assert check_value_date(each, traded, near) == (near - spot).days


def test_beyond_the_calendars_is_refused() -> None:
    """A tenor that ends after the last year is refused."""
    with pytest.raises(Refused) as refused:
        value_dates(pair("EUR/USD"), date(2098, 6, 1), LONGEST)
    assert refused.value.code == "DATE_OUT_OF_RANGE"


@settings(deadline=None)
@given(ANY_PAIR, st.dates(), ANY_TENOR, st.dates())
def test_any_question_has_an_answer(
    each: Pair, traded: date, tenor: Tenor, value_date: date
) -> None:
    """Whatever the dates: the answer, or a coded sentence that ends in a full stop."""
    for ask in (
        lambda: value_dates(each, traded, tenor),
        lambda: check_value_date(each, traded, value_date),
    ):
        try:
            assert ask() is not None
        except Refused as refused:
            assert refused.code in CODES  # noqa: PT017  either may happen
            assert str(refused).endswith(".")  # noqa: PT017


def test_the_caches_hold_a_day_of_everything() -> None:
    """All tenors of all pairs on one day fit, several times."""
    assert len(INSTRUMENTS) * len(TENORS) * 5 < VALUE_DATES_CACHED_MAX
