"""Where the value of a field stands in a line: as its own member, or within an object.

A dot of a name may be part of a member's own name (`http.route`) or a step into an object
(`redactions.PAN` of `{"redactions": {"PAN": 1}}`).
"""

from typing import Final

from tallystick.watch.collect.columns import EVENT_ID_FIELD, INDEX_FIELD

SPLITS_MAX: Final = 8
"""Dots of a name that are tried as a step into an object; nobody writes more."""
_EXACT = frozenset({INDEX_FIELD, EVENT_ID_FIELD})
"""What lines are filed and told apart by: that very member, and no other."""
Path = tuple[str, ...]


def places(field: str) -> tuple[Path, ...]:
    """The ways from a line to the field; the first one that leads to a value is meant.

    First the member of that very name, then one dot as a step, the leftmost first, then every
    dot: `a.b.c`, `a` > `b.c`, `a.b` > `c`, `a` > `b` > `c`.
    """
    names = field.split(".")
    if len(names) == 1 or "" in names or field in _EXACT:
        return ((field,),)
    steps = range(1, min(len(names), SPLITS_MAX + 1))
    halves = ((".".join(names[:at]), ".".join(names[at:])) for at in steps)
    return tuple(dict.fromkeys(((field,), *halves, tuple(names))))


def pointer(*steps: str) -> str:
    """The JSON pointer (RFC 6901) of a way from the line on."""
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)
