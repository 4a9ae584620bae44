"""Amounts and dates in an entry's JSON, read with exactly the digits they must have."""

from typing import Any


def settles_on(entry: dict[str, Any]) -> str:
    """When postings settle that do not say it themselves."""
    fills = entry.get("fills")
    if fills:
        return str(fills[0]["value_date"])
    return str(entry.get("to_date") or entry["at"][:10])


def units_of(text: str, digits: int) -> int:
    """An amount that has exactly so many decimal places."""
    whole, _, fraction = text.partition(".")
    if len(fraction) != digits:
        raise ValueError(text)
    return int(whole + fraction)


def rounded(value: int, digits: int) -> int:
    """`value` without its last digits (a half away from zero), or with so many more."""
    power: int = 10 ** abs(digits)
    if digits <= 0:
        return value * power
    quotient, rest = divmod(abs(value), power)
    quotient += 2 * rest >= power
    return quotient if value >= 0 else -quotient
