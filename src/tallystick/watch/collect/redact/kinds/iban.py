"""International bank account numbers (IBAN): ISO 13616, by country, length and check digits.

The country and the last four characters stay. BIC and LEI name banks and firms, and stay whole.
"""

import re
from collections.abc import Iterator
from functools import cache
from itertools import product
from string import ascii_uppercase

from stdnum import iban, numdb
from stdnum.exceptions import ValidationError

from tallystick.watch.collect.redact.finder import AFTER, BEFORE, Finder, Hit, Pseudonym

_BEGIN = re.compile(r"(?<![0-9A-Za-z])[A-Za-z]{2}\d{2}(?=[ -]?[0-9A-Za-z])", re.ASCII)
_ALPHANUMERIC = re.compile(r"[0-9A-Za-z]", re.ASCII)
_LENGTH = re.compile(r"(\d+)!")
_GROUP = 4
_COUNTRY, _LAST = 2, 4
_DIGITS = re.compile(r"\d{10}|\d{4}[ -]\d{4}", re.ASCII)
"""Stand in an account number; what has fewer is some other word that happens to fit."""


def _find(text: str, _pseudonym: Pseudonym) -> Iterator[Hit]:
    for match in _BEGIN.finditer(text):
        length = _length(match[0][:_COUNTRY].upper())
        end = _end(text, match.start(), length) if length else None
        if end is None:
            continue
        written = text[match.start() : end]
        number = written.replace(" ", "").replace("-", "").upper()
        if _DIGITS.search(written) and _is_iban(number):
            hidden = "*" * (length - _COUNTRY - _LAST)
            yield Hit(match.start(), end, number[:_COUNTRY] + hidden + number[-_LAST:])


def _end(text: str, start: int, length: int) -> int | None:
    """Where a number of this length ends, in one piece or in groups of four; None: it is none."""
    place, taken = start, 0
    while taken < length:
        if taken % _GROUP == 0 and taken and text[place : place + 1] in {" ", "-"}:
            place += 1
        if not _ALPHANUMERIC.match(text, place):
            return None
        place, taken = place + 1, taken + 1
    return None if _ALPHANUMERIC.match(text, place) else place


@cache
def _length(country: str) -> int:
    """How long the numbers of a country are (SWIFT's registry); 0 where there are none."""
    [(_prefix, facts), *_] = numdb.get("iban").info(country + "00")
    lengths = _LENGTH.findall(facts.get("bban", ""))
    return _COUNTRY + 2 + sum(map(int, lengths)) if lengths else 0


def _is_iban(number: str) -> bool:
    try:
        iban.validate(number, check_country=False)
    except ValidationError:
        return False
    return True


def _candidate() -> str:
    by_length: dict[int, list[str]] = {}
    for country in map("".join, product(ascii_uppercase, repeat=_COUNTRY)):
        by_length.setdefault(_length(country), []).append(country)
    by_length.pop(0)
    forms = "|".join(
        rf"(?i:{'|'.join(countries)})\d\d{_groups(length - _GROUP)}"
        for length, countries in sorted(by_length.items())
    )
    return f"{BEFORE}(?:{forms}){AFTER}"


def _groups(length: int) -> str:
    """So many letters and digits, in one piece or in groups of four."""
    count, rest = divmod(length, _GROUP)
    last = rf"[ -]?[0-9A-Za-z]{{{rest}}}" if rest else ""
    return rf"(?:[ -]?[0-9A-Za-z]{{{_GROUP}}}){{{count}}}{last}"


IBAN = Finder("IBAN", "high", _candidate(), _find)
