"""Pairs: the market's order, the market's precision, and how a wrong symbol is refused."""

import csv
from decimal import Decimal
from itertools import combinations
from pathlib import Path

import pytest

from tallystick.errors import Refused
from tallystick.fx import (
    FIXINGS,
    INSTRUMENTS,
    PAIRS,
    currency,
    instrument,
    pair,
    parse_instrument,
    parse_pair,
)

G10 = ["EUR", "GBP", "AUD", "NZD", "USD", "CAD", "CHF", "NOK", "SEK", "JPY"]
OTHERS = ["DKK", "SGD", "HKD", "MXN", "ZAR", "TRY", "PLN", "CZK", "HUF", "CNH", "ILS"]
OTHERS += ["THB", "RON", "ISK"]
VENUES = {
    *("AUD/SGD", "AUD/HKD", "NZD/SGD", "NZD/HKD", "CAD/SGD", "CAD/HKD", "CHF/HKD", "CHF/ZAR"),
    *("GBP/SGD", "GBP/HKD", "GBP/PLN", "GBP/ZAR", "SGD/CHF", "SGD/HKD", "SGD/JPY", "HKD/JPY"),
    *("TRY/JPY", "ZAR/JPY"),
}
GULF = {"AED", "JOD", "SAR", "QAR", "KWD", "BHD", "OMR"}
NDF = {
    *("CNY", "IDR", "INR", "KRW", "MYR", "PHP", "TWD", "VND", "EGP", "RUB", "KZT", "ARS", "BRL"),
    *("CLP", "COP", "PEN", "UYU", "GTQ"),
}
PIPS = {"JPY": 2, "HUF": 2, "THB": 2, "ISK": 2, "KZT": 2, "CLP": 2, "COP": 2}
PIPS |= {"KWD": 5, "BHD": 5, "OMR": 5} | {
    "KRW": 1,
    "IDR": 0,
    "VND": 0,
    "PHP": 3,
    "TWD": 3,
    "UYU": 3,
}
LEAN_SYMBOLS = (
    Path(__file__).resolve().parents[3] / "shared/data/fx/lean/symbol-properties-forex.csv"
)


def test_g10_crosses_are_all_there_in_market_order() -> None:
    """All 45 crosses of the ten are traded, each the way round that the market quotes it."""
    crosses = {f"{base}/{quote}" for base, quote in combinations(G10, 2)}
    assert len(crosses) == 45
    assert crosses <= PAIRS.keys()


def test_the_others_are_quoted_against_usd_and_eur() -> None:
    """Beyond the G10: a USD and a EUR pair each, crosses of venues, and the Gulf's with USD."""
    crosses = {f"{base}/{quote}" for base, quote in combinations(G10, 2)}
    others = {f"{base}/{quote}" for base in ("USD", "EUR") for quote in OTHERS}
    assert PAIRS.keys() == crosses | others | VENUES | {f"USD/{code}" for code in GULF}


def test_non_deliverable_pairs_are_apart() -> None:
    """Each of the list is there against the dollar, with its fixing, and none can be dealt spot."""
    assert INSTRUMENTS.keys() - PAIRS.keys() == {f"USD/{code}" for code in NDF}
    assert FIXINGS.keys() == NDF
    assert {code: FIXINGS[code].days for code in ("KRW", "INR", "TWD", "CNY", "CLP", "COP")} == (
        {"KRW": 2, "INR": 2, "TWD": 2, "CNY": 2, "CLP": 1, "COP": 0}
    )
    assert all(0 <= each.days <= 2 and each.rate and each.reason for each in FIXINGS.values())
    for symbol in INSTRUMENTS.keys() - PAIRS.keys():
        assert instrument(symbol).settlement == "ndf"
        assert parse_instrument(symbol.replace("/", "").lower()) is instrument(symbol)
        with pytest.raises(Refused, match="non-deliverable forward only") as refused:
            pair(symbol)
        assert refused.value.code == "UNKNOWN_PAIR"


