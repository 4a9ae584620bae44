"""Values as a query writes them: escapes, wildcards, and the numbers they spell."""

import math
import re

from tallystick.watch.collect.query.nodes import Pattern

EXACT_DIGITS_MAX = 15
"""A double holds so many decimal digits exactly; longer numbers are compared as text."""
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_PIECE = re.compile(r'\\(["*\\()|,])|(\*)|(.)', re.DOTALL)
_QUOTED_PIECE = re.compile(r'\\(["*\\])|(\*)|(.)', re.DOTALL)


def bare_pattern(text: str) -> Pattern:
    """The pattern of a bare word: `*` is a wildcard, a backslash takes a mark as it is."""
    return _pattern(_PIECE, text)


def quoted_pattern(token: str) -> Pattern:
    """The pattern of a quoted text, quotes included; `*` is a wildcard here too."""
    return _pattern(_QUOTED_PIECE, token[1:-1])


def quoted_text(token: str) -> str:
    r"""The text between the quotes, where `\"` is a quote and `\\` a backslash."""
    return re.sub(r'\\(["\\])', r"\1", token[1:-1])


def quoted_expression(token: str) -> str:
    r"""The regular expression between the quotes: only `\"` is changed."""
    return token[1:-1].replace('\\"', '"')


def number_of(text: str) -> float | None:
    """The finite number that the whole text spells, if it does."""
    number = float(text) if _NUMBER.fullmatch(text) else math.inf
    return number if math.isfinite(number) else None


def exact_number_of(text: str) -> float | None:
    """The number that the whole text spells, when a double is sure to hold it exactly."""
    return number_of(text) if len(text) <= EXACT_DIGITS_MAX else None


def _pattern(piece: re.Pattern[str], text: str) -> Pattern:
    pieces = [""]
    for match in piece.finditer(text):
        if match[2]:
            pieces.append("")
        else:
            pieces[-1] += match[1] or match[3]
    return Pattern(tuple(pieces))
