"""Margin profiles: what ships, what an operator may give, what is refused."""

import pytest

from tallystick.errors import Misconfigured
from tallystick.execution.margin import PROFILES, parse_profiles, profile_of, use_profiles


@pytest.mark.parametrize(
    ("pair", "leverage"),
    [
        ("EUR/USD", 30), ("USD/JPY", 30), ("GBP/CHF", 30), ("USD/CAD", 30), ("AUD/USD", 20),
        ("EUR/NOK", 20), ("NZD/USD", 20), ("USD/TRY", 20),
    ],
)  # fmt: skip
def test_esma_asks_a_thirtieth_for_majors_and_a_twentieth_for_the_others(
    pair: str, leverage: int
) -> None:
    """ESMA's decision of 2018: majors are pairs of USD, EUR, JPY, GBP, CAD and CHF."""
    profile = PROFILES["esma_retail"]
    assert profile.leverage_of(pair) == leverage
    assert (profile.close_out_percent, profile.negative_balance_protection) == (50, True)


def test_no_profile_is_none_and_one_that_is_not_known_is_the_strictest() -> None:
    """An account of another version's profile is not let run free."""
    assert profile_of(None) is profile_of("none") is None
    assert profile_of("from tomorrow") is PROFILES["esma_retail"]


def test_an_operators_profiles_come_beside_the_shipped_ones() -> None:
    """Pairs of their own stand before majors; without text they are gone again."""
    text = '[house]\ndescription = "x"\nleverage = 10\n[house.pairs]\n"EUR/USD" = 50\n'
    use_profiles(text)
    try:
        assert PROFILES["house"].leverage_of("EUR/USD") == 50
        assert PROFILES["house"].leverage_of("GBP/USD") == 10
        assert "esma_retail" in PROFILES
    finally:
        use_profiles("")
    assert "house" not in PROFILES


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[x", "Expected"),
        ('[x]\ndescription = ""\nleverage = 1001\n', "leverage is not between 0 and 1000"),
        ('[x]\ndescription = ""\nleverage = 5\ncall_percent = 40\n', "must rise"),
        ('[x]\ndescription = ""\nleverage = 5\n[x.pairs]\n"EURUSD" = 5\n', "'EURUSD' is not"),
        ('[x]\ndescription = ""\nleverage = 5\nfee = 5\n', "unknown field"),
    ],
    ids=["no toml", "leverage", "percents", "pair", "unknown"],
)
def test_a_file_that_cannot_be_used_is_refused_in_one_sentence(text: str, said: str) -> None:
    """Wiring says it at the start."""
    with pytest.raises(Misconfigured, match=said):
        parse_profiles(text)
