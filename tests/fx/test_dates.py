"""Spot: the published cases, and the rule's properties."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.errors import Refused
from tallystick.fx import INSTRUMENTS, Pair, explain_spot, is_good_day, pair, spot_date

PAIRS_ANY = st.sampled_from(list(INSTRUMENTS.values()))
DATES_ANY = st.dates(date(2014, 1, 1), date(2035, 11, 30))


@pytest.mark.parametrize(
    ("symbol", "traded", "spot"),
    [
        # QuantLib pull request 121, and a question on the quant Stack Exchange (79295).
        ("EUR/USD", "2017-07-03", "2017-07-05"),
        ("EUR/USD", "2023-06-16", "2023-06-20"),
        # The published cases of ObjectLabKit.
        ("EUR/USD", "2006-06-30", "2006-07-05"),
        ("EUR/USD", "2006-07-03", "2006-07-05"),
        ("EUR/USD", "2006-08-03", "2006-08-07"),
        ("USD/CAD", "2006-07-03", "2006-07-05"),
        ("EUR/GBP", "2006-06-30", "2006-07-05"),
        ("EUR/GBP", "2006-07-03", "2006-07-05"),
        ("EUR/MXN", "2006-06-30", "2006-07-05"),
        ("EUR/MXN", "2006-07-03", "2006-07-06"),
        ("USD/JOD", "2006-07-06", "2006-07-11"),
        ("USD/AED", "2006-07-06", "2006-07-10"),
        # Its weekend trade dates: they are Monday's.
        ("EUR/USD", "2006-07-01", "2006-07-05"),
        ("EUR/USD", "2006-08-05", "2006-08-09"),
        ("EUR/GBP", "2006-07-02", "2006-07-05"),
        ("EUR/MXN", "2006-07-02", "2006-07-06"),
        # Derived: from the rule for the Mexican peso, and from the Fed's open Friday.
        ("USD/MXN", "2017-07-03", "2017-07-06"),
        ("EUR/USD", "2026-07-01", "2026-07-03"),
        # T+1 pairs count all USD days; their crosses are T+2.
        ("USD/CAD", "2017-07-03", "2017-07-05"),
        ("USD/TRY", "2026-11-19", "2026-11-20"),
        ("EUR/TRY", "2026-11-19", "2026-11-23"),
        # A holiday between pushes a currency that is not USD to T+3: Golden Week.
        ("USD/JPY", "2026-04-28", "2026-05-01"),
        ("USD/JPY", "2026-05-01", "2026-05-08"),
        # Wednesday and Thursday in a Friday-Saturday week both settle on Monday (londonfx).
        ("USD/ILS", "2026-11-18", "2026-11-23"),
        ("USD/ILS", "2026-11-19", "2026-11-23"),
        ("USD/AED", "2026-11-18", "2026-11-20"),
    ],
)
def test_published_spot_dates(symbol: str, traded: str, spot: str) -> None:
    """The rule gives the dates that others have published, and those that follow from it."""
    assert spot_date(pair(symbol), date.fromisoformat(traded)).isoformat() == spot


@pytest.mark.parametrize(
    ("symbol", "traded", "used", "spot"),
    [
        # A holiday of one currency: dealers of the other deal, and T+2 is T+2.
        ("EUR/USD", "2017-07-04", "2017-07-04", "2017-07-06"),
        ("USD/CAD", "2006-07-03", "2006-07-03", "2006-07-05"),
        # Easter Monday closes both, but New York deals.
        ("EUR/GBP", "2026-04-06", "2026-04-06", "2026-04-08"),
        # Christmas Day closes both and USD, and a weekend follows.
        ("EUR/USD", "2026-12-25", "2026-12-28", "2026-12-30"),
        ("EUR/GBP", "2026-12-25", "2026-12-28", "2026-12-30"),
        # On New Year's Day nobody deals.
        ("USD/JPY", "2026-01-01", "2026-01-02", "2026-01-06"),
        # A Sunday is a working day in Israel, but no trade date.
        ("USD/ILS", "2026-11-22", "2026-11-23", "2026-11-25"),
    ],
)
def test_a_trade_date_when_nobody_deals_moves(
    symbol: str, traded: str, used: str, spot: str
) -> None:
    """A trade date moves forward when neither currency nor USD settles, and only then."""
    found = explain_spot(pair(symbol), date.fromisoformat(traded))
    assert found.trade_date.isoformat() == traded
    assert found.trade_date_used.isoformat() == used
    assert found.spot.isoformat() == spot


@settings(deadline=None)
@given(PAIRS_ANY, DATES_ANY)
def test_spot_settles_in_both_currencies_and_usd(each: Pair, day: date) -> None:
    """Spot is after the trade date and good in both currencies and USD, and not absurdly far."""
    spot = spot_date(each, day)
    assert all(is_good_day(currency, spot) for currency in (each.base, each.quote, "USD"))
    assert timedelta(days=each.spot_lag) <= spot - day <= timedelta(days=21)


@settings(deadline=None)
@given(PAIRS_ANY, DATES_ANY, st.integers(0, 14))
def test_a_later_trade_never_settles_earlier(each: Pair, day: date, days: int) -> None:
    """Spot dates never cross: they are monotone in the trade date."""
    assert spot_date(each, day) <= spot_date(each, day + timedelta(days=days))


@settings(deadline=None)
@given(PAIRS_ANY, DATES_ANY)
def test_the_steps_prove_the_date(each: Pair, day: date) -> None:
    """Read back, the steps count enough days of each currency and settle all on the spot date."""
    found = explain_spot(each, day)
    assert found.spot == spot_date(each, day)
    for currency in {each.base, each.quote}:
        counts = [
            step for step in found.steps if (step.currency, step.verdict) == (currency, "counts")
        ]
        assert len(counts) == each.spot_lag
        assert all(found.trade_date_used < step.day <= found.spot for step in counts)
        assert is_good_day(currency, counts[-1].day)
    settles = {(step.currency, step.day) for step in found.steps if step.verdict == "settles"}
    assert settles == {(each.base, found.spot), (each.quote, found.spot), ("USD", found.spot)}
    assert all(step.reason for step in found.steps)


def test_the_reasoning_names_the_holidays() -> None:
    """The steps say which holiday did what: here the Fourth of July, waived for the euro pair."""
    said = [
        (step.day.day, step.currency, step.verdict, step.reason)
        for step in explain_spot(pair("EUR/USD"), date(2017, 7, 3)).steps
    ]
    assert said == [
        (4, "EUR", "counts", "good day 1 of 2"),
        (5, "EUR", "counts", "good day 2 of 2"),
        (4, "USD", "counts", "Independence Day, but only the last USD day must be good"),
        (5, "USD", "counts", "good day 2 of 2"),
        (5, "EUR", "settles", "good day"),
        (5, "USD", "settles", "good day"),
    ]
    juneteenth = explain_spot(pair("EUR/USD"), date(2023, 6, 15)).steps
    assert [(step.day.day, step.verdict) for step in juneteenth if step.currency == "USD"] == (
        [
            *((16, "counts"), (17, "closed"), (18, "closed"), (19, "closed"), (20, "counts")),
            (20, "settles"),
        ]
    )
    peso = explain_spot(pair("USD/MXN"), date(2017, 7, 3)).steps
    assert [step.reason for step in peso if step.verdict == "closed"] == ["Independence Day"]
    cross = explain_spot(pair("EUR/GBP"), date(2006, 6, 30)).steps
    assert [step for step in cross if step.verdict == "closed" and step.currency == "USD"]


def test_provisional_calendars_are_named() -> None:
    """A spot date that rests on a provisional calendar says so."""
    assert explain_spot(pair("USD/TRY"), date(2027, 3, 1)).provisional == ("TRY",)
    assert explain_spot(pair("EUR/USD"), date(2027, 3, 1)).provisional == ()


@pytest.mark.parametrize("day", [date.min, date(1998, 12, 31), date(2099, 12, 31), date.max])
def test_beyond_the_calendars_is_refused(day: date) -> None:
    """A trade date whose spot the calendars do not reach is refused, the same way every time."""
    for _ in range(2):
        with pytest.raises(Refused) as refused:
            spot_date(pair("EUR/USD"), day)
        assert refused.value.code == "DATE_OUT_OF_RANGE"
