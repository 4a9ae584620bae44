"""Forward points by interest-rate parity: by hand, signed, backwards, and wider with time."""

from collections.abc import Callable
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tallystick.errors import Misconfigured, Refused
from tallystick.execution import Quote
from tallystick.execution.financing import SHIPPED as RATES
from tallystick.execution.rfq.points import SHIPPED, ParityPoints, dealt_tenors, parse_terms
from tallystick.fx import PAIRS, Tenor, TwoWay, outright, pair, value_dates
from tallystick.fx.points import points_on
from tallystick.money import Price

TUESDAY = date(2026, 11, 24)
GUIDE = Path(__file__).resolve().parents[3] / "docs" / "guides" / "quotes.md"
TABLE = """
year_of_365 = ["GBP"]
[times]
other = 1
[spread_bps]
""" + "\n".join(f'{tenor} = "0.00"' for tenor in SHIPPED.spread_bps)
"""No spread anywhere: the points alone."""
BARE = parse_terms(TABLE)


def test_three_months_by_hand(words: Any) -> None:
    """The example of the guide, worked out there with pencil and paper."""
    points = ParityPoints(RATES.yearly, "hand")
    ratio = points.ratio(pair("EUR/USD"), 91)
    curve = points.curve(words.quote(), TUESDAY)
    node = points_on(curve, date(2027, 2, 26))

    # 1 + 3.75 % x 91/360 = 1.009479167; 1 + 2.00 % x 91/360 = 1.005055556
    assert float(ratio) == pytest.approx(1.009479167 / 1.005055556, abs=1e-9)
    assert [round(float(each), 1) for each in (node.bid, node.ask)] == [465.5, 487.4]  # in 1e-5
    priced = outright(
        pair("EUR/USD"), TwoWay(pair("EUR/USD"), Price(108_249), Price(108_251)), curve,
        date(2027, 2, 26),
    )  # fmt: skip
    assert (priced.bid, priced.ask) == (108_714, 108_739)
    guide = GUIDE.read_text()
    assert all(text in guide for text in ("1.009479", "1.005056", "46.55", "48.74", "1.08739"))


def test_each_currency_counts_its_own_year() -> None:
    """Sterling has 365 days, the dollar 360: equal rates still have points."""
    points = ParityPoints({"GBP": 50_000, "USD": 50_000}, "equal", BARE)

    expected = (1 + Fraction(5, 100) * Fraction(73, 360)) / (
        1 + Fraction(5, 100) * Fraction(73, 365)
    )
    assert points.ratio(pair("GBP/USD"), 73) == expected > 1


def test_interest_of_the_second_year_earns_interest() -> None:
    """Two years at 10 % against none are 1.21 times the price, in a year of 365 days."""
    points = ParityPoints({"GBP": 0, "USD": 100_000}, "round", BARE)
    usd = Fraction(1, 10) * Fraction(365, 360)

    assert points.ratio(pair("GBP/USD"), 730) == (1 + usd) ** 2
    assert points.ratio(pair("GBP/USD"), 365) == 1 + usd


@given(
    base=st.integers(-50_000, 500_000), quote=st.integers(-50_000, 500_000),
    symbol=st.sampled_from(sorted(PAIRS)), mid=st.integers(10_000, 2_000_000),
    tenor=st.sampled_from(["ON", "TN", "SN", "1W", "1M", "3M", "1Y", "2Y"]),
)  # fmt: skip
def test_the_sign_follows_the_rates(
    base: int, quote: int, symbol: str, mid: int, tenor: Tenor
) -> None:
    """Whoever holds the currency that earns more pays for it: forward above spot, or below."""
    traded = pair(symbol)
    terms = parse_terms(TABLE.replace('"GBP"', ""))
    points = ParityPoints({traded.base: base, traded.quote: quote}, "any", terms)
    curve = points.curve(Quote(symbol, Price(mid), Price(mid), 0, "test"), TUESDAY)
    dates = dealt_tenors(traded, TUESDAY)
    if tenor not in dates:
        return
    near, far = (points_on(curve, day) for day in dates[tenor])
    gain = far.bid - near.bid

    assert near.bid == near.ask
    assert (gain > 0, gain < 0) == (quote > base, quote < base)
    before = points_on(curve, dates["SPOT"][1])
    assert before.bid == before.ask == 0


