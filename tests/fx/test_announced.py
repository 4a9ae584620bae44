"""Dated overrides: what is shipped, what an operator may add, and how mistakes are told."""

from collections.abc import Iterator
from datetime import date
from importlib.resources import files

import msgspec
import pytest

from tallystick.errors import Misconfigured, Refused
from tallystick.fx import (
    explain,
    is_good_day,
    is_provisional,
    pair,
    spot_date,
    use_overrides,
    value_dates,
    why_closed,
)
from tallystick.fx.announced import OVERRIDE_DAYS_MAX, Announced, parse_overrides, shipped

HEAD = 'source = "the central bank"\nas_of = 2026-11-01\n'
TRY = pair("USD/TRY")


@pytest.fixture(autouse=True)
def _back(overrides_back: Iterator[None]) -> None:
    """Every test here leaves the calendars as they are shipped."""


def test_what_is_shipped() -> None:
    """The eight provisional calendars with bridge days, each whole for the announced year."""
    found = shipped()
    assert found.keys() == set("CNY HKD INR KRW THB TWD IDR HUF".split())  # noqa: SIM905  a list
    for currency, each in found.items():
        assert 2026 in each.complete, currency
        assert {day.year for day in each.closed} <= each.complete
        assert all(day.weekday() < 5 for day in each.closed), "weekends are closed by themselves"
        assert 8 < len([day for day in each.closed if day.year == 2026]) < 25
        assert not is_provisional(currency, date(2026, 12, 31))
        assert is_provisional(currency, date(2029, 1, 3))
    folder = files("tallystick.fx") / "overrides"
    for each_file in folder.iterdir():
        facts = msgspec.toml.decode(each_file.read_text())
        assert facts["source"]
        assert facts["as_of"] >= date(2026, 1, 1)


@pytest.mark.parametrize(
    ("currency", "day", "reason"),
    [
        ("CNY", "2026-10-06", "Day off for work on 2026-09-20"),
        ("CNY", "2026-10-10", "Saturday"),  # worked, but the market is closed
        ("HUF", "2026-08-21", "Day off for work on 2026-08-08"),
        ("THB", "2026-07-30", None),  # Buddhist Lent Day is no bank holiday
        ("INR", "2026-04-01", "Annual closing of bank accounts"),
        ("IDR", "2026-03-18", "Day of Silence Joint Holiday"),
        ("CNH", "2027-02-08", "The third day of Chinese New Year"),
    ],
)
def test_shipped_days(currency: str, day: str, reason: str | None) -> None:
    """Bridge days and days off are named."""
    assert why_closed(currency, date.fromisoformat(day)) == reason


def test_an_operator_adds_a_day() -> None:
    """A day of mourning, announced this morning: every date that leads over it moves at once."""
    traded = date(2026, 11, 18)
    before = spot_date(pair("EUR/USD"), traded), value_dates(pair("EUR/USD"), traded, "1W")
    assert before[0] == date(2026, 11, 20)

    use_overrides({"EUR": HEAD + '[closed]\n2026-11-20 = "Day of mourning"\n'})

    assert why_closed("EUR", date(2026, 11, 20)) == "Day of mourning"
    assert spot_date(pair("EUR/USD"), traded) == date(2026, 11, 23)
    assert value_dates(pair("EUR/USD"), traded, "1W")[0] == date(2026, 11, 23)
    assert why_closed("EUR", date(2026, 12, 25)) == "Christmas Day"
    reasons = {step.reason for step in explain(pair("EUR/USD"), traded, "SPOT").steps}
    assert "Day of mourning" in reasons

    use_overrides({})
    assert (spot_date(pair("EUR/USD"), traded), value_dates(pair("EUR/USD"), traded, "1W")) == (
        before
    )


def test_an_announced_year_is_certain_and_whole() -> None:
    """What was computed is gone, what was announced is there, and nothing is provisional."""
    assert why_closed("TRY", date(2027, 3, 10)) is not None
    assert explain(TRY, date(2027, 3, 1), "1W").provisional == ("TRY",)

    text = HEAD + 'complete = [2027]\n[closed]\n2027-03-11 = "Feast"\n'
    use_overrides({"TRY": text})

    assert is_good_day("TRY", date(2027, 3, 10))
    assert why_closed("TRY", date(2027, 3, 11)) == "Feast"
    assert why_closed("TRY", date(2027, 3, 13)) == "Saturday"
    assert explain(TRY, date(2027, 3, 1), "1W").provisional == ()
    assert is_provisional("TRY", date(2028, 3, 10))
    assert why_closed("TRY", date(2028, 1, 3)) is None


