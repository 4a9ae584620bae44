"""Calendars: against QuantLib as the oracle, and where the two are known to differ."""

from datetime import date, timedelta
from types import ModuleType

import pytest

from tallystick.errors import Refused
from tallystick.fx import INSTRUMENTS, is_good_day, is_provisional, why_closed

TRADED = sorted({each for pair in INSTRUMENTS.values() for each in (pair.base, pair.quote)})
YEARS = (2025, 2026, 2027)

ORACLES = {
    "USD": "ql.UnitedStates(ql.UnitedStates.FederalReserve)",
    "EUR": "ql.TARGET()",
    "GBP": "ql.UnitedKingdom()",
    "JPY": "ql.Japan()",
    "CHF": "ql.Switzerland()",
    "CAD": "ql.Canada()",
    "AUD": "ql.Australia()",
    "NZD": "ql.NewZealand(ql.NewZealand.Wellington)",
    "NOK": "ql.Norway()",
    "SEK": "ql.Sweden()",
    "DKK": "ql.Denmark()",
    "MXN": "ql.Mexico()",
    "ZAR": "ql.SouthAfrica()",
    "CZK": "ql.CzechRepublic()",
    "PLN": "ql.Poland()",
    "SGD": "ql.Singapore()",
    "RON": "ql.Romania()",
    "ISK": "ql.Iceland()",
    "BRL": "ql.Brazil(ql.Brazil.Settlement)",
    "CLP": "ql.Chile()",
}
ANNOUNCED = {
    "CNY": "ql.China(ql.China.IB)",
    "HKD": "ql.HongKong()",
    "CNH": "ql.HongKong()",
    "INR": "ql.India()",
    "KRW": "ql.SouthKorea(ql.SouthKorea.Settlement)",
    "THB": "ql.Thailand()",
    "TWD": "ql.Taiwan()",
    "IDR": "ql.Indonesia()",
    "HUF": "ql.Hungary()",
}
"""Those with a file of dated overrides, compared in the year that the file has whole."""
FIRST_YEARS = {
    "MXN": 2001,
    "JOD": 2001,
    "INR": 2001,
    "QAR": 2004,
    "BHD": 2007,
    "KWD": 2008,
    "OMR": 2014,
    "SAR": 2014,
}
PROVISIONAL = {
    *("SGD", "HKD", "CNH", "TRY", "HUF", "ILS", "AED", "JOD", "THB", "CNY", "IDR", "INR", "KRW"),
    *("MYR", "PHP", "TWD", "VND", "EGP", "RUB", "KZT", "ARS", "COP", "PEN", "UYU", "GTQ"),
    *("SAR", "QAR", "KWD", "BHD", "OMR"),
}
DIFFERENT = {
    # New South Wales gives a day for an Anzac Day on a weekend in 2026 and 2027; QuantLib lacks it.
    "AUD": {"2026-04-27", "2027-04-26"},
    # Christmas Eve is a holiday in Poland from 2025 on; QuantLib lacks it.
    "PLN": {"2025-12-24", "2026-12-24", "2027-12-24"},
    # Hari Raya Puasa 2026 was announced for Saturday, 21 March; QuantLib has the 20th.
    "SGD": {"2026-03-20"},
    # Epiphany and Saint John (since 2024) and the Orthodox Good Friday (since 2018) are holidays in
    # Romania; QuantLib lacks them.
    "RON": {
        *("2025-01-06", "2025-01-07", "2025-04-18", "2026-01-06", "2026-01-07", "2026-04-10"),
        *("2027-01-06", "2027-01-07", "2027-04-30"),
    },
    # The local elections, and Constitution Day, a holiday again since 2026; QuantLib lacks both.
    "KRW": {"2026-06-03", "2026-07-17"},
    # QuantLib's Thailand has no moon days after 2025, and not the bridge day after New Year.
    "THB": {"2026-01-02", "2026-03-03", "2026-06-01", "2026-07-29"},
    # QuantLib's is the stock exchange, closed two days before the New Year's week, and it lacks
    # the holidays that became law in 2025.
    "TWD": {"2026-02-12", "2026-02-13", "2026-09-28", "2026-10-26", "2026-12-25"},
    # QuantLib's is the stock exchange, closed on the last day of the year.
    "IDR": {"2026-12-31"},
    # Bridge days of the yearly decree, and Christmas Eve, a holiday since 2024; QuantLib has none.
    "HUF": {"2026-01-02", "2026-08-21", "2026-12-24"},
}


def weekdays(*years: int) -> list[date]:
    """Every day from Monday to Friday of these years."""
    first = date(years[0], 1, 1)
    days = (first + timedelta(days=n) for n in range((date(years[-1] + 1, 1, 1) - first).days))
    return [day for day in days if day.weekday() < 5]


@pytest.mark.parametrize("currency", [*ORACLES, *ANNOUNCED])
def test_weekdays_agree_with_quantlib(currency: str, quantlib: ModuleType) -> None:
    """On weekdays of three years, or of the announced one, both agree, but for the days above."""
    text = ORACLES.get(currency) or ANNOUNCED[currency]
    oracle = eval(text, {"ql": quantlib})  # noqa: S307  a constant of this file
    different = {
        day.isoformat()
        for day in weekdays(*(YEARS if currency in ORACLES else (2026,)))
        if is_good_day(currency, day)
        != oracle.isBusinessDay(quantlib.Date(day.day, day.month, day.year))
    }
    assert different == DIFFERENT.get(currency, set())