@given(symbol=st.sampled_from(sorted(PAIRS)), days=st.integers(0, 730))
def test_outright_less_spot_is_the_points(words: Any, symbol: str, days: int) -> None:
    """On every day of the curve, rounded outwards by less than a point; never crossed."""
    traded = pair(symbol)
    points = ParityPoints(RATES.yearly, RATES.source)
    quote = words.quote(symbol, "100.00", "100.01")
    curve = points.curve(quote, TUESDAY)
    day = curve.nodes[0].value_date.fromordinal(TUESDAY.toordinal() + days)
    spot = TwoWay(traded, quote.bid, quote.ask)
    try:
        priced = outright(traded, spot, curve, day)
    except Refused as refusal:
        assume(refusal.code not in {"VALUE_DATE_CLOSED", "VALUE_DATE_RANGE", "POINTS_MISSING"})
        raise
    found = points_on(curve, day)

    assert 0 <= found.bid - (priced.bid - spot.bid) < 1
    assert 0 <= (priced.ask - spot.ask) - found.ask < 1
    assert priced.ask - priced.bid >= spot.ask - spot.bid


def test_before_spot_the_points_are_taken_off_backwards(words: Any) -> None:
    """Tomorrow's bid is spot less the ask of TN, today's less that of ON too."""
    points = ParityPoints(RATES.yearly, RATES.source)
    traded = pair("EUR/USD")
    curve = points.curve(words.quote(), TUESDAY)
    today, tomorrow = value_dates(traded, TUESDAY, "ON")
    assert value_dates(traded, TUESDAY, "TN") == (tomorrow, date(2026, 11, 27))
    first, second = points_on(curve, today), points_on(curve, tomorrow)

    assert first.bid < first.ask < 0  # the dollar earns more: the euro costs less before spot
    assert first.bid < second.bid < 0
    assert second.bid < second.ask < 0
    assert second.ask - second.bid < first.ask - first.bid


def test_it_is_wider_with_time_and_for_other_currencies(words: Any) -> None:
    """The table's spreads: from week to year, and from the euro to the lira."""
    points = ParityPoints(RATES.yearly, RATES.source)

    def widths(symbol: str, bid: str, ask: str) -> list[Fraction]:
        quote = words.quote(symbol, bid, ask)
        curve = points.curve(quote, TUESDAY)
        nodes = [points_on(curve, value_dates(pair(symbol), TUESDAY, tenor)[1])
                 for tenor in ("1W", "1M", "3M", "1Y", "2Y")]  # fmt: skip
        return [(node.ask - node.bid) / quote.bid for node in nodes]

    euro = widths("EUR/USD", "1.08249", "1.08251")
    lira = widths("USD/TRY", "42.0000", "42.0001")

    assert euro == sorted(euro)
    assert all(other > 5 * own for own, other in zip(euro, lira, strict=True))


def test_a_currency_without_a_rate_has_no_points(
    words: Any, refused: Callable[[Callable[[], object]], str]
) -> None:
    """And one that would lose everything has none either."""
    nobody = ParityPoints({"USD": 0}, "nobody")
    ruined = ParityPoints({"USD": 0, "EUR": -2_000_000}, "ruined")

    assert refused(lambda: nobody.curve(words.quote(), TUESDAY)) == "POINTS_MISSING"
    assert refused(lambda: ruined.curve(words.quote(), TUESDAY)) == "POINTS_UNUSABLE"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("GBP", "GBB"),
        ('1M = "0.00"', ""),
        ('1M = "0.00"', '1M = "0.001"'),
        ('1M = "0.00"', '1M = "-1"'),
        ('1M = "0.00"', '5W = "1"\n1M = "0"'),
        ("other = 1", "other = 0"),
        ("other = 1", "USD = 1"),
        ("other = 1", 'other = "1"'),
        ("[times]", "[times"),
    ],
)
def test_a_table_that_cannot_be_used(old: str, new: str) -> None:
    """One sentence: an unknown currency or tenor, a tenor without a spread, a negative one."""
    with pytest.raises(Misconfigured, match=r"^Forward points: .*"):
        parse_terms(TABLE.replace(old, new, 1))


def test_every_pair_has_points(words: Any) -> None:
    """The rates and the table that ship cover all that is traded, to two years."""
    points = ParityPoints(RATES.yearly, RATES.source)

    for symbol in PAIRS:
        curve = points.curve(words.quote(symbol, "10.00", "10.01"), TUESDAY)
        assert curve.nodes[-1].value_date == value_dates(pair(symbol), TUESDAY, "2Y")[1]
        assert all(node.bid <= node.ask for node in curve.nodes)
