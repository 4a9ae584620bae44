"""Exact money: decimal strings at the door, scaled integers inside, never a float.

A *quantity* is an integer of minor units of the pair's base currency (ISO 4217 exponent), a
*price* an integer of points (the pair's smallest quoted step), an *amount* an integer of minor
units of its currency. The one place where rounding happens is `quote_amount`: half up, away from
zero at the half, to the minor unit of the quote currency (docs/decisions/0004).
"""

import re
from typing import NewType

from tallystick.errors import Refused

Quantity = NewType("Quantity", int)
"""Minor units of the base currency."""
Price = NewType("Price", int)
"""Points: units of 10**-price_digits of the pair."""
Amount = NewType("Amount", int)
"""Minor units of its currency; signed."""

DECIMAL_CHARACTERS_MAX = 24
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?", re.ASCII)
_POWERS: tuple[int, ...] = tuple(10**n for n in range(32))


def parse_decimal(text: str, digits: int) -> int:
    """`text` as an integer of 10**-digits; exact, or refused.

    Zeros beyond `digits` are fine ("1.500" fits two digits, for it is 1.50); anything else beyond
    them is refused, never rounded.

    Raises:
        Refused: `AMOUNT_MALFORMED` or `AMOUNT_TOO_PRECISE`.
    """
    if len(text) > DECIMAL_CHARACTERS_MAX:
        raise Refused(
            "AMOUNT_MALFORMED",
            f"A number may have at most {DECIMAL_CHARACTERS_MAX} characters, this has {len(text)}.",
        )
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise Refused(
            "AMOUNT_MALFORMED",
            f'{text!r} is not a plain decimal number such as "1000000" or "1.08250".',
        )
    whole, point, fraction = text.partition(".")
    if not point:
        return int(whole) * _POWERS[digits]
    if len(fraction) > digits:
        if fraction[digits:].strip("0"):
            allowed = f"{digits} decimal places" if digits else "no decimal places"
            raise Refused("AMOUNT_TOO_PRECISE", f"{text} is too precise: {allowed} are allowed.")
        fraction = fraction[:digits]
    scaled = int(whole + fraction) if digits else int(whole)
    return scaled * _POWERS[digits - len(fraction)]


def parse_own(text: str) -> int:
    """The units of a decimal that `format_decimal` made: its digits without the point.

    Only for text of our own, which has exactly its currency's or pair's digits.
    """
    return int(text.replace(".", "", 1))


def format_decimal(value: int, digits: int) -> str:
    """`value` units of 10**-digits as a plain decimal with exactly `digits` places."""
    if digits == 0:
        return str(value)
    if value < 0:
        return f"-{format_decimal(-value, digits)}"
    text = str(value)
    if len(text) <= digits:
        text = text.zfill(digits + 1)
    return f"{text[:-digits]}.{text[-digits:]}"


def divide_half_up(numerator: int, denominator: int) -> int:
    """The nearest integer to the quotient; a half goes away from zero. `denominator` > 0."""
    if numerator < 0:
        return -((-2 * numerator + denominator) // (2 * denominator))
    return (2 * numerator + denominator) // (2 * denominator)


def quote_amount(
    quantity: Quantity, price: Price, *, base_digits: int, price_digits: int, quote_digits: int
) -> Amount:
    """`quantity` of base currency at `price`, in minor units of the quote currency.

    quantity x price is exact; it is rounded once, half up, to the quote currency's minor unit.
    """
    excess = base_digits + price_digits - quote_digits
    product = quantity * price
    if excess <= 0:
        return Amount(product * _POWERS[-excess])
    if product < 0:
        return Amount(divide_half_up(product, _POWERS[excess]))
    power = _POWERS[excess]  # the same, without the call: this is asked twice an order
    return Amount((2 * product + power) // (2 * power))