@pytest.mark.parametrize("symbol", INSTRUMENTS)
def test_a_pair_agrees_with_its_currencies(symbol: str) -> None:
    """Symbol, currencies, digits and lag of every line fit together; a pip is ten points."""
    found = instrument(symbol)
    assert found.symbol == symbol == f"{found.base}/{found.quote}"
    assert found.base_digits == currency(found.base).minor_digits
    assert found.quote_digits == currency(found.quote).minor_digits
    pip_digits = 4 if symbol == "HKD/JPY" else PIPS.get(found.quote, 4)
    assert (found.price_digits, found.pip_digits) == (pip_digits + 1, pip_digits)
    short = {"USD/CAD", "USD/TRY", "USD/PHP", "USD/RUB"}
    assert found.spot_lag == (1 if symbol in short else 2)
    assert found.usd_days == ("all" if found.quote in {"MXN", "ARS", "CLP"} else "last")
    assert found.settlement == ("ndf" if found.quote in NDF else "deliverable")
    assert found.session == "week"
    rolls = {"NZD/USD": "auckland", "USD/SAR": "riyadh"}
    assert found.roll == rolls.get(symbol, "new_york")


@pytest.mark.parametrize("text", ["EUR/USD", "EURUSD", "eurusd", "EUR-USD", " eur/usd "])
def test_a_person_may_write_a_pair_in_several_ways(text: str) -> None:
    """The command line takes the common spellings."""
    assert parse_pair(text) is pair("EUR/USD")


@pytest.mark.parametrize(
    "symbol", ["EURUSD", "eur/usd", "EUR/XYZ", "EUR/EUR", "", "/", "EUR/USD ", "E" * 100_000]
)
def test_the_api_form_is_the_only_symbol(symbol: str) -> None:
    """`pair` takes exactly EUR/USD; anything else is refused in a short sentence."""
    with pytest.raises(Refused, match="is not a pair that is traded here") as refused:
        pair(symbol)
    assert refused.value.code == "UNKNOWN_PAIR"
    assert len(str(refused.value)) < 120


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("GBP/EUR", "GBP/EUR is quoted as EUR/GBP."),
        ("jpynok", "JPY/NOK is quoted as NOK/JPY."),
        ("SEK/NOK", "SEK/NOK is quoted as NOK/SEK."),
    ],
)
def test_the_wrong_way_round_is_explained(text: str, sentence: str) -> None:
    """Whoever turns a pair round is told how the market quotes it."""
    with pytest.raises(Refused) as refused:
        parse_pair(text)
    assert (refused.value.code, str(refused.value)) == ("UNKNOWN_PAIR", sentence)


@pytest.mark.parametrize("text", ["EUR//USD", "EUR/USD/JPY", "EURU", "ＥＵＲＵＳＤ"])  # noqa: RUF001  wide letters
def test_nonsense_is_no_pair(text: str) -> None:
    """What is not two codes of three Latin letters is refused as it stands."""
    with pytest.raises(Refused, match="is not a pair"):
        parse_pair(text)


def test_precision_agrees_with_two_brokers() -> None:
    """Our points are the tick sizes of OANDA and FXCM for every pair that we share with them.

    There is no exception among the deliverable pairs. (Of the others, OANDA lists the rupee in
    three places, where banks quote it in four and more.)
    """
    if not LEAN_SYMBOLS.exists():
        pytest.skip(f"no symbol table at {LEAN_SYMBOLS}")
    shared = 0
    with LEAN_SYMBOLS.open(newline="") as lines:
        for row in csv.DictReader(lines):
            ours = PAIRS.get(f"{row['symbol'][:3]}/{row['symbol'][3:]}")
            if ours:
                shared += 1
                tick = Decimal(row["minimum_price_variation"])
                assert tick == Decimal(1).scaleb(-ours.price_digits), row["symbol"]
    assert shared > 100
