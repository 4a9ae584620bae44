"""What a refused query is told: a sentence with the position, and the nearest word that exists."""

from collections.abc import Iterable
from difflib import get_close_matches

from tallystick.errors import Refused

_SHOWN_CHARACTERS_MAX = 40
_LISTED_MAX = 50


def bad(at: int, reason: str) -> Refused:
    """The refusal of a query at this index of its text; positions are told from 1."""
    return Refused("BAD_QUERY", f"The query cannot be read at position {at + 1}: {reason}.")


def unknown(at: int, kind: str, name: str, known: Iterable[str]) -> Refused:
    """The refusal of a name that does not exist, with the nearest one that does."""
    names = sorted(known)
    near = get_close_matches(name.lower()[:_SHOWN_CHARACTERS_MAX], names, n=1, cutoff=0.6)
    if near:
        hint = f"; the nearest is {near[0]}"
    else:
        hint = f"; there are {', '.join(names) or 'none'}" if len(names) <= _LISTED_MAX else ""
    return bad(at, f"there is no {kind} {shown(name)}{hint}")


def shown(text: str) -> str:
    """A piece of the query as it is repeated in a sentence: never long."""
    if len(text) <= _SHOWN_CHARACTERS_MAX:
        return text
    return text[: _SHOWN_CHARACTERS_MAX - 1] + "…"