@pytest.mark.parametrize(
    ("currency", "day", "reason"),
    [
        ("USD", "2026-07-03", None),  # the Fed is open on the Friday before a Saturday holiday
        ("USD", "2023-06-19", "Juneteenth National Independence Day"),
        ("USD", "2026-11-21", "Saturday"),
        ("USD", "2026-11-22", "Sunday"),
        ("EUR", "2026-05-01", "Labour Day"),
        ("GBP", "2022-09-19", "State Funeral of Queen Elizabeth II"),
        ("JPY", "2026-01-02", "Bank Holiday"),
        ("CAD", "2006-07-03", "Canada Day (observed)"),
        ("CAD", "2026-04-06", None),  # Easter Monday
        ("CHF", "2026-01-02", "Berchtold's Day"),
        ("NOK", "2026-12-24", "Christmas Eve"),
        ("DKK", "2026-05-15", "Bank holiday after Ascension Day"),
        ("DKK", "2026-05-01", None),  # Workers' Day is no bank holiday
        ("DKK", "2008-05-01", "Ascension Day"),  # unless it is Ascension Day as well
        ("HKD", "2026-04-03", "Good Friday"),
        ("CNH", "2026-04-03", "Good Friday"),
        ("HKD", "2026-11-21", "Saturday"),
    ],
)
def test_the_reason_is_named(currency: str, day: str, reason: str | None) -> None:
    """A closed day names its holiday or its weekday, a good day nothing."""
    assert why_closed(currency, date.fromisoformat(day)) == reason
    assert is_good_day(currency, date.fromisoformat(day)) == (reason is None)


@pytest.mark.parametrize(
    ("currency", "year", "weekend"),
    [
        ("AED", 2006, "Friday Saturday"),
        ("AED", 2021, "Friday Saturday"),
        ("AED", 2022, "Saturday Sunday"),
        ("AED", 2026, "Saturday Sunday"),
        ("JOD", 2006, "Friday Saturday Sunday"),
        ("SAR", 2026, "Friday Saturday Sunday"),
        ("ILS", 2026, "Friday Saturday"),
        ("BHD", 2026, "Friday Saturday"),
        ("EGP", 2026, "Friday Saturday"),
        ("KWD", 2026, "Friday Saturday"),
        ("OMR", 2026, "Friday Saturday"),
        ("QAR", 2026, "Friday Saturday"),
        ("HKD", 2026, "Saturday Sunday"),
        ("EUR", 1999, "Saturday Sunday"),
    ],
)
def test_weekends_are_those_of_their_country_and_time(
    currency: str, year: int, weekend: str
) -> None:
    """In all weeks of the year the same days are closed as a weekend, in the order of the week."""
    week = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
    first = date(year, 1, 1)
    days = (first + timedelta(days=n) for n in range(365))
    closed = [day for day in days if why_closed(currency, day) == week[day.weekday()]]
    assert [name for name in week if name in {week[day.weekday()] for day in closed}] == (
        weekend.split()
    )
    assert len(closed) >= 52 * len(weekend.split())


@pytest.mark.parametrize("currency", TRADED)
def test_every_traded_currency_has_a_calendar(currency: str) -> None:
    """Each has some holidays on weekdays of every year that it covers, and never a whole month."""
    first_year = FIRST_YEARS.get(currency, 1999)
    last_year = {"INR": 2035}.get(currency, 2099)
    for year in (first_year, 2014, 2026, 2035, last_year):
        good = [day for day in weekdays(year) if is_good_day(currency, day)]
        assert 190 < len(good) < 262
        assert len({(day.month) for day in good}) == 12


def test_provisional_calendars_are_flagged() -> None:
    """Calendars that follow the moon or a yearly decree are not taken for certain."""
    assert {each for each in TRADED if is_provisional(each)} == PROVISIONAL


@pytest.mark.parametrize(
    ("currency", "day", "provisional"),
    [
        ("USD", "2027-03-10", False),
        ("HKD", "2026-03-10", False),  # gazetted
        ("HKD", "2027-03-10", False),
        ("HKD", "2028-03-10", True),
        ("CNH", "2027-03-10", False),  # Hong Kong's calendar is its own
        ("CNH", "2028-03-10", True),
        ("KRW", "2026-03-10", False),
        ("KRW", "2027-03-10", True),
        ("TRY", "2026-03-10", True),
        ("TRY", "2026-03-14", False),  # a Saturday is one in any case
    ],
)
def test_an_announced_day_is_certain(currency: str, day: str, provisional: bool) -> None:
    """A provisional calendar is certain on weekends and in the years of its dated file."""
    assert is_provisional(currency, date.fromisoformat(day)) == provisional


@pytest.mark.parametrize(
    ("currency", "day", "code"),
    [
        ("BGN", date(2026, 1, 1), "UNKNOWN_CURRENCY"),
        ("X" * 10_000, date(2026, 1, 1), "UNKNOWN_CURRENCY"),
        ("EUR", date(1998, 12, 31), "DATE_OUT_OF_RANGE"),
        ("MXN", date(2000, 12, 31), "DATE_OUT_OF_RANGE"),
        ("EUR", date(2100, 1, 1), "DATE_OUT_OF_RANGE"),
        ("EUR", date.max, "DATE_OUT_OF_RANGE"),
        ("INR", date(2036, 1, 1), "DATE_OUT_OF_RANGE"),
    ],
)
def test_beyond_the_calendars_is_refused(currency: str, day: date, code: str) -> None:
    """No calendar is made up: an unknown currency or year is refused in a short sentence."""
    with pytest.raises(Refused) as refused:
        why_closed(currency, day)
    assert refused.value.code == code
    assert len(str(refused.value)) < 100
