"""The currencies of ISO 4217 and their minor units: how many decimal places an amount has.

The digits are ISO's, never a display library's: CLDR differs for thirteen of the codes. CNH, the
renminbi as it trades offshore, is no ISO code; the market uses it, so it is here with CNY's digits.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import iso4217
import msgspec

from tallystick.errors import Refused

TEXT_CHARACTERS_SHOWN_MAX: Final = 20
"""How much of an unknown code or symbol is shown back to whoever sent it."""


class Currency(msgspec.Struct, frozen=True, gc=False):
    """A currency: its three-letter `code`, and amounts in units of 10**-`minor_digits`."""

    code: str
    minor_digits: int


def _table() -> dict[str, Currency]:
    # Metals, funds and test codes have no minor unit (ISO 4217 says "N.A."): no amounts of them.
    table = {
        entry.code: Currency(entry.code, entry.exponent)
        for entry in iso4217.Currency
        if entry.exponent is not None
    }
    table["CNH"] = Currency("CNH", table["CNY"].minor_digits)
    return table


CURRENCIES: Final[Mapping[str, Currency]] = MappingProxyType(_table())
"""Every currency by its code."""


def currency(code: str) -> Currency:
    """The currency with this code, in capitals as ISO 4217 writes it.

    Raises:
        Refused: `UNKNOWN_CURRENCY`.
    """
    try:
        return CURRENCIES[code]
    except KeyError:
        shown = code[:TEXT_CHARACTERS_SHOWN_MAX]
        raise Refused(
            "UNKNOWN_CURRENCY", f"{shown!r} is not the code of a currency (ISO 4217)."
        ) from None
