"""Currencies: ISO 4217's minor units and the codes that are not currencies to trade in."""

import iso4217
import pytest

from tallystick.errors import Refused
from tallystick.fx import CURRENCIES, currency


@pytest.mark.parametrize(
    ("digits", "codes"),
    [
        (0, "JPY KRW CLP VND ISK UGX PYG XOF XAF XPF RWF"),
        (2, "USD EUR GBP CHF CNY CNH HUF TRY AED IRR MMK LBP AFN"),
        (3, "BHD KWD OMR JOD TND LYD IQD"),
        (4, "CLF UYW"),
    ],
)
def test_minor_digits_are_those_of_iso_4217(digits: int, codes: str) -> None:
    """Amounts have ISO's decimal places, where display libraries differ as well."""
    assert {code: currency(code).minor_digits for code in codes.split()} == dict.fromkeys(
        codes.split(), digits
    )


@pytest.mark.parametrize(
    ("code", "digits"),
    [
        *(("AFN", 2), ("ALL", 2), ("IRR", 2), ("IQD", 3), ("KPW", 2), ("LAK", 2), ("LBP", 2)),
        *(("MGA", 2), ("MMK", 2), ("RSD", 2), ("SOS", 2), ("SYP", 2), ("YER", 2)),
    ],
)
def test_display_libraries_are_not_asked(code: str, digits: int) -> None:
    """The thirteen codes to which CLDR gives other digits than ISO have those of ISO."""
    assert currency(code).minor_digits == digits


def test_the_whole_table_is_iso_4217s() -> None:
    """Every code that has a minor unit, with its exponent; nothing else but CNH."""
    listed = {
        entry.code: entry.exponent for entry in iso4217.Currency if entry.exponent is not None
    }
    assert {code: each.minor_digits for code, each in CURRENCIES.items()} == listed | {"CNH": 2}
    none = {entry.code for entry in iso4217.Currency if entry.exponent is None}
    assert {"XAU", "XAG", "XDR", "XXX", "XTS"} <= none
    assert set(listed.values()) == {0, 2, 3, 4}


def test_every_code_names_itself() -> None:
    """The table is keyed by the codes that its currencies carry."""
    assert all(currency(code).code == code for code in CURRENCIES)
    assert len(CURRENCIES) > 150


@pytest.mark.parametrize("code", ["", "EURO", "eur", "XXX", "XAU", "ABC", "€" * 10_000])
def test_unknown_code_is_refused(code: str) -> None:
    """Unknown codes, lower case, and metals without a minor unit are refused, briefly."""
    with pytest.raises(Refused) as refused:
        currency(code)
    assert refused.value.code == "UNKNOWN_CURRENCY"
    assert len(str(refused.value)) < 100