def test_a_day_in_a_file_is_certain_whatever_the_year() -> None:
    """The days around it stay provisional."""
    text = HEAD + 'open = [2027-03-10]\n[closed]\n2027-03-15 = "Feast"\n'
    use_overrides({"TRY": text})
    assert is_good_day("TRY", date(2027, 3, 10))
    assert [is_provisional("TRY", date(2027, 3, day)) for day in (10, 11, 15)] == (
        [False, True, False]
    )


def test_a_weekend_may_be_worked() -> None:
    """A day that is said to be open is open, weekend or not."""
    use_overrides({"CNY": HEAD + "open = [2026-10-10]\n"})
    assert is_good_day("CNY", date(2026, 10, 10))
    assert why_closed("CNY", date(2026, 10, 7)) is not None


def test_an_operator_stands_above_what_is_shipped() -> None:
    """A day is opened again, one is added; a year that is given whole replaces ours."""
    use_overrides({"KRW": HEAD + 'open = [2026-06-03]\n[closed]\n2026-12-30 = "Snow"\n'})
    assert is_good_day("KRW", date(2026, 6, 3))
    assert why_closed("KRW", date(2026, 12, 30)) == "Snow"
    assert why_closed("KRW", date(2026, 9, 25)) == "Chuseok"
    assert not is_provisional("KRW", date(2026, 6, 4))

    use_overrides({"KRW": HEAD + 'complete = [2026]\n[closed]\n2026-12-30 = "Snow"\n'})
    assert is_good_day("KRW", date(2026, 9, 25))


def test_hong_kongs_days_are_cnhs() -> None:
    """CNH settles there: one file moves both, and there is none of its own."""
    use_overrides({"HKD": HEAD + '[closed]\n2026-11-24 = "Typhoon"\n'})
    assert why_closed("CNH", date(2026, 11, 24)) == "Typhoon"
    with pytest.raises(Misconfigured, match="'CNH' is no currency with a calendar of its own"):
        use_overrides({"CNH": HEAD})


def test_later_files_win() -> None:
    """Closed, then open; open, then closed; whole years are the later one's alone."""
    one, two, three = (date(2026, 11, day) for day in (23, 24, 25))
    first = Announced({one: "a", two: "b"}, frozenset({three}), frozenset({2025}))
    later = Announced({three: "c"}, frozenset({one}), frozenset())
    assert first.amended(later) == Announced(
        {two: "b", three: "c"}, frozenset({one}), frozenset({2025})
    )
    whole = Announced({}, frozenset(), frozenset({2026}))
    assert first.amended(whole) == Announced({}, frozenset(), frozenset({2025, 2026}))


def test_all_mistakes_are_told_in_one_sentence() -> None:
    """And nothing is changed: what was in use before still is."""
    use_overrides({"EUR": HEAD + '[closed]\n2026-11-20 = "Mourning"\n'})
    with pytest.raises(Misconfigured) as wrong:
        use_overrides(
            {
                "XYZ": HEAD,
                "GBP": "closed = 1",
                "SEK": 'source = ""\nas_of = 2026-11-01\n[closed]\n2026-13-01 = "x"\n',
                "NOK": HEAD + 'open = [2026-11-20]\n[closed]\n2026-11-20 = "x"\n2026-11-23 = " "\n',
                "CHF": HEAD + "complete = [1850]\n",
                "USD": "this is not TOML",
                "JPY": HEAD + "shut = []\n",
            }
        )
    said = str(wrong.value)
    assert said.endswith(".")
    assert "\n" not in said
    for words in (
        "'XYZ' is no currency",
        "GBP: ",
        "SEK: '2026-13-01' is not a date such as 2026-02-16",
        "SEK: the source is empty",
        "NOK: 2026-11-20 is both open and closed",
        "NOK: 2026-11-23 needs a reason of 1 to 100 characters",
        "CHF: no calendar reaches the year 1850",
        "USD: ",
        "unknown field `shut`",
    ):
        assert words in said
    assert why_closed("EUR", date(2026, 11, 20)) == "Mourning"


def test_a_file_is_bounded() -> None:
    """More days than two centuries of holidays are a mistake."""
    first = date(2026, 1, 1).toordinal()
    days = (date.fromordinal(first + number) for number in range(OVERRIDE_DAYS_MAX + 1))
    text = HEAD + "[closed]\n" + "\n".join(f'{day} = "x"' for day in days)
    with pytest.raises(Misconfigured, match=f"more than {OVERRIDE_DAYS_MAX} days"):
        parse_overrides({"EUR": text}, ["EUR"], range(1, 9_999))


def test_years_beyond_the_calendars_stay_refused() -> None:
    """A file does not make a calendar reach further."""
    with pytest.raises(Misconfigured, match="no calendar reaches the year 2200"):
        use_overrides({"EUR": HEAD + "complete = [2200]\n"})
    with pytest.raises(Refused):
        is_good_day("EUR", date(2200, 1, 1))
