"""Pairs: the market's order, the market's precision, and how a wrong symbol is refused."""

import csv
from decimal import Decimal
from itertools import combinations
from pathlib import Path

import pytest

from tallystick.errors import Refused
from tallystick.fx import PAIRS, currency, pair, parse_pair

G10 = ["EUR", "GBP", "AUD", "NZD", "USD", "CAD", "CHF", "NOK", "SEK", "JPY"]
OTHERS = ["DKK", "SGD", "HKD", "MXN", "ZAR", "TRY", "PLN", "CZK", "HUF", "CNH", "ILS"]
LEAN_SYMBOLS = (
    Path(__file__).resolve().parents[3] / "shared/data/fx/lean/symbol-properties-forex.csv"
)


def test_g10_crosses_are_all_there_in_market_order() -> None:
    """All 45 crosses of the ten are traded, each the way round that the market quotes it."""
    crosses = {f"{base}/{quote}" for base, quote in combinations(G10, 2)}
    assert len(crosses) == 45
    assert crosses <= PAIRS.keys()


def test_the_others_are_quoted_against_usd_and_eur() -> None:
    """Beyond the G10 there is a USD and a EUR pair each, and the two dinar and dirham pairs."""
    crosses = {f"{base}/{quote}" for base, quote in combinations(G10, 2)}
    others = {f"{base}/{quote}" for base in ("USD", "EUR") for quote in OTHERS}
    assert PAIRS.keys() == crosses | others | {"USD/JOD", "USD/AED"}


@pytest.mark.parametrize("symbol", PAIRS)
def test_a_pair_agrees_with_its_currencies(symbol: str) -> None:
    """Symbol, currencies, digits and lag of every line fit together; a pip is ten points."""
    found = pair(symbol)
    assert found.symbol == symbol == f"{found.base}/{found.quote}"
    assert found.base_digits == currency(found.base).minor_digits
    assert found.quote_digits == currency(found.quote).minor_digits
    coarse = found.quote in {"JPY", "HUF"}
    assert (found.price_digits, found.pip_digits) == ((3, 2) if coarse else (5, 4))
    assert found.spot_lag == (1 if symbol in {"USD/CAD", "USD/TRY"} else 2)
    assert found.usd_days == ("all" if found.quote == "MXN" else "last")
    assert found.roll == ("auckland" if symbol == "NZD/USD" else "new_york")


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

    There is no exception among the shared pairs. (OANDA's HKD/JPY has five places, where yen
    pairs have three; it is not traded here.)
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
    assert shared > 80
