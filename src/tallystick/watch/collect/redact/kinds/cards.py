"""Payment card numbers (PAN): ISO/IEC 7812, by brand, length and Luhn's check digit.

PCI DSS 3.4 lets the first six and the last four digits be seen.
"""

import re
from collections.abc import Iterator

from stdnum import luhn

from tallystick.watch.collect.redact.finder import AFTER, ESCAPE, Finder, Hit, Pseudonym

_FIRST, _LAST = 6, 4
_BRANDS = (
    (re.compile(r"4"), (13, 16, 19)),  # Visa
    (re.compile(r"5[1-5]"), (16,)),  # Mastercard
    (re.compile(r"2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720)"), (16,)),  # Mastercard's newer range
    (re.compile(r"3[47]"), (15,)),  # American Express
    (re.compile(r"3(?:0[0-5]|095|6|[89])"), (14, 16, 19)),  # Diners Club
    (re.compile(r"6(?:011|4[4-9]|5)"), (16, 19)),  # Discover
    (re.compile(r"35(?:2[89]|[3-8])"), (16, 19)),  # JCB
    (re.compile(r"62"), (16, 17, 18, 19)),  # UnionPay
)
_FIRST_DIGIT = r"[2-6](?:(?<![0-9A-Za-z+].)|(?<=%20.))(?<![0-9]\..)"
"""Nothing that is part of the number before it; a comma parts two, as in CSV: thousands have
groups of three, so what follows it here is no amount. `%20` is a space in a URL."""
_NO_MORE = r"(?![0-9A-Za-z])"
_NUMBERS = tuple(
    re.compile(_FIRST_DIGIT + f"(?={rest})", re.ASCII)
    for rest in (
        rf"(\d{{12,18}}){_NO_MORE}(?!\.\d)",
        rf"(\d{{3}}([ -])\d{{4}}\2\d{{4}}\2\d{{4}}\2\d{{3}}){_NO_MORE}",
        rf"(\d{{3}}([ -])\d{{4}}\2\d{{4}}\2\d{{4}}){_NO_MORE}",
        rf"(\d{{3}}([ -])\d{{6}}\2\d{{4,5}}){_NO_MORE}",
        rf"(\d{{5}}([ -])\d{{13}}){_NO_MORE}",
    )
)
"""What follows the first digit: all in one piece; groups of four, with and without a last one of
three; 4-6-5 and 4-6-4; 6-13. It is looked ahead for: what begins too early hides none."""
_CANDIDATE = (
    rf"(?:^|[^0-9A-Za-z+.]|%20|(?:^|[^0-9]|{ESCAPE})\.|{ESCAPE})(?:"
    r"(?:4\d{12}(?:\d{3})?(?:\d{3})?|(?:5[1-5]|2[2-7])\d{14}|3[47]\d{13}"
    r"|3[0689]\d{12}(?:\d{2}|\d{5})?|(?:6[045]|35)\d{14}(?:\d{3})?|62\d{14,17})"
    r"(?:[^0-9A-Za-z.]|\.(?:[^0-9]|$)|$)"
    rf"|[2-6]\d{{3}}(?:[ -]\d{{4}}){{3}}(?:[ -]\d{{3}})?{AFTER}"
    rf"|3\d{{3}}[ -]\d{{6}}[ -]\d{{4,5}}{AFTER}|[2-6]\d{{5}}[ -]\d{{13}}{AFTER})"
)
"""By brand and length."""


def _find(text: str, _pseudonym: Pseudonym) -> Iterator[Hit]:
    for pattern in _NUMBERS:
        for match in pattern.finditer(text):
            digits = (match[0] + match[1]).replace("-", "").replace(" ", "")
            if _is_card(digits):
                hidden = "*" * (len(digits) - _FIRST - _LAST)
                yield Hit(match.start(), match.end(1), digits[:_FIRST] + hidden + digits[-_LAST:])


def _is_card(digits: str) -> bool:
    fits = any(brand.match(digits) and len(digits) in lengths for brand, lengths in _BRANDS)
    return fits and len(set(digits)) > 1 and luhn.is_valid(digits)


CARDS = Finder("PAN", "critical", _CANDIDATE, _find)
