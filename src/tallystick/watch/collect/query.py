r"""The log query language, first form: text to a frozen tree.

    event_name=api.request_answered http.response.status_code>=500 NOT url.path="/v1/*" timeout

- Terms stand side by side and must all hold; `AND` may be written; `NOT` turns the next one round.
- `field=value` and `field:value` compare the field's text, whatever the case; `*` stands for
  anything; a plain number also equals another spelling of itself (`1.10` and `1.1`).
  `field!=value`: the field is there and differs.
- `field>=number` (also `>`, `<`, `<=`) compares numbers; on `timestamp` it compares times.
- Anything else is free text, searched in the whole line, whatever the case; `*` is a wildcard.
- Double quotes hold spaces together; `\"`, `\*` and `\\` stand for the characters themselves.
"""

import math
import re
from dataclasses import dataclass
from typing import Literal

from tallystick.clock import parse_rfc3339
from tallystick.errors import Refused
from tallystick.limits import QUERY_CHARACTERS_MAX, QUERY_TERMS_MAX

Order = Literal["<", "<=", ">", ">="]
_ORDERS: dict[str, Order] = {"<": "<", "<=": "<=", ">": ">", ">=": ">="}

_SPACE = re.compile(r"\s*")
_FIELD = re.compile(r"([A-Za-z_@][\w.@/~-]*)(:|\s*(?:!=|<=|>=|=|<|>)\s*)", re.ASCII)
_KEYWORD = re.compile(r"(AND|OR|NOT)(?=\s|$)")
_BARE_END = re.compile(r"\s")
_QUOTE = re.compile('"')
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)


@dataclass(frozen=True)
class Pattern:
    """Literal pieces with anything between them; a single piece is exact."""

    pieces: tuple[str, ...]

    @property
    def exact(self) -> str | None:
        """The text, when there is no wildcard in it."""
        return self.pieces[0] if len(self.pieces) == 1 else None


@dataclass(frozen=True)
class Says:
    """The line contains this somewhere."""

    pattern: Pattern


@dataclass(frozen=True)
class Is:
    """The field is there and its whole text fits."""

    field: str
    pattern: Pattern


@dataclass(frozen=True)
class Differs:
    """The field is there and its whole text does not fit."""

    field: str
    pattern: Pattern


@dataclass(frozen=True)
class Measures:
    """The field is a number and stands so to this one."""

    field: str
    order: Order
    number: float


@dataclass(frozen=True)
class Happened:
    """The line's timestamp stands so to this moment, in nanoseconds since the epoch."""

    order: Order
    at_ns: int


@dataclass(frozen=True)
class Not:
    """The test fails, also because the field is missing."""

    test: "Test"


Test = Says | Is | Differs | Measures | Happened
Term = Test | Not


@dataclass(frozen=True)
class Query:
    """All terms must hold; none means every line."""

    terms: tuple[Term, ...]


def parse_query(text: str) -> Query:
    """Read a query.

    Raises:
        Refused: `BAD_QUERY`; the sentence names the position, counted from 1.
    """
    if len(text) > QUERY_CHARACTERS_MAX:
        raise _bad(QUERY_CHARACTERS_MAX, f"a query has at most {QUERY_CHARACTERS_MAX} characters")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise _bad(error.start, "this is no character") from None
    return _Reader(text).query()


class _Reader:
    """Reads one text from left to right; `at` is where it stands."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def query(self) -> Query:
        terms: list[Term] = []
        while self._skip_space():
            start = self._at
            negated = self._negations()
            test = self._test()
            if len(terms) == QUERY_TERMS_MAX:
                raise _bad(start, f"a query has at most {QUERY_TERMS_MAX} terms")
            terms.append(Not(test) if negated else test)
        return Query(tuple(terms))

    def _skip_space(self) -> bool:
        """Go to the next character that is no space; false at the end."""
        match = _SPACE.match(self._text, self._at)
        self._at = match.end() if match else self._at
        return self._at < len(self._text)

    def _keyword(self) -> str:
        """The keyword that stands here as a word of its own, or nothing."""
        match = _KEYWORD.match(self._text, self._at)
        return match[1] if match else ""

    def _negations(self) -> bool:
        """Step over `AND` and `NOT`; whether an odd number of `NOT` was there."""
        negated = False
        while keyword := self._keyword():
            if keyword == "OR":
                raise _bad(self._at, 'OR is not supported; write "OR" to search for the word')
            start = self._at
            self._at += len(keyword)
            if not self._skip_space():
                raise _bad(start, f"nothing follows {keyword}")
            negated ^= keyword == "NOT"
        return negated

    def _test(self) -> Test:
        match = _FIELD.match(self._text, self._at)
        if match is None:
            return self._free_text()
        field, operator = match[1], match[2].strip()
        self._at = match.end()
        value_at = self._at
        value = self._value(f"a value after {operator}")
        if operator in _ORDERS:
            return _ordered(field, _ORDERS[operator], value, value_at)
        return Differs(field, value) if operator == "!=" else Is(field, value)

    def _free_text(self) -> Says:
        character = self._text[self._at]
        if character in "=<>()!":
            raise _bad(self._at, f"{character} cannot begin a term; quote it to search for it")
        return Says(self._value("text"))

    def _value(self, wanted: str) -> Pattern:
        if self._at >= len(self._text) or self._text[self._at].isspace():
            raise _bad(self._at, f"{wanted} is missing")
        if self._text[self._at] == '"':
            return self._quoted()
        return self._pieces(end=_BARE_END)

    def _quoted(self) -> Pattern:
        opened = self._at
        self._at += 1
        pattern = self._pieces(end=_QUOTE)
        if self._at >= len(self._text):
            raise _bad(opened, "the quote is never closed")
        self._at += 1
        return pattern

    def _pieces(self, end: re.Pattern[str]) -> Pattern:
        """Read up to the end mark: pieces between wildcards, with escapes resolved."""
        pieces = [""]
        while self._at < len(self._text) and not end.match(self._text, self._at):
            character = self._text[self._at]
            following = self._text[self._at + 1 : self._at + 2]
            if character == "\\" and following in ('"', "*", "\\"):
                pieces[-1] += following
                self._at += 1
            elif character == "*":
                pieces.append("")
            else:
                pieces[-1] += character
            self._at += 1
        return Pattern(tuple(pieces))


def _ordered(field: str, order: Order, value: Pattern, at: int) -> Measures | Happened:
    text = value.exact or ""
    if field == "timestamp":
        try:
            return Happened(order, parse_rfc3339(text))
        except ValueError:
            raise _bad(at, f"{order} needs a time such as 2026-11-22T04:00:00Z") from None
    number = number_of(text)
    if number is None:
        raise _bad(at, f"{order} needs a number")
    return Measures(field, order, number)


def number_of(text: str) -> float | None:
    """The finite number that the whole text spells, if it does."""
    number = float(text) if _NUMBER.fullmatch(text) else math.inf
    return number if math.isfinite(number) else None


def _bad(at: int, reason: str) -> Refused:
    return Refused("BAD_QUERY", f"The query cannot be read at position {at + 1}: {reason}.")
