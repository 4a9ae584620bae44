"""Text of one stage of a pipeline to a frozen tree, by `grammar.lark`."""

from functools import cache
from importlib import resources
from typing import Any

from lark import Lark, UnexpectedCharacters, UnexpectedToken
from lark.exceptions import VisitError

from tallystick.errors import Refused
from tallystick.watch.collect.query.building import Building
from tallystick.watch.collect.query.wording import bad, shown

STARTS = ("search", "expression", "assignments", "aggregates", "arguments")
_SAID = {
    "BARE": "a word",
    "CLOSE": ")",
    "CMP": "a comparison",
    "COMMA": "a comma",
    "FUNC": "a function",
    "IN_VALUE": "a value",
    "NAME": "a field",
    "NUMBER": "a number",
    "OPEN": "(",
    "OPTION_VALUE": "a value",
    "QUOTED": "a quoted text",
    "RANGE": "a range",
    "VALUE": "a value",
    "WORD": "a word",
    "_AS": "as",
    "_BY": "by",
    "_EQUALS": "=",
    "_OVER": "over",
}
"""How a terminal of the grammar is called in a sentence; the others are not suggested."""
_SAID_MAX = 4


def read(start: str, text: str, at: int, now_ns: int) -> Any:
    """The tree of the text; its first `at` characters are blank: positions are the query's.

    Raises:
        Refused: `BAD_QUERY`.
    """
    try:
        tree = _parser().parse(text, start=start)
        return Building(text, now_ns).transform(tree)
    except VisitError as error:
        if isinstance(error.orig_exc, Refused):
            raise error.orig_exc from None
        raise
    except UnexpectedToken as error:
        if error.token.type == "$END":
            end = max(len(text.rstrip()), at)
            raise bad(end, f"{_expected(error.accepts)} is missing") from None
        place, found = error.token.start_pos or 0, str(error.token)
        raise bad(place, _reason(start, found, error.accepts)) from None
    except UnexpectedCharacters as error:
        place = vars(error)["pos_in_stream"]  # lark's annotation says None
        raise bad(place, _reason(start, text[place], error.allowed)) from None


def _reason(start: str, found: str, expected: set[str] | None) -> str:
    if start == "search" and found[0] in "=<>!":
        return f"{found[0]} cannot begin a term; quote it to search for it"
    return f"{shown(found.strip())} does not fit here; {_expected(expected)} would"


def _expected(names: set[str] | None) -> str:
    said = sorted({_SAID[name] for name in names or () if name in _SAID})[:_SAID_MAX]
    return " or ".join(said) or "the end"


@cache
def _parser() -> Lark:
    text = resources.files(__package__).joinpath("grammar.lark").read_text("utf-8")
    return Lark(
        text, parser="lalr", lexer="contextual", start=list(STARTS), maybe_placeholders=False
    )
